"""One table: which image each of its rows names, where it has its classes, sides and groups, and why there are none.

Pure but for what a `Finder` knows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache

from core import Split
from core.names import printable
from core.words import counted
from dataset import split_in, split_of
from dataset.documents import Grid
from dataset.readings import columns
from dataset.readings.finder import Clues, Finder, names_image, plain
from dataset.readings.labels import Found, find_labels
from dataset.readings.reading import ReadAs, Reading

ANSWERED = "reads like what a model answered"


@dataclass(frozen=True)
class Lines:
    """One table with what its rows name."""

    grid: Grid
    images: tuple[str, ...]
    """For each row the image that it names; '' where none is there."""
    missing: tuple[tuple[str, str], ...]
    found: Found
    sides: tuple[Split | None, ...] | None
    """For each row, from a column; None = no column says it."""
    side_column: str = ""
    groups: tuple[str, ...] | None = None
    group_column: str = ""
    group_meant: bool = False
    """Whether somebody named the column, or it is called a group."""
    path_column: int = 0
    guessed: bool = False
    """Whether this is what a model answered."""
    notes: tuple[str, ...] = ()
    names_from: str = ""
    """The file that has names for the numbers of its classes."""


@dataclass
class Tables:
    """All readings of the tables of a source, and what is to be said of those that gave none."""

    readings: list[Reading] = field(default_factory=list)
    lists: list[Lines] = field(default_factory=list)
    """Tables that name images and sides, and no labels."""
    grouping: list[Lines] = field(default_factory=list)
    """Tables that say of images what belongs together."""
    unused: dict[str, str] = field(default_factory=dict)
    """Table -> the sentence that says why nothing was read from it."""
    meant: set[str] = field(default_factory=set)
    """Those of `unused` that were meant to say something of the images."""
    in_the_way: str = ""
    """Why no other reading may be taken without a word: a table that names the images, and not clearly."""

    def leave(self, key: str, why: str, *, meant: bool = False) -> None:
        self.unused[key] = why
        if meant:
            self.meant.add(key)


def lines_of(grid: Grid, finder: Finder, read_as: ReadAs, total: int, out: Tables) -> list[Lines]:
    """One for each column that may name the images; the first alone where that is clear."""
    if not grid.rows:
        out.leave(grid.key, f"{grid.name} has no rows.")
        return []
    asked_path = _asked(grid, read_as.path_column, "--path-column")
    paths = columns.path_columns(grid, finder) if asked_path is None else [asked_path]
    if not paths:
        _say_unfound(grid, total, finder, out)
        return []
    made = [_of_paths(grid, paths[0], finder, read_as, set(paths))]
    if len(paths) > 1 and not _clear(grid, paths):
        other = _of_paths(grid, paths[1], finder, read_as, set(paths))
        if other.images != made[0].images:
            made.append(other)
    for one in made:
        if not one.found.sources and one.sides is None:
            _say_why(one, out)
    return made


def _say_unfound(grid: Grid, total: int, finder: Finder, out: Tables) -> None:
    first = grid.rows[0]
    for at, name in enumerate(grid.columns):
        found = [finder(row[at], Clues(grid.folder, grid.name, row)) for row in grid.rows[: columns.LOOKED_AT]]
        if names_image(first[at]) and sum(image is None for image in found) > 0.5 * len(found):
            some = ", ".join(f"'{one}'" for one in finder.fitting(first[at])[:2])
            out.in_the_way = (
                f"The names in column '{name}' of {grid.name} fit several images each ('{printable(first[at])[:200]}': "
                f"{some}). Write their paths, and import again."
            )
            out.leave(grid.key, out.in_the_way, meant=True)
            return
        if names_image(first[at]):
            out.leave(
                grid.key,
                f"None of the paths in column '{name}' of {grid.name} is among the {total:,} images found; the first "
                f"is '{printable(first[at])[:200]}'. Paths are relative to the table or to the folder that was given.",
                meant=True,
            )
            return
    if grid.kind != "list":
        texts = [name for at, name in enumerate(grid.columns) if columns.sentences(Counter(grid.column(at)))]
        more = f"; its column '{texts[0]}' holds texts" if texts else ""
        out.leave(grid.key, f"{grid.name} was not used: it names none of the images{more}.")


def _clear(grid: Grid, paths: list[int]) -> bool:
    """Whether the first column of images beats the second by more than its place."""
    best, second = paths[:2]
    ended = [sum(names_image(row[at]) for row in grid.rows[: columns.LOOKED_AT]) for at in (best, second)]
    if ended[0] and not ended[1]:
        return True
    serial = [columns.label_rank(grid.columns[at]) == 9 for at in (best, second)]
    return serial[0] or not serial[1]


def _asked(grid: Grid, name: str, flag: str) -> int | None:
    return columns.at_column(grid, name, flag) if name else None


def _of_paths(grid: Grid, at: int, finder: Finder, read_as: ReadAs, paths: set[int]) -> Lines:
    images, missing, elsewhere = _look_up(grid, at, finder)
    rows = [number for number, image in enumerate(images) if image]
    asked_side = _asked(grid, read_as.split_column, "--split-column")
    asked_label = _asked(grid, read_as.label_column, "--label-column")
    asked_group = _asked(grid, read_as.group_column, "--group-column")
    notes = [*grid.notes, *elsewhere]
    side_at, sides = _sides(grid, asked_side, {at, asked_label}, notes)
    group_at = asked_group if asked_group is not None else _groups(grid, rows, {at, side_at, asked_label})
    leave_out = {one for one in (side_at, group_at) if one is not None} | paths
    flags = columns.flags_of(grid)
    leave_out |= flags.keys() if side_at in flags else set()
    found = find_labels(grid, rows, leave_out - {asked_label}, asked_label)
    if asked_label is None and columns.probabilities(grid, leave_out):
        found = Found(why="its columns hold probabilities, as models answer")
    guessed = columns.guessed(grid.name) or any(columns.guessed(name) for name in grid.columns if "." not in name)
    if guessed and not found.doubt and not read_as.columns:
        found = replace(found, doubt=f"{grid.name} {ANSWERED}")
    return Lines(
        grid, tuple(images), tuple(missing), found, None if sides is None else tuple(sides),
        grid.columns[side_at] if side_at is not None else "",
        tuple(grid.column(group_at)) if group_at is not None else None,
        grid.columns[group_at] if group_at is not None else "",
        asked_group is not None or (group_at is not None and columns.called_group(grid.columns[group_at])), at,
        guessed or columns.guessed(grid.name, table=True), tuple(notes),
    )  # fmt: skip


def _look_up(grid: Grid, at: int, finder: Finder) -> tuple[list[str], list[tuple[str, str]], list[str]]:
    """(image of each row, or ''; what is listed and not there; notes). Of different cells for one image the closest
    counts."""
    images: list[str] = []
    missing: dict[str, str] = {}
    closest: dict[str, tuple[int, str]] = {}
    cells = grid.column(at)
    times = Counter(cells)
    paths = [plain(cell) if len(cell) < 4096 else "" for cell in cells]
    for row, cell, path in zip(grid.rows, cells, paths, strict=True):
        image = finder.find(path, Clues(grid.folder, grid.name, row, once=times[cell] == 1))
        if image:
            score = len(path) if image.endswith(path) else _common(path, image)
            best = closest.get(image)
            if best is None or score > best[0]:
                closest[image] = (score, path)
        elif cell:
            fits = "fits several images" if image is None else "is not there"
            missing[printable(cell)[:1000]] = f"is listed in {grid.name} and {fits}"
        images.append(image or "")
    for number, image in enumerate(images):
        if image and closest[image][1] != paths[number]:
            missing[printable(cells[number])[:1000]] = f"is listed in {grid.name} and is not there"
            images[number] = ""
    alone = [number for number, image in enumerate(images) if image and _other_folders(paths[number], image)]
    if not alone:
        return images, list(missing.items()), []
    some = f"'{printable(cells[alone[0]])[:200]}' for '{images[alone[0]]}'"
    return images, list(missing.items()), [
        f"{counted(len(alone), 'image')} of {grid.name} found by name alone, as the folders are others: {some}."
    ]


def _other_folders(path: str, image: str) -> bool:
    """Whether a path and the image taken for it both have folders, and share none."""
    ours, theirs = (set(one.casefold().split("/")[:-1]) for one in (path, image))
    return bool(ours and theirs) and ours.isdisjoint(theirs)


def _common(path: str, image: str) -> int:
    """How many parts the ends of two paths share; an ending of the file that is left out or other counts as none."""
    same = 0
    for one, other in zip(path.split("/")[::-1], image.split("/")[::-1], strict=False):
        if one != other:
            break
        same += 1
    return same


def _sides(
    grid: Grid, asked: int | None, leave_out: set[int | None], notes: list[str]
) -> tuple[int | None, list[Split | None] | None]:
    """(the column of sides, the side of each row)."""
    if asked is not None:
        return asked, columns.side_column(grid, asked, asked=True)
    order = sorted(range(len(grid.columns)), key=lambda at: not columns.named_like_split(grid.columns[at]))
    for at in order:
        if at not in leave_out and (sides := columns.side_column(grid, at)) is not None:
            return at, sides
    for at in order:
        if at not in leave_out and (why := columns.other_flag(grid, at)):
            name = grid.columns[at]
            notes.append(f"Column '{name}' of {grid.name} was not read as a split: {why}. If it is one, name it "
                         f"(--split-column {name}).")  # fmt: skip
    for at in order:
        values = set(grid.column(at)) - {""}
        name = grid.columns[at]
        named = columns.named_like_split(name) and columns.label_rank(name) > 2.5
        if named and at not in leave_out and 1 < len(values) <= 20:
            some = ", ".join(sorted(values)[:5])
            notes.append(f"Column '{name}' of {grid.name} was not read as a split: its values are {some}.")
            return at, None
    return None, None


def _groups(grid: Grid, rows: list[int], leave_out: set[int | None]) -> int | None:
    """The column that says what belongs together, when one is named so and binds something."""
    ranked = []
    for at, name in enumerate(grid.columns):
        rank = columns.group_rank(name)
        values = {grid.rows[number][at] for number in rows if grid.rows[number][at]}
        most = len(rows) if columns.is_serial(name) or (rank or 0) < columns.SURE_GROUPS else 0
        if at not in leave_out and rank is not None and max(2, 0.02 * len(rows)) < len(values) < most:
            ranked.append((rank, at))
    return min(ranked)[1] if ranked else None


def _say_why(one: Lines, out: Tables) -> None:
    there = ", ".join(f"'{printable(name)}'" for name in one.grid.columns[:12])
    why = one.found.why or f"it has no column of classes; its columns: {there}"
    meant = bool(one.found.why) and "probabilities" not in why
    out.leave(one.grid.key, f"{one.grid.name} gives no class: {why}.", meant=meant)


def sides_of_rows(one: Lines) -> list[Split | None]:
    """From a column; else from the folders of the images, where these say more than one; else from the table's name."""
    if one.sides is not None:
        return list(one.sides)
    by_folder = [split_side(image) for image in one.images]
    if len({side for image, side in zip(one.images, by_folder, strict=True) if image}) > 1:
        return by_folder
    by_name = split_in(one.grid.name.rpartition(".")[0])
    return [by_name] * len(by_folder) if by_name else by_folder


def split_side(image: str) -> Split | None:
    """The side that the folders of an image say, the outermost first."""
    return _side_of(image.rpartition("/")[0])


@lru_cache(4096)
def _side_of(folders: str) -> Split | None:
    return next((side for folder in folders.split("/") if (side := split_of(folder))), None)
