"""Every page, and the terminal, in a home with 2,000 runs and 1,000,000 rows of metrics, in two checkouts.

    python -m benchmarks.many_runs --tree OLD --tree . [--runs 2000] [--rows 1000000] [--limit 120] [--out TABLE.md]

Each checkout imports three drawn datasets into a home of its own; the runs are then written straight into its tables
and folders as finished ones, with drawn numbers: sets of five strategies by four seeds, each set planned for another
time, eight of ten on the first dataset. Nothing is trained. A page is run in a process of its own, without a browser:
`first` is its first run there, with what it imports where the server has not done that before, `again` a rerun, in
brackets the time that the processor worked on
it (which depends less on what else the machine does), memory the peak of that process. What takes longer than --limit
is ended, and said so.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from benchmarks.command import add_trees, last_line, named, thaw
from benchmarks.machine import describe
from core.plans import Kind, RunConfig, to_json
from core.zoo.catalog import DEFAULT_BACKBONE, backbone

KINDS: tuple[tuple[Kind, float], ...] = (
    ("partial", 0.93), ("gradual", 0.92), ("lp_ft", 0.94), ("full", 0.91), ("scratch", 0.6),
)  # fmt: skip
SEEDS = 4
CLASSES, TESTED = 10, 40
"""Of each dataset, and test images of each class."""
SHARES = (8, 1, 1)
"""Of ten sets, those of each dataset."""
EVERY = "Compare, every run chosen"
PAGES = ("Data", "Advice", "Train", "Compare", EVERY, "Understand", "Predict")
TERMINAL = ("runs", "compare, a set", "compare, every run")
PAGE = '''
import json, os, sys, tempfile, time
from streamlit.testing.v1 import AppTest
page, dataset, run, limit, runs = json.loads(sys.argv[1])
script = """
import streamlit as st
try:
    from ui.kit import ids, state
except ImportError:
    from ui import ids, state
