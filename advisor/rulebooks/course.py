"""The course tree: dataset size, domain similarity, compute budget, priority.

Followed to the letter is `TransferLearningAdvisor.analyze_scenario`, the one executable rule of that lesson;
its three worked scenarios are tests. The lesson says the same thing three more times, and not quite the same:

- its *flowchart* asks medium-sized data for the priority only (no compute budget), and draws only two of the
  large cases ('medium similarity' and 'low similarity + high compute');
- its *Practical Guidelines* table sends large, very different data to 'consider from scratch' whatever the
  compute, and small or medium data on without asking for compute;
- its *summary* answers similarity and compute one by one ('low similarity: aggressive fine-tuning or more
  data', 'moderate compute: conservative fine-tuning').

Where they disagree the executable rule wins. Epochs are written there as `10-20`, which Python evaluates to
-10; they are read as the range that is meant.
"""

from __future__ import annotations

from advisor.rulebooks.tree import Branch, Leaf, Question, Rulebook

# 'small' (<1000), 'medium' (1K-10K), 'large' (>10K): both ends of the middle range belong to it, because
# '<' and '>' exclude them from the outer two. So 999 is small, 1,000 and 10,000 medium, 10,001 large.
SMALL_BELOW = 1_000
LARGE_ABOVE = 10_000
# 'limited' (<1 hour), 'moderate' (1-6 hours), 'high' (>6 hours), read the same way, in minutes.
LIMITED_BELOW = 60
HIGH_ABOVE = 360

# Three stages for 'conservative': the class leaves conv3, conv4 and conv5 of a five-stage network trainable,
# and the guidelines say 'the last 2-3 blocks'. Three is the one number in both.
CONSERVATIVE_STAGES = 3

_EXTRACTION = "Feature extraction (frozen base)"
_CONSERVATIVE = "Conservative fine-tuning"
_AGGRESSIVE = "Aggressive fine-tuning"


def _extraction(leaf: str) -> Leaf:
    return Leaf(
        id=leaf,
        kind="linear_probe",
        says=_EXTRACTION,
        frozen="all convolutional layers; only the classifier is trained",
        learning_rate="1e-3",
        epochs="10-20",
    )


def _conservative(leaf: str) -> Leaf:
    return Leaf(
        id=leaf,
        kind="partial",
        says=_CONSERVATIVE,
        frozen="the early layers (conv1, conv2); the last 2-3 blocks and the classifier are trained",
        learning_rate="1e-4",
        epochs="20-30",
        trained_stages=CONSERVATIVE_STAGES,
    )


def _aggressive(leaf: str) -> Leaf:
    return Leaf(
        id=leaf,
        kind="full",
        says=_AGGRESSIVE,
        frozen="nothing; every layer is trained, at discriminative learning rates",
        learning_rate="1e-5",
        epochs="30-50",
    )


COURSE = Rulebook(
    name="course",
    title="Course tree",
    source=(
        "Course lesson 'Day 37: Transfer Learning: Fine-tuning Pre-trained Models', "
        "TransferLearningAdvisor.analyze_scenario"
    ),
    reading=(
        "The executable rule is followed; the lesson's flowchart and its guidelines table differ from it in "
        "places. 1,000 and 10,000 images count as medium, 60 and 360 minutes as moderate."
    ),
    nodes=(
        Question(
            id="size",
            text="How many training images?",
            field="train_images",
            branches=(
                Branch("small (fewer than 1,000)", "<", SMALL_BELOW, "small-similarity"),
                Branch("medium (1,000 to 10,000)", "<=", LARGE_ABOVE, "medium-compute"),
                Branch("large (more than 10,000)", ">", LARGE_ABOVE, "large-similarity"),
            ),
        ),
        Question(
            id="small-similarity",
            text="How similar to the pre-training images?",
            field="similarity",
            branches=(
                Branch("high or medium", "in", ("high", "medium"), "small-similar"),
                Branch("low", "in", ("low",), "small-different"),
            ),
        ),
        _extraction("small-similar"),
        _conservative("small-different"),
        Question(
            id="medium-compute",
            text="How much compute time?",
            field="minutes",
            branches=(
                Branch("limited (less than 1 hour)", "<", LIMITED_BELOW, "medium-limited"),
                Branch("moderate or high (1 hour or more)", ">=", LIMITED_BELOW, "medium-priority"),
            ),
        ),
        _extraction("medium-limited"),
        Question(
            id="medium-priority",
            text="Speed or accuracy?",
            field="priority",
            branches=(
                Branch("speed", "in", ("speed",), "medium-speed"),
                Branch("accuracy", "in", ("accuracy",), "medium-accuracy"),
            ),
        ),
        _extraction("medium-speed"),
        _conservative("medium-accuracy"),
        Question(
            id="large-similarity",
            text="How similar to the pre-training images?",
            field="similarity",
            branches=(
                Branch("high or medium", "in", ("high", "medium"), "large-similar"),
                Branch("low", "in", ("low",), "large-compute"),
            ),
        ),
        _aggressive("large-similar"),
        Question(
            id="large-compute",
            text="How much compute time?",
            field="minutes",
            branches=(
                Branch("limited or moderate (6 hours or less)", "<=", HIGH_ABOVE, "large-different"),
                Branch("high (more than 6 hours)", ">", HIGH_ABOVE, "large-different-high"),
            ),
        ),
        _aggressive("large-different"),
        Leaf(
            id="large-different-high",
            kind="scratch",
            says="Train from scratch",
            frozen="nothing; every layer is trained from random weights",
            learning_rate="1e-3",
            epochs="100-200",
            caveats=(
                "The course says that training from scratch may outperform transfer here, not that it will.",
            ),
        ),
    ),
)
