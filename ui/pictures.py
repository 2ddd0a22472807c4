"""The door to the signature pictures: pages import from here, whatever file a picture lives in."""

from __future__ import annotations

from training.accuracy_axis import AxisRow, Scale, accuracy_axis, axis_scale
from training.freeze_map import freeze_legend, freeze_map
from training.marks import mark
from ui.cards import (
    badge,
    card_grid,
    notice,
    rulebook_chips,
    strategy_card,
    thumb_url,
    tiles,
)
from ui.tree_picture import decision_tree

__all__ = [
    "AxisRow",
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
    "rulebook_chips",
    "strategy_card",
    "thumb_url",
    "tiles",
]
