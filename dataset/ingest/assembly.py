"""From the files a source holds to a committed dataset: laid out, decoded, counted, set aside.

The sources themselves (folder, archive, upload) are read by `sources`. This module takes files that already
lie on this disk under safe relative names.
"""

from __future__ import annotations

import errno
import filecmp
import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import ClassVar, Protocol

from core import IMAGES, SOURCE, USUAL_DECODING, DataError, DatasetRef, Decoding, ReadingAsked, TooFewImages
from core.disk import need_space
from core.names import IMAGE_SUFFIXES, is_archive_name, printable
from core.words import counted
from dataset import EXPECTED, Layout, Placed, Row, content_id, counts_of, groups_of
from dataset.commit import commit
from dataset.documents import open_guarded
from dataset.groups import GroupsFrom, from_names, in_words
from dataset.ingest.decode_workers import Decoders
from dataset.ingest.decoding import SEVERAL, Decoded
from dataset.ingest.question import with_pictures
from dataset.readings import UNSAID, Listing, ReadAs, read, without_images
from dataset.value_range import Values, choose
from dataset.value_range import in_words as range_in_words

Progress = Callable[[int, int], None]
"""Called with (files checked, files in all). What it raises cancels the import."""

Bring = Callable[[Path, Path], object]
"""Puts a file (first argument) where it belongs (second); raises OSError."""

MAX_LISTED = 2_000
"""Files set aside that are listed by name; above it a note says how many more there are."""
MIN_PER_CLASS = 2
MOST_WORKERS, WORTH_A_PROCESS = 8, 64
"""Decoding processes, and the images from which another one is worth its start."""
BATCH, PORTION = 256, 16
"""Images between two chances to cancel, and those handed to a decoding process at a time."""

_PAGES = {
    1: "number {} of each is taken.",
    3: "{}, {} and {} become red, green and blue.",
}
_ARCHIVE_INSIDE = "an archive inside: unpack it first"


@dataclass
class Found:
    """What a source holds, before anything was judged: relative paths, and where the images lie now."""

    images: dict[str, Path] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    set_aside: list[tuple[str, str]] = field(default_factory=list)
    documents: dict[str, Path] = field(default_factory=dict)
    """Files that may say what the images show (`dataset.readings`), likewise."""
    size: int = 0
    """Bytes of all images."""

    @property
    def files(self) -> dict[str, Path]:
        """Images and documents."""
        return {**self.images, **self.documents}

    def leave_out(self, path: str, reason: str = "") -> None:
        """Set one file aside; its folder is still seen, as it may be meant as a class."""
        if not reason:
            reason = _ARCHIVE_INSIDE if is_archive_name(path) else "not an image file"
        self.set_aside.append((path, reason))
        if "/" in path:
            self.folders.append(path.rpartition("/")[0])

    def leave_out_documents(self, used: Collection[str]) -> None:
        """Set those aside from which nothing was read."""
        for path in self.documents.keys() - used:
            self.leave_out(path)

    def listing(self) -> Listing:
        """The names alone, as readings are made of them."""
        others = (*self.documents, *(path for path, _ in self.set_aside))
        return Listing(tuple(self.images), tuple(self.folders), others, self._same)

    def _same(self, one: str, other: str) -> bool:
        try:
            return filecmp.cmp(self.images[one], self.images[other], shallow=False)
        except OSError:
            return False


@dataclass(frozen=True)
class Arranged:
    """What is made of a source, and how that came about, as `DatasetRef` keeps it."""

    layout: Layout
    reading: str = ""
    reading_key: str = ""
    other_readings: tuple[tuple[str, str], ...] = ()


class Labels(Protocol):
    """How the files of a source get their labels, and what is asked of the outcome."""

    @property
    def target(self) -> bool:
        """Whether it becomes a target (`dataset.ingest.targets`) instead of a dataset of its own."""
        ...

    @property
    def key(self) -> str:
        """Differs where the same archive would give another dataset; '' for the usual way."""
        ...

    def arrange(self, found: Found, table: str | None) -> Arranged:
        """table: the one of `found.documents` that holds the labels. Those that were not read are left out of `found`.
        """
        ...

    def check(self, layout: Layout, rows: Sequence[Row]) -> None:
        """Raises TooFewImages."""
        ...


