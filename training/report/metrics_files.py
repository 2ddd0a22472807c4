"""A run's metrics for other tools: CSV, Parquet, TensorBoard event files. No torch, no tensorflow."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core import ThawError, csv_text, write_whole
from training.store import METRICS, Store

COLUMNS = ("run", "row", "written", *METRICS)
SCALARS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "boundary")
NO_TENSORBOARD = (
    "TensorBoard files need the package tensorboard, which is not installed: pip install tensorboard. "
    "The same numbers are in metrics.csv."
)


def table(store: Store, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Every metrics row of these runs, with the run's id; learning rates as one text, lowest stage first."""
    rows = []
    for run_id in run_ids:
        for row in store.metrics(store.job(run_id).id):
            lrs = " ".join(f"{lr:.6g}" for lr in row["lrs"] if lr is not None)
            rows.append({name: {**row, "run": run_id, "lrs": lrs}.get(name) for name in COLUMNS})
    return rows


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of `table` as the text of a CSV file."""
    return csv_text(COLUMNS, ([row[name] for name in COLUMNS] for row in rows))


def write_tables(store: Store, run_ids: Sequence[str], folder: Path) -> list[Path]:
    """metrics.csv, and metrics.parquet where pyarrow is there (it comes with streamlit). Raises NotFound."""
    rows = table(store, run_ids)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "metrics.csv"]
    write_whole(written[0], as_csv(rows))
    if importlib.util.find_spec("pyarrow") is not None:
        import pyarrow
        import pyarrow.parquet

        columns = {name: [row[name] for row in rows] for name in COLUMNS}
        written.append(folder / "metrics.parquet")
        pyarrow.parquet.write_table(pyarrow.table(columns), written[-1])
    return written


def write_tensorboard(store: Store, run_ids: Sequence[str], folder: Path) -> list[Path]:
    """One folder of event files a run, x axis: images seen. Raises ThawError without the package, NotFound."""
    if importlib.util.find_spec("tensorboard") is None:
        raise ThawError(NO_TENSORBOARD)
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    written = []
    for run_id in run_ids:
        kind = (store.job(run_id).config.get("strategy") or {}).get("kind", "run")
        place = folder / f"{kind}-{run_id}"
        writer = EventFileWriter(str(place))
        for row in store.metrics(run_id):
            values = {name: row[name] for name in SCALARS if row[name] is not None}
            values |= {f"lr/stage_{i}": lr for i, lr in enumerate(row["lrs"]) if lr is not None}
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
            writer.add_event(Event(wall_time=row["written"], step=int(row["images"] or 0), summary=summary))
        writer.close()
        written += sorted(place.iterdir())
    return written
