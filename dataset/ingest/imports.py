"""What to import, and doing it: one order for a path, an upload or a sample, as a dataset of its own or as a target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core import USUAL_DECODING, DataError, DatasetRef, Decoding
from dataset import ClassFrom, GroupsFrom, load_dataset
from dataset.readings import UNSAID, ReadAs

if TYPE_CHECKING:
    from dataset.ingest.assembly import Progress


@dataclass(frozen=True)
class Order:
    """What to import, and how. `source`: a path on this computer, 'upload:ID', 'sample:NAME', or 'dataset:ID' for the
    images of an import decoded another way."""

    source: str
    name: str | None = None
    classes_from: ClassFrom = 1
    groups: GroupsFrom = "auto"
    target_of: str = ""
    """Id of the dataset that these images become the target of; '' = a dataset of their own."""
    said: str | None = None
    """Where the images are from, in words, if that is not `source`."""
    read_as: ReadAs = UNSAID
    decoding: Decoding = USUAL_DECODING
    """Pages and value range; a range that it leaves open is chosen from the images. A target has its dataset's."""

    def __post_init__(self) -> None:
        if not self.source:
            raise DataError("Nothing to import was named. Give a folder, an archive or a table of labels.")


def carry_out(order: Order, home: Path, progress: Progress) -> DatasetRef:
    """Do what an order says, here and now. Raises ThawError."""
    from dataset.ingest import sources, targets, uploads
    from dataset.ingest.assembly import AsRead

    source = load_dataset(home, order.target_of) if order.target_of else None
    labels = targets.labels_of(source) if source else AsRead.of(order.classes_from, order.read_as, order.groups)
    decoding = source.decoding if source else order.decoding
    kind, _, rest = order.source.partition(":")
    if kind == "upload":
        ref = uploads.take_upload(rest, home, labels, name=order.name, progress=progress, decoding=decoding)
    elif kind == "sample":
        from dataset.ingest.samples import import_sample

        ref = import_sample(rest, home)
    elif kind == "dataset":
        ref = sources.decode_anew(load_dataset(home, rest), home, decoding, progress=progress)
    else:
        ref = sources.take_in(
            order.source, home, labels, name=order.name, progress=progress, said=order.said, decoding=decoding
        )
    if source:
        targets.link(home, source, ref)
    return ref
