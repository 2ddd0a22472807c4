"""Folders as labelling tools, competitions and people leave them, each with what must become of it (`readings`)."""

from benchmarks.layouts import clouds, competitions, folders, lists, tables, tools, traps
from benchmarks.layouts.case import Asked, Case, Draft, Expected, Read, Refused, cases_in, layout

CASES: tuple[Case, ...] = tuple(
    case for module in (folders, tables, tools, clouds, competitions, lists, traps) for case in cases_in(module)
)

__all__ = ["CASES", "Asked", "Case", "Draft", "Expected", "Read", "Refused", "layout"]