ids.carry()
pages = ("DATA", "ADVICE", "TRAIN", "COMPARE", "RUN", "PREDICT", "LEARN", "PLAYGROUND")
st.navigation(
    [st.Page(getattr(state, f"{name}_PAGE"), title=name, default=name == PAGE) for name in pages], position="hidden"
).run()
""".replace("PAGE)", repr(page) + ")")
try:
    from ui.kit import ahead
except ImportError:
    pass
else:
    ahead.load()  # as the server does when it has been up for some seconds
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "pages.py")
    with open(path, "w") as file:
        file.write(script)
    at = AppTest.from_file(path, default_timeout=limit)
    at.query_params["dataset"] = dataset
    if page == "RUN":
        at.query_params["run"] = run
    if runs:
        at.query_params["runs"] = runs
    for _ in range(2):
        began, worked = time.perf_counter(), time.process_time()
        at.run()
        print(json.dumps([time.perf_counter() - began, time.process_time() - worked]), flush=True)
        if at.exception:
            raise SystemExit(at.exception[0].value)
'''
CHOICE = '''
import json, os, sys
from pathlib import Path
runs = json.loads(sys.argv[1])
try:
    from ui.kit.choices import keep
except ImportError:
    print(",".join(runs))
else:
    print(keep(Path(os.environ["THAW_HOME"]).resolve(), runs))
'''
"""How a page writes a choice of runs into its address."""


@dataclass(frozen=True)
class Cost:
    """What one thing took. seconds: on the clock and of the processor, of each time that it was done; why: it was not,
    or not to the end."""

    seconds: tuple[tuple[float, float], ...]
    mb: float
    why: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_trees(parser)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that one page or command may take")
    parser.add_argument("--only", default="", help="only pages and commands with this in their name")
    parser.add_argument("--homes", type=Path, help="keeps the homes here, and takes those that are there")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    costs: dict[str, dict[str, Cost]] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = options.homes or Path(folder)
        pictures = place / "pictures"
        if not pictures.exists():
            draw(pictures)
        for name, tree in named(options.trees).items():
            home = place / f"home {tree.name}"
            if not (home / "made.json").exists():
                fill(home, tree, pictures, options.runs, options.rows)
            costs[name] = {}
            for what in (*PAGES, *TERMINAL):
                if options.only.lower() in what.lower():
                    costs[name][what] = measure(what, home, tree, options.limit)
                    print(name, what, costs[name][what], flush=True)
    text = table(costs, options)
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


# ---- the home ------------------------------------------------------------------------------------------------------


def draw(folder: Path) -> None:
    """Three folders of pictures, each split into training and test."""
    source = np.random.default_rng(0)
    for number in range(len(SHARES)):
        for split, images in (("train", 4), ("test", TESTED)):
            for label in range(CLASSES):
                where = folder / f"set {number}" / split / f"class {label}"
                where.mkdir(parents=True)
                for image in range(images):
                    Image.fromarray(source.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(where / f"{image}.png")


def fill(home: Path, tree: Path, pictures: Path, runs: int, rows: int) -> None:
    """A home of this checkout with that many finished runs, and rows of metrics in all."""
    quiet = {"THAW_SPARE": "0"}
    datasets = []
    for number in range(len(SHARES)):
        _, said = thaw(home, "check", str(pictures / f"set {number}"), "--quick", tree=tree, environment=quiet)
        datasets.append(str(said["dataset_id"]))
    thaw(home, "runs", tree=tree, environment=quiet)  # its tables are there from now on
    images = [(f"test/class {label}/{image}.png", label) for label in range(CLASSES) for image in range(TESTED)]
    source = np.random.default_rng(1)
    hard = source.normal(size=len(images))
    of_set = len(KINDS) * SEEDS
    began = time.time() - 90 * 86_400
    by_share = [dataset for dataset, share in zip(datasets, SHARES, strict=True) for _ in range(share)]
    last: dict[str, list[str]] = {}
    with contextlib.closing(sqlite3.connect(home / "thaw.db")) as db, db:
        for dataset in datasets:
            known = {"dataset_id": dataset, "backbone": DEFAULT_BACKBONE, "train_images": 4 * CLASSES,
                     "test_images": len(images), "per_class": [4] * CLASSES,
                     "classes": [f"class {label}" for label in range(CLASSES)]}  # fmt: skip
            db.execute("INSERT INTO facts VALUES (?, ?, ?, ?)", (dataset, DEFAULT_BACKBONE, began, json.dumps(known)))
        for number in range(runs):
            which, place = divmod(number, of_set)
            kind, accuracy = KINDS[place % len(KINDS)]
            dataset, group = by_share[which % len(by_share)], f"set{which:05d}"
            strategy = plan(kind, backbone(DEFAULT_BACKBONE), train_images=4 * CLASSES, classes=CLASSES,
                            options=Options(epochs=5 + which % 7))  # fmt: skip
            config = RunConfig(dataset, strategy, seed=place // len(KINDS), minutes=5.0 + which, group=group)
            run_id, created = f"r{number:07d}", began + 600.0 * number
            right = hard + 0.5 * source.normal(size=len(images)) < np.quantile(hard, accuracy)
            result = answers(home, run_id, images, right, source)
            db.execute(
                "INSERT INTO jobs (id, kind, dataset_id, config, state, created, started, finished, attempt, seconds,"
                ' progress, result, "group", position) VALUES (?, \'train\', ?, ?, \'finished\', ?, ?, ?, 1, ?, 1, ?,'
                " ?, ?)",
                (run_id, dataset, json.dumps(to_json(config)), created, created, created + 500, 500.0,
                 json.dumps(result), group, float(number + 1)),
            )  # fmt: skip
            if not place:
                advised = {"group": group, "dataset_id": dataset, "kind": kind, "rulebook": "measured", "minutes": 5.0}
                (home / "advised").mkdir(exist_ok=True)
                (home / "advised" / f"{group}.json").write_text(json.dumps(advised))
            mine = rows // runs
            db.executemany(
                'INSERT INTO metrics (job, "row", written, phase, epoch, step, seconds, images, train_loss,'
                " train_accuracy, val_loss, val_accuracy, lrs, boundary) VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?,"
                " ?, 6)",
                curve(run_id, created, accuracy, mine),
            )
            last.setdefault(dataset, []).append(run_id)
    made = {"dataset": datasets[0], "runs": last[datasets[0]], "set": last[datasets[0]][-of_set:]}
    (home / "made.json").write_text(json.dumps(made))


def answers(
    home: Path, run_id: str, images: Sequence[tuple[str, int]], right: np.ndarray, source: np.random.Generator
) -> dict[str, object]:
    """Writes what a run answered on the test images and what was foreseen of it, and returns its result."""
    folder = home / "runs" / run_id
    folder.mkdir(parents=True)
    sure = source.random(len(images))
    with (folder / "test_predictions.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "predicted", "confidence"])
        for (path, label), hit, share in zip(images, right, sure, strict=True):
            writer.writerow([path, label, label if hit else (label + 1) % CLASSES, round(0.5 + 0.5 * share, 4)])
    correct, total = int(right.sum()), len(images)
    foreseen = {"accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 0.95, "seconds": 480.0, "memory_bytes": 9e8}
    (folder / "foreseen.json").write_text(json.dumps(foreseen))
    return {
        "test_accuracy": correct / total, "test_correct": correct, "test_total": total, "val_accuracy": correct / total,
        "best_epoch": 500.0, "epochs": 500.0, "seconds": 500.0, "trainable_params": 1_000_000,
        "total_params": 3_400_000, "weights": f"runs/{run_id}/best.safetensors", "weights_sha256": "0" * 64,
        "predictions": f"runs/{run_id}/test_predictions.csv", "peak_memory_bytes": 900_000_000,
        "device": "CPU, 2 cores",
    }  # fmt: skip


def curve(run_id: str, created: float, accuracy: float, rows: int) -> Iterator[tuple[object, ...]]:
    rates = json.dumps([round(1e-3 * 0.8**stage, 6) for stage in range(9)])
    for row in range(rows):
        share = 1 - float(np.exp(-4 * (row + 1) / rows))
        yield (run_id, row, created + row, row + 1.0, row, row + 1.0, 40 * row, 2.3 - 2 * share, share,
               2.3 - 1.8 * share, accuracy * share, rates)  # fmt: skip


# ---- measuring -----------------------------------------------------------------------------------------------------


def measure(what: str, home: Path, tree: Path, limit: float) -> Cost:
    made = json.loads((home / "made.json").read_text())
    if what in PAGES:
        page = {"Understand": "RUN", EVERY: "COMPARE"}.get(what, what.upper())
        runs = address(made["runs"], home, tree) if what == EVERY else ""
        asked = [page, made["dataset"], made["runs"][-1], limit, runs]
        return run([sys.executable, "-c", PAGE, json.dumps(asked)], home, tree, limit)
    verb, _, which = what.partition(", ")
    ids = {"": [], "a set": made["set"], "every run": made["runs"]}[which]
    return run([sys.executable, "-m", "training", verb, *ids], home, tree, limit)


def address(runs: Sequence[str], home: Path, tree: Path) -> str:
    command = [sys.executable, "-c", CHOICE, json.dumps(runs)]
    done = subprocess.run(command, cwd=tree, env=environment(home, tree), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def environment(home: Path, tree: Path) -> dict[str, str]:
    return {**os.environ, "THAW_HOME": str(home.absolute()), "THAW_SPARE": "0", "PYTHONPATH": str(tree)}


def run(command: Sequence[str], home: Path, tree: Path, limit: float) -> Cost:
    """Of a page the seconds are those that it prints, of anything else its own."""
    page = command[1] == "-c"
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began, before = time.perf_counter(), sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        child = subprocess.Popen(command, cwd=tree, stdout=out, stderr=err, env=environment(home, tree))
        over, highest = began + (2 * limit if page else limit), 0
        while child.poll() is None and time.perf_counter() < over:
            highest = max(highest, rss(child.pid))
            time.sleep(0.01)
        seconds, ended = time.perf_counter() - began, child.poll() is not None
        child.kill()
        child.wait()
        out.seek(0)
        err.seek(0)
        worked = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before
        printed = [json.loads(line) for line in out.read().splitlines()] if page else [(seconds, worked)]
        done = tuple((wall, cpu) for wall, cpu in printed)
        said = last_line(err.read().decode(errors="replace"))
    late = f"not drawn after {limit:.0f} s"
    if not ended or "timed out" in said:
        return Cost(done if page else (), highest / 1e6, late)
    return Cost(done, highest / 1e6, said if child.returncode else "")


def rss(pid: int) -> int:
    """Resident bytes; 0 when it has ended."""
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def table(costs: dict[str, dict[str, Cost]], options: argparse.Namespace) -> str:
    names = list(costs)
    lines = [
        f"# Pages with {options.runs:,} runs and {options.rows:,} rows of metrics",
        "",
        f"`python -m benchmarks.many_runs --runs {options.runs} --rows {options.rows}` on {describe()}.",
        "A process for each page and command; seconds of its first run there and of a rerun, in brackets those that",
        "the processor worked on it, then the process's peak.",
        f"Ended after {options.limit:.0f} s. Load of the machine at the end (1 is one busy core): "
        f"{os.getloadavg()[0]:.1f}.",
        "",
        "| what | " + " | ".join(f"{name}: first, s | again, s | MB" for name in names) + " |",
        "|---" * (1 + 3 * len(names)) + "|",
    ]
    for what in costs[names[0]]:
        cells = []
        for name in names:
            one = costs[name][what]
            first, again = (*(f"{wall:.2f} ({cpu:.2f})" for wall, cpu in one.seconds), one.why, "", "")[:2]
            cells += [first, again, f"{one.mb:.0f}"]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
