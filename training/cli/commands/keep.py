"""`python -m training datasets|label|delete`: what a home holds, what runs are called, what is to go. No torch."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable

from core import NotFound, StateError
from core.words import size
from dataset import list_current, set_aside
from training.cli import table
from training.cli.commands.runs import Answer, Place, open_place
from training.jobs import deleting
from training.store import Label


def add_verbs(verb: Callable[..., ArgumentParser]) -> None:
    verb("datasets", "List the datasets of this home, newest first.", datasets)
    named = verb("label", "Give a run a name, tags and a note, which every list shows.", label)
    named.add_argument("run_id", metavar="RUN")
    named.add_argument("--name", metavar="TEXT", help="'' takes it away, as for the others")
    named.add_argument("--tags", metavar="A,B", help="in place of those it has")
    named.add_argument("--note", metavar="TEXT")
    gone = verb("delete", "Delete a run, or a dataset with its revisions, runs, measurements and caches.", delete)
    gone.add_argument("id", metavar="RUN|DATASET")
    gone.add_argument("--yes", action="store_true", help="do not ask back")


def datasets(args: Namespace) -> Answer:
    place = open_place(args)
    runs = Counter(job.dataset_id for job in place.store.jobs(kind="train"))
    found = list_current(place.home)
    documents = [
        {"id": ref.id, "name": ref.name, "images": ref.images, "classes": len(ref.classes), "created": ref.created,
         "source": ref.source, "revision_of": ref.base or None, "runs": runs[ref.id]}
        for ref in found
    ]  # fmt: skip
    rows = [(ref.id, ref.name, f"{ref.images:,}", str(len(ref.classes)), str(runs[ref.id])) for ref in found]
    lines = list(table(("dataset", "name", "images", "classes", "runs"), rows))
    broken = [f"! Set aside: {why}" for why in set_aside(place.home)]
    none = ["No dataset yet: `python -m training profile PATH` imports one."]
    return Answer(documents, [*(lines if rows else none), *broken])


def label(args: Namespace) -> Answer:
    place = open_place(args)
    job = place.store.job(args.run_id)
    typed = (args.name, args.tags, args.note)
    if any(text is not None for text in typed):
        known = (job.name, ",".join(job.tags), job.note)
        chosen = [old if new is None else new for new, old in zip(typed, known, strict=True)]
        job = place.store.describe(job.id, Label.of(*chosen))
    document = {"run_id": job.id, "name": job.name, "tags": list(job.tags), "note": job.note}
    lines = [f"Run {job.id}: {job.name or '(no name)'}"]
    lines += [f"Tags: {', '.join(job.tags)}"] if job.tags else []
    return Answer(document, [*lines, *job.note.splitlines()])


def delete(args: Namespace) -> Answer:
    place = open_place(args)
    place.executor.check()  # a dead worker must not keep what it used
    doomed = _doomed(place, args.id)
    if not args.yes and not _confirmed(doomed.sentence):
        raise StateError(f"Nothing was deleted. {doomed.sentence} Add --yes to delete it.")
    freed = deleting.delete(place.store, doomed)
    document = {"deleted": args.id, "jobs": list(doomed.jobs), "datasets": list(doomed.datasets), "freed_bytes": freed}
    return Answer(document, [f"{doomed.what} is deleted: {size(freed)} freed."])


def _doomed(place: Place, wanted: str) -> deleting.Doomed:
    try:
        return deleting.of_run(place.store, wanted)
    except NotFound:
        return deleting.of_dataset(place.store, wanted)


def _confirmed(sentence: str) -> bool:
    """Asked back once, where somebody is there to answer."""
    if not sys.stdin.isatty():
        return False
    print(sentence, "Type yes to delete:", end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
