"""`python -m training data history|revise|undo|export`: the edits of a dataset, and taking it away. No torch."""

from __future__ import annotations

import fnmatch
import io
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from core import DataError, DatasetRef, NotFound, written_whole
from core.words import counted, moment, size
from training.cli import steps
from training.cli.shared import FILE, Answer, Place, dataset_argument, verb
from training.cli.terminal import everywhere
from training.cli.text import table

SPLIT_SEED = 0
"""Of the split that `export --with-split` adds: what `fit` uses."""
ENDINGS = (".zip", ".csv")


class Revise(click.Command):
    """Hands over `edits` in the order they were typed in, each with all the words up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        others: list[str] = []
        edits: list[tuple[str, list[str]]] = []
        kinds = {option.opts[0] for option in self.params if option.multiple}
        taking = others
        for word in args:
            option, given, value = word.partition("=")
            if option in kinds:
                taking = [value] if given else []
                edits.append((option, taking))
            else:
                taking = others if word.startswith("-") else taking
                taking.append(word)
        ctx.params["edits"] = edits
        return super().parse_args(ctx, others)


_edit_option = partial(click.option, multiple=True, expose_value=False)


@everywhere
@click.group(no_args_is_help=False)
def data() -> None:
    """Edit a dataset and list its revisions; write the cleaned set."""


@verb
@dataset_argument()
def history(place: Place, path: str) -> Answer:
    """List the revisions of a dataset, newest first, with the runs that belong to each."""
    from dataset import history as revisions

    ref = steps.import_data(path, place.home)
    family = revisions(place.home, ref)
    documents = [
        {**_document(one), "runs": [job.id for job in place.store.jobs(kind="train", dataset_id=one.id)]}
        for one in family
    ]
    rows = [
        ("*" * (one.id == ref.id) + one.id, moment(one.created), f"{one.images:,}", str(len(document["runs"])),
         one.edit or "As imported.")
        for one, document in zip(family, documents, strict=True)
    ]  # fmt: skip
    return Answer(documents, table(("revision", "made", "images", "runs", "edit"), rows))


@verb
@dataset_argument()
def undo(place: Place, path: str) -> Answer:
    """Say which revision an edit was made of, and go on from there."""
    from dataset import load_dataset, make_current, origin_of

    ref = steps.import_data(path, place.home)
    if not ref.parent:
        raise DataError(f"{ref.id} is as it was imported: there is no edit to undo.")
    try:
        before = load_dataset(place.home, ref.parent)
    except NotFound:
        before = origin_of(place.home, ref)
    make_current(place.home, before)
    return Answer(_document(before), [f"Undone: {ref.edit}", _line(before)])


@partial(verb, cls=Revise)
@dataset_argument()
@_edit_option("--relabel", metavar="CLASS PATH...", help="images as the manifest names them; * and ? stand for any")
@_edit_option("--exclude", metavar="PATH...", help="the image counts nowhere")
@_edit_option("--restore", metavar="PATH...", help="an excluded image counts again")
@_edit_option("--move", metavar="SPLIT PATH...", help="train, val or test")
@_edit_option("--merge", metavar="INTO CLASS...", help="into a class or a new name; one class is renamed")
def revise(place: Place, path: str, edits: list[tuple[str, list[str]]]) -> Answer:
    """Edit a dataset: makes a revision and prints its id. Edits are taken as typed."""
    from dataset import read_rows
    from dataset import revise as revised

    for option, words in edits:
        if not words:
            raise click.BadOptionUsage(option, f"Option '{option}' requires an argument.")
    ref = steps.import_data(path, place.home)
    if not edits:
        raise DataError("Say what to edit: --relabel, --exclude, --restore, --move or --merge.")
    known = [row.path for row in read_rows(ref)]
    new = revised(place.home, ref, [_edit(option.removeprefix("--"), words, known) for option, words in edits])
    if new.id == ref.id:
        return Answer(_document(new), ["Nothing changed: this is so already.", _line(new)])
    return Answer(_document(new), [new.edit or "As imported again.", _line(new)])


def _edit(kind: str, values: Sequence[str], known: Sequence[str]) -> Any:
    from dataset import Edit

    if kind == "merge":
        return Edit("merge", to=values[0], classes=tuple(values[1:]))
    if kind in ("exclude", "restore"):
        return Edit(kind, _matching(values, known))  # type: ignore[arg-type]
    return Edit("relabel" if kind == "relabel" else "split", _matching(values[1:], known), values[0])


def _matching(patterns: Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    """The images that paths and patterns name; what names none stays, and is refused by name."""
    there = set(known)
    return tuple(
        path
        for pattern in patterns
        for path in ([pattern] if pattern in there else fnmatch.filter(known, pattern) or [pattern])
    )


@verb
@dataset_argument()
@click.argument("file", type=FILE, metavar="FILE", help="what to write; ends in .zip or .csv")
@click.option("--with-split", is_flag=True, help="add the split that runs use")
def export(place: Place, path: str, file: Path, with_split: bool) -> Answer:
    """Write the cleaned set: a zip of class folders, or a CSV `path,label[,split]`."""
    from dataset import half_split, items, write_table, zip_pieces
    from dataset import sides as sides_of

    if file.suffix.lower() not in ENDINGS:  # before an import of minutes
        raise DataError(f"'{file}' must end in {' or '.join(ENDINGS)}.")
    ref = steps.import_data(path, place.home)
    sides = sides_of(ref, SPLIT_SEED).tolist() if with_split or half_split(ref) else None
    taken, target = items(ref, sides), file.expanduser().absolute()
    pieces: Iterable[bytes] = zip_pieces(ref, taken)
    if target.suffix.lower() == ".csv":
        text = io.StringIO()
        write_table(taken, text)
        pieces = [text.getvalue().encode()]
    with written_whole(target) as out:
        out.writelines(pieces)
        written = out.tell()
    document = {"dataset_id": ref.id, "file": str(target), "images": len(taken), "bytes": written}
    lines = [f"Wrote {counted(len(taken), 'image')} to {target} ({size(written)})."]
    if how := flags_of(ref, [one.name for one in taken], [one.label for one in taken]):
        lines.append(f"To read it as it was read here, import it with {how}.")
    return Answer({**document, "import_with": how}, lines)


def flags_of(ref: DatasetRef, names: Sequence[str], labels: Sequence[str]) -> str:
    """What neither images nor a table say of a dataset, as options of an import; '' = nothing."""
    from dataset.groups import from_names

    flags = []
    if ref.decoding.value_range:
        flags.append("--value-range={:g},{:g}".format(*ref.decoding.value_range))
    if len(ref.decoding.pages) > 1:
        flags.append("--pages-as-channels")
    elif ref.decoding.pages != (1,):
        flags.append(f"--page {ref.decoding.pages[0]}")
    number = {label: at for at, label in enumerate(dict.fromkeys(labels))}
    found = None if ref.groups else from_names(names, [number[label] for label in labels])
    if found is not None and found.sure:
        flags.append("--groups none")
    return " ".join(flags)


def _document(ref: DatasetRef) -> dict[str, Any]:
    return {
        "dataset_id": ref.id, "base": ref.images_id, "parent": ref.parent or None, "edit": ref.edit,
        "images": ref.images, "excluded": ref.excluded, "classes": list(ref.classes), "created": ref.created,
    }  # fmt: skip


def _line(ref: DatasetRef) -> str:
    out = f", {ref.excluded:,} excluded" if ref.excluded else ""
    return f"{ref.id}: {counted(ref.images, 'image')} in {counted(len(ref.classes), 'class', 'classes')}{out}."


for action in (history, undo, revise, export):
    data.add_command(action)
