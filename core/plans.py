"""Plans: what a run will do, complete and immutable. Phases over a boundary, and what holds for all of them.

All are frozen; a contradiction is rejected in `__post_init__`, where it is made. Learning rates are those of
the phase's optimizer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from core.decode import decode
from core.errors import PlanError

Kind = Literal[
    "prototype", "linear_probe", "partial", "gradual", "lp_ft", "full", "scratch", "source_only", "mmd", "dann"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""From least to most trained, then those of two domains: the order of the colour ramp and of every table."""
ADAPTING: tuple[Kind, ...] = ("source_only", "mmd", "dann")
"""The kinds that learn from labelled source images for a target whose labels they never see."""
SOLVED_KINDS: tuple[Kind, ...] = ("prototype", "linear_probe")
"""The kinds that train no more than a head, which is solved."""
Alignment = Literal["none", "mmd", "dann"]
Augment = Literal["light", "crop", "colour", "trivial"]
"""What augmented views show. 'light': crops and mirror images; 'crop' mirrors nothing, 'colour' changes colours too,
'trivial' adds TrivialAugmentWide (arXiv 2103.10158)."""
Head = Literal["linear", "stages", "hidden"]
"""'linear' reads the last stage's features; 'stages' is linear too and reads the pooled outputs of every stage
(Head2Toe, arXiv 2201.03529); 'hidden' has a hidden layer between the features and the classes."""
HIDDEN_WIDTH = 512
"""Units of the hidden layer of a 'hidden' head."""
HeadInit = Literal["solved", "random"]
"""What a new head begins as, when everything is to be trained."""
Optimizer = Literal["adamw", "sgd"]
"""Of a phase that descends."""

