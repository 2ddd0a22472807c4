"""Lists that say something of other lists: names for the numbers of classes, facts about numbered images. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from dataset.documents import Grid
from dataset.readings import columns
from dataset.readings.finder import Finder, names_image
from dataset.readings.lines import Lines


def joined(grids: Sequence[Grid], finder: Finder) -> list[Grid]:
    """With lists about the numbers of another list's images (`7 images/a.jpg`, and `7 3`) as its columns."""
    out = list(grids)
    for place, grid in enumerate(out):
        if len(grid.columns) != 2 or columns.path_columns(grid, finder)[:1] != [1]:
            continue
        keys = grid.column(0)
        rest = [other for other in out if other is not grid and len(other.columns) == 2
                and len(other.rows) == len(keys) and set(other.column(0)) == set(keys)]  # fmt: skip
        if not rest or len(set(keys)) < len(keys):
            continue
        said = [{row[0]: row[1] for row in other.rows} for other in rest]
        names = tuple(other.name.rpartition(".")[0] for other in rest)
        rows = tuple((*row, *(values[row[0]] for values in said)) for row in grid.rows)
        out[place] = replace(grid, columns=("id", "path", *names), rows=rows, headed=True)
        return [one for one in out if one not in rest]
    return out


_CALLED = ("label", "class", "synset", "names", "categor")
"""What is in the name of a file that lists classes."""


@dataclass(frozen=True)
class ClassList:
    """A table with a name for each class."""

    grid: Grid
    names: Mapping[str, str]
    """Number -> name; of a name a line, numbered from 0."""
    a_name_a_line: bool = False

    def of(self, numbers: Set[str]) -> Mapping[str, str]:
        """Number -> name, where it is certain which line each number means; else nothing.

        A name a line says no numbers: they are certain when the first and the last line are used, counted from 0 or
        from 1, with or without a heading.
        """
        if not self.a_name_a_line:
            return self.names if numbers <= self.names.keys() else {}
        used = {int(number) for number in numbers}
        lines = list(self.names.values())
        headed = columns.label_rank(lines[0]) <= 1.5 or lines[0].casefold() in ("name", "names")
        for names in [lines, *([lines[1:]] if headed else [])]:
            for start in (0, 1):
                if min(used) == start and max(used) == start + len(names) - 1:
                    return {number: names[int(number) - start] for number in numbers}
        return {}


def names_of_classes(grids: Iterable[Grid]) -> list[ClassList]:
    """Lists of classes: `0 cat`, `{"0": "cat"}`, or a name a line."""
    found = []
    for grid in grids:
        rows = grid.rows
        if not 2 <= len(rows) <= 50_000:
            continue
        short = grid.name.casefold()
        if (lines := _a_name_a_line(grid)) and any(word in short for word in _CALLED):
            found.append(ClassList(grid, {str(number): line for number, line in enumerate(lines)}, True))
        if len(grid.columns) >= 2:
            body = rows if rows[0][0].isdigit() or rows[0][1].isdigit() else rows[1:]
            for number, name in ((0, 1), (1, 0)):
                pairs = {row[number]: row[name] for row in body}
                plain_names = not any(one.replace(".", "").isdigit() or not one or names_image(one)
                                      for one in pairs.values())  # fmt: skip
                unique = len(set(pairs.values())) == len(pairs) == len(body)
                if unique and plain_names and len(pairs) > 1 and all(one.isdigit() for one in pairs):
                    found.append(ClassList(grid, pairs))
    return found


def _a_name_a_line(grid: Grid) -> list[str]:
    """The lines of a table of one column, or of a text without numbers, whose lines are parted at blanks; else []."""
    text = grid.kind == "list" and not any(cell.isdigit() for row in grid.rows for cell in row)
    return [" ".join(filter(None, row)) for row in grid.rows] if text or len(grid.columns) == 1 else []


def named(one: Lines, lists: Sequence[ClassList]) -> Lines:
    """With names for the numbers of classes, where the lists agree on a name for each of them."""
    if not one.found.sources:
        return one
    source = one.found.sources[0]
    numbers = {label for number, image in enumerate(one.images) if image for label in source.values[number]}
    if not numbers or not all(label.isdecimal() and label.isascii() for label in numbers):
        return one
    fitting = [(each.grid, names) for each in lists if each.grid.key != one.grid.key and (names := each.of(numbers))]
    if len({tuple(names[number] for number in sorted(numbers)) for _, names in fitting}) != 1:
        return one
    grid, names = fitting[0]
    values = tuple(tuple(names.get(label, label) for label in labels) for labels in source.values)
    named = replace(source, values=values, said=f"{source.said} (names from {grid.name})")
    return replace(one, names_from=grid.file, found=replace(one.found, sources=(named, *one.found.sources[1:])))
