"""Checks of what belongs together: groups that a given split tears, and classes that too few groups show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core import DatasetRef
from core.words import counted
from dataset import in_words, torn
from dataset.audit.findings import Finding, Remedy, are, images, listed, pictures, some

if TYPE_CHECKING:
    import pandas as pd

SIDES_NEED = 3
"""Groups of a class from which training, validation and test can have one each."""
HOW = "Groups were given with the images, or read from their names; the pictures themselves were not compared for this."


def belonging(ref: DatasetRef, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Nothing where the images have no groups."""
    grouped = manifest[manifest["group"] != ""]
    if not len(grouped):
        return
    yield from _torn(ref, manifest, grouped)
    yield from _few(ref, grouped)
    told = in_words(grouped["group"], grouped["split"], ref.grouped_by)
    count, size = grouped["group"].nunique(), len(grouped)
    yield Finding(
        "groups",
        "good",
        f"{told[0].upper()}{told[1:]}",
        "No split or fold that Thaw makes has a group on two sides, so what is measured holds for new groups. Pictures "
        f"of one group say much the same: {images(size)} of {counted(count, 'group')} tell less than {size:,} of as "
        "many, and intervals that count images are too narrow.",
        "Nothing has to be done.",
        how=HOW,
    )


def _torn(ref: DatasetRef, manifest: pd.DataFrame, grouped: pd.DataFrame) -> Iterator[Finding]:
    given = grouped[grouped["split"] != ""]
    split, apart = torn(given["group"], given["split"])
    if not split:
        return
    rows = given[given.groupby("group")["split"].transform("nunique") > 1].sort_values(["group", "path"])
    in_test = rows.loc[rows["split"] == "test", "group"]
    outside = rows[(rows["split"] != "test") & rows["group"].isin(in_test)]
    clear = (Remedy(f"Exclude the {images(len(outside))} outside the test set", "exclude", tuple(outside["path"])),)
    yield Finding(
        "torn_groups",
        "bad" if len(outside) else "caution",
        f"The given split tears {counted(split, 'group')}",
        f"{counted(apart, 'image')} {are(apart)} on another side than most of the same group ({ref.grouped_by}). What "
        "was learned of a group's pictures helps with the others, so the test promises more than new groups will give.",
        "The split was kept as it was given. Exclude the images outside the test set whose group is in it, or import "
        "without the split and let Thaw draw one.",
        listed(rows["path"]),
        pictures(manifest, ref.classes, (list(rows) for rows in rows.groupby("group").groups.values())),
        clear if len(outside) and 2 * len(outside) <= len(manifest) else (),
        HOW,
    )


def _few(ref: DatasetRef, grouped: pd.DataFrame) -> Iterator[Finding]:
    groups = grouped.groupby("label")["group"].nunique()
    few = groups[groups < SIDES_NEED]
    if len(few):
        named = some([f"'{ref.classes[label]}' ({counted(int(number), 'group')})" for label, number in few.items()])
        yield Finding(
            "few_groups",
            "caution",
            f"{counted(len(few), 'class is', 'classes are')} shown by fewer than {SIDES_NEED} groups",
            f"{named}. Training, validation and test cannot have a group each, so nothing can be said of how well new "
            "groups of such a class are recognised.",
            "Add images of other groups.",
            how=HOW,
        )
