"""Taking results along from a terminal: export, predict, report. No torch."""

from __future__ import annotations

import argparse
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

from core import ThawError, to_json, write_whole
from core.words import counted, percent
from training.cli import to_stderr
from training.cli.commands.runs import Answer, Place, open_place
from training.cli.follow import follow
from training.export import contents
from training.report import html_page, metrics_files
from training.requests import Export, exportable, submit
from training.store import Job

SAY_S = 2.0
Verb = Callable[[str, str, Callable[[Namespace], Answer]], argparse.ArgumentParser]


def add_verbs(verb: Verb) -> None:
    """The sub-commands of this module; `verb` is the one of `__main__.parser`."""
    made = verb(
        "export", "Write a run's model as ONNX, for timm, with predict.py, a model card and all metrics.", export
    )
    made.add_argument("run_id", metavar="RUN")
    made.add_argument("--out", required=True, type=Path, metavar="DIR", help="made if needed; other files in it stay")
    made.add_argument("--int8", action="store_true", help="also in 8-bit integers, with what that costs")
    made.add_argument("--tensorboard", action="store_true", help="also event files (needs the package tensorboard)")
    made = verb("predict", "Answers of an exported run for images, as CSV on standard output.", predict)
    made.add_argument("run_id", metavar="RUN")
    made.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="images and folders")
    made.add_argument("--out", type=Path, metavar="FILE", help="instead of standard output")
    made = verb("report", "One page about a run, or about runs side by side, as HTML.", write_report)
    made.add_argument("runs", nargs="+", metavar="RUN")
    made.add_argument("--out", required=True, type=Path, metavar="FILE")


def export(args: Namespace) -> Answer:
    place = open_place(args)
    run = place.store.job(args.run_id)
    facts = ready(place, run, int8=args.int8)
    written = contents.copy_out(place.home, run.id, args.out)
    if args.tensorboard:
        written += metrics_files.write_tensorboard(place.store, [run.id], args.out / "tensorboard")
    lines = [
        f"Run {run.id} is in {args.out}: {counted(len(written), 'file')}.",
        f"onnxruntime answers as torch on {facts.verified_on} images; probabilities differ by "
        f"{contents.at_most(facts.largest_difference)}.",
        f"{facts.ms:.0f} ms an image, {facts.bytes / 1e6:.1f} MB.",
    ]
    if facts.int8:
        lines.append(
            f"In 8-bit integers: {percent(facts.int8.accuracy)} right on validation (full: {percent(facts.accuracy)}), "
            f"{facts.int8.ms:.0f} ms an image, {facts.int8.bytes / 1e6:.1f} MB."
        )
    lines += filter(None, [contents.costly(facts), contents.left_out(place.home, run)])
    document = {"run_id": run.id, "out": str(args.out), "files": [str(path) for path in written]}
    return Answer({**document, **to_json(facts)}, lines)


def predict(args: Namespace) -> Answer:
    from training.export.predictor import Prediction, Predictor, images_in, rows_of

    place = open_place(args)
    run = place.store.job(args.run_id)
    facts = ready(place, run)
    files = images_in(args.paths)
    unknown = failed = 0

    def watched() -> Iterator[tuple[str, Prediction | str]]:
        nonlocal unknown, failed
        told = time.monotonic()
        for done, (path, one) in enumerate(Predictor(contents.folder_of(place.home, run.id)).answers(files), start=1):
            unknown += not isinstance(one, str) and not one.known
            failed += isinstance(one, str)
            if time.monotonic() - told > SAY_S:
                told = time.monotonic()
                to_stderr(f"{done:,} of {counted(len(files), 'image')}")
            yield str(path), one

    text = rows_of(watched())
    said = f"{counted(len(files), 'image')}: {unknown:,} unknown, {failed:,} could not be read."
    counts = {"images": len(files), "unknown": unknown, "failed": failed}
    document = {"run_id": run.id, **counts, "labels": list(facts.labels)}
    if args.out is None:
        to_stderr(said)
        return Answer({**document, "answers": text}, text.splitlines(), int(failed > 0))
    write_whole(args.out, text)
    return Answer({**document, "out": str(args.out)}, [f"{said} Answers: {args.out}"], int(failed > 0))


def write_report(args: Namespace) -> Answer:
    place = open_place(args)
    runs = list(dict.fromkeys(args.runs))
    page = html_page.run_report(place.store, runs[0]) if len(runs) == 1 else html_page.comparison_report(place.store,
    runs)
    write_whole(args.out, page)
    return Answer({"runs": runs, "out": str(args.out)}, [f"Report: {args.out}"])


def ready(place: Place, run: Job, *, int8: bool = False) -> contents.Facts:
    """The export of a run, made now if there is none. Raises ThawError when it cannot be made."""
    exportable(run)
    facts = contents.find(place.home, run)
    if facts is None or (int8 and facts.int8 is None):
        job = submit(place.store, Export.of(run, int8=int8))
        to_stderr(f"Exporting run {run.id} (job {job.id}).")
        job = follow(place.store, place.executor, job.id)
        facts = contents.find(place.home, run)
        if job.state != "finished" or facts is None:
            raise ThawError(job.error or f"The export was {job.state} before it was done; run the command again.")
    return facts
