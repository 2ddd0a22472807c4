"""Strategy cards and everything small around them: accuracy axes, chips, badges, tiles, notices.

Pure: HTML strings come out, styled by `style.css`. User text is escaped here. Cards and rows share one `Scale`, so
that the eye compares them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from advisor.catalog import STRATEGIES, BackboneCard
from advisor.plans import Kind, Phase
from advisor.reasons import what_is_trained
from advisor.types import Answer, Candidate, Estimate
from ui.freeze_map import freeze_map
from ui.marks import mark, mark_shape
from ui.theme import strategy_style
from ui.words import counted, duration, esc, interval, params, size

SIGNS: dict[str, str] = {"info": "i", "good": "\N{CHECK MARK}", "caution": "!", "bad": "\N{MULTIPLICATION SIGN}"}
TONES: dict[str, str] = {"info": "Note", "good": "Good", "caution": "Caution", "bad": "Problem"}
STATES: dict[str, tuple[str, str]] = {
    "queued": ("", "\N{WHITE CIRCLE} queued"),
    "running": ("is-trained", "\N{BLACK RIGHT-POINTING TRIANGLE} training"),
    "finished": ("is-good", "\N{CHECK MARK} finished"),
    "stopped": ("", "\N{BLACK SQUARE} stopped, best kept"),
    "failed": ("is-bad", "\N{MULTIPLICATION SIGN} failed"),
    "lost": ("is-bad", "! worker lost"),
}


@dataclass(frozen=True)
class Scale:
    """The accuracy axis that several pictures share; both ends are shares in [0, 1]."""

    low: float
    high: float

    def x(self, value: float) -> float:
        """Position in percent, clamped to the axis."""
        return 100 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    @property
    def ticks(self) -> tuple[float, ...]:
        step = next((s for s in (0.01, 0.02, 0.05, 0.1) if (self.high - self.low) / s <= 6.5), 0.2)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return tuple(i * step for i in range(first, last + 1))


@dataclass(frozen=True)
class AxisRow:
    """One dot with its interval on a common axis."""

    label: str
    kind: Kind
    estimate: Estimate | None
    note: str = ""
    others: tuple[float, ...] = ()
    """Single values behind the estimate, drawn as small ticks."""


def axis_scale(estimates: Iterable[Estimate | None]) -> Scale:
    """A common axis around all intervals, ends on round numbers, never narrower than 10 points."""
    known = [e for e in estimates if e is not None]
    if not known:
        return Scale(0.0, 1.0)
    low, high = min(e.low for e in known), max(e.high for e in known)
    step = 0.05 if high - low < 0.3 else 0.1
    low = math.floor((low - 0.01) / step) * step
    high = math.ceil((high + 0.005) / step) * step
    high = min(1.0, high)
    low = max(0.0, min(low, high - 0.1))
    return Scale(round(low, 3), round(max(high, low + 0.1), 3))


def accuracy_axis(rows: Sequence[AxisRow], scale: Scale | None = None, caption: str = "") -> str:
    """The scoreboard: one line per row, dot and interval on one axis, value in words at the end; `caption` below."""
    scale = scale or axis_scale(row.estimate for row in rows)
    parts = []
    for row in rows:
        note = f"<small>{esc(row.note)}</small>" if row.note else ""
        parts.append(
            f'<div class="thaw-who">{mark(row.kind)}<span>{esc(row.label)}{note}</span></div>'
            f"{_line(row.estimate, row.kind, scale, 36, row.label, row.others)}"
            f'<div class="thaw-value">{esc(interval(row.estimate))}</div>'
        )
    ticks = "".join(
        f'<text x="{scale.x(t):.2f}%" y="13" text-anchor="middle">{100 * t:.0f}%</text>' for t in scale.ticks
    )
    parts.append(f'<div></div><svg class="thaw-line thaw-ticks" aria-hidden="true">{ticks}</svg><div></div>')
    if caption:
        parts.append(f"<div></div><small>{esc(caption)}</small><div></div>")
    return f'<div class="thaw-axis">{"".join(parts)}</div>'


def strategy_card(candidate: Candidate, card: BackboneCard, classes: int, scale: Scale, *, best: bool = False) -> str:
    """One strategy with its picture, forecast, price and one reason."""
    strategy = candidate.strategy
    about = STRATEGIES[strategy.kind]
    last = strategy.phases[-1]
    states = [index >= last.boundary for index in range(len(card.stage_names))]
    chip = ""
    if best:
        chip = '<span class="thaw-badge is-trained">\N{BLACK STAR} best bet</span>'
    elif candidate.fits is False:
        chip = '<span class="thaw-badge is-caution">! over budget</span>'
    share = candidate.trainable_params / max(candidate.total_params, 1)
    part = "all" if share > 0.9995 else f"{100 * share:.1f}%" if share >= 0.001 else "under 0.1%"
    figures = (
        ("Time here", duration(candidate.seconds)),
        ("Memory", f"about {size(candidate.memory_bytes)}" if candidate.memory_bytes else size(None)),
        ("Trained parameters", f"{params(candidate.trainable_params)} ({part})"),
        ("Epochs", epochs_in_short(strategy.phases)),
    )
    limits = "".join(f"<li>{esc(limit)}</li>" for limit in candidate.limits)
    facts = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)
    return (
        f'<article class="thaw-card{" is-best" if best else ""}" data-kind="{strategy.kind}">'
        f"<header><b>{mark(strategy.kind)}{esc(about.title)}</b>{chip}"
        f"<small>{esc(_phases_in_words(strategy.phases, card))}</small></header>"
        f"{freeze_map(card, states, candidate.stage_lrs, classes, compact=True)}"
        f"{_forecast(candidate.accuracy, strategy.kind, scale, about.title)}"
        f'<dl class="thaw-figures">{facts}</dl>'
        f'<p class="thaw-why">{esc(candidate.why)}</p>{f"<ul>{limits}</ul>" if limits else ""}</article>'
    )


def _forecast(estimate: Estimate | None, kind: Kind, scale: Scale, name: str) -> str:
    """The forecast on the common axis; an unknown one stays a word."""
    head = f"<span>Forecast accuracy</span><b>{esc(interval(estimate))}</b>"
    if estimate is None:
        return f'<div class="thaw-range">{head}</div>'
    ends = f"<span>{100 * scale.low:.0f}%</span><span>{100 * scale.high:.0f}%</span>"
    return f'<div class="thaw-range">{head}{_line(estimate, kind, scale, 24, name)}{ends}</div>'


def card_grid(cards: Sequence[str]) -> str:
    """Cards beside each other, as many as fit, of equal height."""
    return f'<div class="thaw-cards">{"".join(cards)}</div>'


def rulebook_chips(answers: Sequence[Answer], *, followed: str = "") -> str:
    """What each rulebook says, as chips: 'Course: Linear probe'."""
    chips = []
    for answer in answers:
        on = answer.rulebook == followed
        title = STRATEGIES[answer.kind].title
        chips.append(
            f'<span class="thaw-chip{" is-followed" if on else ""}" title="{esc(answer.says)}. {esc(answer.source)}">'
            f"{mark(answer.kind)}"
            f"<span>{esc(answer.rulebook.capitalize())}: <b>{esc(title)}</b>{' (followed)' if on else ''}</span></span>"
        )
    return f'<div class="thaw-chips">{"".join(chips)}</div>'


def badge(state: str) -> str:
    """A run's state as a sign and a word."""
    tone, said = STATES.get(state, ("", state))
    return f'<span class="thaw-badge {tone}" data-state="{esc(state)}">{esc(said)}</span>'


