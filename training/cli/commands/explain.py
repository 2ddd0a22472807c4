"""The terminal's look into a run: `python -m training explain RUN [--source DATASET]`. No torch."""

from __future__ import annotations

from argparse import Namespace

from core.words import percent
from training.cli.commands.runs import Answer, import_data, open_place
from training.cli.follow import follow
from training.requests import Explain, submit
from training.understand.findings import Explained, read, to_record

MOST_LISTED = 10


def explain(args: Namespace) -> Answer:
    """Queue the look, follow it, say what was found. Raises NotFound for an unknown run."""
    place = open_place(args)
    run = place.store.job(args.run_id)
    source = import_data(args.source, place.home).id if args.source else ""
    job = follow(place.store, place.executor, submit(place.store, Explain.of(run, source)).id)
    found = read(place.home, run.id) if job.state == "finished" else None
    if found is None:
        error = job.error or f"The look into run '{run.id}' was {job.state} before it was done."
        return Answer({"run_id": run.id, "state": job.state, "error": error}, [], 1, error)
    return Answer({"run_id": run.id, "state": job.state, **to_record(found)}, lines(found))


def lines(found: Explained) -> list[str]:
    """What was found, in sentences."""
    wrong = sum(a != b for a, b in zip(found.truth, found.predicted, strict=True))
    said = [f"{wrong:,} of {len(found.rows):,} test images are answered wrong."]
    said.append(f"Temperature {found.temperature:.2f}, fitted on {found.validation_images:,} validation images.")
    if found.map_kind:
        said.append(f"{len(found.maps):,} activation maps ({found.map_kind}).")
    said.append(
        "Weights moved: "
        + ", ".join(f"{name} {100 * moved:.2g}%" for name, moved in zip(found.stages, found.moved, strict=True))
        + "."
    )
    if found.agreement is not None:
        said.append(f"Test images that keep their original ImageNet prediction: {percent(found.agreement)}.")
    if found.source is not None:
        before, after = percent(found.source.before), percent(found.source.after)
        said.append(f"Original classifier on '{found.source.name}': {before} before, {after} after.")
    by_loss = sorted(zip(found.losses(), found.rows, strict=True), reverse=True)[:MOST_LISTED]
    said.append("Highest losses, as manifest rows: " + ", ".join(f"{row} ({loss:.2f})" for loss, row in by_loss) + ".")
    return said
