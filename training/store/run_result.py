"""What a run came to: the typed form of what a job of kind 'train' leaves in the store. No torch.

The worker makes it when training ends, the store keeps it as JSON, and `RunResult.of` reads it back for everyone else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from core import ThawError, Unreadable
from core.decode import check_counts, check_files, check_moments, check_texts, decode

if TYPE_CHECKING:
    from training.store.records import Job

Side = Literal["test", "target"]
"""Which test images were answered: those of the run's own dataset, or those of the target that it was adapted to."""
RETIRED = frozenset({"precision"})
"""Fields that results of older versions hold and nothing reads any more."""


@dataclass(frozen=True)
class Stage:
    """One link of the chain that led to a run, oldest first: what was trained on what, and how far it got."""

    run_id: str
    """Empty for the backbone's own weights."""
    dataset: str
    """Name of the images: 'ImageNet' for a backbone's own weights."""
    strategy: str = ""
    test_accuracy: float | None = None
    weights_sha256: str = ""


@dataclass(frozen=True)
class AddedClass:
    """Where a class that was added after training came from."""

    images: int
    dataset: str
    """Id of the set that showed it."""


@dataclass(frozen=True)
class Extended:
    """A prototype run with classes added after training (`extending`), as it lies in the run's folder."""

    classes: tuple[str, ...] = ()
    """All that the weights know, the added ones last."""
    added: dict[str, AddedClass] = field(default_factory=dict)
    images: int = 0
    """Of the class added last."""
    weights: str = ""
    """File, relative to the home."""
    before: float | None = None
    """Accuracy on the run's own test images before the last one was added, and after: some may be taken for it now."""
    after: float | None = None


@dataclass(frozen=True)
class Answered:
    """What a run answered on the test images of one side, looked at once."""

    correct: int
    total: int
    predictions: str
    """File of the answers, relative to the home; '' where it did not come along."""


@dataclass(frozen=True)
class RunResult:
    """Everything that was measured of a run. None = not measured: there was nothing to measure on, or the run is of a
    version that did not. Accuracies are fractions in [0, 1], times seconds, losses cross-entropies in nats."""

    val_accuracy: float | None = None
    """Of the weights kept, on the validation images; None when the run was stopped before any could be kept."""
    val_loss: float | None = None
    train_accuracy: float | None = None
    """Over the epoch that the weights kept are of, as it was trained."""
    best_epoch: float | None = None
    """Epochs trained when these weights were reached, over all phases."""
    epochs: float | None = None
    """Epochs trained in all, each pass of a solver counted as one."""
    seconds: float | None = None
    """Worked on this run, over all attempts, each from when it left the queue to the tested model."""
    cache_seconds: float | None = None
    """Of these, spent on filling the caches of the frozen stages."""
    overhead_seconds: float | None = None
    """Of these, spent on judging, telling and saving."""
    trainable_params: int | None = None
    """Trained in the phase that trains most."""
    total_params: int | None = None
    """Of the whole network, the head included."""
    stopped_early: bool | None = None
    """Whether a person or the budget ended it before its plan was done."""
    rollbacks: int | None = None
    """Times that it went back to its last good weights because the loss was not finite."""
    note: str | None = None
    """A sentence about the result, such as which phase's weights were kept."""
    refitted_on: int | None = None
    """Images that the weights kept were fitted on once more, the validation images among them; None where that was not
    done. The validation figures are then those of the weights before."""
    test_accuracy: float | None = None
    """On the test images, looked at once, at the end; None without test images."""
    test_correct: int | None = None
    test_total: int | None = None
    target_accuracy: float | None = None
    """The same for the labelled test images of the second domain."""
    target_correct: int | None = None
    target_total: int | None = None
    weights: str | None = None
    """File of the weights kept, relative to the home, as are the predictions: the answers on the test images."""
    weights_sha256: str | None = None
    predictions: str | None = None
    target_predictions: str | None = None
    peak_memory_bytes: int | None = None
    """Of the worker at its fullest moment, or of the accelerator where one was used."""
    device: str | None = None
    """A person's name for what it ran on: 'CPU, 2 cores'."""
    arithmetic: dict[str, str] | None = None
    """'frozen', 'phase 0', ...: precision and layout ('bf16-nhwc'); 'threads': how many; 'steps 0.0', ...: after how
    many steps of a phase it was decided how many its budget leaves."""
    versions: dict[str, str] | None = None
    """Package -> version, of those that decide the outcome."""
    finished_at: float | None = None
    """Unix time."""
    lineage: tuple[Stage, ...] = field(default=())
    """The chain before this run, where it started from another run's weights."""

    def __post_init__(self) -> None:
        check_moments(finished_at=self.finished_at)
        check_texts(note=self.note, device=self.device)
        check_files(
            weights=self.weights, predictions=self.predictions, target_predictions=self.target_predictions
        )
        check_counts(
            seconds=self.seconds, cache_seconds=self.cache_seconds, overhead_seconds=self.overhead_seconds,
            epochs=self.epochs, best_epoch=self.best_epoch, rollbacks=self.rollbacks,
            trainable_params=self.trainable_params, total_params=self.total_params,
            peak_memory_bytes=self.peak_memory_bytes, refitted_on=self.refitted_on,
        )  # fmt: skip
        for side in ("test", "target"):
            correct, total = getattr(self, f"{side}_correct"), getattr(self, f"{side}_total")
            share = getattr(self, f"{side}_accuracy")
            if total is not None and not 0 <= (correct or 0) <= total:
                raise ThawError(f"{side}_correct is {correct} of {side}_total {total}.")
            if share is not None and total and abs(share - (correct or 0) / total) > 1e-6:
                raise ThawError(f"{side}_accuracy is {share:g}, but {correct} of {total} were right.")
        for name in ("val_accuracy", "train_accuracy", "test_accuracy", "target_accuracy"):
            if (share := getattr(self, name)) is not None and not 0 <= share <= 1:
                raise ThawError(f"{name} is a fraction from 0 to 1, not {share:g}.")

    def on(self, side: Side) -> Answered | None:
        """None where no image of this side was answered."""
        if side == "test":
            correct, total, predictions = self.test_correct, self.test_total, self.predictions
        else:
            correct, total, predictions = self.target_correct, self.target_total, self.target_predictions
        return Answered(correct or 0, total, predictions or "") if total else None

    @classmethod
    def of(cls, job: Job) -> Self:
        """The result of a run; all None while it has none. Raises Unreadable, naming run and field."""
        return cls.read(job.result or {}, f"The result of run '{job.id}'")

    @classmethod
    def read(cls, data: dict[str, Any], what: str, *, error: type[ThawError] = Unreadable) -> Self:
        """From JSON. what: the subject of the sentence that refuses it. Raises `error`."""
        known = {name: value for name, value in data.items() if name not in RETIRED}
        return decode(known, cls, what, "It was damaged or written by another version: train it again.", error=error)
