"""Predictors and their answers for the Predict page: one predictor a model, answers kept for reruns. Draws nothing."""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core import raw_cell, write_whole
from training.export import contents
from training.store import Job
from ui.kit import state

if TYPE_CHECKING:
    from training.export.predictor import Prediction, Predictor

MOST_KEPT = 100
FOLDER = "predictions"

_lock = threading.Lock()
_predictors: OrderedDict[str, Predictor] = OrderedDict()
_answers: OrderedDict[tuple[str, str], Prediction | str] = OrderedDict()


def training_now() -> bool:
    """Whether a worker is at work: predicting then steps back."""
    return bool(state.store().jobs(states=("running",)))


def predictor(run: Job, facts: contents.ExportFacts) -> Predictor:
    """The predictor of an exported run; the same one until it is exported anew."""
    from training.export.predictor import Predictor

    key = _key(run, facts)
    with _lock:
        if key not in _predictors:
            _predictors[key] = Predictor(contents.folder_of(state.home(), run.id), busy=training_now)
            while len(_predictors) > 2:  # each holds a model in memory
                _predictors.popitem(last=False)
        return _predictors[key]


def answers(
    run: Job, facts: contents.ExportFacts, files: Sequence[tuple[str, bytes]], tick: Callable[[int], None]
) -> list[tuple[str, Prediction | str]]:
    """(name, prediction or why there is none) of each file; what was answered before is not computed again."""
    digests = [hashlib.sha256(data).hexdigest() for _, data in files]
    key = _key(run, facts)
    with _lock:
        found = {digest: _answers[key, digest] for digest in digests if (key, digest) in _answers}
    missing = {digest: data for digest, (_, data) in zip(digests, files, strict=True) if digest not in found}
    if missing:
        with tempfile.TemporaryDirectory(prefix="thaw-") as folder:
            paths = [Path(folder) / digest for digest in missing]
            for path, data in zip(paths, missing.values(), strict=True):
                path.write_bytes(data)
            for done, (path, answer) in enumerate(predictor(run, facts).answers(paths), start=1):
                found[path.name] = answer  # more may be asked for at once than are kept
                _keep((key, path.name), answer)
                tick(done)
    return [(name, found[digest]) for digest, (name, _) in zip(digests, files, strict=True)]


def folder_answers(
    run: Job, facts: contents.ExportFacts, files: Sequence[Path], root: Path
) -> Iterator[tuple[str, Prediction | str]]:
    """(path below `root`, its prediction or why there is none), one by one as they are computed."""
    for path, found in predictor(run, facts).answers(files):
        yield str(path.relative_to(root)) if path.is_relative_to(root) and path != root else path.name, found


def parse_table(text: str) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(text))
    return [{name: raw_cell(cell) for name, cell in row.items()} for row in rows]


def write_table(run: Job, found: Iterable[tuple[str, Prediction | str]]) -> str:
    """Keep a folder's answers as `home/predictions/<name>.csv`; returns the name."""
    from training.export.predictor import rows_of

    name = f"{run.id}-{time.strftime('%Y%m%d-%H%M%S')}"
    write_whole(state.home() / FOLDER / f"{name}.csv", rows_of(found))
    return name


def read_table(name: str) -> str | None:
    """The text of such a table; None when it is not there."""
    path = state.home() / FOLDER / f"{name}.csv"
    if not name.replace("-", "").isalnum() or not path.is_file():
        return None
    return path.read_text(encoding="utf-8")


def _key(run: Job, facts: contents.ExportFacts) -> str:
    return f"{state.home()}/{run.id}/{facts.made}"


def _keep(key: tuple[str, str], found: Prediction | str) -> None:
    with _lock:
        _answers[key] = found
        while len(_answers) > MOST_KEPT:
            _answers.popitem(last=False)