def tiles(items: Sequence[tuple[str, str, str]]) -> str:
    """A row of figures: (what, how much, a note)."""
    cells = "".join(
        f"<div><dt>{esc(label)}</dt><dd>{esc(value)}{f'<small>{esc(note)}</small>' if note else ''}</dd></div>"
        for label, value, note in items
    )
    return f'<dl class="thaw-tiles">{cells}</dl>'


def notice(kind: str, title: str, text: str = "", remedy: str = "") -> str:
    """A quiet box: what is so, why it matters, what to do. kind: 'info', 'good', 'caution' or 'bad'."""
    kind = kind if kind in SIGNS else "info"
    role = ' role="alert"' if kind == "bad" else ""
    body = f"<p>{esc(text)}</p>" if text else ""
    body += f'<p class="thaw-remedy">\N{RIGHTWARDS ARROW} {esc(remedy)}</p>' if remedy else ""
    return (
        f'<div class="thaw-notice is-{kind}"{role}><i aria-label="{TONES[kind]}">{SIGNS[kind]}</i>'
        f"<div><b>{esc(title)}</b>{body}</div></div>"
    )


def thumb_url(dataset_id: str, row: int) -> str:
    """Where the small picture of a manifest row is served (see `ui.routes`)."""
    return f"/thaw/thumb/{dataset_id}/{row}.jpg"