@dataclass(frozen=True)
class AsRead:
    """Labels from the reading of the source that is taken (`dataset.readings`); enough of them to learn from."""

    read_as: ReadAs = UNSAID
    groups: GroupsFrom = "auto"
    target: ClassVar[bool] = False

    @property
    def key(self) -> str:
        said = "" if not self.read_as else json.dumps(astuple(self.read_as))
        reading = f"-{hashlib.sha256(said.encode()).hexdigest()[:16]}" if said else ""
        return reading if self.groups == "auto" else f"{reading}-groups-{self.groups}"

    def arrange(self, found: Found, table: str | None) -> Arranged:
        try:
            choice = read(found.listing(), found.documents, self.read_as, table, open_guarded)
        except ReadingAsked as question:
            raise with_pictures(question, found.images) from None
        found.leave_out_documents(choice.reading.files)
        others = tuple((one.key, one.line) for one in choice.others)
        layout = with_groups(choice.reading.grouped(), self.groups)
        layout = replace(layout, notes=(*layout.notes, *choice.notes))
        return Arranged(layout, choice.reading.line, choice.reading.key, others)

    def check(self, layout: Layout, rows: Sequence[Row]) -> None:
        _check_counts(layout, rows, Counter(one.label for one in layout.placed))


def finish(
    found: Found,
    stage: Path,
    name: str,
    source: str,
    progress: Progress | None,
    *,
    bring: Bring = os.rename,
    table: str | None = None,
    labels: Labels | None = None,
    decoding: Decoding = USUAL_DECODING,
    keep: Mapping[str, Path] | None = None,
) -> DatasetRef:
    """Lay out, take over and decode the images, then commit.

    bring: how a file comes to its place: moved, copied (shutil.copyfile) or linked (os.link). table: the one of
    `found` that holds the labels; else `labels` decides (None: as `AsRead`). decoding: a value range that it leaves
    open is chosen from the images. keep: files that nobody else has; they are kept where there are other readings.
    """
    labels = labels or AsRead()
    source = printable(source)
    _check_images(found, source)
    arranged = labels.arrange(found, table)
    layout = arranged.layout
    if bring is shutil.copyfile:
        need_space(stage, sum(found.images[one.given].stat().st_size for one in layout.placed))
    rows, thumbnails, deep, unusable = _take_over(found, layout, stage / IMAGES, progress, bring, decoding)
    try:
        labels.check(layout, rows)
    except TooFewImages as error:
        if not unusable:
            raise
        (reason, times), *_ = Counter(reason for _, reason in unusable).most_common(1)
        path = next(path for path, one in unusable if one == reason)
        commonest = f"What most often cannot be read ({counted(times, 'image')}, as '{path}'): {reason}."
        raise TooFewImages(f"{error} {commonest}", error.problems) from None
    decoding, told = _with_range(decoding, stage / IMAGES, rows, thumbnails, deep)
    if keep and arranged.other_readings:
        _keep_source(stage, keep, layout.placed)
    for done in ("unpacked", "upload"):
        shutil.rmtree(stage / done, ignore_errors=True)
    set_aside = sorted({*found.set_aside, *layout.set_aside, *unusable})
    dataset_id = content_id(rows, layout.classes, target=labels.target, decoding=decoding)
    ref = DatasetRef(
        id=dataset_id,
        name=printable(name).strip() or "images",
        root=str(stage.parent / dataset_id),
        classes=layout.classes,
        counts=counts_of(rows, len(layout.classes)),
        source=source,
        created=time.time(),
        set_aside=tuple(set_aside[:MAX_LISTED]),
        notes=(*layout.notes, *told, *_notes(set_aside)),
        target=labels.target,
        unlabelled=sum(row.label < 0 for row in rows),
        groups=groups_of(rows),
        grouped_by=layout.grouped_by,
        reading=arranged.reading,
        reading_key=arranged.reading_key,
        other_readings=arranged.other_readings,
        decoding=decoding,
    )
    return commit(stage, ref, rows, thumbnails)


def _keep_source(stage: Path, files: Mapping[str, Path], placed: Sequence[Placed]) -> None:
    """Link all files of a source below `stage / SOURCE`, as they came; nothing where the disk knows no links."""
    taken = {one.given: stage / IMAGES / one.path for one in placed}
    try:
        for given, file in files.items():
            file = file if file.exists() else taken.get(given, file)
            if file.exists():  # what cannot be decoded is gone
                kept = stage / SOURCE / given
                kept.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, kept)
    except OSError:
        shutil.rmtree(stage / SOURCE, ignore_errors=True)


