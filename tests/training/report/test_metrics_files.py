"""Metrics for other tools: the same numbers as in the store, as CSV, Parquet and TensorBoard events."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from core.errors import NotFound, ThawError
from training.report import metrics_files
from training.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "home")
    found.create_job("train", "d" * 16, {"strategy": {"kind": "partial"}})
    job = found.claim_next()
    assert job is not None
    for row in range(3):
        values = {"epoch": row + 1, "images": 10 * row, "train_loss": 1 / (row + 1), "lrs": [0, 1e-3]}
        found.add_metrics(job, row, values)
    found.add_metrics(job, 3, {"epoch": 4, "images": 40, "val_accuracy": 0.5, "val_loss": float("nan")})
    return found


def test_csv_and_parquet_hold_every_row(store: Store, tmp_path: Path) -> None:
    run = store.jobs()[0].id
    written = metrics_files.write_tables(store, [run], tmp_path / "out")
    assert [path.name for path in written] == ["metrics.csv", "metrics.parquet"]
    rows = list(csv.DictReader(written[0].open()))
    assert len(rows) == 4 and rows[3]["val_loss"] == ""
    assert (rows[1]["train_loss"], rows[1]["lrs"]) == ("0.5", "0 0.001")
    table = pd.read_parquet(written[1])
    assert list(table["val_accuracy"].dropna()) == [0.5] and set(table["run"]) == {run}
    with pytest.raises(NotFound):
        metrics_files.write_tables(store, ["nothere1"], tmp_path / "out")


def test_without_tensorboard_it_says_what_to_install(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ThawError, match="pip install tensorboard"):
        metrics_files.write_tensorboard(store, [store.jobs()[0].id], tmp_path)


def test_event_files_read_back_as_what_was_measured(store: Store, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = store.jobs()[0].id
    written = metrics_files.write_tensorboard(store, [run], tmp_path)
    assert len(written) == 1 and written[0].parent.name == f"partial-{run}"
    events = EventAccumulator(str(written[0].parent)).Reload()
    losses = events.Scalars("train_loss")
    assert [(one.step, round(one.value, 3)) for one in losses] == [(0, 1.0), (10, 0.5), (20, 0.333)]
    assert events.Scalars("lr/stage_1")[0].value == pytest.approx(1e-3)
    assert events.Tags()["scalars"] == ["train_loss", "lr/stage_0", "lr/stage_1", "val_accuracy"]
