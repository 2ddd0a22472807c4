"""One process, one job: `python -m training.jobs.worker JOB_ID --home HOME`.

The job has been claimed already (state 'running'); this process says who it is before torch is imported, has the
handler of its kind do the work (`requests`), and leaves exactly one end state. Its last act is to start whatever waits
next, so that a queue drains with no page open. With `--spare` or `--light-spare` in place of a job it loads what
training or a probe needs first and then waits for a run (`spares`).
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from core import StateError, ThawError, disk, signals
from core.files import named_within
from core.processes import started
from training.jobs import spares
from training.jobs.context import TAKEN_AWAY, StopRequested, StoreContext
from training.machine import TOO_SMALL, listening, ran_out
from training.requests import registry
from training.store import PATIENT_SECONDS, Job, Store


def main(argv: Sequence[str]) -> int:
    """argv: a job's id, --spare or --light-spare, then --home and the home, as `local` and `spares` write them; nobody
    types it."""
    wanted, _, home = argv
    if not Path(home).is_dir():
        raise disk.gone(Path(home))  # since the executor found work in it: it is not made anew
    store, spare = Store(home, PATIENT_SECONDS), wanted in (spares.WHOLE, spares.LIGHT)
    if hasattr(os, "nice") and (spare or store.job(wanted).lane == "train"):
        os.nice(5)  # pages, and what somebody waits for, come first; on an idle machine it costs nothing
    job_id = _given(store.home, wanted) if spare else wanted
    if job_id is None:
        return 0
    job = store.job(job_id)
    store.set_pid(job, os.getpid(), started(os.getpid()))
    context = StoreContext(store, job)
    signals.on_stop(context.request_stop)
    try:
        perform(context)
    except StateError as error:  # the job was taken away: what came of this attempt is not wanted
        print(f"{error}", file=sys.stderr, flush=True)
        return TAKEN_AWAY
    finally:
        from training.jobs.executor import executor  # when the work is done: nobody waits for it now

        executor(store.home).pump()
    return 0


def _given(home: Path, kind: str) -> str | None:
    """Load what a worker needs, then wait for a job; its log is this process' output from then on."""
    import training.jobs.train

    if kind == spares.WHOLE:
        import training.backbones.pretrained
        import training.engine.fit
        import training.profile.profiling
    else:
        training.jobs.train.load_ahead()
    job_id = spares.wait(home)
    if job_id is not None:
        with (home / "logs" / f"{job_id}.log").open("ab", buffering=0) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    return job_id


def perform(context: StoreContext) -> Job:
    """Do what a claimed job asks for, and end it. Raises StateError when it was taken away meanwhile."""
    try:
        end = _work(context)
    finally:
        context.close()
    return end()


def _work(context: StoreContext) -> Callable[[], Job]:
    """Do what the job asks for; what is left is to write its end, once no sign of life can follow it."""
    store, job = context.store, context.job
    try:
        request = registry.of(store, job)
        with named_within(context.held), listening(partial(context.event, "caution", "memory")):
            result = registry.handler_of(request)(request, context)
        return lambda: store.finish(job, result)
    except StopRequested as stop:
        kept = stop.result
        return lambda: store.stopped(job, kept)
    except ThawError as error:
        # One that names several problems says them all, a line each.
        said = "\n".join((str(error), *getattr(error, "problems", ())))
    except Exception as error:
        # The boundary of the process: whatever it was, the page must show it and the log keep the details.
        traceback.print_exc()
        log = context.home / "logs" / f"{job.id}.log"
        said = f"The worker met an unexpected {type(error).__name__}: {error}. Details are in {log}."
        if ran_out(error):
            said = TOO_SMALL
    return lambda: store.fail(job, said)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
