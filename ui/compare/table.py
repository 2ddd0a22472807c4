"""The comparison as a table on the page and as a CSV file."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import Estimate, csv_text
from core.zoo import BACKBONES
from training.compare import Comparison, Row
from training.evaluation import class_name
from ui.kit import frame
from ui.pictures.words import count, duration, percent, size

DASH = "–"
MOST_ROWS, MOST_COLUMNS, MOST_CLASSES, MOST_PAIRS = 60, 20, 40, 60
"""Lines of the tables of runs, columns of runs, lines of the tables of classes and of pairs; the CSV and the terminal
have all."""


def table(comparison: Comparison, classes: Sequence[str] = ()) -> None:
    """How good, then what it cost, one row a run, in words with units; below it the same as exact numbers."""
    rows = shown_of(comparison.rows, MOST_ROWS)
    if len(rows) < len(comparison.rows):
        st.caption(f"The {len(rows)} most accurate of {len(comparison.rows):,} runs; the CSV has all of these.")
    st.table(pd.DataFrame([quality(row, on_target=bool(comparison.target)) for row in rows]), hide_index=True)
    st.caption(
        "With 95% intervals: of proportions Wilson's and Jeffreys', else from a bootstrap over test images. Balanced "
        "accuracy: mean recall of the classes. Calibration error: how far confidence is from accuracy; noise alone "
        "makes it a few points on a small test set. Generalisation gap: training minus validation accuracy at the best "
        "epoch."
    )
    st.table(pd.DataFrame([price(row) for row in rows]), hide_index=True)
    st.caption("To 90%: when validation accuracy first reached 90% of the run's final one. Peak memory of the worker.")
    st.download_button(
        "Download the table (CSV)",
        as_csv(comparison),
        file_name=f"thaw-compare-{comparison.dataset_id}.csv",
        mime="text/csv",
        on_click="ignore",
    )
    understand(comparison)
    # What a closed fold holds is neither put together nor sent: of twenty runs it would be half of the page.
    recalls(comparison, classes)
    tested_pairs(comparison)
    differences(comparison)


def shown_of(rows: Sequence[Row], most: int) -> Sequence[Row]:
    """The most accurate ones, in their order; all of them where there is room."""
    if len(rows) <= most:
        return rows
    best = sorted(rows, key=lambda row: -row.test_accuracy.value if row.test_accuracy else 0.0)[:most]
    ids = {row.run_id for row in best}
    return [row for row in rows if row.run_id in ids]


def understand(comparison: Comparison) -> None:
    """The way to one run's mistakes and insides."""
    tested = [row for row in comparison.rows if row.scores is not None]
    if not tested:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="understand"):
        names = frame.apart({row.run_id: row.label for row in tested})
        chosen = st.selectbox(
            "Understand one run", list(names), format_func=names.__getitem__, key="one_run", width=340
        )
        if st.button("Its mistakes, and where it looked", key="to_inside"):
            frame.open_run_inside(chosen)


def recalls(comparison: Comparison, classes: Sequence[str]) -> None:
    """Recall of every class in every run, the classes on which the runs differ most first."""
    rows = shown_of([row for row in comparison.rows if row.scores is not None], MOST_COLUMNS)
    if not rows:
        return
    per_run = [(row, row.scores.recall) for row in rows if row.scores is not None]
    values = {label: [recall[label].value for _, recall in per_run] for label in per_run[0][1]}
    order = sorted(values, key=lambda label: (min(values[label]) - max(values[label]), min(values[label])))
    with (fold := st.expander(f"Recall of each class ({len(order)})", key="recalls", on_change="rerun")):
        if not fold.open:
            return
        shown = [
            {
                "Class": frame.plain(class_name(classes, label)),
                "Test images": per_run[0][1][label].how.split(" ")[2],
                **{frame.plain(row.label): words(recall[label], 0) for row, recall in per_run},
            }
            for label in order[:MOST_CLASSES]
        ]
        st.table(pd.DataFrame(shown), hide_index=True)
        more = f" The {MOST_CLASSES} of {len(order)} classes on which the runs differ most."
        more = more if len(order) > MOST_CLASSES else ""
        st.caption(f"Share of a class's test images that the run names right, with 95% Wilson intervals.{more}")


