"""How many pairs of pictures in a data set look alike: candidates by their hash, and what the thumbnails leave of them.

    python -m benchmarks.alike HOME DATA.zip [DATA.zip ...]

"same label" counts the pairs whose two pictures carry one label: pairs alike by chance alone would often not.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from advisor import looks
from advisor.datasets import read_thumbnails
from advisor.home import home as make_home
from advisor.ingest import import_path, read_manifest


def main() -> None:
    home = make_home(sys.argv[1])
    print("| data | images | near by hash | alike | same label | seconds |\n|---|---|---|---|---|---|")
    for path in sys.argv[2:]:
        ref = import_path(path, home)
        labels, thumbnails = read_manifest(ref)["label"].tolist(), read_thumbnails(ref)
        if thumbnails is None:
            print(f"| {Path(path).stem} | imported by an older version, without thumbnails | | | | |")
            continue
        near = looks.candidates(thumbnails)
        started = time.perf_counter()
        pairs = looks.alike(thumbnails)
        seconds = time.perf_counter() - started
        same = sum(labels[a] == labels[b] for a, b in pairs)
        counts = f"{len(labels)} | {len(near)} | {len(pairs)} | {same} | {seconds:.2f}"
        print(f"| {Path(path).stem} | {counts} |", flush=True)


if __name__ == "__main__":
    main()
