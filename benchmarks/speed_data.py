"""One set of images for every system of `benchmarks.speed`: a folder for Thaw, and its split as folders for peers."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.errors import DataError
from core.home import home as make_home
from dataset.folder import read_manifest
from dataset.ingest.sources import import_path
from dataset.splits import make_split

FEWEST = 5
"""Images of a class on a given side that `limit` leaves, where there are as many."""
SIDES = ("train", "val", "test")


@dataclass(frozen=True)
class Ground:
    """What every system gets, as written to ground.json."""

    name: str
    dataset_id: str
    classes: int
    sides: dict[str, int]
    """Images on each side of the split, by Thaw's split with seed 0."""
    limit: int | None
    images: str
    """Folder that Thaw imports in every cold run: copies of the files, so that no archive is unpacked on the clock."""
    folders: str
    """Folder for the peers: train/, val/ and test/ with a folder per class, links into `images`."""


def prepare(data: str, limit: int | None, out: Path) -> Ground:
    """Lay the images out below `out`, or read what an earlier call laid out.

    `limit`: about so many images in all, the same share of every class and given side; None = all.
    Raises DataError when `out` holds other images or another limit, and as `import_path` does.
    """
    record = out / "ground.json"
    if record.exists():
        ground = Ground(**json.loads(record.read_text()))
        if (ground.name, ground.limit) != (Path(data).stem, limit):
            raise DataError(
                f"'{out}' holds results for {ground.name} with limit {ground.limit}; "
                "give another --out, or the same data and limit to go on."
            )
        return ground
    images, folders = out / "images", out / "folders"
    for folder in (images, folders):
        shutil.rmtree(folder, ignore_errors=True)
    home = make_home(str(out / "home-reference"))
    whole = import_path(data, home)
    manifest = read_manifest(whole)
    for index in chosen(manifest["split"].to_numpy(str), manifest["label"].to_numpy(), limit):
        path = str(manifest["path"].iloc[index])
        (images / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(whole.images_root / path, images / path)
    ref = import_path(images, home)
    manifest = read_manifest(ref)
    sides = make_split(manifest, ref.id, 0)
    for number, (path, label, side) in enumerate(zip(manifest["path"], manifest["label"], sides, strict=True)):
        link = folders / side / f"{label:03d}" / f"{number:06d}{Path(path).suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((ref.images_root / path).absolute())
    counts = {side: int((sides == side).sum()) for side in SIDES}
    ground = Ground(
        Path(data).stem, ref.id, len(ref.classes), counts, limit, str(images.absolute()), str(folders.absolute())
    )
    record.write_text(json.dumps(asdict(ground)))
    return ground


def chosen(splits: np.ndarray, labels: np.ndarray, limit: int | None) -> np.ndarray:
    """Rows kept under `limit`, ascending: of every (side, class) the same share, but `FEWEST` where there are any."""
    if limit is None or limit >= len(labels):
        return np.arange(len(labels))
    rng = np.random.default_rng(0)
    kept = []
    for side in np.unique(splits):
        for label in np.unique(labels):
            rows = np.flatnonzero((splits == side) & (labels == label))
            count = min(len(rows), max(FEWEST, round(len(rows) * limit / len(labels))))
            kept.append(rng.permutation(rows)[:count])
    return np.sort(np.concatenate(kept))
