"""A run as one zip, from a terminal: bundle, unbundle, reproduce. No torch."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core import ThawError
from training.bundles import again, reading, writing
from training.cli import run_document, run_lines, to_stderr
from training.cli.commands.runs import Answer, open_place
from training.cli.commands.take import Verb
from training.cli.follow import follow
from training.record import foresee
from training.requests import submit
from training.store import RunResult


def add_verbs(verb: Verb) -> None:
    """The sub-commands of this module; `verb` is the one of `__main__.parser`."""
    made = verb("bundle", "Write a run, its data and how to repeat it into one zip.", bundle)
    made.add_argument("run_id", metavar="RUN")
    made.add_argument("--out", required=True, type=Path, metavar="FILE")
    made.add_argument("--no-images", action="store_true", help="leave the images out (default: in up to 500 MB)")
    made = verb("unbundle", "Make the run of a bundle part of this home.", unbundle)
    made.add_argument("bundle", type=Path, metavar="FILE")
    made.add_argument("--data", type=Path, metavar="PATH", help="the images, for a bundle that holds none")
    made = verb("reproduce", "Train a run again, exactly as it was, and compare the two.", reproduce)
    made.add_argument("source", metavar="RUN", help="a run's id, or a bundle's file")
    made.add_argument("--data", type=Path, metavar="PATH", help="the images, for a bundle that holds none")


def bundle(args: Namespace) -> Answer:
    place = open_place(args)
    images = writing.write(place.store, args.run_id, args.out, images=False if args.no_images else None)
    size = args.out.stat().st_size
    said = "with its images" if images else "without its images"
    document = {"run_id": args.run_id, "out": str(args.out), "with_images": images, "bytes": size}
    return Answer(document, [f"Run {args.run_id} {said}: {args.out}, {size / 1e6:.1f} MB."])


def unbundle(args: Namespace) -> Answer:
    place = open_place(args)
    job = reading.read(args.bundle, place.store, data=args.data, tick=_say_checked())
    return Answer({"id": job.id, **run_document(place.home, job)}, run_lines(place.home, job))


def reproduce(args: Namespace) -> Answer:
    place = open_place(args)
    file = Path(args.source)
    run = (
        reading.read(file, place.store, data=args.data, tick=_say_checked())
        if file.is_file()
        else place.store.job(args.source)
    )
    job = submit(place.store, again(place.store, run, foresee))
    to_stderr(f"Run {job.id} repeats run {run.id}.")
    job = follow(place.store, place.executor, job.id)
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
    then, here = (
        {"device": of.device, **(of.arithmetic or {}), **(of.versions or {})} for of in (before, now)
    )
    return [f"{name} {here.get(name)}, {then[name]} then" for name in then if then[name] != here.get(name)]


def _say_checked() -> Callable[[int, int], None]:
    told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > 2:
            told = time.monotonic()
            to_stderr(f"Checking the bundle's images, {done:,} of {total:,}")

    return tell
