"""The comparison as a table on the page and as a CSV file."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from advisor.catalog import BACKBONES
from training.compare import Comparison, Row
from ui import frame
from ui.words import count, duration, percent

DASH = "–"


def table(comparison: Comparison) -> None:
    """One row a run, in words with units; below it the same as exact numbers to download."""
    st.table(pd.DataFrame([in_words(row) for row in comparison.rows]), hide_index=True)
    st.caption(
        "Test accuracy with its 95% interval. Epochs to 90%: the first epoch whose validation accuracy reaches 90% of "
        "the run's final one. Overfit gap: training minus validation accuracy at the best epoch, in percentage points."
    )
    st.download_button(
        "Download the table (CSV)",
        as_csv(comparison),
        file_name=f"thaw-compare-{comparison.dataset_id}.csv",
        mime="text/csv",
        on_click="ignore",
    )
    differences(comparison)


def differences(comparison: Comparison) -> None:
    """Only the settings in which the runs differ."""
    if not comparison.differs:
        return
    with st.expander(f"Settings that differ ({len(comparison.differs)})"):
        labels = {row.run_id: row.label for row in comparison.rows}
        rows = [
            {
                "Setting": frame.plain(name),
                **{labels[run_id]: frame.plain(value) for run_id, value in values.items()},
            }
            for name, values in comparison.differs.items()
        ]
        st.table(pd.DataFrame(rows), hide_index=True)


def in_words(row: Row) -> dict[str, str]:
    accuracy = row.test_accuracy
    return {
        "Run": frame.plain(row.label),
        "Backbone": BACKBONES[row.backbone].title if row.backbone in BACKBONES else frame.plain(row.backbone),
        "Test accuracy": f"{percent(accuracy.value, 1)} ({100 * accuracy.low:.1f}–{100 * accuracy.high:.1f})"
        if accuracy
        else DASH,
        "Time": duration(row.seconds),
        "Trained parameters": count(row.trainable_params) if row.trainable_params is not None else DASH,
        "Epochs": number(row.epochs),
        "Epochs to 90%": number(row.epochs_to_90),
        "Overfit gap": DASH if row.overfit_gap is None else f"{100 * row.overfit_gap:+.1f} points",
        "State": row.state,
    }


def number(value: float | None) -> str:
    return DASH if value is None else f"{value:g}"


def as_csv(comparison: Comparison) -> str:
    """Plain numbers, one row a run; accuracies as fractions, times in seconds."""
    rows = [
        {
            "run": row.run_id,
            "strategy": row.kind,
            "backbone": row.backbone,
            "state": row.state,
            "seed": row.seed,
            "test_accuracy": row.test_accuracy.value if row.test_accuracy else None,
            "test_accuracy_low_95": row.test_accuracy.low if row.test_accuracy else None,
            "test_accuracy_high_95": row.test_accuracy.high if row.test_accuracy else None,
            "val_accuracy": row.val_accuracy,
            "seconds": row.seconds,
            "trainable_params": row.trainable_params,
            "epochs": row.epochs,
            "epochs_to_90": row.epochs_to_90,
            "overfit_gap": row.overfit_gap,
        }
        for row in comparison.rows
    ]
    return pd.DataFrame(rows).to_csv(index=False)
