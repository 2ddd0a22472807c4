"""Checks of how many images each class has, and on which side of a split that came with the data.

From the manifest alone: nothing is decoded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from core import DatasetRef
from dataset.audit.findings import Finding, classes_of, some

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

IMBALANCE_CAUTION = 3.0
"""Largest class / smallest class. From here on plain accuracy flatters a model that favours the large one."""
IMBALANCE_BAD = 10.0
"""At 10 : 1 in two classes, guessing the larger one is right 91 % of the time."""
FEW_PER_CLASS = 10
"""Training images in a class below which its share for validation (a fifth) is one image or none."""
MIX_CAUTION = 0.1
"""Share of the test images that would have to be of other classes for both sides to have one mix (half the sum of the
differences of the shares). Accuracy moves by at most this share of the spread between the recalls of the classes: from
60 to 100 %, 0.1 moves it by 4 points. Smaller differences are told nowhere, however many images prove them."""
MIX_P, MIX_DRAWS = 0.01, 2_000
"""A difference is told when it is hardly chance, by so many random splits of the same images."""


def class_sizes(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Classes that cannot be learned or split, and classes far from one size."""
    learned = Counter(manifest.loc[manifest["split"] != "test", "label"])
    taught = Counter(manifest.loc[manifest["split"].isin(["", "train"]), "label"])
    untaught = [name for label, name in enumerate(ref.classes) if not taught[label]]
    if untaught:
        yield Finding(
            "untaught_class",
            "bad",
            f"{classes_of(len(untaught))} without training images",
            f"{some(untaught)}: in the test or validation folder only. A model can never answer with "
            f"{'it' if len(untaught) == 1 else 'them'}, so each of these images counts as an error.",
            "Add training images, or remove the class from the other folders, and import again.",
        )
    small = [label for label in range(len(ref.classes)) if 0 < learned[label] < FEW_PER_CLASS]
    if small:
        need = 2 if "test" in ref.counts else 3
        hopeless = [label for label in small if learned[label] < need]
        listed = some([f"{ref.classes[label]} ({learned[label]})" for label in small])
        cannot = " Some cannot give an image to each of training, validation and test." if hopeless else ""
        yield Finding(
            "tiny_class",
            "bad" if hopeless else "caution",
            f"{classes_of(len(small))} with fewer than {FEW_PER_CLASS} images",
            f"{listed}. What is measured on so few images is mostly chance.{cannot}",
            "Add images to these classes, or merge or remove them, and import again.",
        )
    counts = {label: learned[label] for label in range(len(ref.classes)) if learned[label]}
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    ratio = counts[most] / counts[least]
    if ratio >= IMBALANCE_CAUTION:
        share = counts[most] / sum(counts.values())
        yield Finding(
            "imbalance",
            "bad" if ratio >= IMBALANCE_BAD else "caution",
            f"Classes differ {ratio:.1f} : 1 in size",
            f"'{ref.classes[most]}' has {counts[most]:,} images, '{ref.classes[least]}' {counts[least]:,}. "
            f"Always answering '{ref.classes[most]}' would already be right {share:.0%} of the time.",
            "Judge by balanced accuracy and look at each class; more images of the small classes help most.",
        )


def missing(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Classes that a given test or validation folder leaves out."""
    for split, name in (("test", "test"), ("val", "validation")):
        absent = [ref.classes[label] for label, count in enumerate(ref.counts.get(split, ())) if not count]
        if absent:
            yield Finding(
                "missing_in_split",
                "caution",
                f"{classes_of(len(absent))} without {name} images",
                f"{some(absent)}: the {name} folder has none, so the result says nothing about "
                f"{'it' if len(absent) == 1 else 'them'}.",
                f"Add images to the {name} folder, or give none: then Thaw holds out a share of every class.",
            )


def class_mix(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """A test folder with other shares of the classes than the rest has. Only classes of both are compared: what one of
    them lacks is told by the checks above."""
    import numpy as np

    tested = manifest["split"].to_numpy() == "test"
    labels = manifest["label"].to_numpy()
    counts = np.stack([np.bincount(labels[side], minlength=len(ref.classes)) for side in (~tested, tested)])
    both = np.flatnonzero(counts.min(axis=0))
    counts = counts[:, both]
    if len(both) < 2:
        return
    shares = counts / counts.sum(axis=1, keepdims=True)
    apart = shares[1] - shares[0]
    moved = float(np.abs(apart).sum()) / 2
    if moved < MIX_CAUTION or (p := _chance(counts)) >= MIX_P:
        return
    more, less = (
        f"'{ref.classes[both[at]]}' is {shares[0, at]:.0%} of the other images and {shares[1, at]:.0%} of the test set"
        for at in (int(apart.argmax()), int(apart.argmin()))
    )
    drawn = "none was" if p * MIX_DRAWS < 1.5 else f"{p:.1%} were"
    yield Finding(
        "class_mix",
        "caution",
        "The test set mixes the classes differently",
        f"{more}; {less}. For one mix {moved:.0%} of the test images would have to be of other classes. Plain accuracy "
        "depends on the mix it is measured on.",
        "Judge by balanced accuracy and by the recall of each class. If new images will be mixed like the training "
        "images, import both as one and let Thaw draw the split.",
        how=f"Half the sum of the differences between the shares of the classes is {moved:.1%}; nothing is said "
        f"below {MIX_CAUTION:.0%}. Of {MIX_DRAWS:,} random splits of the same images into sides of these sizes {drawn} "
        "as far apart (chi-square distance).",
    )


def _chance(counts: NDArray[Any]) -> float:
    """How often a random split of the same images into sides of the same sizes is as far apart, by the chi-square
    distance: a permutation test, exact but for its MIX_DRAWS draws, and right for small classes too.

    counts: int64 [2, classes].
    """
    import numpy as np

    totals, tests = counts.sum(axis=0), int(counts[1].sum())
    drawn = np.random.default_rng(0).multivariate_hypergeometric(totals, tests, MIX_DRAWS, method="marginals")
    expected = totals * tests / totals.sum()

    def distance(some: NDArray[Any]) -> Any:
        return (np.square(some - expected) / expected).sum(axis=-1)  # the other side's part is a multiple of this

    return (1 + int((distance(drawn) >= distance(counts[1]) - 1e-9).sum())) / (1 + MIX_DRAWS)