def tested_pairs(comparison: Comparison) -> None:
    """Every pair with its test: what the verdict is made of."""
    pairs = [pair for pair in comparison.contests if pair.verdict != "not tested"]
    if not pairs:
        return
    with (fold := st.expander(f"Every pair and its test ({len(pairs)})", key="pairs", on_change="rerun")):
        if not fold.open:
            return
        shown = [
            {
                "This": frame.plain(pair.a),
                "is": pair.verdict,
                "than / from": frame.plain(pair.b),
                "Difference": f"{100 * (pair.difference or 0):+.1f} points",
                "p": f"{pair.p:.2g}",
                "p, corrected": f"{pair.p_adjusted:.2g}",
            }
            for pair in sorted(pairs, key=lambda pair: pair.p_adjusted or 0.0)[:MOST_PAIRS]
        ]
        st.table(pd.DataFrame(shown), hide_index=True)
        st.caption(
            "\"better\" and \"worse\" need a corrected p below 0.05. The test allows for what another seed changes: "
            "measured where a strategy was repeated at least three times, else assumed from Thaw's own measurements."
        )


def differences(comparison: Comparison) -> None:
    """Only the settings in which the runs differ."""
    if not comparison.differs:
        return
    with (fold := st.expander(f"Settings that differ ({len(comparison.differs)})", key="differs", on_change="rerun")):
        if not fold.open:
            return
        columns = shown_of(comparison.rows, MOST_COLUMNS)
        rows = [
            {"Setting": frame.plain(name), **{row.label: frame.plain(values[row.run_id]) for row in columns}}
            for name, values in comparison.differs.items()
        ]
        st.table(pd.DataFrame(rows), hide_index=True)


def quality(row: Row, *, on_target: bool = False) -> dict[str, str]:
    """How good one run is. on_target: whether all but the gap is about the target's images."""
    scores = row.scores
    return {
        "Run": frame.plain(row.label),
        "Target accuracy" if on_target else "Test accuracy": words(row.test_accuracy),
        **({"Source accuracy": words(row.source_accuracy)} if on_target else {}),
        "Balanced accuracy": words(scores.balanced_accuracy if scores else None),
        "Macro-F1": words(scores.macro_f1 if scores else None),
        "Calibration error": words(scores.calibration_error if scores else None),
        "Generalisation gap": DASH if row.generalisation_gap is None else f"{100 * row.generalisation_gap:+.1f} points",
    }


def price(row: Row) -> dict[str, str]:
    return {
        "Run": frame.plain(row.label),
        "Backbone": BACKBONES[row.backbone].title if row.backbone in BACKBONES else frame.plain(row.backbone),
        "Time": duration(row.seconds),
        "To 90%": DASH if row.seconds_to_90 is None else f"{duration(row.seconds_to_90)} (epoch {row.epochs_to_90:g})",
        "Epochs": number(row.epochs),
        "Trained parameters": count(row.trainable_params) if row.trainable_params is not None else DASH,
        "Peak memory": DASH if row.peak_memory_bytes is None else size(row.peak_memory_bytes),
        "State": row.state,
    }


def words(estimate: Estimate | None, digits: int = 1) -> str:
    """'93.5% (88.4–96.4)'."""
    if estimate is None:
        return DASH
    low, high = (f"{100 * value:.{digits}f}" for value in (estimate.low, estimate.high))
    return f"{percent(estimate.value, digits)} ({low}–{high})"


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
            **{
                f"{name}{end}": getattr(getattr(row.scores, name, None), part, None)
                for name in ("balanced_accuracy", "macro_f1", "calibration_error")
                for end, part in (("", "value"), ("_low_95", "low"), ("_high_95", "high"))
            },
            "answered_for": f"target {comparison.target}" if comparison.target else "test images",
            "source_accuracy": row.source_accuracy.value if row.source_accuracy else None,
            "val_accuracy": row.val_accuracy,
            "seconds": row.seconds,
            "trainable_params": row.trainable_params,
            "epochs": row.epochs,
            "epochs_to_90": row.epochs_to_90,
            "seconds_to_90": row.seconds_to_90,
            "peak_memory_bytes": row.peak_memory_bytes,
            "generalisation_gap": row.generalisation_gap,
        }
        for row in comparison.rows
    ]
    return csv_text(tuple(rows[0]), (tuple(row.values()) for row in rows))
