"""`python -m training target DATASET [PATH]`: attach a second set of images to a dataset. No torch."""

from __future__ import annotations

from pathlib import Path

import click

from core import DatasetRef
from core.words import counted
from training.cli import steps
from training.cli.follow import how_far
from training.cli.shared import Answer, Place, dataset_argument, verb


@verb
@dataset_argument("as for profile")
@click.argument("images", required=False, type=click.Path(readable=False), metavar="[PATH]",
                help="a folder, an archive or a table; none: say which")  # fmt: skip
@click.option("--detach", is_flag=True, help="forget the target; its images stay")
def target(place: Place, path: str, images: str | None, detach: bool) -> Answer:
    """Attach a second, unlabelled set of images to a dataset, for adaptation."""
    from dataset.ingest import targets

    home = place.home
    ref = steps.import_data(path, home)
    if detach:
        targets.detach(home, ref)
    if images:
        new = targets.attach(home, ref, Path(images).expanduser(), progress=how_far(steps.IMPORTING))
        steps.tell_notes(new)
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
