"""The tables of a report as plain values, for its templates to lay out and escape. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.words import duration, percent
from training.compare import Comparison

MOST_PAIRS = 45


@dataclass(frozen=True)
class Table:
    """Texts by rows; every row is as long as `heads`."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def in_numbers(comparison: Comparison) -> Table:
    """Every run with its figures."""
    rows = [
        (
            row.label, percent(row.test_accuracy), as_share(row.val_accuracy), duration(row.seconds),
            "unknown" if row.trainable_params is None else f"{row.trainable_params:,}",
            "unknown" if row.epochs_to_90 is None else f"{row.epochs_to_90:g}", row.run_id,
        )
        for row in comparison.rows
    ]  # fmt: skip
    heads = ("strategy", "test accuracy", "validation", "time", "trained parameters", "epochs to 90%", "run")
    return Table(heads, rows)


def settings_that_differ(comparison: Comparison) -> Table | None:
    """Settings by runs; None where all were trained alike."""
    if not comparison.differs:
        return None
    rows = [
        (name, *(_short(values.get(row.run_id, "")) for row in comparison.rows))
        for name, values in comparison.differs.items()
    ]
    return Table(("setting", *(row.label for row in comparison.rows)), rows)


def pair_by_pair(comparison: Comparison) -> Table | None:
    """The paired tests, at most `MOST_PAIRS`; None where there was none."""
    names = {row.run_id: row.label for row in comparison.rows}
    tested = [pair for pair in comparison.contests if pair.p is not None and pair.p_adjusted is not None]
    if not tested:
        return None
    rows = [
        (
            names.get(pair.a, pair.a), pair.verdict, names.get(pair.b, pair.b),
            f"{100 * (pair.difference or 0):+.1f} points", f"{pair.p_adjusted:.3f}",
        )
        for pair in tested[:MOST_PAIRS]
    ]  # fmt: skip
    return Table(("run", "is", "than / to", "difference", "p, corrected"), rows)


def as_share(value: object) -> str:
    """A share in per cent with one digit; 'unknown' for what is no number."""
    return f"{100 * value:.1f}%" if isinstance(value, (int, float)) else "unknown"


def _short(value: str) -> str:
    """Numbers with many digits cut to three that count."""
    return re.sub(r"\d+\.\d{5,}(e-\d+)?", lambda found: f"{float(found[0]):.3g}", value)
