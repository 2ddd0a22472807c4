"""Reading a run's bundle into this home.

A bundle comes from outside: it holds JSON, CSV, safetensors and images, nothing that runs; every name, digest and id in
it is checked before anything is kept. No torch.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from core import (
    BrokenFile,
    DataError,
    DatasetRef,
    NotFound,
    PlanError,
    SetAside,
    ThawError,
    Unreadable,
    processes,
    read_json,
    run_config_from_json,
    to_json,
)
from core.decode import decode
from core.disk import disk_errors
from core.names import safe_relative
from dataset import RECORD, Layout, Placed, Row, content_id, counts_of, load_dataset, read_rows, staging
from dataset.commit import commit
from dataset.ingest import Arranged, Decoded, Decoders, Found, take_in, unpack
from training.bundles.contents import FORMAT, INDEX, BundledRow, Contents
from training.bundles.writing import files_of
from training.store import Job, RunFolder, RunResult, Stage, Store

T = TypeVar("T")
Tick = Callable[[int, int], None]


def read(bundle: Path, store: Store, *, data: Path | None = None, tick: Tick | None = None) -> Job:
    """Make the run of a bundle part of this home; returns it. One that is here already is returned as it is.

    data: a folder or archive with the images, for a bundle that holds none. tick: (images checked, images in all).
    Raises DataError (not a bundle, damaged, not the same images), UnsafeArchive, NotFound.
    """
    if not bundle.is_file():
        raise DataError(f"There is no bundle '{bundle}'. Check the path and try again.")
    (store.home / "downloads").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.home / "downloads", suffix=f".{processes.tag()}.tmp") as folder:
        place = Path(folder)
        unpack(bundle, place, wanted=lambda name: True)
        contents, rows, listed = checked(place, bundle, store.home)
        for ref, images in listed:
            _bring_dataset(place, contents, ref, images, store.home, data, tick)
        return _bring_run(place, contents, rows, store)


def checked(
    place: Path, bundle: Path, home: Path
) -> tuple[Contents, tuple[BundledRow, ...], list[tuple[DatasetRef, list[Row]]]]:
    """All that an unpacked bundle says: of the run, its metrics, its datasets. Writes nothing. Raises DataError, naming
    file and field."""
    contents = _contents(place, bundle)
    rows = _rows(place, contents, bundle)
    return contents, rows, [_listed(place, contents, dataset_id, home) for dataset_id in contents.datasets]


def _contents(place: Path, bundle: Path) -> Contents:
    """Raises DataError for what is no bundle of this format."""
    try:
        index = read_json(place / INDEX)
        written = index.get("format") if isinstance(index, dict) else None
        if isinstance(written, int) and written != FORMAT:
            raise DataError(f"{bundle.name} was written by another version of Thaw (format {written}): update it.")
        contents = decode(index, Contents, INDEX)
        run_config_from_json(contents.run.config, "The plan of its run")
        RunResult.read(contents.run.result, "The result of its run")
    except PlanError as error:
        raise DataError(f"{bundle.name} holds a run that this version of Thaw cannot read. {error}") from error
    except Unreadable as error:
        raise DataError(f"{bundle.name} is no run bundle of Thaw, or it is damaged. {error}") from error
    return contents


def _rows(place: Path, contents: Contents, bundle: Path) -> tuple[BundledRow, ...]:
    """The run's metrics, once its other files are what they should be. Raises DataError, naming file and field."""
    folder, weights = RunFolder(place, contents.run.id), place / "best.safetensors"
    result = RunResult.read(contents.run.result, "The result of its run")
    if not weights.is_file() or hashlib.sha256(weights.read_bytes()).hexdigest() != result.weights_sha256:
        raise DataError(f"{bundle.name} is damaged: its weights are not those of the run.")
    try:
        for path, kind in ((folder.lineage, tuple[Stage, ...]), (folder.runtime, dict[str, str])):
            if (place / path.name).is_file():
                _read_as(place, path.name, kind)
        return _read_as(place, "rows.json", tuple[BundledRow, ...])
    except Unreadable as error:
        raise DataError(f"{bundle.name} is damaged. {error}") from error


def _read_as(place: Path, name: str, kind: type[T]) -> T:
    """A member of the bundle, which sentences call by its name. Raises Unreadable."""
    try:
        found = read_json(place / name)
    except BrokenFile as error:
        raise Unreadable(f"{name} is missing, empty, damaged or no JSON.") from error
    return decode(found, kind, name)


def _bring_dataset(
    place: Path, contents: Contents, ref: DatasetRef, rows: list[Row], home: Path, data: Path | None, tick: Tick | None
) -> None:
    try:
        load_dataset(home, ref.id)
        return
    except NotFound:
        pass
    if ref.base:
        with staging(home) as stage:
            commit(stage, ref, rows, None)
    elif contents.with_images:
        _commit_images(place, ref, rows, home, tick)
    elif data is not None:
        _import_given(data, ref, rows, home)
    else:
        raise DataError(
            f"This bundle holds no images, and those of '{ref.name}' are not here: give the folder or archive "
            f"that they came from (--data PATH; it was {ref.source})."
        )


