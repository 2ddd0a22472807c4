"""A strategy's mark: its colour and plotly symbol as a small SVG shape, so that colour is never the only carrier."""

from __future__ import annotations

import math

from core import Kind
from core.zoo import STRATEGIES


def mark_shape(kind: Kind, r: float = 5.0) -> str:
    """The symbol of a strategy centred on the origin, `r` px in radius."""
    style = STRATEGIES[kind]
    paint = f'fill="{style.colour}"'
    if style.marker == "circle":
        return f'<circle r="{r * 0.9:.1f}" {paint}/>'
    if style.marker == "square":
        return f'<rect x="{-r * 0.8:.1f}" y="{-r * 0.8:.1f}" width="{r * 1.6:.1f}" height="{r * 1.6:.1f}" {paint}/>'
    if style.marker == "cross":
        a = r * 0.95
        plus = f"M{-a:.1f} 0H{a:.1f}M0 {-a:.1f}V{a:.1f}"
        return f'<path d="{plus}" stroke="{style.colour}" stroke-width="{r * 0.6:.1f}"/>'
    if style.marker == "x":
        a = r * 0.75
        cross = f"M{-a:.1f} {-a:.1f}L{a:.1f} {a:.1f}M{a:.1f} {-a:.1f}L{-a:.1f} {a:.1f}"
        return f'<path d="{cross}" stroke="{style.colour}" stroke-width="{r * 0.5:.1f}"/>'
    turns = {
        "diamond": (4, 0.0), "pentagon": (5, 0.0), "triangle-up": (3, 0.0), "triangle-down": (3, math.pi),
        "star": (10, 0.0),
    }  # fmt: skip
    corners, turn = turns.get(style.marker, (6, 0.0))
    points = []
    for i in range(corners):
        radius = r * 1.1 * (0.45 if style.marker == "star" and i % 2 else 1.0)
        angle = turn - math.pi / 2 + 2 * math.pi * i / corners
        points.append(f"{radius * math.cos(angle):.1f},{radius * math.sin(angle):.1f}")
    return f'<polygon points="{" ".join(points)}" {paint}/>'


def mark(kind: Kind) -> str:
    """The symbol as a 14 px picture to stand beside the strategy's name."""
    return f'<svg class="thaw-mark" viewBox="-7 -7 14 14" aria-hidden="true">{mark_shape(kind, 5.5)}</svg>'
