"""Lists that say something of other lists: names for the numbers of classes, facts about numbered images. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

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


def names_of_classes(grids: Iterable[Grid]) -> list[tuple[Grid, dict[str, str]]]:
    """(table, number -> name) of lists of classes: `0 cat`, `{"0": "cat"}`, or a name a line."""
    found = []
    for grid in grids:
        rows = grid.rows
        if not 2 <= len(rows) <= 50_000:
            continue
        short = grid.name.casefold()
        if len(grid.columns) == 1 and any(word in short for word in ("label", "class", "synset", "names", "categor")):
            found.append((grid, {str(number): row[0] for number, row in enumerate(rows)}))
        if len(grid.columns) >= 2:
            body = rows if rows[0][0].isdigit() or rows[0][1].isdigit() else rows[1:]
            for number, name in ((0, 1), (1, 0)):
                pairs = {row[number]: row[name] for row in body}
                plain_names = not any(one.replace(".", "").isdigit() or not one or names_image(one)
                                      for one in pairs.values())  # fmt: skip
                unique = len(set(pairs.values())) == len(pairs) == len(body)
                if unique and plain_names and len(pairs) > 1 and all(one.isdigit() for one in pairs):
                    found.append((grid, pairs))
    return found


def named(one: Lines, lists: list[tuple[Grid, dict[str, str]]]) -> Lines:
    """With names for the numbers of classes, where exactly one list has a name for each of them."""
    if not one.found.sources:
        return one
    source = one.found.sources[0]
    numbers = {label for number, image in enumerate(one.images) if image for label in source.values[number]}
    if not numbers or not all(label.isdigit() for label in numbers):
        return one
    fitting = [(grid, names) for grid, names in lists
               if grid.key != one.grid.key and numbers <= names.keys()]  # fmt: skip
    if len({tuple(sorted(names.items())) for _, names in fitting}) != 1:
        return one
    grid, names = fitting[0]
    values = tuple(tuple(names.get(label, label) for label in labels) for labels in source.values)
    named = replace(source, values=values, said=f"{source.said} (names from {grid.name})")
    return replace(one, names_from=grid.file, found=replace(one.found, sources=(named, *one.found.sources[1:])))
