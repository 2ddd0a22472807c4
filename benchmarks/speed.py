"""Thaw against the plain PyTorch loop and against fastai, on the same images, weights, split and cores.

    pip install -r benchmarks/requirements.txt    (fastai; without it the table says so)
    python -m benchmarks.speed DATA [--out FOLDER] [--limit 500] [--epochs 4] [--seeds 3] [--fastai-python PATH]

Method. Every run is a process of its own, one at a time; a line of OUT/runs.jsonl is written when it ends, so that a
killed benchmark goes on; OUT/table.md is rewritten after each.

- Images: `limit` of them (every class its share), laid out once as plain files. Thaw imports that folder; the peers
  read links to the same files in Thaw's own split (train, val, test). Weights, input size and normalisation are those
  of Thaw's default backbone. Peers: batch 32, torch threads and DataLoader workers = cores, validation every epoch.
- frozen trains the head alone, partial also the stages of Thaw's default `partial`, full everything. What exactly
  the peers do stands in peers/plain_loop.py and peers/fastai_loop.py.
- Clock: from the start of the process, imports included. Peers' clocks stand still while test images are judged,
  once an epoch; Thaw's does not: its seconds are those of the whole `python -m training fit` command on a fresh home,
  so import and check of the files, decoding, caches, training and judging (files are in the page cache for all). The
  graph of the backbone's frozen stages is there, as it is made once per machine.
- Seconds to the peer's final accuracy: the peer's own are those of its first epoch that reached what its last epoch
  has on the test images. Thaw's are those of its cheapest run that reached it, from a ladder of epochs climbed until
  one does. That choice looks at the test images, as the peers' does: it favours Thaw by as much as a ladder of four is
  luck. The run under equal time and the default plan are chosen by nothing.
- Equal time: `profile`, then `fit --minutes` with what is left of the faster peer's seconds; both count.
- Warm: the same command once more in the same home, where pixels and frozen features are cached.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.planning.strategies import plan
from benchmarks import speed_table as tables
from benchmarks.command import PROJECT, append, last_line, read, thaw
from benchmarks.machine import describe
from benchmarks.peers.task import Task
from benchmarks.speed_data import Ground, prepare
from benchmarks.speed_table import BUDGET, COLD, PLAN, THAW, WARM, Record
from core.errors import ThawError
from core.zoo import catalog
from training.backbones import build
from training.graphs import graph, making
from training.machine import cores

PEERS = {"plain": "benchmarks.peers.plain_loop", "fastai": "benchmarks.peers.fastai_loop"}
KINDS = {"frozen": "linear_probe", "partial": "partial", "full": "full"}
LADDER = (1, 2, 4, 8)
"""Epochs of partial and full that Thaw may be given, fewest first."""
WIDER = "efficientnet_lite2"
"""What a race may try with time that is left over."""
BATCH = 32
COMMAND_S = 1.0
"""Seconds that `fit` takes besides its run: part of the seconds that a peer may take."""
LEAST_MINUTES = 0.02
"""Asked for when the profile alone took the peer's time: the plan is then the shortest there is."""


