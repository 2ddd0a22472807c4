"""The race beside fastai and the plain loop at equal wall time, on the same images, weights, split and cores.

    pip install -r benchmarks/requirements.txt    (fastai; without it the table says so)
    python -m benchmarks.peers_race DATA [DATA ...] --out FOLDER [--minutes 1] [--fastai-python PATH] [--hours H]
        [--table FILE]

- Thaw: `python -m training auto FOLDER --minutes M --one-backbone` in an empty home (the backbone's graph is there, as
  on any machine that was used once): a wider backbone, which the peers do not have, is not tried. The import is not in
  its minutes, so `M` is less by `IMPORT_S`, and the wall seconds of the whole command stand in the table.
- Peers: fastai's `fine_tune` and a fine-tune of everything by the plain loop (peers/fastai_loop.py and plain_loop.py),
  with as many epochs as fit into the same seconds, from the start of their process. How many fit is known from a
  first run of one epoch, which is off the clock; so are the test images, which they judge after each epoch. At least
  one epoch is made, which may take longer than there is: the seconds tell.
- Equal or not: the exact McNemar test on the answers to the same test images, at 5 %. One seed.

A line a run goes to FOLDER/runs.jsonl, the set's turn comes whole: a killed benchmark goes on where it ended.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.command import PROJECT, append, last_line, read, thaw
from benchmarks.machine import describe
from benchmarks.peers.task import Task
from benchmarks.race import rungs_of
from benchmarks.speed import BATCH, PEERS, boundary, made_once
from benchmarks.speed_data import Ground, prepare
from core.zoo import catalog
from dataset import load_dataset, read_manifest
from training.evaluation import stats
from training.evaluation.answers import answers_of
from training.machine import cores
from training.store.store import Store

RACE = "race"
IMPORT_S = 3.0
"""Of the seconds given, for the import and the start of the command."""
SIGNIFICANT = 0.05
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0])
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--fastai-python", default=sys.executable, metavar="PATH", help="a Python that has fastai")
    parser.add_argument("--hours", type=float, help="begin with no further run after so many (all)")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made_once(options.out)
    python = {"plain": sys.executable, "fastai": options.fastai_python}
    log, began = options.out / "runs.jsonl", time.monotonic()
    for minutes in options.minutes:
        for path in options.data:
            ground = prepare(path, None, options.out / Path(path).stem)
            for arm in (RACE, *options.peers):
                over = options.hours is not None and time.monotonic() - began > 3600 * options.hours
                at = {"data": ground.name, "minutes": minutes, "arm": arm}
                if over or any(at.items() <= one.items() for one in read(log)):
                    continue
                place = options.out / ground.name
                one = race(ground, place, minutes) if arm == RACE else peer(ground, place, minutes, arm, python[arm])
                append(log, {**at, **one})
                print(ground.name, minutes, arm, one["test_accuracy"], f"{one['seconds']:.0f} s", one["error"] or "",
                      flush=True)  # fmt: skip
    text = table(read(log))
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")


def race(ground: Ground, place: Path, minutes: float) -> Record:
    home = place / "home"
    shutil.rmtree(home, ignore_errors=True)
    seconds, answer = thaw(home, "auto", ground.images, "--minutes", f"{minutes - IMPORT_S / 60:.4f}", "--one-backbone")
    found = {name: answer.get(name) for name in ("state", "error", "test_accuracy", "rungs", "run_id")}
    right = {}
    if answer.get("test_accuracy") is not None:
        given = answers_of(home, Store(home).job(answer["run_id"]))
        right = dict(zip(given.paths, map(bool, given.right), strict=True))
    return {**found, "seconds": seconds, "right": right}


def peer(ground: Ground, place: Path, minutes: float, name: str, python: str) -> Record:
    """With as many epochs as fit."""
    pilot = place / f"{name}-pilot.json"
    if not pilot.exists():
        pilot.write_text(json.dumps(run_peer(ground, place, name, python, 1)))
    first = json.loads(pilot.read_text())
    epochs = that_fit(first["trace"], 60 * minutes) if first["trace"] else 1
    return run_peer(ground, place, name, python, epochs)


def that_fit(trace: list[Record], seconds: float) -> int:
    """Epochs that end within so many seconds, by a run of one: at least one. Its last epoch is of the kind that is
    repeated; what came before is made once."""
    ends = [line["seconds"] for line in trace]
    starts = ends[-1] - trace[-1]["training_seconds"] if len(ends) == 1 else ends[-2]
    return max(1, int((seconds - starts) / (ends[-1] - starts)))


def run_peer(ground: Ground, place: Path, name: str, python: str, epochs: int) -> Record:
    trace_file = (place / "trace.jsonl").absolute()
    trace_file.unlink(missing_ok=True)
    task = Task(
        Path(ground.folders), trace_file, "full", catalog.DEFAULT_BACKBONE, boundary(ground), epochs,
        min(BATCH, ground.sides["train"]), cores(), cores(), 0, time.monotonic(),
    )  # fmt: skip
    done = subprocess.run(
        [python, "-m", PEERS[name], *task.words()], cwd=PROJECT, capture_output=True, text=True, env=os.environ
    )
    trace = read(trace_file)
    failed = done.returncode != 0 or not trace
    last = trace[-1] if trace else {}
    right = json.loads(task.answers_file.read_text()) if not failed else {}
    paths = _paths(ground, place)
    return {
        "state": "failed" if failed else "finished", "error": last_line(done.stderr) if failed else None,
        "test_accuracy": None if failed else last["test_accuracy"], "epochs": epochs, "trace": trace,
        "seconds": last.get("seconds", time.monotonic() - task.started),
        "right": {paths[int(stem)]: value for stem, value in right.items()},
    }  # fmt: skip


def _paths(ground: Ground, place: Path) -> list[str]:
    """Of every image, by the number that the peers' files are named for."""
    manifest = read_manifest(load_dataset(place / "home-reference", ground.dataset_id))
    return [str(path) for path in manifest["path"]]


