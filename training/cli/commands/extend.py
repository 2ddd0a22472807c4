"""`python -m training extend RUN NAME FOLDER`: one more class for a finished prototype model. No torch here."""

from __future__ import annotations

from argparse import Namespace

from core.words import counted, percent
from training.cli import to_stderr
from training.cli.commands.runs import Answer, open_place
from training.cli.follow import follow
from training.export import contents
from training.requests import AddClass, submit


def extend(args: Namespace) -> Answer:
    """Queues the class, follows it, and says what it cost the old ones."""
    place = open_place(args)
    run = place.store.job(args.run_id)
    job = submit(place.store, AddClass.of(run, args.name, args.folder))
    to_stderr(f"Adding '{args.name}' to run {run.id} (job {job.id}).")
    job = follow(place.store, place.executor, job.id)
    document = job.result
    if job.state != "finished" or document is None:
        error = job.error or f"The class was not added: its job was {job.state} before it was done."
        return Answer({"run_id": run.id, "state": job.state, "error": error}, [], 1, error)
    lines = [
        f"Run {run.id} now knows {len(document['classes'])} classes: '{args.name}' from "
        f"{counted(document['images'], 'image')}, nothing was trained.",
        f"On the old classes' test images: {percent(document['before'])} before, {percent(document['after'])} now.",
        f"Weights: {place.home / document['weights']}",
        contents.left_out(place.home, run),
    ]
    return Answer({"run_id": run.id, **document}, lines)
