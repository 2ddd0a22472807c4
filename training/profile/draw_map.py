"""The job that draws a map: `pca` where the profile left none, then t-SNE. torch only where features are missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core import EXCLUDED, DatasetRef, Tell, to_json
from dataset import read_table
from training.profile import maps

if TYPE_CHECKING:
    from training.caches import Bench



def draw(ref: DatasetRef, backbone: str, name: str, home: Path, tell: Tell) -> dict[str, Any]:
    """Make the map `name` and return what is known about the maps (`maps.about`). Raises NotFound."""
    base = ref.images_id
    if maps.load(home, base, backbone, "pca") is None:
        tell(0.0, "Reading the features", None)
        make_pca(ref, backbone, home, tell)
    if name == "tsne":
        table = read_table(ref)
        labels = np.where(table.in_split(EXCLUDED), -1, table.labels).astype(np.int64)
        maps.make_tsne(home, base, backbone, labels, tell)
    return dict(to_json(maps.about(home, base, backbone)))


def make_pca(ref: DatasetRef, backbone_name: str, home: Path, tell: Tell) -> None:
    """For datasets that a race or an older version measured, or whose caches were cleared: the features as the profile
    makes them."""
    from training.caches import Bench, telling

    bench = Bench.of(ref, backbone_name, home, telling(tell, 0.0, 0.3, "Reading images"))
    head = bench.backbone.head_index
    bench.prefix.fill([head], bench.everything, 0, telling(tell, 0.3, 0.6, "Running the backbone"))
    pca_of(bench)


def pca_of(bench: Bench) -> None:
    """The map of features that are cached already, of all rows that count; nothing where there is one of them."""

    def features(some: NDArray[np.int64]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = bench.prefix.values(bench.backbone.head_index, some, 0)
        return found

    home, base, name = bench.home, bench.ref.images_id, bench.backbone.name
    there = maps.load(home, base, name, "pca")
    if there is None or not np.isin(bench.everything, there[:, 0].astype(np.int64)).all():
        maps.make_pca(home, base, name, features, bench.everything)