def verdict(race: Record, peer: Record) -> str:
    """'win', 'tie' or 'loss' of the race; "" where one of them was not tested on the same images."""
    if not race["right"] or race["right"].keys() != peer["right"].keys():
        return ""
    ours, theirs = ([right[path] for path in sorted(right)] for right in (race["right"], peer["right"]))
    wins, losses = stats.flips(ours, theirs)
    if stats.mcnemar(ours, theirs) >= SIGNIFICANT:
        return "tie"
    return "win" if wins > losses else "loss"


def table(runs: list[Record]) -> str:
    """Markdown: wins, ties and losses a peer, then a row a set and budget."""
    tasks: dict[tuple[str, float], dict[str, Record]] = {}
    for run in runs:
        tasks.setdefault((run["data"], run["minutes"]), {})[run["arm"]] = run
    peers = [peer for peer in PEERS if any(run["arm"] == peer for run in runs)]
    lines = [f"Measured on {describe()}.", ""]
    for peer in peers:
        both = [by_arm for by_arm in tasks.values() if {RACE, peer} <= by_arm.keys()]
        said = Counter(verdict(by_arm[RACE], by_arm[peer]) or "not comparable" for by_arm in both)
        gains = [
            by_arm[RACE]["test_accuracy"] - by_arm[peer]["test_accuracy"] for by_arm in both
            if None not in (by_arm[RACE]["test_accuracy"], by_arm[peer]["test_accuracy"])
        ]  # fmt: skip
        mean = f"{100 * sum(gains) / len(gains):+.1f} points on average" if gains else "nothing to compare"
        counts = ", ".join(f"{count} {name}" for name, count in said.most_common())
        lines.append(f"- the race beside {peer}: {counts} of {len(both)}; {mean}")
    head = ["set", "minutes", "race", "s", "its rungs, on validation"]
    for peer in peers:
        head += [peer, "s", "epochs", "the race's verdict"]
    lines += ["", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for (data, minutes), by_arm in tasks.items():
        own = by_arm.get(RACE)
        cells = [data, f"{minutes:g}", _said(own), f"{own['seconds']:.0f}" if own else "", rungs_of(own or {})]
        for peer in peers:
            other = by_arm.get(peer)
            cells += [_said(other), f"{other['seconds']:.0f}" if other else "", str(other["epochs"]) if other else ""]
            cells.append(verdict(own, other) if own and other else "")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _said(run: Record | None) -> str:
    if run is None:
        return "not run"
    value = run["test_accuracy"]
    return f"{100 * value:.1f}" if value is not None else f"{run['state']}: {run['error']}"


if __name__ == "__main__":
    main()
