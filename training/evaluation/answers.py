"""A run's answers on the test images, one by one: what a paired test, a confusion matrix or a gallery reads.

They come from the CSV that the worker writes (`path,label,predicted,confidence`). Changes nothing. No torch.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import CompareError, raw_cell
from training.evaluation.stats import flips, holm, paired_p
from training.store import Job, RunResult, Side


@dataclass(frozen=True, eq=False)
class Answers:
    """One run's answers, sorted by path; all arrays [images]. Empty where they could not be read."""

    paths: tuple[str, ...]
    truth: NDArray[np.str_]
    """Class of each image as the worker wrote it: its index in the dataset's `classes`."""
    predicted: NDArray[np.str_]
    confidence: NDArray[np.float64]
    """Probability that the run gave to its answer; NaN where it is not known."""

    @property
    def right(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.truth == self.predicted
        return found

    def __len__(self) -> int:
        return len(self.paths)


NONE = Answers((), np.array([], dtype=str), np.array([], dtype=str), np.array([]))


def read_answers(path: Path) -> Answers:
    """Empty when the file is missing or not such a table. Kept in memory: a run's answers never change."""
    try:
        stamp = path.stat()
    except OSError:
        return NONE
    return _read(path, stamp.st_mtime_ns, stamp.st_size)


@functools.lru_cache(maxsize=8)
def _held_once(paths: tuple[str, ...]) -> tuple[str, ...]:
    """These paths as another run has them in memory already: most of what answers take."""
    return paths


@functools.lru_cache(maxsize=256)
def _read(path: Path, mtime: int, size: int) -> Answers:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = sorted(
                (raw_cell(row["path"]), row["label"], row["predicted"], row.get("confidence") or "nan")
                for row in csv.DictReader(file)
            )
        paths, truth, predicted, confidence = zip(*rows, strict=True) if rows else ((), (), (), ())
        return Answers(
            _held_once(tuple(paths)), np.array(truth, dtype=str), np.array(predicted, dtype=str),
            np.array(confidence, dtype=np.float64),
        )  # fmt: skip
    except (OSError, KeyError, TypeError, ValueError, csv.Error):  # UnicodeDecodeError is a ValueError
        return NONE


def answered(job: Job, side: Side = "test") -> int:
    """How many test images a run has answered for; 0 where it has no such result."""
    tested = RunResult.of(job).on(side)
    return tested.total if tested else 0


def answers_of(home: Path, job: Job, side: Side = "test") -> Answers:
    """The answers of a tested run; empty for any other."""
    tested = RunResult.of(job).on(side)
    found = read_answers(home / tested.predictions) if tested else NONE
    return found if tested and len(found) == tested.total else NONE


def shared_answers(home: Path, jobs: Sequence[Job], side: Side = "test") -> tuple[dict[str, Answers], list[str]]:
    """Answers per tested run, and the ids of tested runs whose answers cannot be read (or not all of them).

    Raises CompareError when two runs did not answer for the same images with the same labels.
    """
    answers: dict[str, Answers] = {}
    missing: list[str] = []
    for job in jobs:
        if not answered(job, side):
            continue
        found = answers_of(home, job, side)
        if len(found):
            answers[job.id] = found
        else:
            missing.append(job.id)
    first = next(iter(answers), "")
    for run, given in answers.items():
        if given.paths != answers[first].paths or (given.truth != answers[first].truth).any():
            raise CompareError(f"Runs '{first}' and '{run}' cannot be compared: their test images differ.")
    return answers, missing


def paired_tests(
    answers: Mapping[str, Answers], luck: Mapping[str, float]
) -> dict[tuple[str, str], tuple[float, float]]:
    """Per pair of runs: the p-value of `paired_p`, and the same after Holm's correction over all pairs.

    luck: of each run (`luck.luck`).
    """
    right = {run: given.right for run, given in answers.items()}
    p_values = {(a, b): paired_p(*flips(right[a], right[b]), luck[a] + luck[b]) for a, b in combinations(right, 2)}
    adjusted = holm(list(p_values.values()))
    return {pair: (p, fair) for (pair, p), fair in zip(p_values.items(), adjusted, strict=True)}


def class_name(classes: Sequence[str], label: str) -> str:
    """The class behind a label of the answers (its index), or the label itself where it is none."""
    return classes[int(label)] if label.isdecimal() and int(label) < len(classes) else label
