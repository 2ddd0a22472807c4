"""Measure what a backbone without BatchNorm shows for everyday photos: what its domain gap is measured against.

    python -m benchmarks.moments HOME BACKBONE PHOTOS

PHOTOS: a folder or archive of class folders with ordinary photographs; a few hundred are enough. The moments are kept
in HOME.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from advisor.home import home as make_home
from advisor.ingest import import_path
from training import caches, devices, frozen, moments
from training.backbones import build
from training.cross_validation import stratified
from training.images import ImageData
from training.pools import Pools
from training.prefix import PrefixCache

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
    data = ImageData(ref, caches.folder_of(home, ref.id), backbone.preprocessing, device=device)
    rows = stratified(data.labels.numpy(), MOST, 0)
    example = data.batch(np.resize(rows, frozen.pass_batch(device)), 0)
    prefix = PrefixCache(backbone, data, device, frozen.choose(backbone, device, example, home), None)
    pools = Pools(prefix, rows)
    known = moments.of(pools.read(rows), backbone.preprocessing.size)
    print(f"{known.photos} photos, kept in {moments.save(home, backbone.weights_id, known)}")


if __name__ == "__main__":
    main()
