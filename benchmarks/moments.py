"""Measure what a backbone without BatchNorm shows for everyday photos: what its domain gap is measured against.

    python -m benchmarks.moments HOME BACKBONE PHOTOS

PHOTOS: a folder or archive of class folders with ordinary photographs; a few hundred are enough. The moments are kept
in HOME.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from core.home import home as make_home
from dataset.ingest.sources import import_path
from training.caches.bench import Bench
from training.caches.pooled import Pools
from training.evaluation import stratified
from training.profile import moments

MOST = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home")
    parser.add_argument("backbone")
    parser.add_argument("photos", type=Path)
    options = parser.parse_args()
    home = make_home(options.home)
    bench = Bench.of(import_path(options.photos, home), options.backbone, home)
    rows = stratified(bench.data.labels.numpy(), MOST, 0)
    known = moments.of(Pools(bench.prefix, rows, kept=False).read(rows), bench.data.prep.size)
    print(f"{known.photos} photos, kept in {moments.save(home, bench.backbone.weights_id, known)}")


if __name__ == "__main__":
    main()