@dataclass(frozen=True)
class Bench:
    """One call of this benchmark."""

    ground: Ground
    out: Path
    epochs: int
    python: dict[str, str]
    """Interpreter of each peer that can run."""

    @property
    def log(self) -> Path:
        return self.out / "runs.jsonl"

    def records(self) -> list[Record]:
        return read(self.log)

    def known(self, **fields: Any) -> list[Record]:
        return tables.pick(self.records(), **fields)

    def keep(self, record: Record) -> Record:
        append(self.log, record)
        (self.out / "table.md").write_text(table(self))
        name = " ".join(str(record[field]) for field in ("system", "strategy", "run", "how", "seed"))
        print(f"{name}: {record['test_accuracy']} in {record['seconds']:.1f} s {record['error'] or ''}", flush=True)
        return record


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="an archive or folder of images")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "thaw-speed")
    parser.add_argument("--limit", type=int, default=500, help="images in all, test images included; 0 = all (500)")
    parser.add_argument("--epochs", type=int, default=4, help="of the peers (4)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--strategies", nargs="+", default=list(KINDS), choices=list(KINDS))
    systems = [*PEERS, THAW]
    parser.add_argument("--systems", nargs="+", default=systems, choices=systems, help="what runs now (all)")
    parser.add_argument("--skip-plan", action="store_true", help="leave out Thaw's default plans, the longest runs")
    parser.add_argument("--fastai-python", default=sys.executable, metavar="PATH", help="a Python that has fastai")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    python = {"plain": sys.executable}
    # Also loads the libraries from disk once, so that the first run on the clock is not the one that pays for it.
    subprocess.run([sys.executable, "-c", "import torch, timm, torchvision"], check=True, cwd=PROJECT)
    if subprocess.run([options.fastai_python, "-c", "import fastai.vision.all"], capture_output=True).returncode:
        print(
            f"fastai cannot be imported by {options.fastai_python}; it is left out. Install it with "
            "`pip install -r benchmarks/requirements.txt`, or name a Python that has it with --fastai-python.",
            file=sys.stderr,
        )
    else:
        python["fastai"] = options.fastai_python
    try:
        ground = prepare(options.data, options.limit or None, options.out)
    except ThawError as error:
        print(error, file=sys.stderr)
        return 2
    made_once(options.out)
    bench = Bench(ground, options.out, options.epochs, python)
    for seed in range(options.seeds):
        for strategy in options.strategies:
            for system in (name for name in python if name in options.systems):
                if not bench.known(system=system, strategy=strategy, seed=seed):
                    bench.keep(run_peer(bench, system, strategy, seed))
            if THAW in options.systems:
                run_thaw(bench, strategy, seed)
    if THAW in options.systems and not options.skip_plan:  # last: the longest runs, and no goal hangs on them
        for seed in range(options.seeds):
            for strategy in options.strategies:
                run_plan(bench, strategy, seed)
    print(table(bench))
    return 0


def made_once(out: Path) -> None:
    """The graphs of the backbones that are used, once per machine: homes are empty but for them."""
    os.environ[graph.PLACE] = str((out / "graphs").absolute())
    for name in (catalog.DEFAULT_BACKBONE, WIDER):
        card = catalog.backbone(name)
        making.find_or_make(build(card.name, 2).eval(), card, card.image_px, out)


# --- the peers -----------------------------------------------------------------------------------------------


def run_peer(bench: Bench, system: str, strategy: str, seed: int) -> Record:
    """Train one peer to its end; its record carries the trace of its epochs."""
    threads, trace_file = cores(), bench.out / "trace.jsonl"
    batch = min(BATCH, bench.ground.sides["train"])  # fastai drops the last incomplete batch
    trace_file.unlink(missing_ok=True)
    task = Task(
        Path(bench.ground.folders), trace_file.absolute(), strategy, catalog.DEFAULT_BACKBONE,
        boundary(bench.ground), bench.epochs, batch, threads, threads, seed, time.monotonic(),
    )  # fmt: skip
    done = subprocess.run(
        [bench.python[system], "-m", PEERS[system], *task.words()], cwd=PROJECT, capture_output=True, text=True
    )
    trace = read(trace_file)
    failed = done.returncode != 0 or not trace
    last = trace[-1] if trace else {}
    return {
        "system": system, "strategy": strategy, "seed": seed, "run": f"{bench.epochs} epochs", "how": "",
        "state": "failed" if failed else "finished", "error": last_line(done.stderr) if failed else None,
        "seconds": last.get("seconds", time.monotonic() - task.started),
        "training_seconds": last.get("training_seconds"), "val_accuracy": last.get("val_accuracy"),
        "test_accuracy": None if failed else last["test_accuracy"], "trace": trace,
    }  # fmt: skip


def boundary(ground: Ground) -> int:
    """First stage that Thaw's default `partial` trains."""
    card = catalog.backbone(catalog.DEFAULT_BACKBONE)
    images = ground.sides["train"] + ground.sides["val"]
    return plan("partial", card, train_images=images, classes=ground.classes).phases[-1].boundary


# --- Thaw ----------------------------------------------------------------------------------------------------


