"""`python -m training data history|revise|undo|export`: the edits of a dataset, and taking it away. No torch."""

from __future__ import annotations

import argparse
import fnmatch
import io
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from core import DataError, DatasetRef, NotFound, written_whole
from core.words import counted, size
from training.cli import table
from training.cli.commands.runs import Answer, Place, import_data, open_place

SPLIT_SEED = 0
"""Of the split that `export --with-split` adds: what `fit` uses."""
ENDINGS = (".zip", ".csv")


class _InOrder(argparse.Action):
    """Collects edits of every kind in one list, in the order in which they were typed."""

    def __call__(self, parser: object, args: Namespace, values: Any, option: str | None = None) -> None:
        args.edits = [*args.edits, (self.dest, values)]


def add_arguments(data: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """The sub-commands of `data`."""
    verbs = data.add_subparsers(dest="action", metavar="ACTION", required=True)

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text, parents=[common], allow_abbrev=False)
        made.add_argument("path", metavar="DATASET", help="its id, or as for profile")
        return made

    verb("history", "List the revisions of a dataset, newest first, with the runs that belong to each.")
    verb("undo", "Say which revision an edit was made of, and go on from there.")
    revise = verb("revise", "Edit a dataset: makes a revision and prints its id. Edits are taken as typed.")
    revise.set_defaults(edits=[])
    paths = "images as the manifest names them; * and ? stand for any"
    revise.add_argument("--relabel", nargs="+", action=_InOrder, metavar=("CLASS", "PATH"), help=paths)
    revise.add_argument("--exclude", nargs="+", action=_InOrder, metavar="PATH", help="the image counts nowhere")
    revise.add_argument("--restore", nargs="+", action=_InOrder, metavar="PATH", help="an excluded image counts again")
    revise.add_argument("--move", nargs="+", action=_InOrder, metavar=("SPLIT", "PATH"), help="train, val or test")
    revise.add_argument("--merge", nargs="+", action=_InOrder, metavar=("INTO", "CLASS"),
                        help="into a class or a new name; one class is renamed")  # fmt: skip
    export = verb("export", "Write the cleaned set: a zip of class folders, or a CSV `path,label[,split]`.")
    export.add_argument("file", metavar="FILE", help="what to write; ends in .zip or .csv")
    export.add_argument("--with-split", action="store_true", help="add the split that runs use")


def data(args: Namespace) -> Answer:
    place = open_place(args)
    if args.action == "export" and Path(args.file).suffix.lower() not in ENDINGS:  # before an import of minutes
        raise DataError(f"'{args.file}' must end in {' or '.join(ENDINGS)}.")
    ref = import_data(args.path, place.home)
    run: Callable[[Namespace, Place, DatasetRef], Answer] = {
        "history": _history, "undo": _undo, "revise": _revise, "export": _export,
    }[args.action]  # fmt: skip
    return run(args, place, ref)


def _history(args: Namespace, place: Place, ref: DatasetRef) -> Answer:
    from dataset import history

    family = history(place.home, ref)
    documents = [
        {**_document(one), "runs": [job.id for job in place.store.jobs(kind="train", dataset_id=one.id)]}
        for one in family
    ]
    rows = []
    for one, document in zip(family, documents, strict=True):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.created))
        here = "*" if one.id == ref.id else ""
        rows.append((here + one.id, when, f"{one.images:,}", str(len(document["runs"])), one.edit or "As imported."))
    return Answer(documents, table(("revision", "made", "images", "runs", "edit"), rows))


def _undo(args: Namespace, place: Place, ref: DatasetRef) -> Answer:
    from dataset import load_dataset, make_current, origin_of

    if not ref.parent:
        raise DataError(f"{ref.id} is as it was imported: there is no edit to undo.")
    try:
        before = load_dataset(place.home, ref.parent)
    except NotFound:
        before = origin_of(place.home, ref)
    make_current(place.home, before)
    return Answer(_document(before), [f"Undone: {ref.edit}", _line(before)])


def _revise(args: Namespace, place: Place, ref: DatasetRef) -> Answer:
    from dataset import read_rows, revise

    if not args.edits:
        raise DataError("Say what to edit: --relabel, --exclude, --restore, --move or --merge.")
    known = [row.path for row in read_rows(ref)]
    new = revise(place.home, ref, [_edit(kind, values, known) for kind, values in args.edits])
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


def _export(args: Namespace, place: Place, ref: DatasetRef) -> Answer:
    from dataset import half_split, items, write_table, zip_pieces

    sides = None
    if args.with_split or half_split(ref):
        from dataset import sides as sides_of

        sides = sides_of(ref, SPLIT_SEED).tolist()
    taken, target = items(ref, sides), Path(args.file).expanduser().absolute()
    if target.suffix.lower() == ".zip":
        written = _write(target, zip_pieces(ref, taken))
    else:
        text = io.StringIO()
        write_table(taken, text)
        written = _write(target, [text.getvalue().encode()])
    document = {"dataset_id": ref.id, "file": str(target), "images": len(taken), "bytes": written}
    return Answer(document, [f"Wrote {counted(len(taken), 'image')} to {target} ({size(written)})."])


def _write(target: Path, pieces: Iterable[bytes]) -> int:
    """Whole or not at all; returns its bytes."""
    with written_whole(target) as file:
        for piece in pieces:
            file.write(piece)
        return file.tell()


def _document(ref: DatasetRef) -> dict[str, Any]:
    return {
        "dataset_id": ref.id, "base": ref.images_id, "parent": ref.parent or None, "edit": ref.edit,
        "images": ref.images, "excluded": ref.excluded, "classes": list(ref.classes), "created": ref.created,
    }  # fmt: skip


def _line(ref: DatasetRef) -> str:
    out = f", {ref.excluded:,} excluded" if ref.excluded else ""
    return f"{ref.id}: {counted(ref.images, 'image')} in {counted(len(ref.classes), 'class', 'classes')}{out}."
