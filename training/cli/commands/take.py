"""Taking results along from a terminal: export, predict, report. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from core import ThawError, to_json, write_whole
from core.words import counted, percent
from training.cli.follow import how_far, to_stderr
from training.cli.shared import FILE, Answer, Place, out_option, run_argument, runs_argument, verb
from training.export import contents
from training.report import html_page, metrics_files
from training.requests import Export, exportable
from training.store import Job


@verb
@run_argument
@out_option("DIR", "made if needed; other files in it stay")
@click.option("--int8", is_flag=True, help="also in 8-bit integers, with what that costs")
@click.option("--tensorboard", is_flag=True, help="also event files (needs the package tensorboard)")
def export(place: Place, run_id: str, out: Path, int8: bool, tensorboard: bool) -> Answer:
    """Write a run's model as ONNX, for timm, with predict.py, a model card and all metrics."""
    run = place.store.job(run_id)
    facts = ready(place, run, int8=int8)
    written = contents.copy_out(place.home, run.id, out)
    if tensorboard:
        written += metrics_files.write_tensorboard(place.store, [run.id], out / "tensorboard")
    lines = [
        f"Run {run.id} is in {out}: {counted(len(written), 'file')}.",
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
    document = {"run_id": run.id, "out": str(out), "files": [str(path) for path in written]}
    return Answer({**document, **to_json(facts)}, lines)


@verb
@run_argument
@click.argument("paths", nargs=-1, required=True, type=FILE, metavar="PATH...", help="images and folders")
@click.option("--out", type=FILE, metavar="FILE", help="instead of standard output")
def predict(place: Place, run_id: str, paths: tuple[Path, ...], out: Path | None) -> Answer:
    """Answers of an exported run for images, as CSV on standard output."""
    from training.export.predictor import Prediction, Predictor, images_in, rows_of

    run = place.store.job(run_id)
    facts = ready(place, run)
    files = images_in(paths)
    unknown = failed = 0

    def watched() -> Iterator[tuple[str, Prediction | str]]:
        nonlocal unknown, failed
        tell = how_far("{:,} of {:,} images")
        for done, (path, one) in enumerate(Predictor(contents.folder_of(place.home, run.id)).answers(files), start=1):
            unknown += not isinstance(one, str) and not one.known
            failed += isinstance(one, str)
            tell(done, len(files))
            yield str(path), one

    text = rows_of(watched())
    said = f"{counted(len(files), 'image')}: {unknown:,} unknown, {failed:,} could not be read."
    counts = {"images": len(files), "unknown": unknown, "failed": failed}
    document = {"run_id": run.id, **counts, "labels": list(facts.labels)}
    if out is None:
        to_stderr(said)
        return Answer({**document, "answers": text}, text.removesuffix("\r\n").split("\r\n"), int(failed > 0))
    write_whole(out, text)
    return Answer({**document, "out": str(out)}, [f"{said} Answers: {out}"], int(failed > 0))


@verb
@runs_argument
@out_option("FILE")
def report(place: Place, run_ids: tuple[str, ...], out: Path) -> Answer:
    """One page about a run, or about runs side by side, as HTML."""
    runs, store = list(dict.fromkeys(run_ids)), place.store
    page = html_page.run_report(store, runs[0]) if len(runs) == 1 else html_page.comparison_report(store, runs)
    write_whole(out, page)
    return Answer({"runs": runs, "out": str(out)}, [f"Report: {out}"])


def ready(place: Place, run: Job, *, int8: bool = False) -> contents.ExportFacts:
    """The export of a run, made now if there is none. Raises ThawError when it cannot be made."""
    exportable(run)
    facts = contents.find(place.home, run)
    if facts is None or (int8 and facts.int8 is None):
        job = place.carry_out(Export.of(run, int8=int8), f"Exporting run {run.id}")
        facts = contents.find(place.home, run)
        if job.state != "finished" or facts is None:
            raise ThawError(job.error or f"The export was {job.state} before it was done; run the command again.")
    return facts
