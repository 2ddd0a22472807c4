"""One process, one job: `python -m training.worker JOB_ID --home HOME`.

The job has been claimed already (state 'running'); this process says who it is before torch is imported, works,
and leaves exactly one end state. Its last act is to start whatever waits next, so that a queue drains with no
page open. With `--spare` in place of a job it loads everything first and then waits for one (`executors.spares`).
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import StateError, ThawError
from advisor.files import write_json
from advisor.plans import to_json
from training.executors import executor
from training.executors.processes import started
from training.memory import SAMPLE_EVERY_S, Peak
from training.run_folder import RunFolder
from training.store import Job, Store

if TYPE_CHECKING:
    from advisor.types import DatasetFacts, DatasetRef

BEAT_EVERY_S = 0.4


class StopRequested(Exception):
    """Raised inside a profile when the user cancels it."""


class StoreContext:
    """What the engine publishes, written to the store: it implements `engine.Context`."""

    def __init__(self, store: Store, job: Job, folder: RunFolder) -> None:
        self._store, self._job, self._folder = store, job, folder
        self._fraction, self._doing, self._eta = job.progress, "Starting", None
        self._before, self._began = job.seconds, time.perf_counter()
        self._earlier = store.events(job.id)
        self._stop = threading.Event()
        self._over = threading.Event()
        self._told = 0.0
        self.memory = Peak()
        self._pulse = threading.Thread(target=self._beat_on, daemon=True)
        self._pulse.start()

    @property
    def seconds(self) -> float:
        """Seconds worked on this job, over all attempts."""
        return self._before + time.perf_counter() - self._began

    def row(self, values: dict[str, Any]) -> None:
        self._store.add_metrics(self._job, values["row"], {k: v for k, v in values.items() if k != "row"})

    def event(self, level: str, kind: str, text: str, epoch: float | None = None) -> None:
        if self._job.attempt > 1 and any((e["kind"], e["text"]) == (kind, text) for e in self._earlier):
            return  # a resumed run goes through what was told before the last checkpoint again
        self._store.add_event(
            self._job, level=level, kind=kind, text=text, seconds=self.seconds, epoch=epoch
        )

    def progress(self, fraction: float, doing: str, eta_s: float | None = None) -> None:
        self._fraction, self._doing, self._eta = fraction, doing, eta_s  # type: ignore[assignment]
        if time.perf_counter() - self._told > BEAT_EVERY_S:
            self._tell()

    def tell(self, fraction: float, doing: str, eta_s: float | None) -> None:
        """`progress` for a profile: raises StopRequested as well."""
        self.progress(fraction, doing, eta_s)
        if self.stop_requested():
            raise StopRequested

    def stop_requested(self) -> bool:
        return self._stop.is_set()

    def request_stop(self) -> None:
        self._stop.set()

    def save(self, state: dict[str, Any]) -> None:
        from training.checkpoint import write_checkpoint

        self._store.hold(self._job)
        write_checkpoint(self._folder.checkpoint, state)

    def note(self, name: str, content: dict[str, Any]) -> None:
        self._store.hold(self._job)
        write_json(self._folder.note(name), content)

    def close(self) -> None:
        self._over.set()
        self._pulse.join(timeout=5)

    def _tell(self) -> None:
        self._told = time.perf_counter()
        stop = self._store.beat(
            self._job, progress=self._fraction, doing=self._doing, eta_s=self._eta, seconds=self.seconds
        )
        if stop:
            self._stop.set()

    def _beat_on(self) -> None:
        """A sign of life also while one long step runs. Ends the process when the job was taken away from it."""
        while not self._over.wait(SAMPLE_EVERY_S):
            self.memory.sample()
            if time.perf_counter() - self._told < BEAT_EVERY_S:
                continue
            try:
                self._tell()
            except StateError as error:
                if not self._over.is_set():
                    print(f"{error}", file=sys.stderr, flush=True)
                    os._exit(3)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.worker", description=__doc__)
    parser.add_argument("job", nargs="?")
    parser.add_argument("--spare", action="store_true")
    parser.add_argument("--home", type=Path, required=True)
    options = parser.parse_args(argv)
    if hasattr(os, "nice"):
        os.nice(5)  # pages and whatever else the user does come first; on an idle machine it costs nothing
    job_id = _given(options.home) if options.spare else options.job
    if job_id is None:
        return 0
    store = Store(options.home)
    job = store.job(job_id)
    store.set_pid(job, os.getpid(), started(os.getpid()))
    context = StoreContext(store, job, RunFolder(options.home, job.id))
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: context.request_stop())
    try:
        _work(store, job, context, options.home)
    finally:
        context.close()
        executor(options.home).pump()
    return 0


def _given(home: Path) -> str | None:
    """Load what a worker needs, then wait for a job; its log is this process' output from then on."""
    import training.pretrained
    import training.probes
    import training.runs  # noqa: F401
    from training.executors import spares

    job_id = spares.wait(home)
    if job_id is not None:
        with (home / "logs" / f"{job_id}.log").open("ab", buffering=0) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    return job_id


