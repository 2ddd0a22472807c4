"""A rulebook's decision tree with the path that led to the answer lit.

Drawn from the rulebook's data, left to right: questions in columns, one row per leaf, so that the texts have room at
720 px. Unlit branches stay quiet but readable. Pure: a string comes out.
"""

from __future__ import annotations

from dataclasses import dataclass

from advisor.rulebooks.tree import Leaf, Question, Rulebook
from core import Answer
from core.zoo import STRATEGIES
from training.report import mark_shape
from ui.pictures.words import esc

TOTAL = 720.0
LEAF_WIDTH = 190.0
GAP = 26.0
"""Between columns: room for the bend of an edge."""
SPACE = 8.0
"""Between rows."""
LINE = 14.0
CAPTION = 18.0
"""Height of the strip on top of a box that holds the answer leading to it; each further line adds LINE."""
CHAR = 7.2
"""Width of an average bold character at 12 px in a wide typeface: lines wrap by it, text is not measured here."""


@dataclass
class _Place:
    """One node on the canvas: its box, the answer that leads to it, and its own text, both in lines."""

    x: float
    y: float
    """Vertical middle."""
    width: float
    caption: list[str]
    lines: list[str]

    @property
    def strip(self) -> float:
        return CAPTION + LINE * (len(self.caption) - 1) if self.caption else 0.0

    @property
    def height(self) -> float:
        return self.strip + 12 + LINE * len(self.lines)

    @property
    def top(self) -> float:
        return self.y - self.height / 2


def decision_tree(rulebook: Rulebook, answer: Answer) -> str:
    """The tree of `rulebook` as SVG with `answer.path` and its leaf lit."""
    taken = {step.node: step.answer for step in answer.path}
    lit = {*taken, answer.leaf}
    places, height = _layout(rulebook)
    edges = [
        (child.id in lit and taken.get(node_id) == branch.label, places[node_id], places[child.id])
        for node_id in places
        for branch, child in rulebook.children(node_id)
    ]
    # Lit edges last, so that they lie on top where branches share their first pixels.
    drawn = "".join(_edge(start, end, on) for on, start, end in sorted(edges, key=lambda edge: edge[0]))
    nodes = "".join(_box(rulebook.by_id[node_id], place, node_id in lit) for node_id, place in places.items())
    said = _in_words(rulebook, answer)
    return (
        f'<div class="thaw-tree"><svg role="img" viewBox="0 0 {TOTAL:.0f} {height:.0f}" aria-label="{esc(said)}">'
        f"<title>Decision tree: {esc(rulebook.title)}</title><desc>{esc(said)} Source: {esc(rulebook.source)}</desc>"
        f"{drawn}{nodes}</svg></div>"
    )


def _layout(rulebook: Rulebook) -> tuple[dict[str, _Place], float]:
    """Places of all nodes and the height of the canvas. Leaves share the last column, so that answers line up."""
    columns = max(depth for depth, _ in rulebook.walk())
    # A shallow tree has wider questions, up to 200 px, and the rest goes into the bends.
    width = min((TOTAL - LEAF_WIDTH - GAP * columns - 4) / max(columns, 1), 200.0)
    step = (TOTAL - LEAF_WIDTH - 4) / max(columns, 1)
    places: dict[str, _Place] = {}
    floor = 2.0

    def put(node: Question | Leaf, depth: int, caption: str) -> _Place:
        nonlocal floor
        if isinstance(node, Leaf):
            place = _Place(TOTAL - LEAF_WIDTH - 2, 0, LEAF_WIDTH, [], _wrap(node.says, LEAF_WIDTH - 42)[:3])
            place.caption = _wrap(caption, LEAF_WIDTH - 20, 6.4)
            place.y = floor + place.height / 2
            floor += place.height + SPACE
        else:
            children = [put(child, depth + 1, branch.label) for branch, child in rulebook.children(node.id)]
            place = _Place(
                2 + depth * step, (children[0].y + children[-1].y) / 2, width, [], _wrap(node.text, width - 20)
            )
            place.caption = _wrap(caption, width - 20, 6.4)
        places[node.id] = place
        return place

    put(rulebook.root, 0, "")
    return places, floor - SPACE + 2


def _edge(start: _Place, end: _Place, lit: bool) -> str:
    x1, x2 = start.x + start.width, end.x
    bend, turn = x1 + GAP / 2, 8 if end.y > start.y else -8
    if abs(end.y - start.y) < 17:
        curve = f"C{bend:.1f} {start.y:.1f} {bend:.1f} {end.y:.1f} {x1 + GAP:.1f} {end.y:.1f}"
        line = f"M{x1:.1f} {start.y:.1f}{curve}H{x2:.1f}"
    else:
        line = (
            f"M{x1:.1f} {start.y:.1f}H{bend - 8:.1f}Q{bend:.1f} {start.y:.1f} {bend:.1f} {start.y + turn:.1f}"
            f"V{end.y - turn:.1f}Q{bend:.1f} {end.y:.1f} {bend + 8:.1f} {end.y:.1f}H{x2:.1f}"
        )
    return f'<path class="t-edge{" lit" if lit else ""}" d="{line}"/>'


def _box(node: Question | Leaf, place: _Place, lit: bool) -> str:
    state = " lit" if lit else ""
    leaf = isinstance(node, Leaf)
    x, top, right = place.x, place.top, place.x + place.width
    # The strip is a rectangle with its upper corners rounded like the box.
    strip = ""
    if place.caption:
        bottom = top + place.strip
        strip = (
            f'<path class="t-strip{state}" '
            f'd="M{x:.1f} {bottom:.1f}V{top + 8:.1f}Q{x:.1f} {top:.1f} {x + 8:.1f} {top:.1f}'
            f'H{right - 8:.1f}Q{right:.1f} {top:.1f} {right:.1f} {top + 8:.1f}V{bottom:.1f}Z"/>'
        ) + _texts(place.caption, x + 10, top + 13, f"t-answer{state}")
    inset = 34 if leaf else 10
    body = _texts(place.lines, x + inset, top + place.strip + 17, state.strip())
    symbol = ""
    if isinstance(node, Leaf):
        middle = top + place.strip + 6 + LINE * len(place.lines) / 2
        symbol = f'<g transform="translate({x + 18:.1f} {middle:.1f})">{mark_shape(node.kind, 6)}</g>'
    box = f'x="{x:.1f}" y="{top:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" rx="8"'
    return (
        f'<g><title>{esc(_said(node))}</title><rect class="t-node{" t-leaf" if leaf else ""}{state}" {box}/>{strip}'
        f'<rect class="t-rim{state}" {box}/>{symbol}{body}</g>'
    )


def _texts(lines: list[str], x: float, y: float, style: str) -> str:
    return "".join(
        f'<text class="{style}" x="{x:.1f}" y="{y + LINE * i:.1f}">{esc(line)}</text>' for i, line in enumerate(lines)
    )


def _said(node: Question | Leaf) -> str:
    if isinstance(node, Question):
        return node.text
    also = f", the last {node.trained_stages} stages and the head" if node.trained_stages else ""
    return f"{node.says}. In Thaw: {STRATEGIES[node.kind].title}{also}. {' '.join(node.caveats)}"


def _wrap(text: str, width: float, char: float = CHAR) -> list[str]:
    """Greedy line breaks by an average character width."""
    limit = max(int(width / char), 6)
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= limit:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _in_words(rulebook: Rulebook, answer: Answer) -> str:
    steps = "; ".join(f"{step.question} {step.answer}" for step in answer.path)
    return f"{rulebook.title}: {steps}. Answer: {answer.says}."
