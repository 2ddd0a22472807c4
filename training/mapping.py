"""The job that draws a map: `pca` where the profile left none, then t-SNE. torch only where features are missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from advisor.browse import read_table
from advisor.errors import PlanError
from advisor.plans import to_json
from advisor.types import EXCLUDED, DatasetRef
from training import caches, maps

if TYPE_CHECKING:
    from training.prefix import PrefixCache

Tell = Callable[[float, str, float | None], None]


def draw(ref: DatasetRef, backbone: str, name: str, home: Path, tell: Tell) -> dict[str, Any]:
    """Make the map `name` and return what is known about the maps (`maps.about`). Raises PlanError, NotFound."""
    if name not in maps.NAMES:
        raise PlanError(f"There is no map called '{name}'; choose one of {', '.join(maps.NAMES)}.")
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
    """For datasets that an older version measured, or whose caches were cleared: the features as the profile makes
    them."""
    from training import devices, frozen
    from training.backbones import build
    from training.images import ImageData
    from training.prefix import PrefixCache

    device = devices.pick()
    cache = caches.folder_of(home, ref.images_id)
    backbone = build(backbone_name, len(ref.classes), home=home).to(device)
    assert backbone.preprocessing is not None
    data = ImageData(
        ref, cache, backbone.preprocessing, device=device,
        progress=lambda done, total: tell(0.3 * done / total, f"Reading images, {done:,} of {total:,}", None),
    )  # fmt: skip
    everything = np.sort(np.concatenate(list(data.rows.values())))
    example = data.batch(np.resize(everything, frozen.pass_batch(device)), 0)
    prefix = PrefixCache(backbone, data, device, frozen.choose(backbone, device, example, home), cache)
    head = backbone.head_index
    prefix.fill(
        [head], everything, 0,
        lambda done, total: tell(0.3 + 0.6 * done / total, f"Running the backbone, {done:,} of {total:,} images", None),
    )  # fmt: skip
    pca_of(prefix, head, ref, backbone_name, home, everything)


def pca_of(
    prefix: PrefixCache, head: int, ref: DatasetRef, backbone: str, home: Path, rows: NDArray[np.int64]
) -> None:
    """The map of features that are cached already; nothing where there is one of all these rows.

    head: the boundary at which they are read. rows: those that count, ascending.
    """

    def features(some: NDArray[np.int64]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = prefix.read(head, some, 0).cpu().numpy()
        return found

    there = maps.load(home, ref.images_id, backbone, "pca")
    if there is None or not np.isin(rows, there[:, 0].astype(np.int64)).all():
        maps.make_pca(home, ref.images_id, backbone, features, rows)