@dataclass(frozen=True)
class Phase:
    """One stretch of training with one boundary: below it frozen and in eval mode, from it up trained."""

    boundary: int
    """Index into the backbone's stages of the first trained one; 0 trains everything."""
    epochs: int
    lr_head: float
    lr_stage: float = 0.0
    """Peak learning rate of the topmost stage below the head; lower stages get `lr_stage * decay**depth`."""
    decay: float = 1.0
    """Layer-wise decay gamma: lr_l = lr_stage * gamma^(L-l)  (ULMFiT, arXiv 1801.06146)."""
    optimizer: Literal["adamw", "sgd", "lbfgs", "class_means"] = "adamw"
    """'lbfgs' (full-batch logistic regression) and 'class_means' need boundary = head: they run on cached features."""
    momentum: float = 0.0
    """Of 'sgd'; without it that is plain gradient descent, as in the Playground."""
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    plain: bool = False
    """A descent that sees plain images alone, without augmented views."""
    batch_norm: Literal["eval", "train"] = "eval"
    """BatchNorm mode inside the trained stages (in frozen ones it is always 'eval')."""
    frozen_stages: tuple[int, ...] = ()
    """Stages above the boundary that stay frozen all the same: gradients pass through them. 'First stage + head' is
    boundary 0 with every stage between frozen (surgical fine-tuning, arXiv 2210.11466)."""
    frozen_layers: int = 0
    """Weight layers (convolutions, linear maps) at the bottom of stage `boundary` that stay frozen, for "freeze the
    first n layers" where n ends inside a stage."""
    patience: int = 0
    """The phase ends early when the validation loss has not improved for this many epochs; 0 = never. On the last
    phase that is early stopping, on all of them unfreezing on a plateau."""
    most_epochs: int = 0
    """Epochs that the recipe asks for, where a budget leaves fewer: what the run grows to as far as its time goes. 0 =
    no more than `epochs`."""
    start_px: int | None = None
    """Progressive resizing: the first epochs see images of this side, growing to full size (`px_at`)."""

    def __post_init__(self) -> None:
        if self.boundary < 0:
            raise PlanError(f"A phase's boundary is a stage index from 0, not {self.boundary}.")
        if self.epochs < 1:
            raise PlanError(f"A phase runs at least 1 epoch, not {self.epochs}.")
        if self.most_epochs and self.most_epochs < self.epochs:
            raise PlanError(f"A phase of {self.epochs} epochs cannot have {self.most_epochs} at most.")
        if self.lr_head < 0 or self.lr_stage < 0:
            raise PlanError("Learning rates cannot be negative.")
        if not 0 <= self.momentum < 1:
            raise PlanError(f"Momentum lies in [0, 1), not {self.momentum:g}.")
        if self.momentum and self.optimizer != "sgd":
            raise PlanError(f"Momentum is a setting of SGD; '{self.optimizer}' has none to set.")
        if not 0 < self.decay <= 1:
            raise PlanError(f"Layer-wise decay lies in (0, 1], not {self.decay:g}.")
        if self.frozen_layers < 0 or self.patience < 0:
            raise PlanError("Frozen layers and patience are counts from 0; they cannot be negative.")
        if any(stage <= self.boundary for stage in self.frozen_stages):
            lowest = min(self.frozen_stages)
            raise PlanError(f"Stages frozen above the boundary ({self.boundary}) must lie above it, not at {lowest}.")
        if self.start_px is not None and self.boundary > 0:
            raise PlanError("Progressive resizing needs boundary 0: what is frozen is computed once, at one size.")

    @property
    def solved(self) -> bool:
        """Whether the head is computed on cached features rather than descended to."""
        return self.optimizer in ("lbfgs", "class_means")

    @property
    def reads_plain(self) -> bool:
        """Whether it looks at plain images alone: a solved head's optimum needs no augmentation to be stable."""
        return self.solved or self.plain

    @property
    def optimizer_in_words(self) -> str:
        """'AdamW', 'SGD with momentum 0.9', 'plain SGD'; of a phase that descends."""
        if self.optimizer == "adamw":
            return "AdamW"
        return f"SGD with momentum {self.momentum:g}" if self.momentum else "plain SGD"

    def trains(self, stage: int) -> bool:
        """Whether this stage (the head is the last) is trained in this phase."""
        return stage >= self.boundary and stage not in self.frozen_stages

    def stage_lr(self, stage: int, head: int) -> float:
        """Peak learning rate of one stage; `head` is the head's index. 0 where frozen and for a solved head."""
        if self.solved or not self.trains(stage):
            return 0.0
        return self.lr_head if stage == head else self.lr_stage * self.decay ** (head - 1 - stage)

    def px_at(self, epoch: int, full: int) -> int:
        """Side of the training images in one epoch, px: from `start_px` to `full` in steps of 32, reached after
        `RESIZED_SHARE` of the epochs (fastai's progressive resizing: half the side first, the last fifth whole)."""
        if self.start_px is None or self.start_px >= full:
            return full
        growing = max(1.0, RESIZED_SHARE * self.epochs)
        if epoch >= growing:
            return full
        return self.start_px + 32 * int((full - self.start_px) * epoch / growing / 32)

    def mean_area(self, full: int) -> float:
        """Pixels that this phase reads, as a share of what it would read at full size."""
        if self.start_px is None:
            return 1.0
        return sum((self.px_at(epoch, full) / full) ** 2 for epoch in range(self.epochs)) / self.epochs


RESIZED_SHARE = 0.8
"""Share of a phase's epochs in which images still grow, with progressive resizing."""

Balance = Literal["none", "weights", "sampler"]


