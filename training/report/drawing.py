"""What every figure stands on, on the pages and in reports: colours that mean something, the style sheet, safe text.

Figures are HTML and SVG strings, one line each, `Markup` where a template takes them. They know no page and no screen.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from markupsafe import Markup, escape

from core.names import encodable

FROZEN = "#4C9BE8"
TRAINED = "#F2784B"


def esc(text: object) -> Markup:
    """User text made safe inside HTML and SVG, on one line (a newline would end a markdown HTML block)."""
    return escape(encodable(" ".join(str(text).split())))


@cache
def css() -> Markup:
    """The style sheet of the figures, read once; colours by meaning come from this module as custom properties."""
    sheet = Path(__file__).with_name("templates") / "figures.css"
    return Markup(f":root{{--thaw-frozen:{FROZEN};--thaw-trained:{TRAINED};}}\n{sheet.read_text(encoding='utf-8')}")
