"""The workflow table 'When to Use Which Strategy': dataset size x domain similarity.

Similarity is three-valued here and two-valued in each part of the table, so it is read by its words:
'high' = its 'very similar', 'medium' = its 'similar', 'low' = its 'different'. Two cells need more than that:
the small rows name only 'very similar' and 'different', the medium rows only 'similar' and 'different'. In
both, whatever is not 'different' takes the other row; the one cell that has no row of its own (small and
merely similar) says so in a caveat. Compute budget and priority are not asked.
"""

from __future__ import annotations

from advisor.rulebooks.tree import Branch, Leaf, Question, Rulebook

# 'Small (<1K)', 'Medium (1K-10K)', 'Large (>10K)', 'Very Large (>100K)': the middle range keeps both its
# ends, and exactly 100,000 is still 'large'.
SMALL_BELOW = 1_000
LARGE_ABOVE = 10_000
VERY_LARGE_ABOVE = 100_000

NEEDS_SECOND_DOMAIN = (
    "The table adds domain adaptation (DA); domain adaptation needs a second, unlabelled folder of the same "
    "classes, so it is left out here."
)

NO_ROW = (
    "The table has no row for small data that is merely similar; its 'very similar' row is used, the nearest "
    "that is not 'different'."
)

_HEAD_ONLY = "all pre-trained layers; only a new classifier head is trained"

WORKFLOW = Rulebook(
    name="workflow",
    title="Workflow table",
    source="Tutorial 'Transfer Learning', section 5 'Practical Workflow', table 'When to Use Which Strategy'",
    reading=(
        "Similarity high, medium, low is read as its 'very similar', 'similar', 'different'. 1,000 and "
        "10,000 images count as medium, 100,000 as large."
    ),
    nodes=(
        Question(
            id="size",
            text="How many training images?",
            field="train_images",
            branches=(
                Branch("small (fewer than 1,000)", "<", SMALL_BELOW, "small-similarity"),
                Branch("medium (1,000 to 10,000)", "<=", LARGE_ABOVE, "medium-similarity"),
                Branch("large (10,001 to 100,000)", "<=", VERY_LARGE_ABOVE, "large-any"),
                Branch("very large (more than 100,000)", ">", VERY_LARGE_ABOVE, "very-large-any"),
            ),
        ),
        Question(
            id="small-similarity",
            text="How similar are the domains?",
            field="similarity",
            branches=(
                Branch("very similar", "in", ("high",), "small-very-similar"),
                Branch("similar", "in", ("medium",), "small-similar"),
                Branch("different", "in", ("low",), "small-different"),
            ),
        ),
        Leaf(
            id="small-very-similar",
            kind="linear_probe",
            says="Feature extraction",
            frozen=_HEAD_ONLY,
        ),
        Leaf(
            id="small-similar",
            kind="linear_probe",
            says="Feature extraction",
            frozen=_HEAD_ONLY,
            caveats=(NO_ROW,),
        ),
        Leaf(
            id="small-different",
            kind="linear_probe",
            says="Feature extraction + DA",
            frozen=_HEAD_ONLY,
            caveats=(NEEDS_SECOND_DOMAIN,),
        ),
        Question(
            id="medium-similarity",
            text="How similar are the domains?",
            field="similarity",
            branches=(
                Branch("similar or very similar", "in", ("high", "medium"), "medium-similar"),
                Branch("different", "in", ("low",), "medium-different"),
            ),
        ),
        Leaf(
            # The pipeline below the table trains ResNet's layer4 and the head: everything at the last
            # resolution. In EfficientNet-Lite that is stages 6 and 7, the default of 'partial'.
            id="medium-similar",
            kind="partial",
            says="Fine-tune top layers",
            frozen="everything below the top layers (all but layer4 and the head, in its pipeline)",
            learning_rate="1e-5 for layer4, 1e-3 for the head (one-cycle peaks: 1e-4 and 1e-2)",
            epochs="20",
        ),
        Leaf(
            id="medium-different",
            kind="gradual",
            says="Progressive unfreezing + DA",
            frozen="at first everything but the classifier; a further layer group thaws at each plateau",
            caveats=(NEEDS_SECOND_DOMAIN,),
        ),
        Leaf(
            id="large-any",
            kind="full",
            says="Full fine-tuning",
            frozen="nothing",
        ),
        Leaf(
            id="very-large-any",
            kind="scratch",
            says="Train from scratch (maybe)",
            frozen="nothing; every layer is trained from random weights",
            caveats=("The 'maybe' is the table's own.",),
        ),
    ),
)
