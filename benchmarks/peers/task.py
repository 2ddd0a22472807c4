"""What every peer shares: its command line, the clock of its process, and the trace of its epochs.

The clock counts from the moment its parent started the process, imports included, and stands still while the test
images are judged: a user would not judge them after every epoch.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_type_hints

from torch import nn

from training.backbones import Preprocessing, build


@dataclass(frozen=True)
class Task:
    """One run of one peer. The fields are its command line, in this order."""

    data: Path
    """Folder with train/, val/ and test/, each with a folder for every class."""
    result: Path
    """Where the trace goes: a JSON line for every finished epoch. Beside it lies `answers_file`."""
    strategy: str
    """'frozen', 'partial' or 'full'."""
    backbone: str
    boundary: int
    """Index of the first trained stage below the head; of use to 'partial'."""
    epochs: int
    batch: int
    workers: int
    threads: int
    seed: int
    started: float
    """`time.monotonic()` when the parent started this process."""

    @property
    def answers_file(self) -> Path:
        """Whether each test image was answered rightly after the last epoch: {its file's stem: bool}."""
        return self.result.with_suffix(".answers.json")

    def words(self) -> list[str]:
        """The task as command-line arguments, to be read back by `task_from`."""
        return [str(value) for value in asdict(self).values()]


def task_from(words: list[str]) -> Task:
    """Inverse of `Task.words`."""
    parser = argparse.ArgumentParser()
    for name, kind in get_type_hints(Task).items():
        parser.add_argument(name, type=kind)
    return Task(**vars(parser.parse_args(words)))


class Trace:
    """Writes a line an epoch: seconds of the process, seconds of training alone, validation and test accuracy."""

    def __init__(self, task: Task) -> None:
        self._file, self._answers, self._started = task.result, task.answers_file, task.started
        self._paused, self._setup, self._epoch = 0.0, 0.0, 0

    def seconds(self) -> float:
        """Since the process was started, without what was spent on the test images."""
        return time.monotonic() - self._started - self._paused

    def training_begins(self) -> None:
        """Everything before this is imports, reading folders and building the network."""
        self._setup = self.seconds()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The clock stands still within."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._paused += time.monotonic() - began

    def epoch(self, seconds: float, val_accuracy: float, right: Mapping[str, bool]) -> None:
        """seconds: what the clock showed when the epoch and its validation had ended. right: of each test image, by the
        stem of its file."""
        self._epoch += 1
        test_accuracy = sum(right.values()) / max(1, len(right))
        self._answers.write_text(json.dumps(right))
        line = {
            "epoch": self._epoch, "seconds": round(seconds, 3), "training_seconds": round(seconds - self._setup, 3),
            "val_accuracy": val_accuracy, "test_accuracy": test_accuracy,
        }  # fmt: skip
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")


def stages(backbone: str, classes: int) -> tuple[list[nn.Module], int, Preprocessing]:
    """(stages below the head, width of their features, preprocessing) of the weights that Thaw starts from."""
    built = build(backbone, classes)
    if built.preprocessing is None:
        raise ValueError(f"{backbone} has no preprocessing of its own, so a peer could not read images for it.")
    return built.stage_modules()[:-1], built.width, built.preprocessing
