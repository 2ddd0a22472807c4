"""Which image is for training, validation and test: a function of (dataset id, seed) and of nothing else.

Needs no torch, so that pages can show a split as well. Given splits are kept; what is missing is drawn from
the training images, class by class, and copies of one file never stand on two sides, nor do pictures that look
alike or belong to one group (a patient, a scene). A revision keeps the draw of its import: an edit moves the images it
names, and not the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
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
    - Rows with the same digest go to the same side. So do rows that look alike and rows of one group, as far as the
      side is drawn: then groups (or what is joined to them) are counted in place of images above, those in several
      classes for each of them. The order of the rows does not matter.

    Raises DataError when all training images of a class are copies of given test or validation images.
    """
    given = manifest["split"].to_numpy(dtype=str)
    _, files = np.unique(manifest["digest"].to_numpy(dtype=str), return_inverse=True)
    _check_leaks(manifest, given, files)
    return _draw(manifest, given, files, dataset_id, seed, alike)


def revised_split(
    manifest: pd.DataFrame, origin: pd.DataFrame, origin_id: str, seed: int, alike: Pairs = NO_PAIRS
) -> NDArray[np.str_]:
    """'train', 'val', 'test' or 'excluded' for each row of a revision's manifest; `origin` is that of its import.

    - An image whose split was edited is where the edit put it; every other stands where the import's own split has it,
      whatever became of its label, so that runs before and after an edit are judged on the same images. What was drawn
      follows the edited ones of its group.
    - Test (or validation) images that were given and are all gone are made up for as in an import without any.
    - A class that lost its last image of a side gets another one there, if it has one to spare: no more are moved.

    Raises DataError as `make_split` does.
    """
    given, first = (table["split"].to_numpy(dtype=str) for table in (manifest, origin))
    digests, files = np.unique(manifest["digest"].to_numpy(dtype=str), return_inverse=True)
    live = given != EXCLUDED
    _check_leaks(manifest, given, files)
    for name in ("val", "test"):
        if not (given == name).any():
            first = np.where(first == name, "train", first)
    drawn = np.full(len(digests), "train", dtype="<U5")
    drawn[files] = _draw(origin, first, files, origin_id, seed, alike)
    forced = np.zeros(len(digests), dtype=bool)
    forced[files[np.isin(first, ("val", "test"))]] = True
    drawn[forced] = "train"  # by a given copy, which counts below if it is still there
    unit = np.asarray(joined(len(digests), _together(manifest, files)))
    fixed = np.zeros(len(digests), dtype=bool)
    edited = live & (given == "train") & (manifest["split"] != origin["split"]).to_numpy()
    for name, rows in (("train", edited), ("val", given == "val"), ("test", given == "test")):  # the last one wins
        along = live & (given == "") & np.isin(unit[files], unit[files[rows]])
        drawn[files[rows | along]] = name
        fixed[unit[files[rows]]] = True
    labels = np.full(len(digests), np.iinfo(np.int64).max)
    np.minimum.at(labels, files[live], manifest["label"].to_numpy()[live])
    needed = tuple(name for name in SPLITS if name == "train" or name not in first)

    def key(file: int) -> bytes:
        return hashlib.sha256(f"{origin_id}/{seed}/{digests[file]}".encode()).digest()

    for label in np.unique(labels[files[live]]):
        _make_up(drawn, np.flatnonzero(labels == label), unit, fixed, needed, key)
    return np.where(live, drawn[files], EXCLUDED)


def _make_up(
    side: NDArray[np.str_],
    mine: NDArray[np.intp],
    unit: NDArray[np.int64],
    fixed: NDArray[np.bool_],
    needed: Sequence[Split],
    key: Callable[[int], bytes],
) -> None:
    """Give one class an image on every needed side that it can fill: with three or more different ones, one each; with
    two, training and validation; with one, training. What is of one unit moves together. Changes `side`.

    mine: the files of the class. unit: [files], the first file of each one's unit. fixed: [files], whether the unit
    that begins with it has to stay.
    """
    different = len(np.unique(unit[mine]))
    wanted = [name for name in needed if different >= {"train": 1, "val": 2, "test": 3}[name]]
    for name in wanted:
        held = {other: np.unique(unit[mine[side[mine] == other]]) for other in SPLITS}
        if len(held[name]):
            continue
        spare = [other for other in SPLITS if len(held[other]) > (other in wanted) and not fixed[held[other]].all()]
        if spare:
            most = max(spare, key=lambda other: len(held[other]))
            moved = min((one for one in held[most] if not fixed[one]), key=key)
            side[(unit == moved) & (side == most)] = name


