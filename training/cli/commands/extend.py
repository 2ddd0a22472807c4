"""`python -m training extend RUN NAME FOLDER`: one more class for a finished prototype model. No torch here."""

from __future__ import annotations

from pathlib import Path

import click

from core.words import counted, percent
from training.cli.shared import FILE, Answer, Place, run_argument, verb
from training.export import contents
from training.requests import AddClass


@verb
@run_argument
@click.argument("name", metavar="NAME", help="of the new class")
@click.argument("folder", type=FILE, metavar="FOLDER", help="its images")
def extend(place: Place, run_id: str, name: str, folder: Path) -> Answer:
    """Add a class to a finished prototype model from a folder of images, without training."""
    run = place.store.job(run_id)
    job = place.carry_out(AddClass.of(run, name, folder), f"Adding '{name}' to run {run.id}")
    document = job.result
    if job.state != "finished" or document is None:
        error = job.error or f"The class was not added: its job was {job.state} before it was done."
        return Answer({"run_id": run.id, "state": job.state, "error": error}, [], 1, error)
    lines = [
        f"Run {run.id} now knows {len(document['classes'])} classes: '{name}' from "
        f"{counted(document['images'], 'image')}, nothing was trained.",
        f"On the old classes' test images: {percent(document['before'])} before, {percent(document['after'])} now.",
        f"Weights: {place.home / document['weights']}",
        contents.left_out(place.home, run),
    ]
    return Answer({"run_id": run.id, **document}, lines)
