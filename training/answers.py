"""A run's answers on the test images, one by one: what a paired test, a confusion matrix or a gallery reads.

They come from the CSV that the worker writes (`path,label,predicted,confidence`). Changes nothing. No torch.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from advisor.errors import CompareError
from training.stats import holm, mcnemar
from training.store import Job

Answers = dict[str, tuple[str, bool]]
"""Test image -> (its label, whether the run named it)."""


def read_answers(path: Path) -> Answers:
    """Empty when the file is missing or not such a table."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {
                row["path"]: (row["label"], row["label"] == row["predicted"]) for row in csv.DictReader(file)
            }
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        return {}


def shared_answers(home: Path, jobs: Sequence[Job]) -> tuple[dict[str, Answers], list[str]]:
    """Answers per tested run, and the ids of tested runs whose answers cannot be read (or not all of them).

    Raises CompareError when two runs did not answer for the same images with the same labels.
    """
    answers: dict[str, Answers] = {}
    missing: list[str] = []
    for job in jobs:
        result = job.result or {}
        if not result.get("test_total"):
            continue
        found = read_answers(home / str(result.get("predictions", "")))
        if len(found) == result["test_total"]:
            answers[job.id] = found
        else:
            missing.append(job.id)
    truths = {run: {image: label for image, (label, _) in given.items()} for run, given in answers.items()}
    for a, b in combinations(truths, 2):
        if truths[a] != truths[b]:
            raise CompareError(f"Runs '{a}' and '{b}' cannot be compared: their test images differ.")
    return answers, missing


def paired_tests(answers: dict[str, Answers]) -> dict[tuple[str, str], tuple[float, float]]:
    """Per pair of runs: the exact McNemar p-value, and the same after Holm's correction over all pairs."""
    right = {run: [given[image][1] for image in sorted(given)] for run, given in answers.items()}
    p_values = {(a, b): mcnemar(right[a], right[b]) for a, b in combinations(right, 2)}
    adjusted = holm(list(p_values.values()))
    return {pair: (p, fair) for (pair, p), fair in zip(p_values.items(), adjusted, strict=True)}