def _draw(
    manifest: pd.DataFrame,
    given: NDArray[np.str_],
    files: NDArray[np.intp],
    dataset_id: str,
    seed: int,
    alike: Pairs,
) -> NDArray[np.str_]:
    """The side of each row. files: number of each row's file, from 0, the same for copies."""
    labels = manifest["label"].to_numpy()
    count = int(files.max()) + 1
    side = np.full(count, "train", dtype="<U5")
    for name in ("val", "test"):  # test last: it wins over validation
        side[files[given == name]] = name

    # One unit for each different picture, or for all that belongs together.
    drawn = side == "train"
    mates = _together(manifest, files, drawn)
    pairs = np.concatenate([files[alike], mates])
    unit = joined(count, pairs[drawn[pairs].all(axis=1)])[files]
    if not len(mates):  # a picture in two classes counts to the first of them
        first = np.full(count, np.iinfo(np.int64).max)
        np.minimum.at(first, unit, labels)
        labels = first[unit]
    deal = _Deal(unit, labels, drawn, side)
    key = hashlib.sha256(f"{dataset_id}/{seed}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(key[:16], "big"))
    need_test, need_val = "test" not in given, "val" not in given
    for label in deal.rarest_first() if deal.mixed else deal.classes:
        shares = deal.shares(label, rng)
        if need_test:
            deal.hold_out(label, shares, "test", TEST_SHARE, 2 if need_val else 1)
        if need_val:
            deal.hold_out(label, shares[side[deal.unit[shares]] != "test"], "val", VAL_SHARE, 1)
    return side[unit]


class _Deal:
    """Units while they are dealt to the sides, class by class: one entry for each class that a unit has images of."""

    def __init__(
        self, unit: NDArray[np.int64], labels: NDArray[np.int64], drawn: NDArray[np.bool_], side: NDArray[np.str_]
    ) -> None:
        """unit, labels: [rows]. drawn, side: [units]; `side` is changed as units are dealt."""
        counts = drawn[unit] & (labels >= 0)
        keys, self.images = np.unique(labels[counts] * len(drawn) + unit[counts], return_counts=True)
        self.label, self.unit = keys // len(drawn), keys % len(drawn)
        self.side = side
        self.classes = np.unique(self.label)
        self.left = dict(zip(*(part.tolist() for part in np.unique(self.label, return_counts=True)), strict=True))
        """Units of each class that are still in training."""
        of, times = np.unique(self.unit, return_counts=True)
        self.mixed: dict[int, list[int]] = {one: [] for one in of[times > 1].tolist()}
        """The classes of each unit that has several."""
        for entry in np.flatnonzero(np.isin(self.unit, of[times > 1])).tolist():
            self.mixed[int(self.unit[entry])].append(int(self.label[entry]))

    def rarest_first(self) -> list[int]:
        """As in iterative stratification (Sechidis et al. 2011): what is in few units is dealt while it can choose."""
        return sorted(self.classes.tolist(), key=lambda label: (self.left[label], label))

    def shares(self, label: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """The entries of a class, shuffled."""
        return rng.permutation(np.flatnonzero(self.label == label))

    def hold_out(self, label: int, shares: NDArray[np.intp], name: str, share: float, keep: int) -> None:
        """Move about `share` of these images of a class to `name`, at least one, leaving every class `keep` units."""
        units, images = self.unit[shares], self.images[shares]
        free = self.side[units] == "train"
        if self.left[label] <= keep:
            return
        target = max(1, round(share * int(images.sum())))
        held = int(images[self.side[units] == name].sum())  # with another class
        if not self.mixed and images.max() == 1:
            self._move(units[: min(target, len(units) - keep)].tolist(), label, name)
            return
        for unit, more in zip(units[free].tolist(), images[free].tolist(), strict=True):
            if held + more <= target and self._can_go(unit, label, keep):
                self._move([unit], label, name)
                held += more
        if not held:  # every unit has more images than the share: the smallest one goes
            able = [at for at in np.flatnonzero(free).tolist() if self._can_go(int(units[at]), label, keep)]
            self._move([int(units[at]) for at in sorted(able, key=images.__getitem__)[:1]], label, name)

    def _can_go(self, unit: int, label: int, keep: int) -> bool:
        return all(self.left[one] > keep for one in self.mixed.get(unit, [label]))

    def _move(self, units: list[int], label: int, name: str) -> None:
        self.side[units] = name
        for unit in units:
            for one in self.mixed.get(unit, [label]):
                self.left[one] -= 1


def same_pictures(manifest: pd.DataFrame, alike: Pairs) -> NDArray[np.int64]:
    """For each row a number that copies, pictures that look alike and pictures of one group share, whatever their side.
    Rows with another number may stand in two folds."""
    digests, files = np.unique(manifest["digest"].to_numpy(dtype=str), return_inverse=True)
    pairs = np.concatenate([files[alike], _together(manifest, files)])
    return np.asarray(joined(len(digests), pairs)[files])


def _together(manifest: pd.DataFrame, files: NDArray[np.intp], drawn: NDArray[np.bool_] | None = None) -> Pairs:
    """Pairs of files that join those of each group. drawn: [files], those that are meant; None = all."""
    names = manifest["group"].to_numpy(dtype=str)
    rows = np.flatnonzero((names != "") & (True if drawn is None else drawn[files]))
    _, first, of = np.unique(names[rows], return_index=True, return_inverse=True)
    pairs: Pairs = np.stack([files[rows[first[of]]], files[rows]], axis=1)
    return pairs[pairs[:, 0] != pairs[:, 1]]


def _check_leaks(manifest: pd.DataFrame, given: NDArray[np.str_], files: NDArray[np.intp]) -> None:
    labels = manifest["label"].to_numpy()
    given_train = (given == "") | (given == "train")
    leaked = np.isin(files, files[(given == "val") | (given == "test")])
    for label in np.unique(labels[given_train]):
        mine = given_train & (labels == label)
        if leaked[mine].all():
            folder = str(manifest["path"].to_numpy()[mine][0]).rpartition("/")[0]
            raise DataError(
                f"Every training image in '{folder}' is also in the test or validation folder, so a test "
                "would only show what was learned by heart. Remove the copies there, or give no test folder "
                "(then a fifth is held out), and import again."
            )
