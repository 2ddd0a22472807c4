"""Tables of `benchmarks.evidence` joined into one, whole tasks only.

    python -m benchmarks.evidence_merge OUT.csv TABLE.csv [TABLE.csv ...] [--ended]

A grid writes a line as soon as a run ends, task after task: the last task of a table may lack strategies and is left
out, unless --ended says that every grid was let finish. Of a task that stands in several tables the first counts.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from benchmarks.evidence import COLUMNS, KEY, read

TASK = tuple(name for name in KEY if name != "strategy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--ended", action="store_true")
    options = parser.parse_args()
    lines = merged([read(table) for table in options.tables], ended=options.ended)
    part = options.out.with_suffix(".tmp")
    with part.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(lines)
    part.replace(options.out)
    print(f"{len(lines):,} runs of {len({_task(line) for line in lines}):,} tasks")


def merged(tables: list[list[dict[str, str]]], *, ended: bool = False) -> list[dict[str, str]]:
    """Lines of whole tasks, in the order of the tables."""
    found: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for lines in tables:
        own: dict[tuple[str, ...], list[dict[str, str]]] = {}
        for line in lines:
            own.setdefault(_task(line), []).append(line)
        if own and not ended:
            own.popitem()
        for task, runs in own.items():
            found.setdefault(task, runs)
    return [line for runs in found.values() for line in runs]


def _task(line: dict[str, str]) -> tuple[str, ...]:
    return tuple(line[name] for name in TASK)


if __name__ == "__main__":
    main()