def _listed(place: Path, contents: Contents, dataset_id: str, home: Path) -> tuple[DatasetRef, list[Row]]:
    """A dataset's record and rows as the bundle has them, held to their id. Raises DataError."""
    folder = place / "datasets" / dataset_id
    try:
        listed = _read_as(place, f"datasets/{dataset_id}/{RECORD}", DatasetRef)
        if listed.base != (contents.datasets[0] if dataset_id != contents.datasets[0] else ""):
            raise ValueError("it is of another import")
        rows = read_rows(replace(listed, root=str(folder)))
        ref = replace(
            listed, root=str(home / "datasets" / dataset_id), id=dataset_id,
            counts=counts_of(rows, len(listed.classes)),
        )  # fmt: skip
        found = content_id(rows, ref.classes, ref.base, decoding=ref.decoding)
        if found != dataset_id or any(safe_relative(r.path) != r.path for r in rows):
            raise ValueError("the rows are not those that the id stands for")
    except Unreadable as error:
        raise DataError(f"The list of images in this bundle is damaged. {error}") from error
    except (ThawError, ValueError, IndexError) as error:
        raise DataError("The list of images in this bundle is damaged: it does not match the run.") from error
    return ref, rows


def _commit_images(place: Path, ref: DatasetRef, rows: Sequence[Row], home: Path, tick: Tick | None) -> None:
    """The bundle's images as an import: each is decoded in a safe process and held to its digest. Raises DataError."""
    thumbnails = []
    with staging(home) as stage, Decoders(1) as decoders:
        for start in range(0, len(rows), 32):
            chunk = rows[start : start + 32]
            paths = [place / "images" / row.path for row in chunk]
            absent = [row.path for row, path in zip(chunk, paths, strict=True) if not path.is_file()]
            if absent:
                raise DataError(f"The bundle is damaged: {absent[0]} is missing.")
            for row, path, seen in zip(chunk, paths, decoders.decode(paths, ref.decoding), strict=True):
                if not isinstance(seen, Decoded) or seen.digest != row.digest:
                    raise DataError(f"The bundle is damaged: {row.path} is not the image that the run saw.")
                thumbnails.append(seen.thumbnail)
                target = stage / "images" / row.path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(path, target)
            if tick:
                tick(start + len(chunk), len(rows))
        commit(stage, ref, rows, thumbnails)


@dataclass(frozen=True)
class AsSeen:
    """Labels, sides and groups as the run saw them, for images known by their bytes, wherever they lie."""

    ref: DatasetRef
    rows: Sequence[Row]

    @property
    def target(self) -> bool:
        return self.ref.target

    @property
    def key(self) -> str:
        return f"-as-{self.ref.id}"

    def arrange(self, found: Found, table: str | None) -> Arranged:
        """Raises DataError where an image is not there."""
        lying = defaultdict[str, list[str]](list)
        for path, file in sorted(found.images.items()):
            with open(file, "rb") as opened:
                lying[hashlib.file_digest(opened, "sha256").hexdigest()[:32]].append(path)
        placed, missing = [], []
        for row in self.rows:
            same = lying[row.digest]
            if same:
                given = next((one for one in same if f"/{one}".endswith(f"/{row.path}")), same[0])
                same.remove(given)
                placed.append(Placed(given, row.path, row.label, row.split, row.group))
            else:
                missing.append(row.path)
        if missing:
            raise DataError(
                f"These are other images than the run saw: {len(missing):,} of its {len(self.rows):,} are not among "
                f"them ('{missing[0]}')."
            )
        layout = Layout(self.ref.classes, tuple(placed), (), (), self.ref.grouped_by)
        return Arranged(layout, self.ref.reading, self.ref.reading_key)

    def check(self, layout: Layout, rows: Sequence[Row]) -> None:
        """What the run could learn from is enough."""


def _import_given(data: Path, ref: DatasetRef, rows: Sequence[Row], home: Path) -> None:
    found = take_in(data, home, AsSeen(ref, rows), name=ref.name, decoding=ref.decoding)
    if found.id != ref.id:
        raise DataError(f"'{data}' holds the images that the run saw, but not all of them can be read any more.")


def _bring_run(place: Path, contents: Contents, rows: Sequence[BundledRow], store: Store) -> Job:
    run, wanted = contents.run, contents.run.id
    result = RunResult.read(run.result, "The result of its run")
    try:
        there = store.job(wanted)
    except SetAside:
        there, wanted = None, ""
    except NotFound:
        there = None
    if there is not None and RunResult.of(there).weights_sha256 == result.weights_sha256:
        return there
    with disk_errors(store.home):
        return store.adopt(
            {**vars(run), "id": None if there else wanted or None}, map(asdict, rows), map(asdict, contents.events),
            place=lambda new_id: _files_in(place, store.home, new_id, result),
        )  # fmt: skip


def _files_in(place: Path, home: Path, new_id: str, result: RunResult) -> dict[str, Any]:
    """Put the run's files where they belong; returns the result with their paths here."""
    folder = RunFolder(home, new_id)
    folder.path.mkdir(parents=True, exist_ok=True)
    here: dict[str, Any] = {}
    for path, key in files_of(folder).items():
        there = (place / path.name).is_file()
        if there:
            shutil.copyfile(place / path.name, path)
        if key:
            here[key] = folder.in_home(path) if there else None  # it held a path of the other home
    return dict(to_json(replace(result, **here)))
