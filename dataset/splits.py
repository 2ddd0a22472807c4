"""Which image is for training, validation and test: a function of (dataset id, seed) and of nothing else.

Needs no torch, so that pages can show a split as well. Given splits are kept; what is missing is drawn from
the training images, class by class, and copies of one file never stand on two sides, nor do pictures that look
alike. A revision keeps the draw of its import: an edit moves the images it names, and not the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import EXCLUDED, SPLIT_RULES, SPLITS, DataError, DatasetRef, Split
from dataset.folder import load_dataset, read_alike, read_manifest
from dataset.look_alikes import joined

if TYPE_CHECKING:
    import pandas as pd

TEST_SHARE = 0.2
"""Of all images that are not validation, when no test images were given."""
VAL_SHARE = 0.2
"""Of the rest, when no validation images were given."""
Pairs = NDArray[np.int64]
"""[P, 2], rows of a manifest."""
NO_PAIRS: Pairs = np.zeros((0, 2), np.int64)


def sides(ref: DatasetRef, seed: int, rules: int = SPLIT_RULES) -> NDArray[np.str_]:
    """'train', 'val', 'test' or 'excluded' for each row of the manifest: what a run with this split seed sees.

    rules: `RunConfig.split_rules`. Raises NotFound, and DataError as `make_split` does.
    """
    manifest = read_manifest(ref)
    alike = read_alike(ref) if rules > 1 else NO_PAIRS
    if not ref.base:
        return make_split(manifest, ref.id, seed, alike)
    origin = load_dataset(Path(ref.root).parent.parent, ref.base)
    return revised_split(manifest, read_manifest(origin), origin.id, seed, alike)


def make_split(manifest: pd.DataFrame, dataset_id: str, seed: int, alike: Pairs = NO_PAIRS) -> NDArray[np.str_]:
    """'train', 'val' or 'test' for each row of the manifest, in its order. alike: pairs of rows that look alike.

    - Given test and validation images are kept as such. A training image that is byte for byte in the given
      test (or validation) set is counted there, so that nothing is tested on what was trained on.
    - Without given test images 20 % are held out; without given validation images 20 % of the rest.
    - Stratified: each class gives its share, rounded, and at least one image to each side as long as it has
      different ones: with three or more, one each; with two, training and validation; with one, training.
    - Rows with the same digest go to the same side. So do rows that look alike, as far as the side is drawn.
      The order of the rows does not matter.

    Raises DataError when all training images of a class are copies of given test or validation images.
    """
    given = manifest["split"].to_numpy(dtype=str)
    _, groups = np.unique(manifest["digest"].to_numpy(dtype=str), return_inverse=True)
    _check_leaks(manifest, given, groups)
    return _draw(manifest, given, groups, dataset_id, seed, alike)


def revised_split(
    manifest: pd.DataFrame, origin: pd.DataFrame, origin_id: str, seed: int, alike: Pairs = NO_PAIRS
) -> NDArray[np.str_]:
    """'train', 'val', 'test' or 'excluded' for each row of a revision's manifest; `origin` is that of its import.

    - An image whose split was edited is where the edit put it; every other stands where the import's own split has it,
      whatever became of its label, so that runs before and after an edit are judged on the same images.
    - Test (or validation) images that were given and are all gone are made up for as in an import without any.
    - A class that lost its last image of a side gets another one there, if it has one to spare: no more are moved.

    Raises DataError as `make_split` does.
    """
    given, first = (table["split"].to_numpy(dtype=str) for table in (manifest, origin))
    digests, groups = np.unique(manifest["digest"].to_numpy(dtype=str), return_inverse=True)
    live = given != EXCLUDED
    _check_leaks(manifest, given, groups)
    for name in ("val", "test"):
        if not (given == name).any():
            first = np.where(first == name, "train", first)
    drawn = np.full(len(digests), "train", dtype="<U5")
    drawn[groups] = _draw(origin, first, groups, origin_id, seed, alike)
    forced = np.zeros(len(digests), dtype=bool)
    forced[groups[np.isin(first, ("val", "test"))]] = True
    drawn[forced] = "train"  # by a given copy, which counts below if it is still there
    fixed = np.zeros(len(digests), dtype=bool)
    edited = live & (given == "train") & (manifest["split"] != origin["split"]).to_numpy()
    for name, rows in (("train", edited), ("val", given == "val"), ("test", given == "test")):  # the last one wins
        drawn[groups[rows]] = name
        fixed[groups[rows]] = True
    labels = np.full(len(digests), np.iinfo(np.int64).max)
    np.minimum.at(labels, groups[live], manifest["label"].to_numpy()[live])
    needed = tuple(name for name in SPLITS if name == "train" or name not in first)
    for label in np.unique(labels[groups[live]]):
        _make_up(drawn, np.flatnonzero(labels == label), fixed, needed, digests, f"{origin_id}/{seed}")
    return np.where(live, drawn[groups], EXCLUDED)


def _make_up(
    side: NDArray[np.str_],
    units: NDArray[np.intp],
    fixed: NDArray[np.bool_],
    needed: Sequence[Split],
    digests: NDArray[np.str_],
    key: str,
) -> None:
    """Give one class an image on every needed side that it can fill: with three or more different ones, one each; with
    two, training and validation; with one, training. Changes `side`.
    """
    wanted = [name for name in needed if len(units) >= {"train": 1, "val": 2, "test": 3}[name]]
    for name in wanted:
        held = {other: units[side[units] == other] for other in SPLITS}
        if len(held[name]):
            continue
        spare = [other for other in SPLITS if len(held[other]) > (other in wanted) and not fixed[held[other]].all()]
        if spare:
            most = max(spare, key=lambda other: len(held[other]))
            free = [unit for unit in held[most] if not fixed[unit]]
            side[min(free, key=lambda unit: hashlib.sha256(f"{key}/{digests[unit]}".encode()).digest())] = name


def _draw(
    manifest: pd.DataFrame,
    given: NDArray[np.str_],
    groups: NDArray[np.intp],
    dataset_id: str,
    seed: int,
    alike: Pairs,
) -> NDArray[np.str_]:
    """The side of each row. groups: number of each row's file, from 0, the same for copies."""
    labels = manifest["label"].to_numpy()
    files = int(groups.max()) + 1
    side = np.full(files, "train", dtype="<U5")
    for name in ("val", "test"):  # test last: it wins over validation
        side[groups[given == name]] = name

    # One unit for each different picture; one in two classes counts to the first of them.
    drawn = side == "train"
    pairs = groups[alike]
    unit = joined(files, pairs[drawn[pairs].all(axis=1)])[groups]
    sizes = np.bincount(unit, minlength=files)
    unit_label = np.full(files, -1)
    unit_label[unit] = np.iinfo(np.int64).max
    np.minimum.at(unit_label, unit, labels)
    key = hashlib.sha256(f"{dataset_id}/{seed}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(key[:16], "big"))
    need_test, need_val = "test" not in given, "val" not in given
    for label in np.unique(unit_label[unit_label >= 0]):
        units = rng.permutation(np.flatnonzero((unit_label == label) & drawn))
        if need_test:
            keep = 2 if need_val else 1
            units = _hold_out(units, sizes, side, "test", TEST_SHARE, keep)
        if need_val:
            _hold_out(units, sizes, side, "val", VAL_SHARE, 1)
    return side[unit]


def same_pictures(manifest: pd.DataFrame, alike: Pairs) -> NDArray[np.int64]:
    """For each row a number that copies and pictures that look alike share, whatever their side."""
    digests, groups = np.unique(manifest["digest"].to_numpy(dtype=str), return_inverse=True)
    return np.asarray(joined(len(digests), groups[alike])[groups])


def _hold_out(
    units: NDArray[np.intp],
    sizes: NDArray[np.intp],
    side: NDArray[np.str_],
    name: str,
    share: float,
    keep: int,
) -> NDArray[np.intp]:
    """Move about `share` of the images to `name`, at least one, leaving `keep`. Returns those left."""
    if len(units) <= keep:
        return units
    target = max(1, round(share * int(sizes[units].sum())))
    taken = np.zeros(len(units), dtype=bool)
    if sizes[units].max() == 1:
        taken[: min(target, len(units) - keep)] = True
    else:
        held = 0
        for position, unit in enumerate(units):
            if held + sizes[unit] <= target and taken.sum() < len(units) - keep:
                taken[position] = True
                held += sizes[unit]
        if not held:  # every file has more copies than the share: the rarest one goes
            taken[np.argmin(sizes[units])] = True
    side[units[taken]] = name
    return units[~taken]


def _check_leaks(manifest: pd.DataFrame, given: NDArray[np.str_], groups: NDArray[np.intp]) -> None:
    labels = manifest["label"].to_numpy()
    given_train = (given == "") | (given == "train")
    leaked = np.isin(groups, groups[(given == "val") | (given == "test")])
    for label in np.unique(labels[given_train]):
        mine = given_train & (labels == label)
        if leaked[mine].all():
            folder = str(manifest["path"].to_numpy()[mine][0]).rpartition("/")[0]
            raise DataError(
                f"Every training image in '{folder}' is also in the test or validation folder, so a test "
                "would only show what was learned by heart. Remove the copies there, or give no test folder "
                "(then a fifth is held out), and import again."
            )
