"""The classic tree: three strategies by dataset size at 1K and 100K.

In the middle the text freezes more layers when the tasks are very similar and fewer when they are somewhat
different, without numbers on the branches. Both numbers are taken from its own examples of this strategy: its
code trains one stage and the head (layer4, fc), its diagram two (Conv4 and Conv5 of five). 'Very similar' is
similarity 'high'; 'medium' and 'low' are its 'somewhat different', since the text has no third branch. Above
100K it asks 'Have compute budget?', again without a number: the course's one hour is borrowed, and said so.
Priority is not asked.
"""

from __future__ import annotations

from advisor.rulebooks.tree import Branch, Leaf, Question, Rulebook

# '< 1K', '1K - 100K', '> 100K': the middle range keeps both its ends.
SMALL_BELOW = 1_000
LARGE_ABOVE = 100_000
# Not in the text: see the docstring.
BUDGET_FROM = 60

STAGES_VERY_SIMILAR = 1
STAGES_SOMEWHAT_DIFFERENT = 2

BORROWED_HOUR = (
    "The text asks whether there is a compute budget without saying how much; here 60 minutes or more is "
    "read as yes, the edge that the course puts to 'limited'."
)

CLASSIC = Rulebook(
    name="classic",
    title="Classic tree",
    source="Notes 'Transfer Learning', section 'Guidelines for Choosing Strategy', decision tree",
    reading=(
        "Similarity high is its 'very similar', medium and low are its 'somewhat different'. 1,000 and "
        "100,000 images count as the middle. A compute budget means 60 minutes or more."
    ),
    nodes=(
        Question(
            id="size",
            text="How much target data do you have?",
            field="train_images",
            branches=(
                Branch("fewer than 1,000", "<", SMALL_BELOW, "small"),
                Branch("1,000 to 100,000", "<=", LARGE_ABOVE, "middle-similarity"),
                Branch("more than 100,000", ">", LARGE_ABOVE, "large-compute"),
            ),
        ),
        Leaf(
            id="small",
            kind="linear_probe",
            says="Strategy 1: freeze all, train the last layer only",
            frozen="all layers but the last",
            learning_rate="1e-3",
        ),
        Question(
            id="middle-similarity",
            text="How similar is the target to the source?",
            field="similarity",
            branches=(
                Branch("very similar", "in", ("high",), "middle-similar"),
                Branch("somewhat different", "in", ("medium", "low"), "middle-different"),
            ),
        ),
        Leaf(
            id="middle-similar",
            kind="partial",
            says="Strategy 2: freeze early, fine-tune later layers; freeze more layers",
            frozen="more of the early layers",
            learning_rate="1e-4",
            trained_stages=STAGES_VERY_SIMILAR,
        ),
        Leaf(
            id="middle-different",
            kind="partial",
            says="Strategy 2: freeze early, fine-tune later layers; freeze fewer layers",
            frozen="fewer of the early layers",
            learning_rate="1e-4",
            trained_stages=STAGES_SOMEWHAT_DIFFERENT,
        ),
        Question(
            id="large-compute",
            text="Is there a compute budget?",
            field="minutes",
            branches=(
                Branch("yes (1 hour or more)", ">=", BUDGET_FROM, "large-budget"),
                Branch("no (less than 1 hour)", "<", BUDGET_FROM, "large-no-budget"),
            ),
        ),
        Leaf(
            id="large-budget",
            kind="full",
            says="Strategy 3: fine-tune the entire network",
            frozen="nothing; pre-trained weights are the initialisation",
            learning_rate="1e-4",
            epochs="fewer than from scratch",
            caveats=(BORROWED_HOUR,),
        ),
        Leaf(
            id="large-no-budget",
            kind="partial",
            says="Strategy 2, as a good compromise",
            frozen="the early layers",
            learning_rate="1e-4",
            trained_stages=STAGES_SOMEWHAT_DIFFERENT,
            caveats=(BORROWED_HOUR,),
        ),
    ),
)
