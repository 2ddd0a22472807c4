"""Readings of tables, of whatever file they came from: what each row names, says of it, and on which side it stands.

Tables with the same column, as one for each side, are put together to one reading. Pure but for what a `Finder` knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from core import DataError, Split
from core.names import printable
from core.words import counted
from dataset import Layout, Placed, split_in, split_of
from dataset.documents import Grid
from dataset.readings import columns
from dataset.readings.finder import Clues, Finder, names_image, plain
from dataset.readings.labels import Found, Source, find_labels, yes_or_no
from dataset.readings.reading import ReadAs, Reading, Strength

EXPECTED = (
    "A table of labels has a column of paths (relative to the table or to the folder) or names of images and a column "
    "of classes, and may have a column with train, val or test."
)
FEW_CONTRADICTIONS = 0.02


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


Entry = tuple[Lines, Source, Strength, str]
"""(table, where it has its classes, strength, doubt)."""


def table_readings(grids: Sequence[Grid], finder: Finder, total: int, read_as: ReadAs) -> Tables:
    """total: images in the source. Raises DataError when `read_as` names a column that no table has."""
    out = Tables()
    lines: list[Lines] = []
    problem: DataError | None = None
    for grid in _joined([columns.with_names(grid, finder) for grid in grids], finder):
        try:
            lines += _lines(grid, finder, read_as, total, out)
        except DataError as error:
            out.leave(grid.key, str(error), meant=True)
            problem = error
    if read_as.columns and not lines and problem:
        raise problem
    names = _names_of_classes(grids)
    lines = [_named(one, names) for one in lines]
    for one in lines:
        out.unused.pop(one.names_from, None)
    for bundle in _put_together(lines):
        try:
            out.readings += _readings(bundle, total)
        except DataError as error:
            one, _, strength, _ = bundle[0]
            why = str(error) if strength else f"{one.grid.name} gives no class: it says the same of all its images."
            out.leave(one.grid.key, why, meant=strength > 1)
    if read_as.columns:  # who names a column means a table
        out.readings = [replace(one, strength=4) if one.strength > 1 else one for one in out.readings]
    out.lists = [one for one in lines if not one.found.sources]
    return out


# --- one table ---------------------------------------------------------------------------------------------------


def _lines(grid: Grid, finder: Finder, read_as: ReadAs, total: int, out: Tables) -> list[Lines]:
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
    images, missing = _look_up(grid, at, finder)
    rows = [number for number, image in enumerate(images) if image]
    asked_side = _asked(grid, read_as.split_column, "--split-column")
    asked_label = _asked(grid, read_as.label_column, "--label-column")
    asked_group = _asked(grid, read_as.group_column, "--group-column")
    notes = list(grid.notes)
    side_at, sides = _sides(grid, asked_side, {at, asked_label}, notes)
    group_at = asked_group if asked_group is not None else _groups(grid, rows, {at, side_at, asked_label})
    leave_out = {one for one in (side_at, group_at) if one is not None} | paths
    found = find_labels(grid, rows, leave_out - {asked_label}, asked_label)
    if asked_label is None and columns.probabilities(grid, leave_out):
        found = Found(why="its columns hold probabilities, as models answer")
    guessed = any(columns.guessed(name) for name in grid.columns if "." not in name)
    return Lines(
        grid, tuple(images), tuple(missing), found, None if sides is None else tuple(sides),
        grid.columns[side_at] if side_at is not None else "",
        tuple(grid.column(group_at)) if group_at is not None else None,
        grid.columns[group_at] if group_at is not None else "", at,
        guessed or columns.guessed(grid.name, table=True), tuple(notes),
    )  # fmt: skip


def _look_up(grid: Grid, at: int, finder: Finder) -> tuple[list[str], list[tuple[str, str]]]:
    """(image of each row, or ''; what is listed and not there). Of different cells for one image the closest counts."""
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
    return images, list(missing.items())


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


# --- tables about one another --------------------------------------------------------------------------------------


def _joined(grids: Sequence[Grid], finder: Finder) -> list[Grid]:
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


# --- names for numbers --------------------------------------------------------------------------------------------


def _names_of_classes(grids: Iterable[Grid]) -> list[tuple[Grid, dict[str, str]]]:
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


def _named(one: Lines, lists: list[tuple[Grid, dict[str, str]]]) -> Lines:
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


# --- several tables -----------------------------------------------------------------------------------------------


def _put_together(lines: list[Lines]) -> list[list[Entry]]:
    """The sources of all tables, those of tables that continue one another together."""
    bundles: list[list[Entry]] = []
    for one in lines:
        main = one.found.sources
        doubt = "more than one column may be the class" if len(main) > 1 else ""
        for source in main:
            entry = (one, source, _strength(one, source), doubt)
            for bundle in bundles:
                if _continues(one, source, bundle):
                    bundle.append(entry)
                    break
            else:
                bundles.append([entry])
        less: Strength = 0 if one.guessed else 1
        bundles += [[(one, source, less, "")] for source in one.found.offered]
    return bundles


def _strength(one: Lines, source: Source) -> Strength:
    there = {label for number, image in enumerate(one.images) if image for label in source.values[number]}
    if len(there) < 2:
        return 0
    return 1 if one.guessed else 3 if source.rank < 3 else 2


def _continues(one: Lines, source: Source, bundle: list[Entry]) -> bool:
    """Whether a table goes on where others end: the same column, or the same classes, for other images."""
    first, its = bundle[0][:2]
    if one.guessed != first.guessed or bundle[0][2] == 1:
        return False
    known = {image for lines, *_ in bundle for image in lines.images if image}
    mine = {image for image in one.images if image}
    if len(known & mine) > 0.01 * len(mine):
        return False
    if any(sides_of_rows(one)) != any(sides_of_rows(first)):
        return False
    if source.column.casefold() == its.column.casefold():
        return True
    ours, theirs = set(source.counts()), set(its.counts())
    return len(ours & theirs) >= 0.5 * min(len(ours), len(theirs)) > 0


def _readings(bundle: list[Entry], total: int) -> list[Reading]:
    """Raises DataError where a few images have two labels, which are mistakes, or where nothing can be asked."""
    one, source, strength, doubt = bundle[0]
    against, labelled = _against(bundle)
    if not source.several and len(against) <= max(1, FEW_CONTRADICTIONS * labelled):
        return [_reading(bundle, total, doubt)]
    joined = _all_of_an_image(bundle[0])
    why = f"several labels for one image in {source.said} of {one.grid.name}"
    made = [_reading([(one, question, strength, "")], total, why) for question in yes_or_no(joined)]
    single = replace(joined, values=tuple(labels if len(labels) == 1 else () for labels in joined.values))
    share = sum(len(labels) == 1 for labels in joined.values) / max(1, sum(map(bool, joined.values)))
    if len(set(single.counts())) > 1 and share >= 0.5:
        alone = replace(single, form="Classes from {}, only images with one label")
        made.insert(0, _reading([(one, alone, strength, "")], total, why))
    if not made:
        raise DataError(
            f"There are {why}, and Thaw learns one class an image. Keep one of them for each, and import again."
        )
    return made


def _against(bundle: list[Entry]) -> tuple[set[str], int]:
    """(images that have several rows with other labels, images with a label)."""
    labels: dict[str, str] = {}
    against = set()
    for one, source, *_ in bundle:
        for image, said in zip(one.images, source.values, strict=True):
            if image and len(said) == 1 and labels.setdefault(image, said[0]) != said[0]:
                against.add(image)
    return against, len(labels)


def _all_of_an_image(entry: Entry) -> Source:
    """With the labels of all rows of an image in each of them."""
    one, source, *_ = entry
    every: dict[str, dict[str, None]] = {}
    for image, said in zip(one.images, source.values, strict=True):
        every.setdefault(image, {}).update(dict.fromkeys(said))
    return replace(source, values=tuple(tuple(every[image]) if image else () for image in one.images))


def _reading(bundle: list[Entry], total: int, doubt: str) -> Reading:
    first, source, strength, _ = bundle[0]
    said: dict[str, tuple[str, str]] = {}
    groups: dict[str, str] = {}
    missing: dict[str, str] = {}
    notes: dict[str, None] = {}
    without: set[str] = set()
    for one, its, *_ in bundle:
        sides = sides_of_rows(one)
        for number, image in enumerate(one.images):
            labels = its.values[number]
            if not image:
                continue
            if not labels:
                without.add(image)
                continue
            now = (printable(labels[0]), sides[number] or "")
            if said.setdefault(image, now) != now:
                raise DataError(
                    f"'{image}' is listed twice with different labels or splits ({_words(said[image])} and "
                    f"{_words(now)}). Remove one of the rows from {one.grid.name}, and import again."
                )
            if one.groups and one.groups[number]:
                groups[image] = one.groups[number]
        missing.update(one.missing)
        notes.update(dict.fromkeys(one.notes))
    files = _files(bundle)
    split_from = _split_from(bundle, said)
    if not split_from:
        said = {image: (label, "") for image, (label, _) in said.items()}
    classes = tuple(sorted({label for label, _ in said.values()}))
    index = {name: number for number, name in enumerate(classes)}
    placed = tuple(Placed(image, image, index[label], side) for image, (label, side) in sorted(said.items()))
    blank = [(image, f"has no label in {files}") for image in sorted(without - said.keys())]
    where = f"{source.said} of {files}" if first.grid.headed else f"{files}, {source.said}"
    if first.grid.kind == "list":
        column = f", {source.said.partition(' (')[0]}" if len(first.grid.columns) > 2 else ""
        where = files + column + (f" {source.said[source.said.index('('):]}" if "(" in source.said else "")
    return Reading(
        key=f"{first.grid.key}:{source.column}",
        what=source.form.format(where),
        layout=Layout(classes, placed, (*sorted(missing.items()), *blank), tuple(notes)),
        total=total,
        strength=strength,
        split_from=split_from,
        read_from=" and ".join(dict.fromkeys(one.grid.name for one, *_ in bundle)),
        used=frozenset(file for one, *_ in bundle for file in (one.grid.file, one.names_from) if file),
        groups=groups,
        groups_from=f"column '{first.group_column}'" if groups else "",
        doubt=doubt,
    )


def _files(bundle: list[Entry]) -> str:
    names = [one.grid.name for one, *_ in bundle]
    if len(set(names)) < len(names):
        names = [one.grid.file for one, *_ in bundle]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


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
    return next((side for folder in image.split("/")[:-1] if (side := split_of(folder))), None)


def _split_from(bundle: list[Entry], said: dict[str, tuple[str, str]]) -> str:
    """Where the split is from, '' when there is none. Raises DataError when it is half a split."""
    given = {side for _, side in said.values()}
    one = bundle[0][0]
    column = one.side_column if one.sides is not None else ""
    names = _files(bundle)
    if given == {""} or (given == {"train"} and not column):
        return ""
    if "" in given:
        if not column:
            return ""
        raise DataError(f"Some rows of {names} have a split and some have none. Fill in the column for all rows.")
    if column:
        return f"column '{column}'" if one.grid.headed else "another column"
    return "the folders" if any(split_side(image) for image in said) else f"the names of {names}"


def _words(said: tuple[str, str]) -> str:
    return f"'{said[0]}'" + (f" in {said[1]}" if said[1] else "")


def unlisted(reading: Reading, images: Sequence[str]) -> Reading:
    """With the images that no row names set aside, and said how many."""
    there = {one.given for one in reading.layout.placed} | {path for path, _ in reading.layout.set_aside}
    names = reading.read_from
    aside = [(image, f"is not listed in {names}") for image in images if image not in there]
    without = len(images) - reading.named
    layout = reading.layout
    notes = layout.notes
    if without:
        notes = (*notes, f"{counted(without, 'image')} without a label in {names}: left out, and usable as a target.")
    aside_all = tuple(sorted((*layout.set_aside, *aside)))
    return replace(reading, layout=replace(layout, set_aside=aside_all, notes=notes))
