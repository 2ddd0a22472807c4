"""A stand-in for `training.jobs.worker`: same command line, no torch. FAKE_WORKER chooses how it behaves.

'work' (default) trains for ROWS rows; 'crash' exits with code 3 after two rows; 'hang' goes on until stopped.
While it works it holds the file `home/working`; finding that file already there, it leaves `home/overlap`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from core import processes
from core.types import DatasetFacts, StageCost
from training.jobs.local import LocalExecutor
from training.store.records import Job
from training.store.store import Store

ROWS = 4
HANG_SECONDS = 30.0
"""Even 'hang' ends, should a test forget it."""
COMMAND = (sys.executable, str(Path(__file__).resolve()))


def result(job: Job, rows: int) -> dict[str, object]:
    return {
        "test_accuracy": 0.9, "test_correct": 18, "test_total": 20, "val_accuracy": 0.8, "epochs": rows,
        "seconds": 1.5, "weights_sha256": "ab" * 32, "weights": f"runs/{job.id}/best.safetensors",
        "trainable_params": 1281, "stopped_early": rows < ROWS,
    }  # fmt: skip


def hold(home: Path) -> None:
    try:
        os.close(os.open(home / "working", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        (home / "overlap").touch()


def main() -> int:
    job_id, home = sys.argv[1], Path(sys.argv[3])
    behaviour = os.environ.get("FAKE_WORKER", "work")
    store = Store(home)
    job = store.job(job_id)
    store.set_pid(job, os.getpid(), processes.started(os.getpid()))
    hold(home)
    if job.kind == "profile":
        costs = tuple(StageCost(boundary, 0.001 * boundary, 0.05, 0.01) for boundary in range(9))
        facts = DatasetFacts(job.dataset_id, job.config["backbone"], ("a", "b"), 16, 4, (8, 8), costs=costs)
        store.save_facts(facts)
    rows = len(store.metrics(job_id))
    stop, began = False, time.monotonic()
    while not stop and (rows < ROWS or (behaviour == "hang" and time.monotonic() - began < HANG_SECONDS)):
        values = {"epoch": rows + 1, "train_loss": 1.0, "val_loss": 1.0, "val_accuracy": 0.8, "seconds": rows}
        store.add_metrics(job, rows, values)
        rows += 1
        if behaviour == "crash" and rows == 2:
            print("RuntimeError: the fake worker was told to crash", flush=True)
            return 3
        now = processes.steady()
        stop = store.beat(job, progress=min(rows / ROWS, 1.0), doing=f"row {rows}", stepped=now)
        time.sleep(0.02)
    (home / "working").unlink(missing_ok=True)
    (store.stopped if stop else store.finish)(job, result(job, rows))
    LocalExecutor(home, command=COMMAND).pump()
    return 0


if __name__ == "__main__":
    sys.exit(main())
