"""The freeze map: a backbone as a row of blocks, ice where frozen and ember where trained.

Width is the square root of a stage's parameters with a floor, so that a 900-parameter stem stays readable beside a
million. Positions are percentages: text keeps its size at any width, and below 560 px the labels of neighbours merge.
Pure: a string comes out. The live chart thaws the same blocks by switching their class (`is-frozen`, `is-trained`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from core import Head
from core.words import count, learning_rate, params
from core.zoo import BackboneCard
from training.report.drawing import esc

FLOOR = 6.0
"""Narrowest block, in percent of the row."""
GAP = 0.45
SOLVED = 1.0
"""A head that is solved rather than trained has the step of its solver (1), or none (0): no learning rate to show."""
NARROW = 9.0
"""Below this width (percent) a block in a small card drops its glyph."""
ROOMY = 11.0
"""From this width (percent) on, a block carries its stage's whole name."""
FLAKE = "M0-6V6M-5.2-3L5.2 3M-5.2 3L5.2-3M-1.7-5.2L0-3.7L1.7-5.2M-1.7 5.2L0 3.7L1.7 5.2"
FLAME = (
    "M0.4-6.5C1-3.6 4.4-2 4.4 2A4.4 4.4 0 0 1-4.4 2C-4.4 0.2-3.4-1-2.6-2C-2.4-0.8-1.8-0.2-1.2 0C-1.6-2.6-0.9-5 0.4-6.5Z"
)


def widths(sizes: Sequence[int]) -> list[float]:
    """Percent of the row per block: square root of the parameters, none below FLOOR; they add up to 100."""
    weights = [math.sqrt(max(size, 1)) for size in sizes]
    small: set[int] = set()
    while True:
        room = 100 - FLOOR * len(small)
        rest = sum(weight for index, weight in enumerate(weights) if index not in small)
        found = {i for i, weight in enumerate(weights) if i not in small and room * weight / rest < FLOOR}
        if not found or len(small) + len(found) == len(weights):
            break
        small |= found
    if len(small) == len(weights) or rest == 0:
        return [100 / len(weights)] * len(weights)
    return [FLOOR if i in small else room * weight / rest for i, weight in enumerate(weights)]


def freeze_map(
    card: BackboneCard,
    states: Sequence[bool],
    lrs: Sequence[float] | None,
    classes: int,
    *,
    head: Head = "linear",
    compact: bool = False,
) -> Markup:
    """The picture of one moment of training. `states[i]`: stage i is trained; `lrs[i]`: its peak learning rate.

    `compact` is the low form for cards; the full form also switches to merged labels when there is little room.
    """
    names, sizes = card.stage_names, card.params(classes, head)
    if len(states) != len(names):
        raise ValueError(f"{card.name} has {len(names)} stages, but {len(states)} states were given.")
    height = 22 if compact else 44
    left, blocks = 0.0, []
    spans = _spans(names, states, lrs, widths(sizes))
    for index, width in enumerate(widths(sizes)):
        rate = lrs[index] if lrs is not None else None
        blocks.append(_block(index, names[index], sizes[index], states[index], rate, left, width, height))
        left += width
    labels = "".join(_span_label(span, height + 15) for span in spans)
    tall = height + (20 if compact else 36)
    return Markup(
        f'<div class="thaw-freeze{" is-compact" if compact else ""}">'
        f'<svg role="img" height="{tall}" aria-label="{esc(_summary(card, states, sizes))}">'
        f"<title>Freeze map of {esc(card.title)}</title><desc>{esc(_in_words(names, states, sizes, lrs))}</desc>"
        f'{"".join(blocks)}<g class="thaw-spans">{labels}</g></svg></div>'
    )


def freeze_legend() -> str:
    """What ice, ember, the glyphs and the widths mean, in one line."""
    parts = []
    for state, glyph, word in (("frozen", "flake", "frozen, kept as pre-trained"), ("trained", "flame", "trained")):
        path = FLAKE if glyph == "flake" else FLAME
        shape = f'<path class="thaw-{glyph}" d="{path}" transform="translate(9 7) scale(.8)"/>'
        block = f'<rect width="18" height="14" rx="3"/>{shape}'
        parts.append(f'<span><svg aria-hidden="true" class="thaw-block is-{state}">{block}</svg>{word}</span>')
    parts.append("<span>learning rate below each block</span><span>width: square root of its parameters</span>")
    return f'<div class="thaw-legend">{"".join(parts)}</div>'


