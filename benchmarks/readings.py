"""Folders as tools, competitions and people leave them: read right, asked, or refused with a sentence that helps?

    python -m benchmarks.readings [--only WORDS] [--keep FOLDER] [--out benchmarks/results/readings.md]

Draws every layout of `benchmarks.layouts` with tiny pictures, imports it, and sets what became of it beside what had
to, which each layout states with its source. Exits with 1 when labels, unlabelled images or sides were wrong and nobody
was asked.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command import PROJECT, name_of
from benchmarks.layouts import CASES, Case
from benchmarks.layouts.judge import CAREFUL, RIGHT, SILENT, Judged, judge

KINDS = ("read", "asked", "refused", "crashed")
GOALS = "The goals: at least 55 read right without a question, at most 10 asked, silently wrong 0."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="WORDS", help="only the layouts whose name holds these words")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the layouts there, to look at")
    parser.add_argument("--out", type=Path, help="write the table there as well")
    options = parser.parse_args()
    cases = [case for case in CASES if not options.only or options.only in case.name]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        told = [judged_at(case, options.keep or Path(scratch)) for case in cases]
    seconds = time.perf_counter() - started
    text = report(cases, told, seconds)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    print(text)
    return 1 if any(one.verdict == SILENT for one in told) else 0


def judged_at(case: Case, where: Path) -> Judged:
    """The verdict on a layout that is drawn below `where`."""
    folder = where / case.name.replace(" ", "_")
    case.make(folder)
    return judge(case, folder)


def report(cases: Sequence[Case], told: Sequence[Judged], seconds: float) -> str:
    """The page that is committed: totals, one row a layout, the sources."""
    lines = [
        "# Readings: what is made of the folders people have",
        "",
        f"`python -m benchmarks.readings` on {time.strftime('%d %B %Y')} at commit {name_of(PROJECT)}: {len(told)} "
        f"layouts in {seconds:.0f} s. {GOALS}",
        "",
        *totals(told),
        "",
        "| layout | stated | got | verdict | groups | what was wrong | what a user reads |",
        "|---|---|---|---|---|---|---|",
        *map(_row, told),
        "",
        "## Where each layout is from",
        "",
        *(f"- {case.name}: {case.source}" for case in cases),
    ]
    return "\n".join(lines) + "\n"


def totals(told: Sequence[Judged]) -> list[str]:
    """How many were read, asked and refused, stated beside got, and how often each verdict was given."""
    stated, verdicts = Counter(one.stated for one in told), Counter(one.verdict for one in told)
    got, good = Counter(one.got for one in told), Counter(one.got for one in told if one.good)
    lines = ["| | read | asked | refused | crashed |", "|---|---|---|---|---|"]
    for name, counts in ("stated", stated), ("got", got), ("got, and as stated", good):
        lines.append(f"| {name} | " + " | ".join(str(counts[kind]) for kind in KINDS) + " |")
    order = [RIGHT, CAREFUL, SILENT, *sorted(verdicts.keys() - {RIGHT, CAREFUL, SILENT})]
    lines += ["", "Verdicts: " + ", ".join(f"{name} {verdicts[name]}" for name in order) + "."]
    groups = Counter(one.groups for one in told)
    lines += ["", f"Groups that are clear: kept {groups['kept']}, missed {groups['missed']}."]
    return lines


def _row(one: Judged) -> str:
    verdict = one.verdict if one.good else f"**{one.verdict}**"
    cells = one.name, one.stated, one.got, verdict, one.groups, _cell(one.why), _cell(one.said)
    return "| " + " | ".join(cells) + " |"


def _cell(text: str) -> str:
    """A text that fits a cell of a table."""
    flat = " ".join(text.split()).replace("|", "\\|")
    return flat if len(flat) <= 260 else flat[:257] + "..."


if __name__ == "__main__":
    sys.exit(main())
