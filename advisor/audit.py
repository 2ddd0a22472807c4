"""What is wrong with a dataset, in plain sentences with a remedy each.

From the manifest only: nothing is decoded.

Each check is a small function from the manifest to findings; the thresholds are constants with their reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from advisor import looks
from advisor.datasets import live, read_manifest, read_thumbnails
from advisor.decoding import TRAITS
from advisor.types import DatasetRef

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["good", "caution", "bad"]

IMBALANCE_CAUTION = 3.0
"""Largest class / smallest class. From here on plain accuracy flatters a model that favours the large one."""
IMBALANCE_BAD = 10.0
"""At 10 : 1 in two classes, guessing the larger one is right 91 % of the time."""
FEW_PER_CLASS = 10
"""Training images in a class below which its share for validation (a fifth) is one image or none."""
TINY_PX = 32
"""Shorter side. Enlarged to a backbone's 224 px, less shows almost nothing it knows from its pre-training."""
MIXED_SIZES = 4.0
"""Largest / smallest longer side among the middle 90 % of the images."""
FEW_ALIKE = 0.01
"""Share of the images below which near-duplicates of one label change nothing that can be measured."""
GIVEN_AWAY = 0.6
"""Difference between two classes in the share of files of some kind from which the kind gives the class away."""
MAX_PATHS = 100
"""Paths listed with one finding; the numbers in its text count all."""


@dataclass(frozen=True)
class Finding:
    kind: str
    """'imbalance', 'tiny_class', 'untaught_class', 'missing_in_split', 'set_aside', 'duplicate',
    'two_labels', 'leak', 'near_duplicate', 'given_away', 'tiny_image', 'mixed_sizes', 'handled' or 'clean'."""
    severity: Severity
    title: str
    """A few words with the number: '12 images are there twice or more'."""
    detail: str
    remedy: str
    """What to do, or '' when there is nothing to do."""
    paths: tuple[str, ...] = ()
    """The files meant (relative to `images/`; for 'set_aside' as they came), at most MAX_PATHS."""


@dataclass(frozen=True)
class AuditReport:
    findings: tuple[Finding, ...]
    """Bad ones first, good ones last; one of kind 'clean' when there are no others."""

    @property
    def worst(self) -> Severity:
        return self.findings[0].severity


def audit(ref: DatasetRef) -> AuditReport:
    """Check one import or revision. Raises NotFound when its manifest is gone."""
    manifest = live(read_manifest(ref))
    findings = [finding for check in _CHECKS for finding in check(ref, manifest)]
    if not findings:
        text = (
            f"{ref.images:,} images in {len(ref.classes)} classes: all readable, no copies, of similar size."
        )
        findings = [Finding("clean", "good", "Nothing stands out", text, "")]
    order = {"bad": 0, "caution": 1, "good": 2}
    return AuditReport(tuple(sorted(findings, key=lambda one: order[one.severity])))


