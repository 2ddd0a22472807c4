"""The colours that mean something, and the one style sheet of the pictures.

Strategies' colours are not here: `core.zoo.catalog.STRATEGIES` is the only place they are written. Light and dark need
no second sheet: Streamlit sets `color-scheme` on the app, and the CSS function light-dark() follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core import Kind
from core.zoo import STRATEGIES
from training.report import drawing

FROZEN, TRAINED = drawing.FROZEN, drawing.TRAINED
GOOD = "#2E9E6B"
CAUTION = "#D9A21B"
BAD = "#D64545"


@dataclass(frozen=True)
class StrategyStyle:
    """How one strategy looks on every page: never by colour alone."""

    kind: Kind
    title: str
    colour: str
    dash: str
    """plotly line dash: 'solid', 'dot', 'dash', 'longdash', 'dashdot', 'longdashdot'."""
    marker: str
    """plotly marker symbol: 'circle', 'diamond', ..."""


def strategy_style(kind: Kind) -> StrategyStyle:
    """The look of a strategy, from the catalog."""
    card = STRATEGIES[kind]
    return StrategyStyle(kind, card.title, card.colour, card.dash, card.marker)


@cache
def css() -> str:
    """The style sheet, read once. Colours by meaning come from this module as custom properties."""
    names = {"good": GOOD, "caution": CAUTION, "bad": BAD}
    root = "".join(f"--thaw-{name}:{value};" for name, value in names.items())
    sheet = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    return f"{drawing.css()}\n:root{{{root}}}\n{sheet}"
