"""`python -m training target DATASET [PATH]`: attach a second set of images to a dataset. No torch."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from core import DatasetRef
from core.words import counted
from training.cli import to_stderr
from training.cli.commands.runs import Answer, import_data, open_place, say_import


def target(args: Namespace) -> Answer:
    """Attach, forget, or only say which target a dataset has."""
    from dataset.ingest import targets

    home = open_place(args).home
    ref = import_data(args.path, home)
    if args.detach:
        targets.detach(home, ref)
    if args.images:
        new = targets.attach(home, ref, Path(args.images).expanduser(), progress=say_import())
        for told in (*new.notes, *(f"set aside: {name}: {reason}" for name, reason in new.set_aside)):
            to_stderr(told)
    found = targets.target_of(home, ref)
    document = {
        "dataset_id": ref.id,
        "target": None if found is None else found.id,
        "images": 0 if found is None else found.images,
        "unlabelled": 0 if found is None else found.unlabelled,
    }
    return Answer(document, [_line(ref, found)])


def _line(ref: DatasetRef, found: DatasetRef | None) -> str:
    if found is None:
        return f"{ref.name} has no target."
    labelled = f"{found.images - found.unlabelled:,} of them labelled"
    return f"Target of {ref.name}: {found.name}, {counted(found.images, 'image')}, {labelled} ({found.id})."
