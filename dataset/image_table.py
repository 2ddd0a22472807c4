"""The images of one dataset as columns, to look through: search, filters, pages. Pure and quick at 100,000 images.

Reads `manifest.csv` with the standard library: pandas costs half a second that no page should pay for looking. Row
numbers are the manifest's, which pixel caches and thumbnails use too.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import EXCLUDED, DatasetRef, NotFound
from dataset.folder import MANIFEST

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageTable:
    """The manifest by columns; entry i of each belongs to row i."""

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    """Relative to `images/`."""
    labels: NDArray[Any]
    """int32, index into `classes`; -1 where an edit took the image's class away (then it is excluded)."""
    splits: NDArray[Any]
    """int8, index into `split_names`."""
    split_names: tuple[str, ...]
    """The names that occur, '' for images without a split."""
    widths: NDArray[Any]
    heights: NDArray[Any]
    """int32, pixels as a person sees them."""
    traits: tuple[str, ...]
    """Names of `decoding.TRAITS` with blanks between."""
    folded: tuple[str, ...]
    """The paths in small letters, for the search."""

    def __len__(self) -> int:
        return len(self.paths)

    def split(self, row: int) -> str:
        return self.split_names[self.splits[row]]

    def class_of(self, row: int) -> str:
        """The class's name; '' where it is gone."""
        label = int(self.labels[row])
        return self.classes[label] if label >= 0 else ""

    def in_split(self, name: str) -> NDArray[Any]:
        """bool [images]: which belong to the split of this name."""
        import numpy as np

        if name not in self.split_names:
            return np.zeros(len(self), bool)
        found: NDArray[Any] = self.splits == self.split_names.index(name)
        return found


@dataclass(frozen=True)
class Query:
    """What someone wants to see. An empty one: every image that was not excluded."""

    words: str = ""
    """Each of them must occur in the path or in the class's name; small and capital letters are the same."""
    label: int | None = None
    split: str | None = None
    """None: all but the excluded ones."""
    trait: str = ""
    """A name of `decoding.TRAITS`."""


def read_table(ref: DatasetRef) -> ImageTable:
    """The columns of a dataset's manifest. Raises NotFound when the file is gone."""
    import numpy as np

    try:
        with open(Path(ref.root) / MANIFEST, encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            names = next(reader)
            columns = list(zip(*reader, strict=True)) or [()] * len(names)
            by_name = dict(zip(names, columns, strict=True))
            split_names = tuple(sorted(set(by_name["split"])))
            codes = {name: code for code, name in enumerate(split_names)}
            return ImageTable(
                classes=ref.classes,
                paths=by_name["path"],
                labels=np.array(by_name["label"], np.int32),
                splits=np.fromiter((codes[name] for name in by_name["split"]), np.int8, len(by_name["split"])),
                split_names=split_names,
                widths=np.array(by_name["width"], np.int32),
                heights=np.array(by_name["height"], np.int32),
                traits=by_name.get("traits") or ("",) * len(by_name["path"]),
                folded=tuple(path.casefold() for path in by_name["path"]),
            )
    except (OSError, ValueError, KeyError, StopIteration) as error:
        raise NotFound(f"The list of images of '{ref.name}' is missing. Import its images again.") from error


def matching(table: ImageTable, query: Query, among: Sequence[int] | NDArray[Any] | None = None) -> NDArray[Any]:
    """The rows that `query` asks for, in the order of `among` (a finding's images), or of the manifest."""
    import numpy as np

    if query.split is not None:
        keep = table.in_split(query.split)
    else:
        keep = ~table.in_split(EXCLUDED)
    if query.label is not None:
        keep &= table.labels == query.label
    if query.trait:
        keep &= np.fromiter((query.trait in traits.split() for traits in table.traits), bool, len(table))
    for word in query.words.casefold().split():
        named = np.array([*(word in name.casefold() for name in table.classes), False])  # the last: -1, no class
        found = np.fromiter((word in path for path in table.folded), bool, len(table))
        keep &= found | named[table.labels]
    if among is None:
        return np.flatnonzero(keep)
    rows = np.asarray(among, np.int64)
    return rows[keep[rows]]


def pages(total: int, size: int) -> int:
    """How many pages of `size` hold `total` things; an empty list has one page too."""
    return max(1, -(-total // size))


def page_of(rows: NDArray[Any], page: int, size: int) -> NDArray[Any]:
    """The rows of page 1, 2, ...; a page beyond the end is the last one."""
    page = min(max(page, 1), pages(len(rows), size))
    return rows[(page - 1) * size : page * size]


def spread(rows: NDArray[Any], most: int) -> NDArray[Any]:
    """At most `most` of the rows, evenly spread over them: a class is seldom sorted by chance."""
    import numpy as np

    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)] if len(rows) else rows


def by_class(table: ImageTable, rows: NDArray[Any]) -> dict[int, NDArray[Any]]:
    """The rows of each class that has some, in the order of the classes."""
    import numpy as np

    if not len(rows):
        return {}
    labels = table.labels[rows]
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    return {int(label): part for label, part in zip(present, np.split(rows[order], starts[1:]), strict=True)}


def sizes(table: ImageTable, most: int = 2500) -> list[tuple[float, float, int]]:
    """(width, height, images) of every size that occurs, commonest first; when there are more than `most`, sizes within
    a few percent of each other are counted together at their mean."""
    import numpy as np

    keep = ~table.in_split(EXCLUDED)
    pairs = np.stack([table.widths[keep], table.heights[keep]], axis=1)
    if not len(pairs):
        return []
    groups = pairs
    if len(np.unique(pairs, axis=0)) > most:
        steps = 1.0
        while True:
            steps *= 1.2
            groups = np.round(np.log(np.maximum(pairs, 1)) * 60 / steps).astype(np.int64)
            if len(np.unique(groups, axis=0)) <= most:
                break
    _, which, counts = np.unique(groups, axis=0, return_inverse=True, return_counts=True)
    which = which.reshape(-1)
    width = np.bincount(which, pairs[:, 0]) / counts
    height = np.bincount(which, pairs[:, 1]) / counts
    order = np.argsort(-counts, kind="stable")
    return [(float(width[i]), float(height[i]), int(counts[i])) for i in order]