@dataclass(frozen=True)
class Strategy:
    """A complete, immutable plan for one run: phases over a boundary, plus what holds for all of them."""

    kind: Kind
    backbone: str
    phases: tuple[Phase, ...]
    batch_size: int = 32
    views: int = 1
    """Cached augmented views of each training image, besides the plain one (0 = no augmentation)."""
    augment: Augment = "light"
    """What an augmented view shows."""
    head: Head = "linear"
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    pretrained: bool = True
    """False starts every stage at random (kind 'scratch')."""
    image_px: int | None = None
    """Side of the images, px; None = the size that the pre-trained weights expect."""
    mixup: float = 0.0
    """Alpha of the Beta distribution that pairs of images are mixed by (arXiv 1710.09412); 0 = off."""
    l2_sp: float = 0.0
    """alpha of L2-SP: adds alpha/2 |w - w0|^2 for every trained pre-trained weight (arXiv 1802.01483); 0 = off."""
    l2_sp_head: float = 0.0
    """beta of L2-SP: adds beta/2 |w|^2 for the new head."""
    ewc: float = 0.0
    """lambda of elastic weight consolidation: adds lambda/2 * F (w - w0)^2 with the Fisher information F normalised
    to mean 1 (arXiv 1612.00796); 0 = off."""
    balance: Balance = "none"
    """Against class imbalance: 'weights' in the loss, or a 'sampler' that draws every class equally often."""
    judged: int | None = None
    """Validation images that are judged after an epoch of gradient descent, the same ones each time; None = all."""
    align: Alignment = "none"
    """Pull the features of source and target together: 'mmd' (arXiv 1502.02791) or 'dann' (arXiv 1505.07818)."""
    align_weight: float = 1.0
    """What the alignment counts beside the task's loss; 'dann' rises to it along its lambda schedule."""
    refit: bool = False
    """When the head has been chosen it is solved once more on training and validation images together."""
    lr_range_test: bool = False
    """Measure the loss over rising learning rates before the first phase that descends. Changes nothing in the run."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PlanError(f"There is no strategy called '{self.kind}'; choose one of {', '.join(KINDS)}.")
        if not self.phases:
            raise PlanError(f"Strategy '{self.kind}' needs at least one phase.")
        boundaries = [phase.boundary for phase in self.phases]
        if boundaries != sorted(boundaries, reverse=True):
            # A stage that was trained cannot be cached as frozen later: the prefix would be stale.
            raise PlanError(f"Phases may only thaw: boundaries must not rise, but they are {boundaries}.")
        if self.kind == "scratch" and self.pretrained:
            raise PlanError("Strategy 'scratch' starts from random weights: set pretrained=False.")
        if not self.pretrained and (self.l2_sp or self.ewc):
            raise PlanError("L2-SP and EWC hold weights near the pre-trained ones; a run from random weights has none.")
        if self.batch_size < 1:
            raise PlanError(f"The batch size is at least 1, not {self.batch_size}.")
        if self.align not in get_args(Alignment):
            raise PlanError(f"Alignment is one of {', '.join(get_args(Alignment))}, not '{self.align}'.")
        if self.kind in ADAPTING and self.align != (self.kind if self.kind != "source_only" else "none"):
            raise PlanError(f"Strategy '{self.kind}' cannot align by '{self.align}'.")
        if self.align != "none" and len({phase.boundary for phase in self.phases if not phase.solved}) != 1:
            raise PlanError("Alignment needs one boundary for all phases that descend.")
        if self.align != "none" and (self.mixup or self.lr_range_test):
            raise PlanError("Mixup and the range test look at one domain; they cannot be combined with aligning two.")
        for name in ("weight_decay", "mixup", "l2_sp", "l2_sp_head", "ewc", "align_weight"):
            if getattr(self, name) < 0:
                raise PlanError(f"{name} cannot be negative, and is {getattr(self, name):g}.")
        if not 0 <= self.label_smoothing < 1:
            raise PlanError(f"Label smoothing lies in [0, 1), not {self.label_smoothing:g}.")
        if self.balance not in get_args(Balance):
            raise PlanError(f"Balance is one of {', '.join(get_args(Balance))}, not '{self.balance}'.")
        if self.head not in get_args(Head):
            raise PlanError(f"The head is one of {', '.join(get_args(Head))}, not '{self.head}'.")
        if self.head == "hidden" and any(phase.solved for phase in self.phases):
            raise PlanError("A head with a hidden layer cannot be solved: each of its phases has to descend.")
        if self.head == "stages" and any(phase.optimizer != "lbfgs" for phase in self.phases):
            raise PlanError(
                f"A head on all stages is solved on what frozen stages give, and '{self.kind}' does more, or something "
                "else: it goes with 'linear_probe'."
            )
        if self.refit and not all(phase.solved for phase in self.phases):
            raise PlanError(f"Only a head that is solved alone is fitted once more, and '{self.kind}' trains more.")
        if self.augment not in get_args(Augment):
            raise PlanError(f"Augmentation is one of {', '.join(get_args(Augment))}, not '{self.augment}'.")
        if self.judged is not None and self.judged < 1:
            raise PlanError(f"At least 1 validation image is judged after an epoch, not {self.judged}.")
        if self.image_px is not None and self.image_px < 8:
            raise PlanError(f"Images are at least 8 px wide, not {self.image_px}.")

    @property
    def keeps_last(self) -> bool:
        """Whether a run keeps its last weights rather than its best on validation: the validation images are the
        source's and cannot say which epoch is best for the target."""
        return self.kind in ADAPTING

    @property
    def epochs(self) -> int:
        """Of all phases, each pass of a solver counted as one: what the rows of a run count."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def adam_epochs(self) -> int:
        """Epochs of gradient descent alone: what people call epochs. 0 for a solved head."""
        return sum(phase.epochs for phase in self.phases if not phase.solved)


SPLIT_RULES = 2
"""Raise it when the same images would now be split otherwise. 1: only copies byte for byte stay on one side; 2: so do
near-duplicates. A run keeps the rules that it began with."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run's outcome. Written once, never changed."""

    dataset_id: str
    strategy: Strategy
    seed: int = 0
    split_seed: int = 0
    minutes: float | None = None
    """The time budget the schedule was planned for; None = no limit."""
    group: str = ""
    """Runs queued together by "compare all" share a group id."""
    repeats: str = ""
    """Id of the run that this one repeats: it computes in the same arithmetic and threads, without choosing anew."""
    split_rules: int = SPLIT_RULES
    target_id: str = ""
    """The dataset whose images are the target domain; its labels, where it has any, only judge."""
    from_run: str = ""
    """The run whose weights this one starts from; "" = the backbone's own (multi-stage transfer)."""
    per_class: int = 0
    """Train on so many images of each class, drawn by `seed`; 0 = all."""
    tested: bool = True
    """Whether the run ends by judging its test images. A rung of a race does not: they are the winner's, once."""

    def __post_init__(self) -> None:
        if self.strategy.align != "none" and not self.target_id:
            raise PlanError(f"'{self.strategy.kind}' aligns two domains: give the second one (--target).")
        if self.target_id and self.strategy.kind not in ADAPTING:
            raise PlanError(
                f"A target goes with {', '.join(ADAPTING)}; '{self.strategy.kind}' trains on one set of images."
            )
        if self.target_id and self.target_id == self.dataset_id:
            raise PlanError("Source and target are the same images: there is nothing to adapt to.")
        if self.from_run and self.strategy.kind == "scratch":
            raise PlanError("'scratch' starts from random weights; it cannot start from another run's.")
        if self.per_class and self.strategy.refit:
            raise PlanError("A run on some images of each class leaves the others out: it cannot be refitted on all.")
        if self.per_class < 0:
            raise PlanError(f"Images per class are counted from 1, not {self.per_class}.")


def to_json(value: Any) -> Any:
    """A frozen dataclass as plain dicts, lists and numbers (tuples become lists)."""
    data = asdict(value)
    return _plain(data)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def run_config_from_json(data: Any, what: str = "This run") -> RunConfig:
    """Inverse of `to_json` for a `RunConfig`. what: the subject of the sentence that refuses it.

    Raises PlanError, naming the field, for a wrong type, an unknown field or a contradiction.
    """
    written = {"split_rules": 1, **data} if isinstance(data, dict) else data  # without a number: older than the numbers
    return decode(written, RunConfig, what, error=PlanError)
