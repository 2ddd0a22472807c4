"""A run or a comparison as one HTML page and as tables."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.report.accuracy_axis import AxisRow, Scale, accuracy_line, axis_scale
    from training.report.drawing import esc
    from training.report.freeze_map import GAP, ROOMY, freeze_legend, widths
    from training.report.html_page import comparison_report, run_report
    from training.report.marks import mark, mark_shape
    from training.report.rendering import render
else:
    __getattr__ = door(__name__)

__all__ = [
    "GAP",
    "ROOMY",
    "AxisRow",
    "Scale",
    "accuracy_line",
    "axis_scale",
    "comparison_report",
    "esc",
    "freeze_legend",
    "mark",
    "mark_shape",
    "render",
    "run_report",
    "widths",
]
