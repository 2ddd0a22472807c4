"""Where a table can have its classes: one column, columns of 0 and 1, several labels an image as a yes or no. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dataset.documents import Grid, parts
from dataset.readings import columns

MOST_ASKED = 6
"""Yes-or-no questions that are offered for a table of several labels an image."""


@dataclass(frozen=True)
class Source:
    """One place where a table says what its rows show."""

    column: str
    """Its name, as a key holds it; columns of 0 and 1 have the first and the last in it."""
    said: str
    """As a sentence has it: "column 'dx'"."""
    values: tuple[tuple[str, ...], ...]
    """For each row its labels: none, one or several."""
    rank: float
    form: str = "Classes from {}"
    """What a reading of it is, with a gap for where it is read."""

    @property
    def several(self) -> int:
        """Rows with more than one label."""
        return sum(len(one) > 1 for one in self.values)

    def counts(self) -> Counter[str]:
        return Counter(label for one in self.values for label in one)


@dataclass(frozen=True)
class Found:
    """What a table has: the place that is clear or those between which somebody has to choose; more to offer; why there
    is none."""

    sources: tuple[Source, ...] = ()
    offered: tuple[Source, ...] = ()
    why: str = ""
    doubt: str = ""
    """Why no source can be taken without a question; '' = one can."""


def find_labels(grid: Grid, rows: Sequence[int], leave_out: set[int], asked: int | None) -> Found:
    """rows: those that name an image; only these count. asked: the column that somebody named."""
    if asked is not None:
        return Found((_column(grid, asked, rows, 0),))
    few = replace(grid, rows=tuple(grid.rows[at] for at in rows))
    run = columns.one_hot(grid, leave_out)
    if not _is_one_hot(few, run):
        run = columns.alone(few, run)
    ranked: list[tuple[float, Source]] = []
    hot = _one_hot(grid, run) if _is_one_hot(few, run) else None
    if hot:
        ranked.append((1.2, hot))
        leave_out = leave_out | set(run)
    why = ""
    for at, name in enumerate(grid.columns):
        if at in leave_out:
            continue
        rank = columns.label_rank(name, grid.columns)
        counts = Counter(row[at] for row in few.rows if row[at])
        problem = _problem(grid, name, counts, rank)
        if problem is None and rank < 9:
            ranked.append((rank, _column(grid, at, rows, rank)))
        elif problem and (rank <= 2.5 or columns.is_text(name) or not why):
            why = problem or why
    multi = _one_hot(grid, run) if run and not hot and len(run) > 2 else None
    if multi and not any(rank <= 2 for rank, _ in ranked):
        binary = {grid.columns[at] for at in run}
        return Found((multi,), tuple(one for _, one in ranked if one.column not in binary)[:MOST_ASKED])
    if not ranked:
        return Found(why=why)
    beside = _never_but_alike(few, leave_out)
    ranked = [pair for pair in ranked if len({pair[1].values[at] for at in rows} - {()}) > 1] or ranked
    groups = _alike(ranked)
    best = min(rank for rank, _ in groups)
    clear = [one for rank, one in groups if rank == best]
    if len(clear) > 1 and best >= 3:
        clear = _most_like_classes(clear)
    rest = [one for _, one in sorted(groups, key=lambda pair: pair[0]) if one not in clear]
    offered = [one for one in rest if len({one.values[at] for at in rows}) > 1]
    return Found(tuple(clear[:MOST_ASKED]), tuple(offered[:MOST_ASKED]), why, _doubt(clear, best, rest, beside, rows))


def _doubt(clear: Sequence[Source], best: float, rest: Sequence[Source], beside: str, rows: Sequence[int]) -> str:
    """rest: the other columns. beside: a column that would do by its cells, and by its name does not."""
    if len(clear) > 1:
        return "more than one column may be the class"
    only = clear[0]
    there = Counter(label for at in rows for label in only.values[at])
    if best >= 3 and columns.scale(there, attribute=best == 4):
        return f"{only.said} is all that may be the class, and its {len(there)} numbers read like a measure"
    other = beside or next((one.said for one in rest if len({one.values[at] for at in rows}) > 1), "")
    if best == 4 and other:
        return f"nothing is named like a class: {only.said} may be it, {other} too"
    return ""


def _never_but_alike(few: Grid, leave_out: set[int]) -> str:
    """The first column of words for a few values that is named like no class at all, as 'observer'; '' = none."""
    for at, name in enumerate(few.columns):
        counts = Counter(cell for cell in few.column(at) if cell)
        words = not all(re.fullmatch(r"[-+.\d]+", one) for one in counts)
        often = 1 < len(counts) <= 0.5 * sum(counts.values())
        if at not in leave_out and columns.label_rank(name, few.columns) == 9 and words and often:
            return f"column '{name}'"
    return ""


def _column(grid: Grid, at: int, rows: Sequence[int], rank: float) -> Source:
    name = grid.columns[at]
    said = f"column '{name}'" if grid.headed else f"column {at + 1}"
    lists = [tuple(parts(cell)) for cell in grid.column(at)]
    there = Counter(one for at_row in rows for one in lists[at_row])
    sign = _sign(there)
    if sign:
        lists = [tuple(dict.fromkeys(word.strip() for one in labels for word in one.split(sign) if word.strip()))
                 for labels in lists]  # fmt: skip
    if all(re.fullmatch(r"-?\d+(\.0+)?", one) for one in there) and any("." in one for one in there):
        lists = [tuple(one.partition(".")[0] for one in labels) for labels in lists]
    return Source(name if grid.headed else str(at + 1), said, tuple(lists), rank)


def _one_hot(grid: Grid, run: Sequence[int]) -> Source:
    first, last = grid.columns[run[0]], grid.columns[run[-1]]
    return Source(f"{first}..{last}", f"columns '{first}' to '{last}'", tuple(columns.bits(grid, run)), 1.2)


def _is_one_hot(grid: Grid, run: Sequence[int]) -> bool:
    if not run or not grid.headed:
        return False
    said = [len(one) for one in columns.bits(grid, run)]
    return max(said, default=0) == 1 and sum(said) >= 0.5 * len(said)


def _problem(grid: Grid, name: str, counts: Counter[str], rank: float) -> str | None:
    """Why a column cannot be the class; None when it can, '' when that goes without saying."""
    rows, different = sum(counts.values()), len(counts)
    if not rows:
        return ""
    if columns.sentences(counts):
        example = next(iter(counts))
        return f"column '{name}' holds texts ('{example[:60]}'), not classes"
    if columns.measured(counts) and rank >= 1:
        return f"column '{name}' holds measured numbers, not classes" if rank < 3 else ""
    if (different == rows > 1 and rank > 1.5) or (rank >= 3 and different > 0.5 * rows):
        return f"column '{name}' says something else of each image" if rank < 3 else ""
    if different < 2 and rank > 2:
        return ""
    if rank >= 3 and any(re.match(r"\d{4}-\d\d-\d\d", one) for one in counts):
        return ""
    return None


def _sign(counts: Counter[str]) -> str:
    """What separates several labels in one cell; '' where each cell is one label."""
    for sign in ("|", ";", ",", " "):
        compound = [one for one in counts if sign in one.strip()]
        if not compound:
            continue
        if sign == "|":
            return sign
        split = {one: [word.strip() for word in one.split(sign) if word.strip()] for one in counts}
        times = Counter(word for words in split.values() for word in set(words))
        words = {word for one in compound for word in split[one]}
        known = sum(times[word] > 1 for word in words)
        lengths = {len(split[one]) for one in counts}
        alone = sign != " " or any(len(split[one]) == 1 and times[one] > 1 for one in counts)
        if alone and known >= 0.8 * len(words) and len(lengths) > 1:
            return sign
    return ""


def _alike(ranked: list[tuple[float, Source]]) -> list[tuple[float, Source]]:
    """Of columns that say the same in other words (a number and a name for each class), the one with names."""
    groups: list[list[tuple[float, Source]]] = []
    for rank, source in ranked:
        for group in groups:
            if same_classes(source.values, group[0][1].values):
                group.append((rank, source))
                break
        else:
            groups.append([(rank, source)])
    out = []
    for group in groups:
        close = [pair for pair in group if pair[0] <= 3] or group
        best = min(rank for rank, _ in group)
        named = [pair for pair in close if not _numbers(pair[1])] or close
        out.append((best, min(named, key=lambda pair: pair[0])[1]))
    return out


def _numbers(source: Source) -> bool:
    return all(re.fullmatch(r"-?\d+", one) for one in source.counts())


def same_classes(some: Sequence[tuple[str, ...]], others: Sequence[tuple[str, ...]]) -> bool:
    """Whether two lists of labels part their rows alike, whatever the classes are called."""
    there: dict[tuple[str, ...], tuple[str, ...]] = {}
    back: dict[tuple[str, ...], tuple[str, ...]] = {}
    for one, other in zip(some, others, strict=True):
        if bool(one) != bool(other) or there.setdefault(one, other) != other or back.setdefault(other, one) != one:
            return False
    return True


def _most_like_classes(sources: list[Source]) -> list[Source]:
    """Of columns that no name speaks for: words rather than numbers."""
    named = [one for one in sources if not _numbers(one)]
    return named or sources


def yes_or_no(source: Source) -> list[Source]:
    """For several labels an image: each of the most frequent labels as a question, the most even one first."""
    total = sum(bool(one) for one in source.values)
    counts = {label: count for label, count in source.counts().items() if 2 <= count <= total - 2}
    asked = sorted(counts, key=lambda label: (abs(2 * counts[label] - total), label))[:MOST_ASKED]
    return [
        Source(
            f"{source.column}={label}",
            source.said,
            tuple(() if not one else (label,) if label in one else (f"not {label}",) for one in source.values),
            source.rank,
            f"Yes or no to '{label}' in {{}}",
        )
        for label in asked
    ]