def _leaks(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    for held, name, word in (
        ("test", "test", "test accuracy"),
        ("val", "validation", "choice of the best model"),
    ):
        others = [split for split in ("train", "val") if split != held]
        inside = manifest[manifest["split"] == held]
        outside = set(manifest.loc[manifest["split"].isin(others), "digest"])
        if held == "val":
            outside -= set(manifest.loc[manifest["split"] == "test", "digest"])  # already told
        leaked = inside[inside["digest"].isin(outside)]
        if len(leaked):
            yield Finding(
                "leak",
                "bad",
                f"{_images(len(leaked))} of the {name} set {_are(len(leaked))} also outside it",
                f"The same file, byte for byte, is in the {name} folder and in {' or '.join(others)}. Taken "
                f"as it is, the {word} would rest partly on images learned by heart.",
                f"Thaw counts such copies to the {name} set only. Better: remove one of each, import again.",
                _paths(leaked["path"]),
            )


def _two_labels(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    labels = manifest.groupby("digest")["label"].nunique()
    torn = manifest[manifest["digest"].isin(labels.index[labels > 1])].sort_values(["digest", "path"])
    if len(torn):
        files = int((labels > 1).sum())
        names = sorted({ref.classes[label] for label in torn["label"]})
        yield Finding(
            "two_labels",
            "bad",
            f"{_images(files)} {'is' if files == 1 else 'are'} in more than one class",
            f"The same file lies in several class folders ({_some(names)}). No model can get both right.",
            "Decide which class is meant, remove the other copy and import again.",
            _paths(torn["path"]),
        )


def _duplicates(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Copies inside one class and split; those across splits or classes are told by the checks above."""
    again = manifest.duplicated(["digest", "label", "split"])
    if again.any():
        extra = int(again.sum())
        yield Finding(
            "duplicate",
            "caution",
            f"{extra:,} {'copy' if extra == 1 else 'copies'} of other images",
            f"{_images(extra)} {_are(extra)} byte for byte the same as another one of the same class. Copies "
            "are always kept on one side of the split, so they do not flatter the test, but weigh more.",
            "Nothing has to be done. Remove the copies if each picture should count once.",
            _paths(manifest.loc[again, "path"]),
        )


def _near_duplicates(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Pictures that look the same but are not the same file; copies byte for byte are told by the checks above."""
    thumbnails = read_thumbnails(ref)
    if thumbnails is None:
        return
    large = manifest[["width", "height"]].min(axis=1) >= TINY_PX  # the tiny ones all look alike
    different = manifest[large].drop_duplicates("digest")
    pairs = looks.alike(thumbnails[different.index])
    if not pairs:
        return
    sides, labels, paths = (different[name].tolist() for name in ("split", "label", "path"))
    leaks = [(a, b) for a, b in pairs if sides[a] != sides[b] and "test" in (sides[a], sides[b])]
    torn = [(a, b) for a, b in pairs if labels[a] != labels[b]]
    files = sorted({one for pair in pairs for one in pair})
    told = [
        f"{_images(len(files))} {_are(len(files))} nearly the same as another: resized, saved again, or a moment apart."
    ]
    if leaks:
        told.append(f"{_pairs(len(leaks))} of them lie on both sides of the test split, which flatters the test.")
    if not ref.counts.get("test"):
        told.append("A split at random may put the two of a pair on different sides, which flatters the test.")
    if torn:
        told.append(f"{_pairs(len(torn))} carry two different labels, of which one is likely wrong.")
    first = [one for pair in [*leaks, *torn, *pairs] for one in pair]
    few = len(files) < FEW_ALIKE * len(manifest) and not torn
    yield Finding(
        "near_duplicate",
        "bad" if leaks else "good" if few else "caution",
        f"{_images(len(files))} look alike",
        " ".join(told),
        "They are too few to matter."
        if few and not leaks
        else "Look at the pairs, listed one after the other; keep one of each where they show the same thing.",
        _paths([paths[one] for one in first]),
    )


def _handled(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Unusual files that were read all the same."""
    counts = Counter(trait for traits in manifest["traits"] for trait in traits.split())
    shown = {trait: counts[trait] for trait in TRAITS if counts[trait] and trait != "grey"}
    if counts["grey"] and counts["grey"] < len(manifest):
        shown["grey"] = counts["grey"]
    if shown:
        told = "; ".join(f"{_images(number)} {_are(number)} {TRAITS[trait]}" for trait, number in shown.items())
        rows = manifest[[bool(set(traits.split()) & shown.keys()) for traits in manifest["traits"]]]
        yield Finding(
            "handled",
            "good",
            f"{_images(len(rows))} read with a difference",
            f"{told[0].upper()}{told[1:]}.",
            "Nothing has to be done.",
            _paths(rows["path"]),
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
                _paths(manifest.loc[has & (manifest["label"] == most), "path"]),
            )


def _class_sizes(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    learned = Counter(manifest.loc[manifest["split"] != "test", "label"])
    taught = Counter(manifest.loc[manifest["split"].isin(["", "train"]), "label"])
    untaught = [name for label, name in enumerate(ref.classes) if not taught[label]]
    if untaught:
        yield Finding(
            "untaught_class",
            "bad",
            f"{_classes(len(untaught))} without training images",
            f"{_some(untaught)}: in the test or validation folder only. A model can never answer with "
            f"{'it' if len(untaught) == 1 else 'them'}, so each of these images counts as an error.",
            "Add training images, or remove the class from the other folders, and import again.",
        )
    small = [label for label in range(len(ref.classes)) if 0 < learned[label] < FEW_PER_CLASS]
    if small:
        need = 2 if "test" in ref.counts else 3
        hopeless = [label for label in small if learned[label] < need]
        listed = _some([f"{ref.classes[label]} ({learned[label]})" for label in small])
        cannot = " Some cannot give an image to each of training, validation and test." if hopeless else ""
        yield Finding(
            "tiny_class",
            "bad" if hopeless else "caution",
            f"{_classes(len(small))} with fewer than {FEW_PER_CLASS} images",
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


def _missing(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    for split, name in (("test", "test"), ("val", "validation")):
        absent = [ref.classes[label] for label, count in enumerate(ref.counts.get(split, ())) if not count]
        if absent:
            yield Finding(
                "missing_in_split",
                "caution",
                f"{_classes(len(absent))} without {name} images",
                f"{_some(absent)}: the {name} folder has none, so the result says nothing about "
                f"{'it' if len(absent) == 1 else 'them'}.",
                f"Add images to the {name} folder, or give none: then Thaw holds out a share of every class.",
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
            _paths([path for path, _ in ref.set_aside]),
        )


def _sizes(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    tiny = manifest[manifest[["width", "height"]].min(axis=1) < TINY_PX]
    if len(tiny):
        yield Finding(
            "tiny_image",
            "caution",
            f"{_images(len(tiny))} smaller than {TINY_PX} px",
            f"The smallest is {tiny['width'].min()} px wide or {tiny['height'].min()} px high. Enlarged to "
            "what a backbone expects, there is little left of the detail it was pre-trained on.",
            "Use the original pictures if there are larger ones.",
            _paths(tiny["path"]),
        )
    longer = manifest[["width", "height"]].max(axis=1)
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


_CHECKS: Sequence[Callable[[DatasetRef, pd.DataFrame], Iterator[Finding]]] = (
    _leaks,
    _two_labels,
    _class_sizes,
    _missing,
    _duplicates,
    _near_duplicates,
    _given_away,
    _set_aside,
    _sizes,
    _handled,
)


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count:,} pairs"


def _classes(count: int) -> str:
    return "1 class" if count == 1 else f"{count:,} classes"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _some(names: Sequence[str], most: int = 5) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _paths(paths: pd.Series[str] | Sequence[str]) -> tuple[str, ...]:
    return tuple(list(paths)[:MAX_PATHS])