def with_groups(layout: Layout, groups: GroupsFrom) -> Layout:
    """With the groups that the names give where the source gave none, or without any; what was taken, or could be, is
    noted."""
    if groups == "none":
        return replace(layout, placed=tuple(replace(one, group="") for one in layout.placed), grouped_by="")
    if not layout.grouped_by:
        found = from_names([one.path for one in layout.placed], [one.label for one in layout.placed])
        if found is not None and (found.sure or groups == "names"):
            placed = tuple(replace(one, group=name) for one, name in zip(layout.placed, found.groups, strict=True))
            layout = replace(layout, placed=placed, grouped_by=found.by)
        elif found is not None:
            return replace(layout, notes=(*layout.notes, found.offer([one.split for one in layout.placed])))
    if not layout.grouped_by:
        return layout
    told = in_words((one.group for one in layout.placed), (one.split for one in layout.placed), layout.grouped_by)
    return replace(layout, notes=(*layout.notes, f"{told}."))


def _check_images(found: Found, source: str) -> None:
    if found.images:
        return
    for path, reason in found.set_aside:
        if reason == _ARCHIVE_INSIDE:
            raise DataError(
                f"There are no images, only another archive: '{path}'. Unpack it and import what is inside."
            )
    formats = ", ".join(IMAGE_SUFFIXES)
    told = without_images(found.documents, open_guarded)
    raise DataError(f"No images were found in '{source}' (read are {formats}). {told}{' ' if told else ''}{EXPECTED}")


def _take_over(
    found: Found, layout: Layout, images: Path, progress: Progress | None, bring: Bring, decoding: Decoding
) -> tuple[list[Row], list[bytes], dict[str, Values], list[tuple[str, str]]]:
    """Bring all files to their place under `images` and decode them: (sorted rows, thumbnails, values of the images of
    more than 8 bits by path, unusable files)."""
    for folder in sorted({one.path.rpartition("/")[0] for one in layout.placed}):
        (images / folder).mkdir(parents=True, exist_ok=True)
    rows: list[tuple[Row, bytes]] = []
    deep: dict[str, Values] = {}
    unusable: list[tuple[str, str]] = []
    for one, result in _judge_all(found, images, bring, layout.placed, progress, decoding):
        if isinstance(result, Decoded):
            seen = (result.digest, result.width, result.height, " ".join(result.traits))
            rows.append((Row(one.path, one.label, one.split, *seen, one.group), result.thumbnail))
            if result.values:
                deep[one.path] = result.values
        else:
            unusable.append((one.given, result))
    rows.sort()
    return [row for row, _ in rows], [thumbnail for _, thumbnail in rows], deep, unusable


def _with_range(
    asked: Decoding, images: Path, rows: Sequence[Row], thumbnails: list[bytes], deep: dict[str, Values]
) -> tuple[Decoding, list[str]]:
    """(the decoding with its value range, what of it is told). Thumbnails that were made without it are made anew."""
    told = []
    several = sum(bool(SEVERAL & set(row.traits.split())) for row in rows)
    if several:
        files = "1 file holds" if several == 1 else f"{several:,} files hold"
        told.append(f"{files} several pages or pictures: {_PAGES[len(asked.pages)].format(*asked.pages)}")
    if not deep:
        if asked.value_range:
            told.append("All images are of 8 bits: the value range that was asked for changes nothing.")
        return replace(asked, value_range=None), told
    if asked.value_range:
        return asked, [*told, range_in_words(asked.value_range, "As asked", len(deep), len(rows))]
    value_range, which = choose(list(deep.values()))
    decoding = replace(asked, value_range=value_range)
    at = [number for number, row in enumerate(rows) if row.path in deep]
    with Decoders(_workers(len(at))) as decoders, ThreadPoolExecutor(_workers(len(at))) as pool:
        portions = [at[start : start + PORTION] for start in range(0, len(at), PORTION)]
        again = pool.map(lambda some: decoders.decode([images / rows[one].path for one in some], decoding), portions)
        for number, result in zip(at, chain.from_iterable(again), strict=True):
            if isinstance(result, Decoded):  # as it was a moment ago
                thumbnails[number] = result.thumbnail
    return decoding, [*told, range_in_words(value_range, which, len(deep), len(rows))]


