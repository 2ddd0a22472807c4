"""A finished run opened again from a terminal: looking into it, a class more for it. No torch."""

from __future__ import annotations

from pathlib import Path

import click

from core.words import counted, percent
from training.cli import steps
from training.cli.shared import DATASETS, FILE, Answer, Place, run_argument, verb
from training.export import contents
from training.requests import AddClass, Explain
from training.understand.findings import Explained, read, to_record

MOST_LISTED = 10


@verb
@run_argument
@click.option("--source", metavar="PATH", shell_complete=DATASETS,
              help="images of ImageNet's classes: is the old task still known?")  # fmt: skip
def explain(place: Place, run_id: str, source: str | None) -> Answer:
    """Look into a run: losses, calibration, activation maps, what was forgotten."""
    run = place.store.job(run_id)
    old_task = steps.import_data(source, place.home).id if source else ""
    job = place.carry_out(Explain.of(run, old_task))
    found = read(place.home, run.id) if job.state == "finished" else None
    if found is None:
        error = job.error or f"The look into run '{run.id}' was {job.state} before it was done."
        return Answer({"run_id": run.id, "state": job.state, "error": error}, [], 1, error)
    return Answer({"run_id": run.id, "state": job.state, **to_record(found)}, lines(found))


def lines(found: Explained) -> list[str]:
    """What was found, in sentences."""
    wrong = sum(a != b for a, b in zip(found.truth, found.predicted, strict=True))
    said = [f"{wrong:,} of {len(found.rows):,} test images are answered wrong."]
    said.append(f"Temperature {found.temperature:.2f}, fitted on {found.fitted_on}.")
    if found.map_kind:
        said.append(f"{len(found.maps):,} activation maps ({found.map_kind}).")
    moved = [f"{name} {100 * share:.2g}%" for name, share in zip(found.stages, found.moved, strict=True)]
    said.append(f"Weights moved: {', '.join(moved)}.")
    if found.agreement is not None:
        said.append(f"Test images that keep their original ImageNet prediction: {percent(found.agreement)}.")
    if found.source is not None:
        before, after = percent(found.source.before), percent(found.source.after)
        said.append(f"Original classifier on '{found.source.name}': {before} before, {after} after.")
    by_loss = sorted(zip(found.losses(), found.rows, strict=True), reverse=True)[:MOST_LISTED]
    said.append("Highest losses, as manifest rows: " + ", ".join(f"{row} ({loss:.2f})" for loss, row in by_loss) + ".")
    return said


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
