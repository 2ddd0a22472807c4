"""The map's t-SNE beside what it was made with before: scikit-learn's, in four rounds that each begin anew.

    python -m benchmarks.tsne DATA [--rows 2000 10000] [--repeat 3] [--px 64]

DATA: an archive or a folder of class folders. Its images' features are those of the default backbone; then each way
draws the same rows, in turn. `first map`: when there is something to look at. `deaf`: the longest time in which a stop
was not heard. Trustworthiness (Venna and Kaski 2001) over 10 neighbours: 1 where all of a point's neighbours on the map
are among its nearest by their features. `own class`: share of points whose nearest on the map has their label.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE, trustworthiness
from sklearn.neighbors import NearestNeighbors

from benchmarks.evidence import Bench
from benchmarks.machine import describe
from core.files import find_array
from core.home import home as make_home
from core.zoo.catalog import DEFAULT_BACKBONE
from training.profile import maps

Scores = NDArray[np.float32]
Places = NDArray[np.floating]
Heard = Callable[[int, Places], None]
NEIGHBOURS = 10


def rounds(scores: Scores, heard: Heard) -> Places:
    """As `training.maps` did it until it took openTSNE: a stop is heard, and a map written, between two rounds."""
    now = scores[:, :2] / scores[:, 0].std() * 1e-4
    for number in range(4):
        now = TSNE(
            perplexity=maps.PERPLEXITY, init=now, max_iter=250, early_exaggeration=12.0 if number == 0 else 1.0,
            learning_rate=max(len(scores) / 48, 50.0), random_state=0, n_jobs=-1,
        ).fit_transform(scores)  # fmt: skip
        heard(maps.STEPS // 4 * (number + 1), now)
    return now


WAYS: dict[str, Callable[[Scores, Heard], Places]] = {"scikit-learn, four rounds": rounds, "openTSNE": maps.embed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 10_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--px", type=int, default=64, help="side of the images that the backbone sees")
    options = parser.parse_args()
    scores, labels = components(options.data, max(options.rows), options.px)
    print(f"Measured on {describe()}. Medians of {options.repeat} samples; in brackets their range.\n")
    print("| images | t-SNE | seconds | of the processor | first map | deaf | trustworthiness | own class |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for most in options.rows:
        taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in WAYS}
        for seed in range(options.repeat):
            rows = maps.sample(labels, most, seed)
            for name, way in WAYS.items():
                taken[name].append(drawn(way, scores[rows], labels[rows]))
        for name, of in taken.items():
            *seconds, trust, own = zip(*of, strict=True)
            shown = " | ".join(f"{median(column):.1f}" for column in seconds)
            said = f"{median(trust):.4f} ({min(trust):.4f}-{max(trust):.4f}) | {median(own):.3f}"
            print(f"| {most:,} | {name} | {shown} | {said} |", flush=True)


def components(data: str, most: int, px: int) -> tuple[Scores, NDArray[np.int64]]:
    """The first principal components of the features of about `most` images at `px` a side, and their labels."""
    home = make_home(str(Path(tempfile.gettempdir()) / "thaw-tsne"))
    bench = Bench(data, home, px, DEFAULT_BACKBONE, most, 0)
    rows, head = bench.pool.train, bench.pristine.head_index
    bench.prefix.fill([head], rows, 0)
    vectors = bench.prefix.read(head, rows, 0).cpu().numpy()
    maps.make_pca(home, "tsne", "made", lambda some: vectors[some], rows)
    scores = find_array(maps.folder(home, "tsne", "made") / maps.COMPONENTS)
    assert scores is not None
    return scores, bench.pool.labels.numpy()[rows]


def drawn(way: Callable[[Scores, Heard], Places], scores: Scores, labels: NDArray[np.int64]) -> tuple[float, ...]:
    """Seconds, processor seconds, seconds to the first map, longest time deaf, trustworthiness, share of own class."""
    began, worked = time.perf_counter(), time.process_time()
    heard = [began]
    shown: list[float] = []

    def hear(done: int, places: Places) -> None:
        heard.append(time.perf_counter())
        if done >= maps.SHOW:
            shown.append(heard[-1])

    places = way(scores, hear)
    ended, spent = time.perf_counter(), time.process_time() - worked
    deaf = max(b - a for a, b in pairwise([*heard, ended]))
    trust = float(trustworthiness(scores, places, n_neighbors=NEIGHBOURS))
    return ended - began, spent, shown[0] - began, deaf, trust, own_class(places, labels)


def own_class(places: Places, labels: NDArray[np.int64]) -> float:
    """Share of points whose nearest neighbour on the map has their label."""
    nearest = NearestNeighbors(n_neighbors=1).fit(places).kneighbors(return_distance=False)[:, 0]
    return float((labels[nearest] == labels).mean())


if __name__ == "__main__":
    main()
