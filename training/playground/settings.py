"""The Playground's settings and its strategies: the seed notebook's synthetic experiment, with every number a slider.

A source task with plenty of vectors, a target task with few, and a shift between them. The strategies are ordinary
plans on the small MLP (two hidden stages of 32 and 16, then the head), run by the ordinary engine.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from core import Phase, PlanError, Strategy
from core.zoo import BackboneCard, StageCard, backbone

Arm = Literal["scratch", "frozen", "full", "discriminative", "gradual", "l2_sp", "ewc"]
ARMS: tuple[Arm, ...] = get_args(Arm)[:-1]
"""Those of the Playground; 'ewc' is the lessons' own."""
HEAD = 2
"""The head's index: stages 0 and 1 lie below it."""
SOURCE_BATCH, TARGET_BATCH = 64, 16
WEIGHT_DECAY = 1e-3
"""The notebook's reg_lambda."""
SOURCE_LR = 0.1
HELD = 500
"""Fresh samples of a task that its accuracy is judged on after every epoch."""
RATES: dict[Arm, float] = {
    # The notebook's own; gradual and L2-SP are not in it and take those of their nearest relatives.
    "scratch": 0.1, "frozen": 0.1, "full": 0.01, "discriminative": 0.05, "gradual": 0.05, "l2_sp": 0.01,
    "ewc": 0.01,
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """One experiment. The defaults are the notebook's own numbers. Raises PlanError where a value makes no sense."""

    shift: float = 0.1
    """0 = the same task again, 1 = unrelated: the class centres turn from the source's to new ones by shift * 90
    degrees, and a random linear map I + shift * N(0, 1) is applied (the notebook's is 0.1)."""
    redrawn: bool = False
    """The target's class centres are drawn anew whatever the shift: what the notebook's code does, though its text
    calls the tasks related."""
    noise: float = 0.5
    """Standard deviation of the samples around their class centre; the centres themselves have 2 in each feature."""
    features: int = 10
    classes: int = 5
    source: int = 1000
    """Samples of the source task."""
    target: int = 100
    """Training samples of the target task."""
    epochs: int = 100
    frozen_stages: int = HEAD
    """Of the two below the head, for the arm 'frozen'."""
    decay: float = 0.5
    """gamma of lr_l = base * gamma^(L - l), for the arm 'discriminative'."""
    l2_sp: float = 0.1
    """alpha of alpha/2 |w - w0|^2, for the arm 'l2_sp'."""
    ewc: float = 1.0
    """lambda of lambda/2 F (w - w0)^2, for the arm 'ewc'."""
    lr: float = 1.0
    """Factor on every target learning rate: 1 = the notebook's."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("shift", 0, 1), ("noise", 0.01, 10), ("features", 2, 64), ("classes", 2, 20), ("source", 20, 20_000),
            ("target", 4, 20_000), ("epochs", 3, 500), ("frozen_stages", 0, HEAD), ("decay", 0.01, 1), ("l2_sp", 0, 10),
            ("ewc", 0, 100),
            ("lr", 0.001, 1000),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:
                what = name.replace("_", " ")
                raise PlanError(f"In the Playground {what} lies between {low} and {high}, not {value:g}.")
        if min(self.source, self.target) < self.classes:
            raise PlanError(f"{self.classes} classes need at least as many samples in source and target.")

    @property
    def about_source(self) -> dict[str, Any]:
        """What the source task depends on: settings that differ in nothing else share one pre-trained network."""
        return {name: getattr(self, name) for name in ("noise", "features", "classes", "source")}

    @property
    def card(self) -> BackboneCard:
        """The small MLP as it is on vectors of so many features: the catalogue's reads thumbnails."""
        card = backbone("mlp")
        first, *rest = card.stages
        width = rest[0].params // (card.feature_width) - 1
        return replace(card, stages=(StageCard(first.name, (self.features + 1) * width, first.layers), *rest))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


NOTEBOOK = Settings()
"""As its text describes it: a related task, slightly shifted. (Its code runs `Settings(redrawn=True)`.)"""


def pretraining() -> Strategy:
    """The source task: 100 epochs at 0.1 whatever the target is given."""
    phase = Phase(0, 100, SOURCE_LR, SOURCE_LR, optimizer="sgd", schedule="constant")
    return Strategy(
        "scratch", "mlp", (phase,), batch_size=SOURCE_BATCH, views=0, weight_decay=WEIGHT_DECAY, pretrained=False
    )


def strategy(arm: Arm, settings: Settings) -> Strategy:
    """The plan of one arm."""
    lr, epochs = RATES[arm] * settings.lr, settings.epochs

    def phase(boundary: int, length: int = epochs, decay: float = 1.0) -> Phase:
        # The head's rate is the top stage's; decay then counts from the head, as in the notebook.
        return Phase(boundary, length, lr, lr * decay, decay, optimizer="sgd", schedule="constant")

    common = {"batch_size": TARGET_BATCH, "views": 0, "weight_decay": WEIGHT_DECAY}
    if arm == "scratch":
        return Strategy("scratch", "mlp", (phase(0),), pretrained=False, **common)  # type: ignore[arg-type]
    if arm == "frozen":
        kind: Literal["linear_probe", "partial", "full"] = ("full", "partial", "linear_probe")[settings.frozen_stages]
        return Strategy(kind, "mlp", (phase(settings.frozen_stages),), **common)  # type: ignore[arg-type]
    if arm == "gradual":
        third = max(1, epochs // 3)
        phases = (phase(2, third), phase(1, third), phase(0, epochs - 2 * third))
        return Strategy("gradual", "mlp", phases, **common)  # type: ignore[arg-type]
    if arm == "discriminative":
        return Strategy("full", "mlp", (phase(0, decay=settings.decay),), **common)  # type: ignore[arg-type]
    l2_sp = settings.l2_sp if arm == "l2_sp" else 0.0
    ewc = settings.ewc if arm == "ewc" else 0.0
    return Strategy("full", "mlp", (phase(0),), l2_sp=l2_sp, ewc=ewc, **common)  # type: ignore[arg-type]


# -- what the results say ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ArmResult:
    """One arm over several seeds, in the seeds' order."""

    arm: Arm
    loss: tuple[tuple[float, ...], ...]
    """Training loss by seed and epoch."""
    train: tuple[tuple[float, ...], ...]
    """Accuracy on the training samples as they were seen, by seed and epoch."""
    held: tuple[tuple[float, ...], ...]
    """Accuracy on fresh samples of the target task, by seed and epoch."""

    @property
    def finals(self) -> tuple[float, ...]:
        return tuple(curve[-1] for curve in self.held)

    @property
    def mean(self) -> float:
        return sum(self.finals) / len(self.finals)

    @property
    def spread(self) -> float:
        """Standard deviation of the final accuracy over the seeds; 0 for one."""
        return _sd(self.finals)

    @property
    def epochs_to_90(self) -> float:
        """Mean over the seeds: the first epoch with 90 % of the final accuracy."""
        firsts = [next(i + 1 for i, x in enumerate(curve) if x >= 0.9 * curve[-1]) for curve in self.held]
        return sum(firsts) / len(firsts)


@dataclass(frozen=True)
class Gain:
    """What one arm has over training from scratch on the same seeds, in accuracy."""

    arm: Arm
    value: float
    low: float
    high: float
    """95 % interval of the mean over the seeds (Student's t)."""
    every: Literal[-1, 0, 1] = 0
    """-1: on each of at least three seeds below scratch by more than chance among the held-out samples; 1: above."""

    @property
    def verdict(self) -> Literal["helps", "hurts", "no difference shown"]:
        """Shown by the interval of the mean, or by every single seed: means over few seeds have wide intervals when the
        sizes of a difference vary that nobody doubts."""
        if self.low > 0 or self.every > 0:
            return "helps"
        return "hurts" if self.high < 0 or self.every < 0 else "no difference shown"


T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Student's t, two-sided 95 %, by degrees of freedom."""


def gain(arm: ArmResult, scratch: ArmResult) -> Gain:
    """Paired by seed. With one seed nothing can be shown: the interval is all there is."""
    pairs = list(zip(arm.finals, scratch.finals, strict=True))
    deltas = [mine - theirs for mine, theirs in pairs]
    value = sum(deltas) / len(deltas)
    if len(deltas) < 2:
        return Gain(arm.arm, value, -1.0, 1.0)
    chance = [1.96 * ((a * (1 - a) + b * (1 - b)) / HELD) ** 0.5 for a, b in pairs]
    beyond = [0 if abs(delta) <= noise else 1 if delta > 0 else -1 for delta, noise in zip(deltas, chance, strict=True)]
    every: Literal[-1, 0, 1] = 0
    if len(deltas) >= 3 and len(set(beyond)) == 1:
        every = 1 if beyond[0] > 0 else -1 if beyond[0] < 0 else 0
    half = T95.get(len(deltas) - 1, 1.96) * _sd(deltas) / len(deltas) ** 0.5
    return Gain(arm.arm, value, value - half, value + half, every)


def _sd(values: tuple[float, ...] | list[float]) -> float:
    mean = sum(values) / len(values)
    return (sum((x - mean) ** 2 for x in values) / (len(values) - 1)) ** 0.5 if len(values) > 1 else 0.0
