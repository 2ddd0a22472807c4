"""The real worker with work of its own, without torch; LATE_WORKER says which.

'work': a step and an end. 'stuck': a step, then none, while its sign of life goes on and a child of it runs, and it
listens to nobody. 'file', 'folder', 'facts': its first attempt stops itself by SIGSTOP when all is computed and
written, just before it takes its name; later ones go through. These have no pulse, which would end them sooner.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pytest

from core import files
from core.types import DatasetFacts
from training.jobs import context as contexts
from training.jobs import executor, worker
from training.jobs.context import StoreContext
from training.jobs.local import LocalExecutor
from training.requests import registry
from training.store import Job

COMMAND = (sys.executable, str(Path(__file__).resolve()))
HANG_SECONDS = 60.0
"""Even 'stuck' ends, should a test forget it."""


def work(job: Any, context: StoreContext) -> dict[str, Any]:
    how, attempt = os.environ["LATE_WORKER"], context.job.attempt
    context.progress(0.5, f"Working ({how})")
    context.event("info", "phase", "Begun.")
    if how == "stuck":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.run([sys.executable, "-c", f"import time; time.sleep({HANG_SECONDS})"], check=False)
    elif how == "file":
        with files.written_whole(context.folder.checkpoint) as file:
            file.write(f"attempt {attempt}".encode())
            sleep_once(attempt)
    elif how == "folder":
        stage = context.folder.path / f"export.{os.getpid()}.tmp"
        stage.mkdir(parents=True)
        (stage / "model.onnx").write_text(f"attempt {attempt}")
        sleep_once(attempt)
        try:
            files.take_place(stage, context.folder.export)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    elif how == "facts":
        sleep_once(attempt)
        context.store.save_facts(DatasetFacts("d", "mlp", ("a", "b"), attempt, 4, (8, 8)), context.job)
    return {"epochs": float(attempt)}


def job_of(run: LocalExecutor) -> Job:
    """A job for such a worker, which no request asks for."""
    return run.store.create_job("train", "d", {})


def sleep_once(attempt: int) -> None:
    if attempt == 1:
        os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    patch = pytest.MonkeyPatch()
    if os.environ["LATE_WORKER"] in ("file", "folder", "facts"):
        patch.setattr(contexts, "SAMPLE_EVERY_S", HANG_SECONDS)
    patch.setattr(registry, "of", lambda store, job: job)
    patch.setattr(registry, "handler_of", lambda request: work)
    patch.setattr(executor, "executor", lambda home: LocalExecutor(home, COMMAND))
    sys.exit(worker.main(sys.argv[1:]))
