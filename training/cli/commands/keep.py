"""`python -m training datasets|label|delete|token|password`: what a home holds, how it is called, what is to go, and
who may come in. No torch."""

from __future__ import annotations

import sys
from collections import Counter

import click

from core import NotFound, StateError
from core.access import line_for, rotate
from core.access import token as token_of
from core.words import size
from dataset import list_current, set_aside
from training.cli.shared import RUNS_AND_DATASETS, Answer, Place, run_argument, verb
from training.cli.text import table
from training.jobs import deleting
from training.store import Label


@verb
def datasets(place: Place) -> Answer:
    """List the datasets of this home, newest first."""
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


@verb
@run_argument
@click.option("--name", metavar="TEXT", help="'' takes it away, as for the others")
@click.option("--tags", metavar="A,B", help="in place of those it has")
@click.option("--note", metavar="TEXT")
def label(place: Place, run_id: str, name: str | None, tags: str | None, note: str | None) -> Answer:
    """Give a run a name, tags and a note, which every list shows."""
    job = place.store.job(run_id)
    typed = (name, tags, note)
    if any(text is not None for text in typed):
        known = (job.name, ",".join(job.tags), job.note)
        chosen = [old if new is None else new for new, old in zip(typed, known, strict=True)]
        job = place.store.describe(job.id, Label.of(*chosen))
    document = {"run_id": job.id, "name": job.name, "tags": list(job.tags), "note": job.note}
    lines = [f"Run {job.id}: {job.name or '(no name)'}"]
    lines += [f"Tags: {', '.join(job.tags)}"] if job.tags else []
    return Answer(document, [*lines, *job.note.splitlines()])


@verb
@click.argument("wanted", metavar="RUN|DATASET", shell_complete=RUNS_AND_DATASETS)
@click.option("--yes", is_flag=True, help="do not ask back")
def delete(place: Place, wanted: str, yes: bool) -> Answer:
    """Delete a run, or a dataset with its revisions, runs, measurements and caches."""
    place.executor.check()  # a dead worker must not keep what it used
    doomed = _doomed(place, wanted)
    if not yes and not _confirmed(doomed.sentence):
        raise StateError(f"Nothing was deleted. {doomed.sentence} Add --yes to delete it.")
    freed = deleting.delete(place.store, doomed)
    document = {"deleted": wanted, "jobs": list(doomed.jobs), "datasets": list(doomed.datasets), "freed_bytes": freed}
    return Answer(document, [f"{doomed.what} is deleted: {size(freed)} freed."])


@verb
@click.option("--rotate", "anew", is_flag=True, help="make another; whoever signed in has to sign in again")
def token(place: Place, anew: bool) -> Answer:
    """Show the token that opens this home's shared server."""
    word = rotate(place.home) if anew else token_of(place.home)
    lines = [f"Token: {word}", f"Behind the address of the server it lets a browser in: ?token={word}"]
    return Answer({"token": word}, lines)


@verb
@click.argument("name")
def password(place: Place, name: str) -> Answer:
    """Make the line of a person for the file that THAW_PASSWORD_FILE names; asks for the password."""
    if not sys.stdin.isatty():
        word = sys.stdin.readline().rstrip("\n")
    else:
        word = click.prompt("Password", hide_input=True, err=True)
        if click.prompt("Again", hide_input=True, err=True) != word:
            raise StateError("The two passwords differ: nothing was made.")
    line = line_for(name, word)
    return Answer({"line": line}, [line])


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
