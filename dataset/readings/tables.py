"""Readings of tables, of whatever file they came from: what each row names, says of it, and on which side it stands.

Tables with the same column, as one for each side, are put together to one reading. Pure but for what a `Finder` knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core import DataError
from core.names import printable
from core.words import counted
from dataset import Layout, Placed
from dataset.documents import Grid
from dataset.readings import columns
from dataset.readings.finder import Finder
from dataset.readings.labels import Source, yes_or_no
from dataset.readings.lines import Lines, Tables, lines_of, sides_of_rows, split_side
from dataset.readings.reading import ReadAs, Reading, Strength
from dataset.readings.related import joined, named, names_of_classes

EXPECTED = (
    "A table of labels has a column of paths (relative to the table or to the folder) or names of images and a column "
    "of classes, and may have a column with train, val or test."
)
FEW_CONTRADICTIONS = 0.1
"""Share of the labelled images up to which those with two labels are mistakes."""


Entry = tuple[Lines, Source, Strength, str]
"""(table, where it has its classes, strength, doubt)."""


def table_readings(grids: Sequence[Grid], finder: Finder, total: int, read_as: ReadAs) -> Tables:
    """total: images in the source. Raises DataError when `read_as` names a column that no table has."""
    out = Tables()
    lines: list[Lines] = []
    problem: DataError | None = None
    for grid in joined([columns.with_names(grid, finder) for grid in grids], finder):
        try:
            lines += lines_of(grid, finder, read_as, total, out)
        except DataError as error:
            out.leave(grid.key, str(error), meant=True)
            problem = error
    if read_as.columns and not lines and problem:
        raise problem
    names = names_of_classes(grids)
    lines = [named(one, names) for one in lines]
    for one in lines:
        out.unused.pop(one.names_from, None)
    refused: set[str] = set()
    for bundle in _put_together(lines):
        try:
            out.readings += _readings(bundle, total)
        except DataError as error:
            one, _, strength, _ = bundle[0]
            why = str(error) if strength else f"{one.grid.name} gives no class: it says the same of all its images."
            out.leave(one.grid.key, why, meant=strength > 1)
            refused |= {one.grid.file} if strength > 1 else set()
    if not read_as:  # another column of a table is no way out where the one that is meant is refused
        out.readings = [one for one in out.readings if one.strength > 1 or not one.used & refused]
    if read_as.columns:  # who names a column means a table
        out.readings = [replace(one, strength=4) if one.strength > 1 else one for one in out.readings]
    out.grouping = [one for one in lines if one.groups and not one.guessed]
    out.lists = [one for one in lines if not one.found.sources]
    return out


def _put_together(lines: list[Lines]) -> list[list[Entry]]:
    """The sources of all tables, those of tables that continue one another together."""
    bundles: list[list[Entry]] = []
    for one in lines:
        for source in one.found.sources:
            entry = (one, source, _strength(one, source), one.found.doubt)
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
    """Raises DataError where images have two labels by mistake, or where nothing can be asked. Mistakes are few, or
    less than half as many as the images that several rows label alike: those are of people who differ."""
    one, source, strength, doubt = bundle[0]
    against, agreed, labelled = _against(bundle)
    if not source.several and not against:
        return [_reading(bundle, total, doubt)]
    if not source.several and len(against) <= max(1, FEW_CONTRADICTIONS * labelled, agreed / 2):
        (image, (here, there)), more = next(iter(against.items())), len(against) - 1
        others = f", and {counted(more, 'other image')} so" if more else ""
        raise DataError(
            f"'{image}' is listed twice with different labels ('{printable(here)}' and '{printable(there)}' in "
            f"{source.said}){others}. Remove the rows that are wrong from {one.grid.name}, and import again."
        )
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


def _against(bundle: list[Entry]) -> tuple[dict[str, tuple[str, str]], int, int]:
    """(image -> two labels, where its rows differ; images that several rows label alike; images with a label)."""
    labels: dict[str, str] = {}
    against: dict[str, tuple[str, str]] = {}
    again = set()
    for one, source, *_ in bundle:
        for image, said in zip(one.images, source.values, strict=True):
            if not image or len(said) != 1:
                continue
            if image in labels:
                again.add(image)
            if labels.setdefault(image, said[0]) != said[0]:
                against.setdefault(image, (labels[image], said[0]))
    return against, len(again - against.keys()), len(labels)


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
            group = one.groups[number] if one.groups else ""
            if group and groups.setdefault(image, group) != group:
                raise DataError(
                    f"'{image}' is listed twice with different groups ({_words(now)} of group '{groups[image]}' and "
                    f"{_words(now)} of group '{group}'). Remove one of the rows from {one.grid.name}, and import again."
                )
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