def _notes(set_aside: Sequence[tuple[str, str]]) -> list[str]:
    notes = []
    archives = sum(reason == _ARCHIVE_INSIDE for _, reason in set_aside)
    if archives:
        what = "1 archive inside was" if archives == 1 else f"{archives} archives inside were"
        notes.append(f"{what} not unpacked. If images are missing, unpack it first and import again.")
    if len(set_aside) > MAX_LISTED:
        notes.append(f"{len(set_aside):,} files were set aside; the first {MAX_LISTED:,} are listed.")
    return notes


def _judge_all(
    found: Found,
    images: Path,
    bring: Bring,
    placed: Sequence[Placed],
    progress: Progress | None,
    decoding: Decoding,
) -> Iterator[tuple[Placed, Decoded | str]]:
    """Bring every file to its place and decode it there: (image, result) in order. What is unusable is removed."""
    workers = _workers(len(placed))
    # One thread more than processes: it brings files to their place while the others wait for answers.
    with Decoders(workers) as decoders, ThreadPoolExecutor(workers + 1) as pool:
        judge = partial(_judge, found.images, images, bring, decoders, decoding)
        for start in range(0, len(placed), BATCH):  # in batches, so that cancelling is quick
            end = min(start + BATCH, len(placed))
            portions = [placed[at : min(at + PORTION, end)] for at in range(start, end, PORTION)]
            results = (pair for portion in pool.map(judge, portions) for pair in portion)
            import numpy  # noqa: F401  # the commit needs it, and there is time while the first process starts

            for done, pair in enumerate(results, start=start + 1):
                yield pair
                if progress:
                    progress(done, len(placed))


def _workers(images: int) -> int:
    return max(1, min(MOST_WORKERS, os.cpu_count() or 1, images // WORTH_A_PROCESS))


def _judge(
    bytes_at: dict[str, Path],
    images: Path,
    bring: Bring,
    decoders: Decoders,
    decoding: Decoding,
    portion: Sequence[Placed],
) -> list[tuple[Placed, Decoded | str]]:
    """Bring a few files to their place and decode them there."""
    failed: dict[str, str] = {}
    for one in portion:
        try:
            bring(bytes_at[one.given], images / one.path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            failed[one.path] = f"cannot be read: {error.strerror or error}"
    there = [one.path for one in portion if one.path not in failed]
    decoded = decoders.decode([images / path for path in there], decoding)
    results = {**failed, **dict(zip(there, decoded, strict=True))}
    for path, result in results.items():
        if isinstance(result, str):
            (images / path).unlink(missing_ok=True)
    return [(one, results[one.path]) for one in portion]


def _check_counts(layout: Layout, rows: Sequence[Row], named: Counter[int]) -> None:
    """Raise TooFewImages unless there are two classes with two images each, and two of them in training."""
    readable = Counter(row.label for row in rows)

    def count(label: int) -> str:
        lost = named[label] - readable[label]
        text = f"'{layout.classes[label]}' has {readable[label]:,}"
        return f"{text} ({lost:,} cannot be read)" if lost else text

    everything = "; ".join(count(label) for label in range(len(layout.classes)))
    if len(layout.classes) < 2:
        raise TooFewImages(
            f"Only one class folder was found: {everything} readable images. "
            f"At least two classes are needed. {EXPECTED}",
            (f"{everything} readable images.",),
        )
    small = [label for label in range(len(layout.classes)) if readable[label] < MIN_PER_CLASS]
    if small:
        some = "A class needs" if len(small) == 1 else f"{len(small)} classes need"
        raise TooFewImages(
            f"{some} more images (at least {MIN_PER_CLASS} readable ones in each class): "
            f"{'; '.join(map(count, small))}. Add images, or remove the folder, and import again.",
            tuple(f"{count(label)} readable images." for label in small),
        )
    taught = {row.label for row in rows if row.split in ("", "train")}
    if len(taught) < 2:
        raise TooFewImages(
            f"The train folder holds readable images of only {len(taught)} of the {len(layout.classes)} "
            f"classes: {everything} over all splits. Put training images of at least two classes into it, "
            "and import again."
        )