def _block(
    index: int, name: str, size: int, trained: bool, rate: float | None, left: float, width: float, height: int
) -> str:
    state = "trained" if trained else "frozen"
    short = name if width >= ROOMY or not name.startswith("stage ") else name.removeprefix("stage ")
    said = f"{name}: {state}, {count(size)} parameters"
    if trained and rate is not None:
        said += f", learning rate {_rate(trained, rate)}"
    tall = height > 30
    glyph_y = 15 if tall else height / 2
    below = ""
    if tall:
        faded = "" if trained else " is-off"
        below = (
            f'<g class="thaw-each" text-anchor="middle">'
            f'<text class="thaw-lr{faded}" data-lr="{index}" x="50%" y="{height + 15}">'
            f"{_rate(trained, rate) if rate is not None or not trained else ''}</text>"
            f'<text class="thaw-size" x="50%" y="{height + 30}">{params(size)}</text></g>'
        )
    looks = f"thaw-block is-{state}" + (" is-narrow" if width < NARROW else "")
    glyphs = f'<path class="thaw-flake" d="{FLAKE}"/><path class="thaw-flame" d="{FLAME}"/>'
    return (
        f'<svg x="{left + GAP / 2:.2f}%" width="{width - GAP:.2f}%" overflow="visible">'
        f'<g class="{looks}" data-stage="{index}"><title>{esc(said)}</title>'
        f'<rect width="100%" height="{height}" rx="{5 if tall else 3}"/>'
        f'<svg x="50%" y="{glyph_y}" overflow="visible">{glyphs}</svg>'
        + (f'<text class="thaw-name" x="50%" y="36" text-anchor="middle">{esc(short)}</text>' if tall else "")
        + f"</g>{below}</svg>"
    )


def _rate(trained: bool, rate: float | None) -> str:
    if not trained:
        return "frozen"
    if rate is None:
        return "trained"
    return learning_rate(rate) if 0 < rate < SOLVED else "solved"


Span = tuple[float, float, str, bool]


def _spans(
    names: Sequence[str], states: Sequence[bool], lrs: Sequence[float] | None, across: Sequence[float]
) -> list[Span]:
    """Neighbours in one state under one label: (left, width, label, is head)."""
    spans: list[Span] = []
    start = 0
    edges = [sum(across[:i]) for i in range(len(across) + 1)]
    for end in range(1, len(names) + 1):
        head_next = end == len(names) - 1
        if end < len(names) and states[end] == states[start] and not (head_next and states[end]):
            continue
        inside = list(range(start, end))
        rates = sorted({lrs[i] for i in inside}) if lrs is not None else []
        if not states[start]:
            label = "frozen"
        elif not rates:
            label = "trained"
        elif len(rates) == 1:
            label = _rate(True, rates[0])
        else:
            label = f"{learning_rate(rates[0])} \N{EN DASH} {learning_rate(rates[-1])}"
        spans.append((edges[start], edges[end] - edges[start], label, start == len(names) - 1))
        start = end
    return spans


def _span_label(span: Span, y: int) -> str:
    left, width, label, is_head = span
    if is_head:
        return f'<text x="100%" y="{y}" text-anchor="end">{esc(label)}</text>'
    return f'<text x="{left + width / 2:.2f}%" y="{y}" text-anchor="middle">{esc(label)}</text>'


def _summary(card: BackboneCard, states: Sequence[bool], sizes: Sequence[int]) -> str:
    trained = sum(size for size, on in zip(sizes, states, strict=True) if on)
    share = 100 * trained / max(sum(sizes), 1)
    return f"Freeze map of {card.title}: {sum(states)} of {len(states)} stages trained, {share:.1f}% of the parameters."


def _in_words(names: Sequence[str], states: Sequence[bool], sizes: Sequence[int], lrs: Sequence[float] | None) -> str:
    parts = []
    for index, name in enumerate(names):
        rate = lrs[index] if lrs is not None else None
        state = (
            f"trained at {_rate(True, rate)}"
            if states[index] and rate is not None
            else ("trained" if states[index] else "frozen")
        )
        parts.append(f"{name} {state}, {params(sizes[index])} parameters")
    return "; ".join(parts) + "."
