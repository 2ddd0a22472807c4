"""Checks that need a profile's features (`feature_check`): labels that look wrong, and test images unlike the others.

Pure: the worker measured, here it is put into words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core import DatasetRef
from dataset.audit.feature_check import FeatureCheck
from dataset.audit.findings import MAX_SHOWN, Finding, Remedy, Shown, are, images, listed

if TYPE_CHECKING:
    import pandas as pd

MANY = 0.02
"""Share of the labels in doubt from which they are worth an hour: below, few results change."""
SHIFT_P, SHIFT_CAUTION, SHIFT_BAD = 0.01, 0.6, 0.75
"""A difference is told when it is hardly chance and no trifle; 'bad': three of four images give their side away."""


def mislabelled(ref: DatasetRef, manifest: pd.DataFrame, check: FeatureCheck) -> Iterator[Finding]:
    """Images that the probe, fitted on others, counts to another class."""
    labels = manifest["label"].reindex(range(len(check.labels)), fill_value=-1).to_numpy()
    rows = check.suspects(labels)
    if not len(rows):
        return
    shown = tuple(_shown(ref, manifest, check, int(row)) for row in rows[:MAX_SHOWN])
    told = manifest.loc[rows[:MAX_SHOWN]]
    paths = tuple(told["path"])
    favoured = tuple(ref.classes[int(check.favoured[row])] for row in rows[:MAX_SHOWN])
    tests = int((manifest.loc[rows, "split"] == "test").sum())
    detail = (
        f"Judged by the other images, {'it looks' if len(rows) == 1 else 'these look'} like another class. The most "
        "doubtful come first; some will be right and only hard."
    )
    if tests:
        detail += (
            f" {images(tests)} of them {are(tests)} in the test set: change a test label only where you see that it is "
            "wrong, or the test will flatter."
        )
    yield Finding(
        "mislabelled",
        "caution" if len(rows) >= MANY * len(manifest) else "good",
        f"{len(rows):,} label{' looks' if len(rows) == 1 else 's look'} wrong",
        detail,
        "Look at each; tick those that are wrong, then relabel them or set them aside.",
        listed(paths),
        shown,
        (
            Remedy("Relabel as suggested", "relabel", paths, favoured, each=True),
            Remedy("Set aside", "exclude", paths, each=True),
        ),
        f"{check.how}: each image is judged by a probe that was not fitted on it or on its copies. A label is doubted "
        "when another class gets more than half of the probability; the order is by how much more than the label's own "
        "(normalised margin)."
        + (f" The first {MAX_SHOWN} of {len(rows):,} can be looked at." if len(rows) > MAX_SHOWN else ""),
    )


def shift(ref: DatasetRef, manifest: pd.DataFrame, check: FeatureCheck) -> Iterator[Finding]:
    """Whether the given test images are of another kind than the training images."""
    seen = check.shift
    if seen is None or seen.p >= SHIFT_P or seen.accuracy.value < SHIFT_CAUTION:
        return
    yield Finding(
        "shift",
        "bad" if seen.accuracy.value >= SHIFT_BAD else "caution",
        "The test images differ from the training images",
        f"Knowing nothing but the picture, a probe tells which of the two it is from in {seen.accuracy.value:.0%} of "
        "cases (50% would be no difference). Other people, cameras or places do that. A result on such a test is "
        "harder to reach, and says how far the model carries over.",
        "Keep the test set if new images will look like it, and expect it to be harder than validation. If they will "
        "look like the training images, import both as one and let Thaw draw the split.",
        how=f"Classifier two-sample test (Lopez-Paz & Oquab 2017) on the profile's features: {seen.accuracy.how}, "
        f"as many of each class from either side, {seen.accuracy.value:.1%} right ({seen.accuracy.low:.0%} to "
        f"{seen.accuracy.high:.0%}).",
    )


def _shown(ref: DatasetRef, manifest: pd.DataFrame, check: FeatureCheck, row: int) -> Shown:
    own, favoured = ref.classes[int(manifest.at[row, "label"])], ref.classes[int(check.favoured[row])]
    side = " (test)" if manifest.at[row, "split"] == "test" else ""
    return Shown((row,), (f"{own}{side} \N{RIGHTWARDS ARROW} {favoured} {check.favoured_p[row]:.0%}",))
