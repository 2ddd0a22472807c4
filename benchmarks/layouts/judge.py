"""Imports one layout as a user would and says what became of it, beside what had to.

Pictures are known again by their bytes, so that it does not matter how a dataset names its files. A label is wrong as
soon as one picture has another class than the one drawn for it, an unlabelled picture has any, a class is there that no
picture was drawn of, a given side was not kept, or a picture was lost without a word.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.layouts.case import Asked, Case, Expected, Read, Refused
from core import DataError, DatasetRef, ReadingAsked
from core.names import IMAGE_SUFFIXES, suffix
from dataset import Row, read_rows
from dataset.ingest import import_path, target_of
from dataset.readings import ReadAs

SILENT = "silently wrong"
RIGHT = "right"
CAREFUL = "as careful"
"""Not what was stated first, but one of the outcomes stated to be as careful."""


@dataclass(frozen=True)
class Judged:
    """What became of one layout."""

    name: str
    stated: str
    got: str
    """'read', 'asked', 'refused' or 'crashed'."""
    verdict: str
    """RIGHT, CAREFUL, SILENT or the name of a lesser fault."""
    why: str = ""
    said: str = ""
    """What a user reads."""
    groups: str = ""
    """'kept' or 'missed' where the layout says clearly what belongs together."""

    @property
    def good(self) -> bool:
        return self.verdict in (RIGHT, CAREFUL)


@dataclass
class Outcome:
    """What an import gave: a dataset, a question or a refusal."""

    ref: DatasetRef | None = None
    home: Path = Path()
    readings: Sequence[Any] = ()
    said: str = ""
    crashed: str = ""

    @property
    def kind(self) -> str:
        return "read" if self.ref else "asked" if self.readings else "crashed" if self.crashed else "refused"


@dataclass
class Faults:
    """What is wrong with a dataset that was read, and what is missing and was told."""

    wrong: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    groups: str = ""


def judge(case: Case, folder: Path) -> Judged:
    """folder: where the layout lies already."""
    with tempfile.TemporaryDirectory() as homes:
        outcome = _imported(folder, Path(homes) / "home")
        ways = [_against(outcome, expected, folder) for expected in (case.expect, *case.also)]
    verdict, why, groups = next((way for way in ways if way[0] == RIGHT), ways[0])
    if verdict == RIGHT and ways[0][0] != RIGHT:
        verdict = CAREFUL
    said = outcome.said.replace(str(folder), folder.name)
    return Judged(case.name, type(case.expect).__name__.lower(), outcome.kind, verdict, why, said, groups)


def _imported(folder: Path, home: Path, key: str = "") -> Outcome:
    try:
        ref = import_path(folder, home, read_as=ReadAs(key))
    except ReadingAsked as error:
        lines = "; ".join(reading.line for reading in error.readings)
        return Outcome(home=home, readings=error.readings, said=f"{error} {lines}")
    except DataError as error:
        return Outcome(home=home, said=str(error))
    except Exception as error:
        return Outcome(home=home, crashed=type(error).__name__, said=f"{type(error).__name__}: {error}")
    return Outcome(ref, home, said=ref.reading or " ".join(ref.notes))


def _against(outcome: Outcome, expected: Expected, folder: Path) -> tuple[str, str, str]:
    """(verdict, why, groups) of an outcome, were `expected` the only good one."""
    if outcome.crashed:
        return "crashed", outcome.said, ""
    if outcome.ref:
        if not isinstance(expected, Read):
            what = "taken without asking" if isinstance(expected, Asked) else "read where nothing says the class"
            return SILENT, f"{what}: classes {', '.join(outcome.ref.classes[:6])}", ""
        faults = compare(outcome.ref, outcome.home, folder, expected)
        if faults.wrong:
            return SILENT, "; ".join(faults.wrong[:3]), faults.groups
        if faults.told:
            return "left out", "; ".join(faults.told[:2]), faults.groups
        return (RIGHT if outcome.ref.reading else "not said"), "", faults.groups
    if isinstance(expected, Read):
        return ("needless question" if outcome.readings else "refused needlessly"), "", ""
    if isinstance(expected, Refused):
        if outcome.readings:
            return "asked where nothing fits", "", ""
        lacking = [word for word in expected.words if word.lower() not in outcome.said.lower()]
        return ("does not help", f"does not name {', '.join(lacking)}", "") if lacking else (RIGHT, "", "")
    return _choices(outcome, expected, folder) if outcome.readings else ("not asked", "refused instead", "")


def _choices(outcome: Outcome, expected: Asked, folder: Path) -> tuple[str, str, str]:
    """Whether the readings offered hold the right ones, tried by choosing each."""
    chosen = [_imported(folder, outcome.home / f"chosen-{at}", one.key) for at, one in enumerate(outcome.readings)]
    lost = [one.said for one in chosen if one.crashed or one.readings]
    if lost:
        return "choice not taken", lost[0], ""
    fits = [
        any(one.ref and not compare(one.ref, one.home, folder, option).wrong for one in chosen)
        for option in expected.options
    ]
    if fits and not (all(fits) if expected.every else any(fits)):
        missing = next(option for option, fit in zip(expected.options, fits, strict=True) if not fit)
        return "question lacks an answer", f"none gives {', '.join(sorted(set(missing.labels.values()))[:5])}", ""
    return RIGHT, "", ""


def compare(ref: DatasetRef, home: Path, folder: Path, read: Read) -> Faults:
    """A dataset beside what was drawn."""
    files: dict[str, list[str]] = defaultdict(list)
    for file in sorted(folder.rglob("*")):
        if file.is_file() and suffix(file.name) in IMAGE_SUFFIXES:
            files[hashlib.sha256(file.read_bytes()).hexdigest()[:32]].append(file.relative_to(folder).as_posix())
    rows = read_rows(ref)
    faults = Faults()
    named: dict[str, str] = {}
    for row in rows:
        for path in files[row.digest]:
            _judge_label(path, ref.classes[row.label] if row.label >= 0 else "", read, named, faults)
    _judge_classes(ref, read, named, faults)
    labelled = {path: row for row in rows if row.label >= 0 for path in files[row.digest]}
    target = target_of(home, ref)
    others = {row.digest for row in rows} | {row.digest for row in (read_rows(target) if target else ())}
    kept = {path for digest in others for path in files[digest]}
    _judge_missing(ref, read, set(labelled), kept, faults)
    _judge_sides({path: row.split for path, row in labelled.items()}, read, faults)
    if read.groups:
        faults.groups = "kept" if _same_parts(read.groups, labelled) else "missed"
    return faults


def _judge_label(path: str, given: str, read: Read, named: dict[str, str], faults: Faults) -> None:
    true = read.labels.get(path)
    given = read.aka.get(given, given)
    if not given or (path in read.optional and true is None):
        return
    if true is None:
        faults.wrong.append(f"'{path}' has no label and was given '{given}'")
    elif given != true if read.named else named.setdefault(given, true) != true:
        faults.wrong.append(f"'{path}' is '{true}' and was given '{given}'")


def _judge_classes(ref: DatasetRef, read: Read, named: Mapping[str, str], faults: Faults) -> None:
    true = set(read.labels.values())
    given = {read.aka.get(name, name) for name in ref.classes}
    if read.named and given != true:
        faults.wrong.append(f"classes {', '.join(sorted(given)[:6])} instead of {', '.join(sorted(true)[:6])}")
    elif not read.named and len(set(named.values())) != len(true):
        faults.wrong.append(f"{len(set(named.values()))} of {len(true)} classes told apart")
    elif not read.named and len(named) != len(true):
        faults.wrong.append(f"{len(named)} classes instead of {len(true)}")


def _judge_missing(ref: DatasetRef, read: Read, labelled: set[str], kept: set[str], faults: Faults) -> None:
    aside = [path for path, _ in ref.set_aside]
    for path in sorted({*read.labels, *read.unlabelled} - read.optional):
        if path in labelled or (path in read.unlabelled and path in kept):
            continue
        told = any(path.endswith(one) or one.endswith(path) or path.startswith(f"{one}/") for one in aside)
        if not told:
            faults.wrong.append(f"'{path}' was lost without a word")
        elif path in read.labels:
            faults.told.append(f"'{path}' was left out")


def _judge_sides(given: Mapping[str, str], read: Read, faults: Faults) -> None:
    if not read.sides:
        parts: dict[str, set[str]] = defaultdict(set)
        for path, side in given.items():
            parts[read.folds.get(path, "")].add(side)
        if any(len(sides) > 1 for sides in parts.values()):
            faults.wrong.append("a split was made of something that is none")
        return
    for path, side in read.sides.items():
        if path in given and given[path] not in side.split("|"):
            faults.wrong.append(f"'{path}' is of {side} and stands in '{given[path]}'")


def _same_parts(groups: Mapping[str, str], labelled: Mapping[str, Row]) -> bool:
    """Whether the pictures are grouped as stated; the names of the groups do not count."""
    pairs = {(group, labelled[path].group) for path, group in groups.items() if path in labelled}
    return len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
