"""The tables of a report as HTML, and those of runs side by side. Text is escaped here. Pure strings."""

from __future__ import annotations

import re
from collections.abc import Sequence

from advisor.words import duration, percent
from training.compare import Comparison
from training.report_figures import esc


def in_numbers(comparison: Comparison) -> str:
    rows = [
        (
            row.label, percent(row.test_accuracy), as_share(row.val_accuracy), duration(row.seconds),
            "unknown" if row.trainable_params is None else f"{row.trainable_params:,}",
            "unknown" if row.epochs_to_90 is None else f"{row.epochs_to_90:g}", row.run_id,
        )
        for row in comparison.rows
    ]  # fmt: skip
    heads = ("strategy", "test accuracy", "validation", "time", "trained parameters", "epochs to 90%", "run")
    return as_table([heads], rows)


def settings_that_differ(comparison: Comparison) -> list[str]:
    if not comparison.differs:
        return []
    labels = [row.label for row in comparison.rows]
    rows = [
        (name, *(_short(values.get(row.run_id, "")) for row in comparison.rows))
        for name, values in comparison.differs.items()
    ]
    return ["<h2>Settings that differ</h2>", as_table([("setting", *labels)], rows)]


def _short(value: str) -> str:
    """Numbers with many digits cut to three that count."""
    return re.sub(r"\d+\.\d{5,}(e-\d+)?", lambda found: f"{float(found[0]):.3g}", value)


def pair_by_pair(comparison: Comparison) -> list[str]:
    names = {row.run_id: row.label for row in comparison.rows}
    tested = [pair for pair in comparison.contests if pair.p is not None and pair.p_adjusted is not None]
    if not tested:
        return []
    rows = [
        (
            names.get(pair.a, pair.a),
            pair.verdict,
            names.get(pair.b, pair.b),
            f"{100 * (pair.difference or 0):+.1f} points",
            f"{pair.p_adjusted:.3f}",
        )
        for pair in tested[:45]
    ]
    return ["<h2>Pair by pair</h2>", as_table([("run", "is", "than / to", "difference", "p, corrected")], rows)]


def as_table(heads: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> str:
    head = "".join("<tr>" + "".join(f"<th>{esc(one)}</th>" for one in line) + "</tr>" for line in heads)
    body = "".join("<tr>" + "".join(f"<td><bdi>{esc(one)}</bdi></td>" for one in row) + "</tr>" for row in rows)
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def as_share(value: object) -> str:
    return f"{100 * value:.1f}%" if isinstance(value, (int, float)) else "unknown"
