"""Thaw from a terminal: parsing, following a job, answers as lines and as JSON."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.cli.flags import add_decoding, add_flags, decoding_of, options_of
    from training.cli.follow import to_stderr
    from training.cli.text import (
        advice_lines,
        comparison_lines,
        facts_lines,
        run_document,
        run_lines,
        runs_lines,
        table,
    )
else:
    __getattr__ = door(__name__)

__all__ = [
    "add_decoding",
    "add_flags",
    "advice_lines",
    "comparison_lines",
    "decoding_of",
    "facts_lines",
    "options_of",
    "run_document",
    "run_lines",
    "runs_lines",
    "table",
    "to_stderr",
]