def run_thaw(bench: Bench, strategy: str, seed: int) -> None:
    """The ladder until a rung has reached every peer, its warm repetition, and equal time."""
    at = {"system": THAW, "strategy": strategy, "seed": seed}
    ends = [end for peer in bench.python for end in tables.finished(bench.known(**{**at, "system": peer}))]
    target = max((end["test_accuracy"] for end in ends), default=math.inf)
    rungs = [rung(epochs) for epochs in (LADDER if strategy != "frozen" else (None,))]
    for name, words in rungs:
        if not bench.known(**at, run=name, how=COLD):
            bench.keep({**at, "run": name, "how": COLD, **fit(bench, strategy, seed, words, fresh(bench, name))})
        if tables.cheapest(bench.known(**at, run=name, how=COLD), target):
            break
    cold = bench.known(**at, how=COLD)
    best = [tables.cheapest(cold, end["test_accuracy"]) for end in ends]
    for name, words in rungs:
        if any(run and run["run"] == name for run in best) and not bench.known(**at, run=name, how=WARM):
            home = bench.out / "homes" / name
            if not home.exists():  # this benchmark was killed in between: fill the caches again, off the record
                fit(bench, strategy, seed, words, fresh(bench, name))
            bench.keep({**at, "run": name, "how": WARM, **fit(bench, strategy, seed, words, home)})
    if ends and not bench.known(**at, how=BUDGET):
        bench.keep({**at, "how": BUDGET, **equal_time(bench, strategy, seed, min(end["seconds"] for end in ends))})
    shutil.rmtree(bench.out / "homes", ignore_errors=True)


def run_plan(bench: Bench, strategy: str, seed: int) -> None:
    """What `fit` does without --epochs and --minutes. Of frozen, the only rung of the ladder is that."""
    at = {"system": THAW, "strategy": strategy, "seed": seed}
    if strategy != "frozen" and not bench.known(**at, how=PLAN):
        bench.keep({**at, "run": "as planned", "how": PLAN, **fit(bench, strategy, seed, [], fresh(bench, "plan"))})
    shutil.rmtree(bench.out / "homes", ignore_errors=True)


def rung(epochs: int | None) -> tuple[str, list[str]]:
    """(name, words of the command line)."""
    return ("solved head", []) if epochs is None else (f"epochs {epochs}", ["--epochs", str(epochs)])


def equal_time(bench: Bench, strategy: str, seed: int, seconds: float) -> Record:
    """What Thaw makes of `seconds` in a fresh home, everything counted. A solved head has nothing to plan."""
    if strategy == "frozen":
        cold = bench.known(system=THAW, strategy=strategy, seed=seed, how=COLD)[0]
        return {name: cold[name] for name in ("run", "state", "error", "seconds", "test_accuracy")}
    home = fresh(bench, "budget")
    spent, _ = thaw(home, "profile", bench.ground.images)
    minutes = max(LEAST_MINUTES, (seconds - spent - COMMAND_S) / 60)
    record = fit(bench, strategy, seed, ["--minutes", f"{minutes:.4f}"], home)
    return {"run": "profile, fit --minutes", "minutes": minutes, **record, "seconds": spent + record["seconds"]}


def fit(bench: Bench, strategy: str, seed: int, words: list[str], home: Path) -> Record:
    words = ["--strategy", KINDS[strategy], "--seed", str(seed), *words]
    seconds, result = thaw(home, "fit", bench.ground.images, *words)
    return {
        "state": result.get("state"), "error": result.get("error"), "seconds": seconds,
        "training_seconds": result.get("seconds"), "test_accuracy": result.get("test_accuracy"),
        "val_accuracy": result.get("val_accuracy"), "epochs": result.get("epochs"), "note": result.get("note"),
    }  # fmt: skip


def fresh(bench: Bench, name: str) -> Path:
    """An empty home."""
    home = bench.out / "homes" / name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return home


# --- the table -----------------------------------------------------------------------------------------------


def table(bench: Bench) -> str:
    ground, records = bench.ground, bench.records()
    strategies = [name for name in KINDS if tables.pick(records, strategy=name)]
    absent = [peer for peer in PEERS if peer not in bench.python]
    sides = ", ".join(f"{count} {side}" for side, count in ground.sides.items())
    said = (records, strategies, list(PEERS), absent)
    return "\n".join([
        f"Measured on {describe()}.",
        f"{ground.name}: {sides} images of {ground.classes} classes. Peers: {bench.epochs} epochs (fastai's partial",
        "and full: one frozen epoch more). Medians over the seeds. The method: `python -m benchmarks.speed --help`.",
        "",
        "## Seconds to the peer's final accuracy",
        "",
        "Wall seconds, imports included. Thaw's run is the cheapest rung of its ladder of epochs that reached the",
        "accuracy on the test images; that choice favours Thaw, and the tables below do not make it.",
        "",
        tables.to_reach(*said),
        "## Accuracy at equal wall time",
        "",
        "Thaw's whole time (import, profile, fit) is planned to end within that of the faster peer.",
        "",
        tables.at_equal_time(*said),
        "## Every run",
        "",
        tables.every_run(records),
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
