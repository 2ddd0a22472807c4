"""kill -9 at random moments of every strategy, resumed: does each run end with the bits of an undisturbed one?

    python -m benchmarks.kill OUT_FOLDER [--points 20] [--backbone efficientnet_lite0] [--strategies ...]

Images are made on the spot. Each strategy runs once undisturbed, then once a point: a real worker process is started
with empty caches, its process group is killed at a moment drawn uniformly from the undisturbed run's work (from its
first word after the start of Python to its end; where a run has ended sooner, from that one's), and the run is resumed;
half of the points kill the resumed attempt as well, at any moment. Compared are the sha256 of the weights, every test
answer, the metrics and all validated rows. The phase named is what the worker had
last said it did, up to half a second earlier. A line of OUT/points.jsonl is written after each point, so a killed
benchmark goes on; OUT/table.md is rewritten. Exits with 1 when anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from advisor.planning.options import Options
from advisor.planning.strategies import PLANNED, plan
from benchmarks.command import append, read
from benchmarks.machine import describe
from core.home import home as make_home
from core.plans import Kind, RunConfig
from core.types import DatasetRef
from core.zoo import catalog
from dataset.ingest.sources import import_path
from training.jobs import deleting
from training.jobs.executor import Executor, executor
from training.record.foreseen import to_train
from training.requests import submit
from training.store.records import Job
from training.store.run_result import RunResult
from training.store.store import Store

CLASSES, PER_CLASS, PX = 3, 36, 64
VECTOR_EPOCHS = 400
EPOCHS: dict[Kind, int] = {"partial": 12, "gradual": 8, "lp_ft": 5, "full": 5, "scratch": 5}
"""Of the strategies that descend, so that a run lasts some seconds more than Python takes to start."""
RESULT = ("weights_sha256", "test_accuracy", "test_correct", "val_accuracy", "val_loss", "train_accuracy", "best_epoch")
ROW = ("phase", "boundary", "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
UNDISTURBED = -1
"""The point number of the run that nobody kills."""
DRAWS, HANGS_S = 12, 300.0
POLL_S = 0.02
DOING = {
    "Starting": "start", "Reading": "reading images", "Computing": "filling caches", "Solving": "solving the head",
    "Epoch": "training", "Judging": "judging",
}  # fmt: skip


@dataclass(frozen=True)
class Bench:
    home: Path
    log: Path
    data: DatasetRef
    backbone: str
    executor: Executor
    store: Store

    def config(self, kind: Kind) -> RunConfig:
        vectors = self.backbone == "mlp"
        options = Options(
            epochs=VECTOR_EPOCHS if vectors and kind in EPOCHS else EPOCHS.get(kind),
            views=1 if kind in EPOCHS else None,
            image_px=None if vectors else PX,
        )
        card = catalog.backbone(self.backbone)
        strategy = plan(
            kind, card, train_images=round(0.8 * self.data.images), classes=len(self.data.classes), options=options
        )
        return RunConfig(self.data.id, strategy)

    def records(self) -> list[dict[str, Any]]:
        return [record for record in read(self.log) if record["backbone"] == self.backbone]

    def known(self, kind: Kind, point: int) -> dict[str, Any] | None:
        return next((r for r in self.records() if (r["strategy"], r["point"]) == (kind, point)), None)

    def keep(self, record: dict[str, Any]) -> dict[str, Any]:
        append(self.log, record)
        self.log.with_name("table.md").write_text(table(self.records()))
        return record


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--backbone", default=catalog.DEFAULT_BACKBONE)
    parser.add_argument("--strategies", nargs="+", default=list(PLANNED), choices=PLANNED)
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    options = parser.parse_args()
    home = make_home(str(options.out / "home"))
    images = options.out / "images"
    draw_images(images)
    data = import_path(images, home)
    bench = Bench(home, options.out / "points.jsonl", data, options.backbone, executor(home), Store(home))
    for job in bench.store.jobs(states=("running", "queued")):  # of a benchmark that was killed
        end(bench, job)
    for kind in options.strategies:
        whole = bench.known(kind, UNDISTURBED) or bench.keep(undisturbed(bench, kind))
        if whole["state"] != "finished":
            print(f"{kind}: the undisturbed run {whole['state']}: {whole['error']}", flush=True)
            continue
        for point in range(options.points):
            if not bench.known(kind, point):
                moments = np.random.default_rng([options.seed, PLANNED.index(kind), point])
                record = bench.keep(disturbed(bench, kind, point, whole, moments))
                kills = ", ".join(f"{kill['after']:.1f} s ({kill['doing']})" for kill in record["kills"])
                print(f"{kind} {point}: killed at {kills}: {record['differs'] or 'identical'}", flush=True)
    print(table(bench.records()))
    return 0 if all(record["state"] == "finished" and not record["differs"] for record in bench.records()) else 1


def undisturbed(bench: Bench, kind: Kind) -> dict[str, Any]:
    # Twice: the first run measures this machine's arithmetic, which no later one does.
    end(bench, attempt(bench, begin(bench, kind), None)[0])
    job, _, (began, seconds) = attempt(bench, begin(bench, kind), None)
    record = {
        **outcome(bench, kind, UNDISTURBED, job), "began": began, "seconds": seconds, "kills": [], "differs": [],
    }  # fmt: skip
    end(bench, job)
    return record


def disturbed(
    bench: Bench, kind: Kind, point: int, whole: dict[str, Any], moments: np.random.Generator
) -> dict[str, Any]:
    """One point: kill, resume (half of the points: kill again, resume), compare with `whole`."""
    kills: list[dict[str, Any]] = []
    ended: Job | None = None
    work = whole["began"], whole["seconds"]
    for _ in range(DRAWS):  # a run may end before its moment has come; then one is drawn from what that run took
        if ended:
            end(bench, ended)
        job, kill, took = attempt(bench, begin(bench, kind), moments.uniform(*work))
        if kill:
            kills.append(kill)
            break
        ended, work = job, took
    if kills and moments.random() < 0.5:
        job, kill, _ = attempt(bench, resumed(bench, job), moments.uniform(0, whole["seconds"]))
        kills += [kill] if kill else []
    if job.state == "lost":
        job, _, _ = attempt(bench, resumed(bench, job), None)
    record = outcome(bench, kind, point, job)
    differs = [] if kills else ["never killed"]
    differs += [name for name, value in record["end"].items() if value != whole["end"].get(name)]
    end(bench, job)
    return {**record, "seconds": None, "kills": kills, "differs": differs}


# --- one attempt ---------------------------------------------------------------------------------------------


def begin(bench: Bench, kind: Kind) -> Job:
    """A new run of this kind with nothing cached. The machine's measured choices stay: they belong to the home."""
    shutil.rmtree(bench.home / "cache" / bench.data.id, ignore_errors=True)
    return submit(bench.store, to_train(bench.store, bench.config(kind)))