def _known(store: Store, ref: DatasetRef, backbone: str) -> DatasetFacts | None:
    """For a revision: facts about the newest other revision of the same images, or about the import."""
    if not ref.base:
        return None
    from advisor.revisions import history

    measured = (store.facts(one.id, backbone) for one in history(store.home, ref) if one.id != ref.id)
    return next((facts for facts in measured if facts is not None), None)


def _work(store: Store, job: Job, context: StoreContext, home: Path) -> None:
    try:
        if job.kind == "profile":
            from advisor.ingest import load_dataset
            from training.probes import profile

            ref, backbone = load_dataset(home, job.dataset_id), job.config["backbone"]
            facts = profile(ref, backbone, home, context.tell, _known(store, ref, backbone))
            store.save_facts(facts)
            context.close()
            store.finish(job, to_json(facts))
        elif job.kind == "map":
            from advisor.ingest import load_dataset
            from training.mapping import draw

            ref = load_dataset(home, job.dataset_id)
            about = draw(ref, job.config["backbone"], job.config["name"], home, context.tell)
            context.close()
            store.finish(job, about)
        elif job.kind == "explain":
            from training.explain import explain

            run = store.job(job.config["run"])
            found = explain(run, home, context.tell, job.config.get("source", ""))
            context.close()
            store.finish(job, found)
        elif job.kind == "backbone":
            from training.adding import add

            file = job.config["weights"]
            added = add(job.config["name"], home, Path(file) if file else None, context.tell)
            context.close()
            store.finish(job, added)
        elif job.kind == "public":
            from training.public import bring

            ref = bring(job.config["name"], home, context.tell)
            context.close()
            store.finish(job, {"dataset_id": ref.id, "images": ref.images, "classes": len(ref.classes)})
        elif job.kind == "export":
            from training.export import export

            exported = export(job, store, home, context.tell)
            context.close()
            store.finish(job, exported)
        else:
            from training.runs import train

            result, stopped = train(job, context, store, home)
            context.close()
            (store.stopped if stopped else store.finish)(job, to_json(result))
    except StopRequested:
        context.close()
        store.stopped(job, None)
    except ThawError as error:
        context.close()
        store.fail(job, str(error))
    except MemoryError:
        context.close()
        store.fail(job, "The machine ran out of memory; use a smaller batch or backbone, or free some memory.")
    except Exception as error:
        # The boundary of the process: whatever it was, the page must show it and the log keep the details.
        traceback.print_exc()
        context.close()
        log = home / "logs" / f"{job.id}.log"
        store.fail(job, f"The worker met an unexpected {type(error).__name__}: {error}. Details are in {log}.")


if __name__ == "__main__":
    sys.exit(main())