def _line(
    estimate: Estimate | None, kind: Kind, scale: Scale, height: int, name: str, others: Sequence[float] = ()
) -> str:
    """Rail, interval and dot; positions in percent, so that it stretches."""
    middle = height / 2
    grid = "".join(
        f'<line class="thaw-grid" x1="{scale.x(t):.2f}%" x2="{scale.x(t):.2f}%" y1="2" y2="{height - 2}"/>'
        for t in scale.ticks
    )
    rail = f'<line class="thaw-rail" x1="0" x2="100%" y1="{middle}" y2="{middle}"/>'
    start = f'<svg class="thaw-line" role="img" height="{height}"'
    if estimate is None:
        return f'{start} aria-label="{esc(name)}: {interval(None)}">{grid}{rail}</svg>'
    colour = strategy_style(kind).colour
    low, high, dot = scale.x(estimate.low), scale.x(estimate.high), scale.x(estimate.value)
    said = f"{name}: {interval(estimate)}, axis from {100 * scale.low:.0f}% to {100 * scale.high:.0f}%"
    said += f". {estimate.how}" if estimate.how else ""
    single = "".join(
        f'<line x1="{scale.x(one):.2f}%" x2="{scale.x(one):.2f}%" y1="{middle - 8}" y2="{middle + 8}" '
        f'stroke="{colour}" stroke-width="2"><title>one seed: {100 * one:.1f}%</title></line>'
        for one in others
    )
    return (
        f'{start} aria-label="{esc(said)}"><title>{esc(said)}</title>{grid}{rail}'
        f'<line x1="{low:.2f}%" x2="{high:.2f}%" y1="{middle}" y2="{middle}" '
        f'stroke="{colour}" stroke-width="5" stroke-linecap="round" opacity="0.45"/>{single}'
        f'<svg x="{dot:.2f}%" y="{middle}" overflow="visible">{mark_shape(kind, 7)}</svg></svg>'
    )


def epochs_in_short(phases: Sequence[Phase]) -> str:
    """'7', 'probe + 7', 'probe + 20 in 4 phases', '60 solver passes'."""
    trained = _trained(phases)
    if not trained:
        return counted(sum(phase.epochs for phase in phases), "solver pass", "solver passes")
    total = sum(phase.epochs for phase in trained)
    said = f"{total} in {len(trained)} phases" if len(trained) > 1 else str(total)
    return said if len(trained) == len(phases) else f"probe + {said}"


def _trained(phases: Sequence[Phase]) -> list[Phase]:
    """The phases of gradient descent, without those that solve the head."""
    return [phase for phase in phases if not phase.solved]


def _phases_in_words(phases: Sequence[Phase], card: BackboneCard) -> str:
    """'stage 6 and up', 'stage 7 and up, then every stage'. That the head is solved first goes without saying."""
    told = _trained(phases) or phases
    first, last = what_is_trained(told[0], card), what_is_trained(told[-1], card)
    return last if first == last else f"{first}, then {last}"
