"""What a run says and remembers: the context it publishes through, its best weights, where it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol


class Stop(Exception):
    """The user asked to stop: training ends here, the best weights so far are kept."""


class Context(Protocol):
    """How the engine speaks to whoever runs it."""

    def row(self, values: dict[str, Any]) -> None:
        """One row of metrics, columns as in `store.add_metrics`."""

    def event(self, level: str, kind: str, text: str, epoch: float | None = None) -> None:
        """A sentence for the run's log ('info', 'caution' or 'bad')."""

    def progress(self, fraction: float, doing: str, eta_s: float | None = None) -> None:
        """How far the run is, 0-1, and what it is doing."""

    def stop_requested(self) -> bool: ...

    def save(self, state: dict[str, Any]) -> None:
        """Keep a checkpoint (tensors and plain values), replacing the last one whole."""

    def note(self, name: str, content: dict[str, Any]) -> None:
        """Keep a small JSON document beside the run, as `name`.json."""


@dataclass
class Best:
    """The best weights on validation so far: highest accuracy, then lowest loss. An epoch of descent counts with the
    mean of its accuracy and of the one before, so that one lucky epoch among bad ones replaces nothing. Over whole runs
    that gained and cost nothing beyond luck (benchmarks/results/epochs_kept.md)."""

    val_accuracy: float = -1.0
    val_loss: float = math.inf
    train_accuracy: float = 0.0
    epoch: float = 0.0
    boundary: int = 0
    weights: dict[str, Any] = field(default_factory=dict)
    counted: float = -1.0
    """The accuracy that it was chosen by."""

    def beaten_by(self, counted: float, loss: float) -> bool:
        """By weights whose accuracy counts so much."""
        return (counted, -loss) > (self.counted, -self.val_loss)


@dataclass
class Position:
    """Where a run is. Everything a checkpoint holds besides weights and optimizer."""

    phase: int = 0
    epoch: int = 0
    """Within the phase."""
    step: int = 0
    """Within the epoch."""
    earlier: float = 0
    """Epochs run in the phases before this one, a solver's passes included; a phase may have ended early."""
    earlier_passes: int = 0
    """Of these, the passes of solvers."""
    rows: int = 0
    """Metric rows published so far."""
    images: int = 0
    seconds: float = 0.0
    cache_seconds: float = 0.0
    loss_sum: float = 0.0
    correct: float = 0.0
    seen: int = 0
    apart_sum: float = 0.0
    told: float = 0.0
    """Sums of this epoch, as the three above: the alignment's loss, and images whose domain was told apart."""
    overhead_s: float = 0.0
    """Seconds spent judging, telling and saving rather than training."""
    lr_scale: float = 1.0
    """What roll-backs have left of the planned learning rates."""
    rollbacks: int = 0
    parts: int = 1
    """Pieces that a batch is computed in, doubled when memory runs out; the batch itself stays what it was."""
    last_accuracy: float | None = None
    """Validation accuracy, in [0, 1], of these weights one epoch ago, or of those rolled back to; None = not judged."""
    lowest_loss: float = math.inf
    """Validation loss, the lowest of this phase, and for how many epochs it has not been beaten: patience counts on."""
    stale: int = 0

    def counts(self, accuracy: float) -> float:
        """The mean of this epoch's accuracy and of the one before, as `Best` counts it; to be asked once an epoch, as
        the next one's is then counted with this one's."""
        before, self.last_accuracy = self.last_accuracy, accuracy
        return accuracy if before is None else (before + accuracy) / 2


@dataclass(frozen=True)
class Fitted:
    """What `fit` leaves: the backbone holds the best weights."""

    best: Best
    position: Position
    epochs: float
    stopped: bool
    finished_early: bool
    """The budget was used up before the plan was."""
