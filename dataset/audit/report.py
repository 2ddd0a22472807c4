"""What is wrong with a dataset, in plain sentences with a remedy each.

From the manifest, the pairs that look alike, and what a profile's features say: nothing is decoded. The sizes of the
classes are in `balance`, copies in `copies`, doubts that need features in `doubts`; what a finding is, in `findings`.

Each check is a small function from the manifest to findings; the thresholds are constants with their reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from core import DatasetRef
from dataset import BLACK, BLANK, empty, live, read_manifest, read_thumbnails
from dataset.audit.balance import FEW_PER_CLASS, class_mix, class_sizes, missing
from dataset.audit.belonging import belonging
from dataset.audit.copies import duplicates, leaks, near_duplicates, two_labels
from dataset.audit.doubts import mislabelled, shift
from dataset.audit.feature_check import FeatureCheck
from dataset.audit.findings import AuditReport, Finding, Remedy, are, images, listed, pictures
from dataset.ingest import TRAITS

if TYPE_CHECKING:
    import pandas as pd

    Check = Callable[[DatasetRef, pd.DataFrame], Iterator[Finding]]

TINY_PX = 32
"""Shorter side. Enlarged to a backbone's 224 px, less shows almost nothing it knows from its pre-training."""
LONG_ASPECT = 4.0
"""Longer / shorter side: training sees the central square, a quarter of such a picture or less."""
MIXED_SIZES = 4.0
"""Largest / smallest longer side among the middle 90 % of the images."""
GIVEN_AWAY = 0.6
"""Difference between two classes in the share of files of some kind from which the kind gives the class away."""


def audit(ref: DatasetRef, features: FeatureCheck | None = None) -> AuditReport:
    """Check one import or revision. Raises NotFound when its manifest is gone.

    features: what a profile of it found (`feature_check`); without, labels and shift are not judged.
    """
    manifest = live(read_manifest(ref))
    findings = [finding for check in _COPIES for finding in check(ref, manifest)]
    if features is not None:
        findings += [finding for doubt in (mislabelled, shift) for finding in doubt(ref, manifest, features)]
    findings += [finding for check in _OTHERS for finding in check(ref, manifest)]
    if not findings:
        text = (
            f"{ref.images:,} images in {len(ref.classes)} classes: all readable, no copies, of similar size."
        )
        findings = [Finding("clean", "good", "Nothing stands out", text, "")]
    order = {"bad": 0, "caution": 1, "good": 2}
    return AuditReport(tuple(sorted(findings, key=lambda one: order[one.severity])))


__all__ = ["AuditReport", "Finding", "audit"]


