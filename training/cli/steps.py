"""Steps that several verbs take: images are brought in, weights looked for, a profile made. No torch.

`dataset.ingest.sources` and what needs it is imported where used: pandas would cost `runs` and `stop` half a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import DataError, DatasetRef
from core.words import counted
from core.zoo import BackboneCard, catalog
from training.backbones import weights
from training.cli.follow import how_far, to_stderr
from training.cli.shared import AS_USUAL, Answer, HowRead, Place
from training.cli.text import run_document, run_lines
from training.requests import Profile
from training.store import Job

SAMPLE = "sample:"
IMPORTING = "Importing, {:,} of {:,}"


@contextmanager
def worker_ahead(place: Place, *, light: bool = False) -> Iterator[None]:
    """Within, images are read while a worker loads; should that fail, the worker is let go. light: for a probe."""
    place.executor.prepare(light=light)
    try:
        yield
    except BaseException:
        place.executor.dismiss()
        raise


def backbone_here(place: Place, name: str, *, pretrained: bool = True) -> BackboneCard:
    """The card of --backbone. Raises WeightsError when weights are wanted and not on this machine, before any work."""
    home, card = place.home, catalog.backbone(name)
    if card.pretrained and pretrained:
        weights.find(card, home)
    return card


def is_known(path: str) -> bool:
    """Whether it names a sample or an imported dataset, not files."""
    return path.startswith(SAMPLE) or bool(re.fullmatch("[0-9a-f]{16}", path) and not Path(path).exists())


def import_data(path: str, home: Path, how: HowRead = AS_USUAL) -> DatasetRef:
    """A folder, an archive, 'sample:NAME' or the id of an imported dataset. Raises DataError, NotFound."""
    from dataset.ingest import sources

    read_as = how.reading()
    if path.startswith(SAMPLE):
        from dataset.ingest import import_sample

        if how != AS_USUAL:
            raise DataError("A sample is read in one way only: leave out the options that say how.")
        ref = import_sample(path.removeprefix(SAMPLE), home)
    elif is_known(path):
        ref = sources.load_dataset(home, path)
        decoding = how.decoding(ref.decoding)
        if read_as:
            raise DataError(f"{path} is imported already; to read it in another way, give its folder or archive again.")
        if decoding == ref.decoding and how.groups == "auto":
            return ref
        ref = sources.take_again(ref, home, decoding=decoding, groups=how.groups, progress=how_far(IMPORTING))
    else:
        ref = sources.import_path(
            Path(path).expanduser(), home, progress=how_far(IMPORTING), read_as=read_as, groups=how.groups,
            decoding=how.decoding(),
        )
    classes = counted(len(ref.classes), "class", "classes")
    to_stderr(f"Dataset {ref.id}: {counted(ref.images, 'image')} in {classes}.")
    tell_notes(ref)
    return ref


def tell_notes(ref: DatasetRef) -> None:
    """What was noticed while it was read, and what of it was left out."""
    reading = (f"{ref.reading}.",) if ref.reading and not ref.source.startswith(SAMPLE) else ()
    for told in (*reading, *ref.notes, *(f"set aside: {name}: {reason}" for name, reason in ref.set_aside)):
        to_stderr(told)


def measured(place: Place, ref: DatasetRef, backbone: str) -> Job:
    """A profile job to its end; joins one that is already on its way."""
    return place.carry_out(Profile(ref.id, backbone), f"Measuring with {catalog.backbone(backbone).title}")


def answer_of(place: Place, job: Job) -> Answer:
    """What there is to say of a run that ended."""
    return Answer(run_document(place.home, job), run_lines(place.home, job), *outcome(job))


def outcome(job: Job) -> tuple[int, str]:
    """(exit code, sentence for standard error)."""
    if job.state not in ("failed", "lost"):
        return 0, ""
    what = f"{job.noun} '{job.id}' {'failed' if job.state == 'failed' else 'was lost'}"
    return 1, f"{what}: {job.error}" if job.error else f"{what}."
