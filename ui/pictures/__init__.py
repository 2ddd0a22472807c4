"""The door to the signature pictures: pages import from here, whatever file a picture lives in."""

from __future__ import annotations

from training.report import AxisRow, Scale, axis_scale, freeze_legend, mark
from training.report.accuracy_axis import accuracy_axis
from training.report.freeze_map import freeze_map
from ui.pictures.cards import badge, card_grid, notice, rulebook_chips, strategy_card, thumb_url, tiles
from ui.pictures.race import Lane, race_track
from ui.pictures.tree import decision_tree

__all__ = [
    "AxisRow",
    "Lane",
    "Scale",
    "accuracy_axis",
    "axis_scale",
    "badge",
    "card_grid",
    "decision_tree",
    "freeze_legend",
    "freeze_map",
    "mark",
    "notice",
    "race_track",
    "rulebook_chips",
    "strategy_card",
    "thumb_url",
    "tiles",
]
