"""What a profile's features say about the data itself: labels that look wrong, and a test set unlike the training set.

The worker measures (`training.profile.feature_check`); here the result is kept, read and ranked. cleanlab would give
the same
order, and its rules no better choice of labels to name on sets with good probes (`benchmarks.audit_peers`).

One file a dataset and backbone, `home/checks/<dataset>-<backbone>.npz`, numbers and plain text only. It may be removed:
the next profile writes it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import DatasetRef, Estimate, NotFound, files

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = "checks"
ARRAYS = ("labels", "own", "favoured", "favoured_p")
TEXTS = ("dataset_id", "backbone", "how")
SURE = 0.5
"""Out-of-fold probability that another class needs, and more than the own one has, to call a label suspect."""


@dataclass(frozen=True)
class Shift:
    """How well training and test images are told apart by a probe that knows only which side each is from."""

    accuracy: Estimate
    """Balanced, cross-validated; 0.5 = no difference seen."""
    p: float
    """One-sided p-value of an accuracy above 0.5, with room for folds that vary together."""
    images: int
    """On each side, with the same number of every class on both."""


@dataclass(frozen=True)
class FeatureCheck:
    """Row by row, in the manifest's order: what a cross-validated probe thinks of an image it was not fitted on."""

    dataset_id: str
    backbone: str
    labels: NDArray[Any]
    """int64 [N]: the labels that were judged; -1 = not judged (excluded images)."""
    own: NDArray[Any]
    """float32 [N]: probability of the image's own label; NaN = not judged."""
    favoured: NDArray[Any]
    """int64 [N]: the likeliest class; -1 = not judged."""
    favoured_p: NDArray[Any]
    """float32 [N]: its probability."""
    how: str
    """'5-fold cross-validated linear probe on EfficientNet-Lite0 features'."""
    shift: Shift | None = None
    """None when no test images were given, or too few of each class."""

    def suspicion(self, labels: NDArray[Any]) -> NDArray[Any]:
        """float32 [N], -1 to 1: the likeliest other class's probability minus the own label's (the negative
        normalised margin of Northcutt et al. 2021). -inf where nothing was judged or the label was changed since.

        labels: int64 [N], as the manifest has them now. Where labels are mistaken for the class most alike, this order
        puts them first better than the own label's probability alone does, which is better where they are flipped at
        random (`python -m benchmarks.audit_peers`).
        """
        import numpy as np

        margin = np.where(self.favoured == self.labels, -1.0, self.favoured_p - self.own)
        judged = (self.labels >= 0) & (self.labels == labels) & np.isfinite(self.own)
        return np.where(judged, margin, -np.inf).astype(np.float32)

    def suspects(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Rows whose label is likely wrong, the most suspicious first: another class is likelier than not."""
        import numpy as np

        suspicion = self.suspicion(labels)
        rows = np.flatnonzero((suspicion > 0) & (self.favoured_p >= SURE))
        return rows[np.argsort(-suspicion[rows], kind="stable")]


def path_of(home: Path, dataset_id: str, backbone: str) -> Path:
    return Path(home) / FOLDER / f"{dataset_id}-{backbone}.npz"


def save(home: Path, check: FeatureCheck) -> None:
    """Write it whole or not at all."""
    import numpy as np

    shift = check.shift
    numbers = []
    if shift is not None:
        numbers = [shift.accuracy.value, shift.accuracy.low, shift.accuracy.high, shift.p, shift.images]
    kept: dict[str, Any] = {name: np.asarray(getattr(check, name)) for name in (*ARRAYS, *TEXTS)}
    kept["shift"], kept["shift_how"] = np.array(numbers, np.float64), np.array(shift.accuracy.how if shift else "")
    with files.written_whole(path_of(home, check.dataset_id, check.backbone)) as file:
        np.savez(file, **kept)


def find(home: Path, ref: DatasetRef, backbone: str) -> Path | None:
    """The file of this revision or, until it has its own, of the one it was made from: rows keep their numbers."""
    from dataset import load_dataset

    while True:
        path = path_of(home, ref.id, backbone)
        if path.is_file():
            return path
        if not ref.parent:
            return None
        try:
            ref = load_dataset(home, ref.parent)
        except NotFound:
            return None


def load(path: Path | None) -> FeatureCheck | None:
    """None when there is no such file, or it cannot be read."""
    found = files.find_arrays(path) if path else None
    if found is None or not {*ARRAYS, *TEXTS, "shift", "shift_how"} <= found.keys():
        return None
    kept: dict[str, Any] = {name: found[name] for name in ARRAYS}
    kept.update((name, str(found[name])) for name in TEXTS)
    numbers, shift_how = found["shift"].tolist(), str(found["shift_how"])
    if not numbers:
        return FeatureCheck(**kept)
    value, low, high, p, images = numbers
    return FeatureCheck(shift=Shift(Estimate(value, low, high, shift_how), p, int(images)), **kept)
