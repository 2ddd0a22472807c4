"""A run as one zip, from a terminal: bundle, unbundle, reproduce. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core import ThawError
from training.bundles import again, reading, writing
from training.cli.follow import how_far, to_stderr
from training.cli.shared import FILE, RUNS_AND_FILES, Answer, Place, out_option, run_argument, verb
from training.cli.text import run_document, run_lines
from training.record import foresee
from training.requests import submit
from training.store import Job, RunResult

data_option = click.option("--data", type=FILE, metavar="PATH", help="the images, for a bundle that holds none")


@verb
@run_argument
@out_option("FILE")
@click.option("--no-images", is_flag=True, help="leave the images out (default: in up to 500 MB)")
def bundle(place: Place, run_id: str, out: Path, no_images: bool) -> Answer:
    """Write a run, its data and how to repeat it into one zip."""
    images = writing.write(place.store, run_id, out, images=False if no_images else None)
    size = out.stat().st_size
    said = "with its images" if images else "without its images"
    document = {"run_id": run_id, "out": str(out), "with_images": images, "bytes": size}
    return Answer(document, [f"Run {run_id} {said}: {out}, {size / 1e6:.1f} MB."])


@verb
@click.argument("file", type=FILE, metavar="FILE")
@data_option
def unbundle(place: Place, file: Path, data: Path | None) -> Answer:
    """Make the run of a bundle part of this home."""
    job = _read(place, file, data)
    return Answer({"id": job.id, **run_document(place.home, job)}, run_lines(place.home, job))


@verb
@click.argument("source", metavar="RUN", help="a run's id, or a bundle's file", shell_complete=RUNS_AND_FILES)
@data_option
def reproduce(place: Place, source: str, data: Path | None) -> Answer:
    """Train a run again, exactly as it was, and compare the two."""
    run = _read(place, Path(source), data) if Path(source).is_file() else place.store.job(source)
    job = submit(place.store, again(place.store, run, foresee))
    to_stderr(f"Run {job.id} repeats run {run.id}.")
    job = place.follow(job)
    before, now = RunResult.of(run), RunResult.of(job)
    if job.state != "finished":
        raise ThawError(job.error or f"The repetition was {job.state} before it was done.")
    document = {
        "run_id": job.id, "repeats": run.id, "same_weights": before.weights_sha256 == now.weights_sha256,
        "same_test_accuracy": before.test_correct == now.test_correct, "test_accuracy": now.test_accuracy,
        "test_accuracy_before": before.test_accuracy, "weights_sha256": now.weights_sha256,
        "differs": _differing(before, now),
    }  # fmt: skip
    return Answer(document, _repeated(run.id, job.id, document))


def _read(place: Place, file: Path, data: Path | None) -> Job:
    return reading.read(file, place.store, data=data, tick=how_far("Checking the bundle's images, {:,} of {:,}"))


def _repeated(first: str, second: str, document: dict[str, Any]) -> list[str]:
    then, now = (document[name] for name in ("test_accuracy_before", "test_accuracy"))
    lines = [
        f"Run {second} repeats run {first}: "
        + ("the same weights, to the last bit." if document["same_weights"] else "other weights."),
        f"Test accuracy {_tenths(now)}, {_tenths(then)} then.",
    ]
    if document["differs"]:
        lines.append(f"What was different: {'; '.join(document['differs'])}.")
    elif not document["same_weights"]:
        lines.append("Versions, device and arithmetic were the same: another processor may round otherwise.")
    return lines


def _tenths(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f}%"


def _differing(before: RunResult, now: RunResult) -> list[str]:
    """What of device, arithmetic and versions is not as it was."""
    then, here = ({"device": of.device, **(of.arithmetic or {}), **(of.versions or {})} for of in (before, now))
    return [f"{name} {here.get(name)}, {then[name]} then" for name in then if then[name] != here.get(name)]
