"""Checks for pictures that are there more than once: copies byte for byte, and near-duplicates (`look_alikes`).

From the manifest and the pairs that the import found; nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from core import DatasetRef
from dataset import joined, read_alike, read_thumbnails
from dataset.audit.findings import Finding, Remedy, are, images, listed, pairs_of, pictures, some

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FEW_ALIKE = 0.01
"""Share of the images below which near-duplicates of one label change nothing that can be measured."""
HOW_ALIKE = (
    "Found by their looks: the low frequencies of a small grey picture of each (a perceptual hash, kept as numbers) "
    "give the candidates; the small pictures, laid over each other as they are and as a crop of 3 % would lie, decide. "
    "Resized, re-encoded and slightly cropped pictures are found; mirrored or strongly cropped ones are not, and "
    "pictures that differ in colour alone count as alike."
)
NOT_COMPARED = Finding(
    "not_compared",
    "caution",
    "Pictures were not compared by their looks",
    "An older version of Thaw imported them and kept no small ones to compare. Copies byte for byte were looked for, "
    "the same picture resized or saved again was not.",
    "Import the same images again: that adds what is missing, and revisions, runs and measurements stay.",
)
HOW_SAME = "Files are the same when their bytes are: each is known by its SHA-256 digest."


def leaks(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    for held, name, word in (
        ("test", "test", "test accuracy"),
        ("val", "validation", "choice of the best model"),
    ):
        others = [split for split in ("train", "val") if split != held]
        inside = manifest[manifest["split"] == held]
        outside = manifest[manifest["split"].isin(others)]
        if held == "val":  # those in the test set as well are told already
            outside = outside[~outside["digest"].isin(manifest.loc[manifest["split"] == "test", "digest"])]
        leaked = inside[inside["digest"].isin(outside["digest"])]
        if len(leaked):
            twins = outside[outside["digest"].isin(leaked["digest"])]
            yield Finding(
                "leak",
                "bad",
                f"{images(len(leaked))} of the {name} set {are(len(leaked))} also outside it",
                f"The same file, byte for byte, is in the {name} folder and in {' or '.join(others)}. Taken "
                f"as it is, the {word} would rest partly on images learned by heart.",
                f"Thaw counts such copies to the {name} set only. Better: exclude them from training.",
                listed(leaked["path"]),
                pictures(manifest, ref.classes, _by_digest(leaked, twins)),
                (_exclude(twins, f"Exclude the {_copies(len(twins))} from training"),),
                HOW_SAME,
            )


def two_labels(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    labels = manifest.groupby("digest")["label"].nunique()
    torn = manifest[manifest["digest"].isin(labels.index[labels > 1])].sort_values(["digest", "path"])
    if len(torn):
        files = int((labels > 1).sum())
        names = sorted({ref.classes[label] for label in torn["label"]})
        yield Finding(
            "two_labels",
            "bad",
            f"{images(files)} {'is' if files == 1 else 'are'} in more than one class",
            f"The same file lies in several class folders ({some(names)}). No model can get both right.",
            "Decide which class is meant and exclude the other copy; or exclude both.",
            listed(torn["path"]),
            pictures(manifest, ref.classes, [list(rows) for rows in torn.groupby("digest").groups.values()]),
            (_exclude(torn, f"Exclude {_all(len(torn))}"),),
            HOW_SAME,
        )


def duplicates(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Copies inside one class and split; those across splits or classes are told by the checks above."""
    columns = ["digest", "label", "split"]
    again = manifest.duplicated(columns)
    if again.any():
        extra = int(again.sum())
        copies = manifest[again]
        firsts = manifest[~again & manifest["digest"].isin(copies["digest"])]
        yield Finding(
            "duplicate",
            "caution",
            f"{extra:,} {'copy' if extra == 1 else 'copies'} of other images",
            f"{images(extra)} {are(extra)} byte for byte the same as another one of the same class. Copies are always "
            "kept on one side of the split, so they do not flatter the test, but weigh more.",
            "Nothing has to be done. Exclude the copies if each picture should count once.",
            listed(copies["path"]),
            pictures(manifest, ref.classes, _by_digest(firsts, copies)),
            (_exclude(copies, f"Exclude the {_copies(extra)}"),),
            HOW_SAME,
        )