def resumed(bench: Bench, job: Job) -> Job:
    return bench.store.requeue(job.id)


def attempt(
    bench: Bench, job: Job, kill_after: float | None
) -> tuple[Job, dict[str, Any] | None, tuple[float, float]]:
    """Start the job's worker and wait until it ended, killed after so many seconds (None = left alone).

    Returns the job as it ended, what the kill hit (None: it ended before), and the seconds until it began to work and
    until it ended.
    """
    started = time.monotonic()
    job = bench.executor.submit(job.id)
    kill = began = None
    while job.active:
        seconds = time.monotonic() - started
        if began is None and doing(job) != "start":
            began = seconds
        if seconds > HANGS_S:
            end(bench, job)
            raise SystemExit(f"Run {job.id} still {job.doing or job.state} after {HANGS_S:.0f} s: it hangs.")
        if kill is None and kill_after is not None and seconds >= kill_after and job.pid:
            with suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
                kill = {"after": round(seconds, 3), "attempt": job.attempt, "doing": doing(job)}
        time.sleep(POLL_S)
        job = bench.executor.status(job.id)
    # A kill that came after the worker had written its end hit nothing.
    ended = time.monotonic() - started
    return job, kill if job.state == "lost" else None, (ended if began is None else began, ended)


def doing(job: Job) -> str:
    return next((name for start, name in DOING.items() if job.doing.startswith(start)), job.doing or "start")


def outcome(bench: Bench, kind: Kind, point: int, job: Job) -> dict[str, Any]:
    """How a run ended, with everything that must not depend on how it got there."""
    result = RunResult.of(job)
    rows = [[row[name] for name in ROW] for row in bench.store.metrics(job.id) if row["val_loss"] is not None]
    found: dict[str, Any] = {name: getattr(result, name) for name in RESULT}
    found["rows"] = f"{len(rows)}: {hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]}"
    if result.predictions:
        found["answers"] = hashlib.sha256((bench.home / result.predictions).read_bytes()).hexdigest()[:16]
    return {
        "backbone": bench.backbone, "strategy": kind, "point": point, "state": job.state, "error": job.error,
        "attempts": job.attempt, "end": found,
    }  # fmt: skip


def end(bench: Bench, job: Job) -> None:
    """Forget a run; when its worker still works, kill that first."""
    job = bench.executor.status(job.id)
    if job.state == "running" and job.pid:
        with suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)
    elif job.state == "queued":
        bench.store.request_stop(job.id)
    while (job := bench.executor.status(job.id)).active:
        time.sleep(POLL_S)
    deleting.delete(bench.store, deleting.of_run(bench.store, job.id))


# --- data and table ------------------------------------------------------------------------------------------


def draw_images(folder: Path) -> None:
    """Classes that differ by the colour of a square on noise."""
    rng = np.random.default_rng(0)
    for label in range(CLASSES):
        (folder / f"class {label}").mkdir(parents=True, exist_ok=True)
        for number in range(PER_CLASS):
            pixels = rng.integers(0, 150, (PX, PX, 3), dtype=np.uint8)
            side = int(rng.integers(PX // 4, PX // 2))
            top, left = rng.integers(0, PX - side, 2)
            pixels[top : top + side, left : left + side, label] += 105
            Image.fromarray(pixels).save(folder / f"class {label}" / f"{number:03d}.png")


def table(records: list[dict[str, Any]]) -> str:
    """Markdown: a row per backbone and strategy."""
    lines = [
        f"Measured on {describe()}.",
        "",
        "| backbone | strategy | undisturbed, s | points | kills | killed while | identical | what differed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((record["backbone"], record["strategy"]) for record in records):
        own = [record for record in records if (record["backbone"], record["strategy"]) == key]
        whole = [record for record in own if record["point"] == UNDISTURBED]
        points = [record for record in own if record["point"] != UNDISTURBED]
        seconds = f"{median(record['seconds'] for record in whole):.1f}" if whole else ""
        kills = [kill for record in points for kill in record["kills"]]
        counts = Counter(kill["doing"] for kill in kills)
        same = sum(record["state"] == "finished" and not record["differs"] for record in points)
        wrong = Counter(name for record in points for name in record["differs"])
        wrong.update(f"{record['state']}: {record['error']}" for record in own if record["state"] != "finished")
        lines.append(
            f"| {key[0]} | {key[1]} | {seconds} | {len(points)} | {len(kills)} "
            f"| {', '.join(f'{name} {count}' for name, count in counts.most_common())} | {same} of {len(points)} "
            f"| {', '.join(f'{name} ({count})' for name, count in wrong.items())} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
