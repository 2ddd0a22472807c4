"""Measure what a backbone without BatchNorm shows for everyday photos: what its domain gap is measured against.

    python -m benchmarks.moments HOME BACKBONE PHOTOS

PHOTOS: a folder or archive of class folders with ordinary photographs; a few hundred are enough. The moments are kept
in HOME.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from core.home import home as make_home
from dataset.ingest.sources import import_path
from training.backbones.backbone import build
from training.caches import budget, frozen_pass
from training.caches.image_data import ImageData
from training.caches.pooled import Pools
from training.caches.prefix import PrefixCache
from training.machine import devices
from training.profile import moments
from training.profile.cross_validation import stratified

MOST = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home")
    parser.add_argument("backbone")
    parser.add_argument("photos", type=Path)
    options = parser.parse_args()
    home, device = make_home(options.home), devices.pick()
    ref = import_path(options.photos, home)
    backbone = build(options.backbone, len(ref.classes), home=home).to(device)
    assert backbone.preprocessing is not None
    data = ImageData(ref, budget.folder_of(home, ref.id), backbone.preprocessing, device=device)
    rows = stratified(data.labels.numpy(), MOST, 0)
    example = data.batch(np.resize(rows, frozen_pass.pass_batch(device)), 0)
    prefix = PrefixCache(backbone, data, device, frozen_pass.choose(backbone, device, example, home), None)
    pools = Pools(prefix, rows)
    known = moments.of(pools.read(rows), backbone.preprocessing.size)
    print(f"{known.photos} photos, kept in {moments.save(home, backbone.weights_id, known)}")


if __name__ == "__main__":
    main()
