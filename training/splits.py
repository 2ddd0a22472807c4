"""Which image is for training, validation and test: a function of (dataset id, seed) and of nothing else.

Needs no torch, so that pages can show a split as well. Given splits are kept; what is missing is drawn from
the training images, class by class, and copies of one file never stand on two sides.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from advisor.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TEST_SHARE = 0.2
"""Of all images that are not validation, when no test images were given."""
VAL_SHARE = 0.2
"""Of the rest, when no validation images were given."""


def make_split(manifest: pd.DataFrame, dataset_id: str, seed: int) -> NDArray[np.str_]:
    """'train', 'val' or 'test' for each row of the manifest, in its order.

    - Given test and validation images are kept as such. A training image that is byte for byte in the given
      test (or validation) set is counted there, so that nothing is tested on what was trained on.
    - Without given test images 20 % are held out; without given validation images 20 % of the rest.
    - Stratified: each class gives its share, rounded, and at least one image to each side as long as it has
      different ones: with three or more, one each; with two, training and validation; with one, training.
    - Rows with the same digest go to the same side. The order of the rows does not matter.

    Raises DataError when all training images of a class are copies of given test or validation images.
    """
    given = manifest["split"].to_numpy(dtype=str)
    labels = manifest["label"].to_numpy()
    digests, groups = np.unique(manifest["digest"].to_numpy(dtype=str), return_inverse=True)
    side = np.full(len(digests), "train", dtype="<U5")
    for name in ("val", "test"):  # test last: it wins over validation
        side[groups[given == name]] = name
    given_train = (given == "") | (given == "train")
    _check_leaks(manifest, side[groups], given_train)

    # One unit for each different file; a file in two classes counts to the first of them.
    sizes = np.bincount(groups, minlength=len(digests))
    unit_label = np.full(len(digests), np.iinfo(np.int64).max)
    np.minimum.at(unit_label, groups, labels)
    key = hashlib.sha256(f"{dataset_id}/{seed}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(key[:16], "big"))
    need_test, need_val = "test" not in given, "val" not in given
    for label in np.unique(unit_label):
        units = rng.permutation(np.flatnonzero((unit_label == label) & (side == "train")))
        if need_test:
            keep = 2 if need_val else 1
            units = _hold_out(units, sizes, side, "test", TEST_SHARE, keep)
        if need_val:
            _hold_out(units, sizes, side, "val", VAL_SHARE, 1)
    return side[groups]


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


def _check_leaks(manifest: pd.DataFrame, side: NDArray[np.str_], given_train: NDArray[np.bool_]) -> None:
    labels = manifest["label"].to_numpy()
    for label in np.unique(labels[given_train]):
        mine = given_train & (labels == label)
        if not (side[mine] == "train").any():
            folder = str(manifest["path"].to_numpy()[mine][0]).rpartition("/")[0]
            raise DataError(
                f"Every training image in '{folder}' is also in the test or validation folder, so a test "
                "would only show what was learned by heart. Remove the copies there, or give no test folder "
                "(then a fifth is held out), and import again."
            )
