"""Libraries that check image data, on what `benchmarks.audit_peers` planted. Runs in an environment of its own.

    PYTHON -m benchmarks.peers.data_checks TASK.json

The environment has cleanlab, cleanvision and imagededup (`requirements.txt` beside this) and nothing of Thaw. The task
names one of the functions below and what it is given; the answer is one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

THRESHOLDS = (10, 4, 0)
"""Hamming distances up to which imagededup's perceptual hashes count as alike: its own choice, and stricter ones."""
FILTERS = ("prune_by_noise_rate", "both", "confident_learning", "low_normalized_margin")
"""Of cleanlab's `find_label_issues`; the first is its own choice."""


def hashes(folder: Path) -> dict[str, Any]:
    """imagededup: perceptual hashes of all files, compared at every threshold."""
    from imagededup.methods import PHash

    started, method = time.perf_counter(), PHash(verbose=False)
    encoded = method.encode_images(image_dir=folder, recursive=True, num_enc_workers=0)
    encoding, found, seconds = time.perf_counter() - started, {}, {}
    for most in THRESHOLDS:
        started = time.perf_counter()
        twins = method.find_duplicates(encoding_map=encoded, max_distance_threshold=most, num_dist_workers=0)
        pairs = {tuple(sorted((one, other))) for one, others in twins.items() for other in others}
        name = f"imagededup {version('imagededup')}, PHash <= {most}"
        found[name], seconds[name] = sorted(pairs), encoding + time.perf_counter() - started
    return {"pairs": found, "seconds": seconds}


def sets(folder: Path) -> dict[str, Any]:
    """cleanvision: exact and near duplicates, as it names them; every two of a set are a pair."""
    from cleanvision import Imagelab

    started, lab = time.perf_counter(), Imagelab(data_path=str(folder), verbose=False)
    lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=1, verbose=False)
    pairs = []
    for kind in ("exact_duplicates", "near_duplicates"):
        for group in lab.info[kind]["sets"]:
            pairs += list(combinations(sorted(os.path.relpath(path, folder) for path in group), 2))
    name = f"cleanvision {version('cleanvision')}"
    return {"pairs": {name: pairs}, "seconds": {name: time.perf_counter() - started}}


def looks(folder: Path) -> dict[str, Any]:
    """cleanvision: files with each of its faults of single pictures."""
    from cleanvision import Imagelab

    started, lab = time.perf_counter(), Imagelab(data_path=str(folder), verbose=False)
    kinds = ("dark", "light", "blurry", "low_information", "odd_aspect_ratio", "odd_size", "grayscale")
    lab.find_issues({kind: {} for kind in kinds}, n_jobs=1, verbose=False)
    found = {
        kind: sorted(os.path.relpath(path, folder) for path in lab.issues.index[lab.issues[f"is_{kind}_issue"]])
        for kind in kinds
    }
    return {"found": found, "seconds": time.perf_counter() - started, "name": f"cleanvision {version('cleanvision')}"}


def labels(arrays: Path) -> dict[str, Any]:
    """cleanlab: whose label is wrong, and a quality of each (lower is worse). arrays: .npz with `labels` int64 [N] and
    `probabilities` float32 [N, classes], out of fold."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    with np.load(arrays, allow_pickle=False) as file:
        given, probabilities = file["labels"], file["probabilities"].astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    name, named, quality, seconds = f"cleanlab {version('cleanlab')}", {}, {}, {}
    for rule in FILTERS:
        started = time.perf_counter()
        issues = find_label_issues(given, probabilities, filter_by=rule, n_jobs=1)
        one = f"{name}, {rule}"
        named[one], seconds[one] = np.flatnonzero(issues).tolist(), time.perf_counter() - started
    for score in ("normalized_margin", "self_confidence", "confidence_weighted_entropy"):
        scores = get_label_quality_scores(given, probabilities, method=score)
        quality[f"{name}, {score}"] = scores.tolist()
    return {"named": named, "quality": quality, "seconds": seconds}


WORK: dict[str, Callable[[Path], dict[str, Any]]] = {"hashes": hashes, "sets": sets, "looks": looks, "labels": labels}


if __name__ == "__main__":
    task = json.loads(Path(sys.argv[1]).read_text())
    answer = WORK[task["work"]](Path(task["given"]))
    Path(task["answer"]).write_text(json.dumps(answer))