def near_duplicates(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Pictures that look the same but are not the same file: across the test split, with two labels, or neither."""
    import numpy as np

    if read_thumbnails(ref) is None:
        yield NOT_COMPARED
        return
    pairs = read_alike(ref)
    pairs = pairs[np.isin(pairs, manifest.index.to_numpy()).all(axis=1)]
    if not len(pairs):
        return
    side, label = (manifest[name].reindex(pairs.ravel()).to_numpy().reshape(-1, 2) for name in ("split", "label"))
    across = (side[:, 0] != side[:, 1]) & (side == "test").any(axis=1)
    torn = (label[:, 0] != label[:, 1]) & ~across
    if across.any():
        yield _near_leaks(ref, manifest, pairs[across], side[across])
    if torn.any():
        yield _near_torn(ref, manifest, pairs[torn])
    if not (across | torn).all():
        yield _near_same(ref, manifest, pairs[~across & ~torn])


def _near_leaks(ref: DatasetRef, manifest: pd.DataFrame, pairs: NDArray[Any], side: NDArray[Any]) -> Finding:
    import numpy as np

    tests, others = np.unique(pairs[side == "test"]), manifest.loc[np.unique(pairs[side != "test"])]
    return Finding(
        "near_leak",
        "bad",
        f"{images(len(tests))} of the test set look{'s' if len(tests) == 1 else ''} like one outside it",
        "Nearly the same picture (resized, saved again, or a moment apart) is in the test folder and outside it. The "
        "test then rewards what was learned by heart.",
        "Exclude the ones outside the test set where they show the same thing.",
        listed([str(path) for pair in pairs for path in manifest.loc[pair, "path"]]),
        pictures(manifest, ref.classes, pairs.tolist()),
        (_exclude(others, f"Exclude the {_copies(len(others))} from training"),),
        HOW_ALIKE,
    )


def _near_torn(ref: DatasetRef, manifest: pd.DataFrame, pairs: NDArray[Any]) -> Finding:
    import numpy as np

    return Finding(
        "near_labels",
        "caution",
        f"{pairs_of(len(pairs))} of pictures look{'s' if len(pairs) == 1 else ''} alike but "
        f"{'has' if len(pairs) == 1 else 'have'} two labels",
        "Nearly the same picture lies in two class folders, so one of the labels is likely wrong.",
        "Look at them; exclude what is wrong, or both.",
        listed([str(path) for pair in pairs for path in manifest.loc[pair, "path"]]),
        pictures(manifest, ref.classes, pairs.tolist()),
        (_exclude(manifest.loc[np.unique(pairs)], f"Exclude {_all(len(np.unique(pairs)))}"),),
        HOW_ALIKE,
    )


def _near_same(ref: DatasetRef, manifest: pd.DataFrame, pairs: NDArray[Any]) -> Finding:
    import numpy as np

    files = np.unique(pairs)
    extra = manifest.loc[_all_but_one(pairs)]
    few = len(files) < FEW_ALIKE * len(manifest)
    return Finding(
        "near_duplicate",
        "good" if few else "caution",
        f"{images(len(files))} look alike",
        f"{images(len(files))} {are(len(files))} nearly the same as another of the same class: resized, saved again, "
        "or a moment apart. Where Thaw draws the split they stay on one side.",
        "They are too few to matter."
        if few
        else "Look at the pairs; exclude all but one of each where they show the same thing.",
        listed([str(path) for pair in pairs for path in manifest.loc[pair, "path"]]),
        pictures(manifest, ref.classes, pairs.tolist()),
        (_exclude(extra, f"Keep one of each, exclude {len(extra):,}"),),
        HOW_ALIKE,
    )


def _all_but_one(pairs: NDArray[Any]) -> NDArray[Any]:
    """Of each group of things joined by pairs all but the first."""
    import numpy as np

    things, places = np.unique(pairs, return_inverse=True)
    return things[joined(len(things), places.reshape(-1, 2)) != np.arange(len(things))]


def _by_digest(first: pd.DataFrame, second: pd.DataFrame) -> Iterator[list[int]]:
    """Rows of the same file, those of `first` before those of `second`."""
    others = second.groupby("digest").groups
    for digest, rows in first.groupby("digest").groups.items():
        if digest in others:
            yield [*rows, *others[digest]][:6]


def _exclude(rows: pd.DataFrame, label: str) -> Remedy:
    return Remedy(label, "exclude", tuple(rows["path"]))


def _copies(count: int) -> str:
    return "1 copy" if count == 1 else f"{count:,} copies"


def _all(count: int) -> str:
    return f"all {count:,}"