def _handled(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Unusual files that were read all the same."""
    counts = Counter(trait for traits in manifest["traits"] for trait in traits.split())
    shown = {trait: counts[trait] for trait in TRAITS if counts[trait] and trait != "grey"}
    if counts["grey"] and counts["grey"] < len(manifest):
        shown["grey"] = counts["grey"]
    if shown:
        told = "; ".join(f"{images(number)} {are(number)} {TRAITS[trait]}" for trait, number in shown.items())
        rows = manifest[[bool(set(traits.split()) & shown.keys()) for traits in manifest["traits"]]]
        yield Finding(
            "handled",
            "good",
            f"{images(len(rows))} read with a difference",
            f"{told[0].upper()}{told[1:]}.",
            "Nothing has to be done.",
            listed(rows["path"]),
            pictures(manifest, ref.classes, ([row] for row in rows.index)),
        )


def _without_range(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Files of more than 8 bits that an older version imported, before a range was chosen for them."""
    deep = manifest[["deep" in traits.split() for traits in manifest["traits"]]]
    if len(deep) and not ref.decoding.value_range:
        yield Finding(
            "without_range",
            "caution",
            "No range of brightness was chosen",
            f"{images(len(deep))} of more than 8 bits {are(len(deep))} from before one was chosen for each dataset: "
            "runs may have seen them as nearly white or black.",
            "Import the images again.",
            listed(deep["path"]),
            pictures(manifest, ref.classes, ([row] for row in deep.index)),
        )


def _given_away(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """A trait of the files that goes with one class: a model may learn that instead of the pictures."""
    for trait in ("grey", "clear", "cmyk", "rotated", "misnamed"):
        has = manifest["traits"].map(lambda traits, trait=trait: trait in traits.split())
        shares = has.groupby(manifest["label"]).mean()
        if has.sum() >= FEW_PER_CLASS and shares.max() - shares.min() >= GIVEN_AWAY:
            most, least = int(shares.idxmax()), int(shares.idxmin())
            yield Finding(
                "given_away",
                "caution",
                f"Files of '{ref.classes[most]}' differ in kind",
                f"{shares.max():.0%} of '{ref.classes[most]}' are {TRAITS[trait]}, but {shares.min():.0%} of "
                f"'{ref.classes[least]}'. A model can learn that instead of what the pictures show, and will then fail "
                "on new ones.",
                "Bring all images into the same form, or find images of each class in every form.",
                listed(manifest.loc[has & (manifest["label"] == most), "path"]),
            )


def _set_aside(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    if ref.set_aside:
        reasons = Counter(reason.split(":")[0] for _, reason in ref.set_aside)
        told = ", ".join(f"{count:,} x {reason}" for reason, count in reasons.most_common(4))
        files = len(ref.set_aside)
        yield Finding(
            "set_aside",
            "caution",
            f"{files:,} {'file was' if files == 1 else 'files were'} set aside",
            f"They are not used: {told}.",
            "If these are images that should count, repair or re-save them as JPEG or PNG and import again.",
            listed([path for path, _ in ref.set_aside]),
        )


def _sizes(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    tiny = manifest[manifest[["width", "height"]].min(axis=1) < TINY_PX]
    if len(tiny):
        yield Finding(
            "tiny_image",
            "caution",
            f"{images(len(tiny))} smaller than {TINY_PX} px",
            f"The smallest is {tiny['width'].min()} px wide or {tiny['height'].min()} px high. Enlarged to "
            "what a backbone expects, there is little left of the detail it was pre-trained on.",
            "Use the original pictures if there are larger ones.",
            listed(tiny["path"]),
            pictures(manifest, ref.classes, ([row] for row in tiny.index)),
            _without(manifest, tiny),
        )
    longer, shorter = manifest[["width", "height"]].max(axis=1), manifest[["width", "height"]].min(axis=1)
    long = manifest[longer >= LONG_ASPECT * shorter]
    if len(long):
        yield Finding(
            "extreme_aspect",
            "caution",
            f"{images(len(long))} more than {LONG_ASPECT:.0f} times as long as wide",
            "Training looks at the central square of a picture, so most of these is never seen.",
            "Cut them into squares that show the thing, or set them aside.",
            listed(long["path"]),
            pictures(manifest, ref.classes, ([row] for row in long.index)),
            _without(manifest, long),
        )
    low, high = longer.quantile(0.05), longer.quantile(0.95)
    if high >= MIXED_SIZES * low:
        yield Finding(
            "mixed_sizes",
            "caution",
            f"Image sizes range from {longer.min():,} to {longer.max():,} px",
            f"The longer side of nine in ten lies between {low:,.0f} and {high:,.0f} px. All are scaled to "
            "one size for training, so the same thing can appear at very different scales.",
            "Check that size does not go with the class (one source for each class is a common trap).",
        )


def _blank(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    thumbnails = read_thumbnails(ref)
    if thumbnails is None:
        return
    blank = manifest[empty(thumbnails)[manifest.index]]
    if len(blank):
        yield Finding(
            "blank",
            "caution",
            f"{images(len(blank))} show{'s' if len(blank) == 1 else ''} next to nothing",
            "One colour all over, or almost black. A model learns nothing from such pictures, or that an empty picture "
            "means a class.",
            "Look at them, and set aside what shows nothing to you either.",
            listed(blank["path"]),
            pictures(manifest, ref.classes, ([row] for row in blank.index)),
            _without(manifest, blank),
            f"A small grey picture of each has a standard deviation below {BLANK:.0f} of 255, or is all darker than "
            f"{BLACK}.",
        )


def _without(manifest: pd.DataFrame, rows: pd.DataFrame) -> tuple[Remedy, ...]:
    """The button that sets these aside; none when little would be left."""
    if 2 * len(rows) > len(manifest):
        return ()
    return (Remedy(f"Set {'it' if len(rows) == 1 else f'these {len(rows):,}'} aside", "exclude", tuple(rows["path"])),)


_COPIES: Sequence[Check] = (leaks, two_labels, duplicates, near_duplicates)
_OTHERS: Sequence[Check] = (
    class_sizes,
    missing,
    class_mix,
    _without_range,
    _given_away,
    _set_aside,
    _blank,
    _sizes,
    _handled,
    belonging,
)
