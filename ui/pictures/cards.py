"""Strategy cards and everything small around them: chips, badges, tiles, notices.

Pure: HTML strings come out, styled by `style.css`. User text is escaped here. Cards and rows share one `Scale`, so
that the eye compares them.
"""

from __future__ import annotations

from collections.abc import Sequence

from advisor.advice import what_is_trained
from core import Answer, Candidate, Estimate, Kind, Phase
from core.zoo import STRATEGIES, BackboneCard
from training.report import Scale, accuracy_line, mark
from training.report.freeze_map import freeze_map
from ui.address import at
from ui.pictures.words import counted, duration, esc, interval, params, size

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
        f"{freeze_map(card, states, candidate.stage_lrs, classes, head=strategy.head, compact=True)}"
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
    return f'<div class="thaw-range">{head}{accuracy_line(estimate, kind, scale, 24, name)}{ends}</div>'


def card_grid(cards: Sequence[str]) -> str:
    """Cards beside each other, as many as fit, of equal height."""
    return f'<div class="thaw-cards">{"".join(cards)}</div>'


def rulebook_chips(answers: Sequence[Answer], *, followed: str = "", taken: Kind | None = None) -> str:
    """What each rulebook says, as chips: 'Course: Linear probe'. taken: what a race came to."""
    chips = []
    for answer in answers:
        on = answer.rulebook == followed or answer.kind == taken
        note = " (followed)" if answer.rulebook == followed else " (as taken)" if answer.kind == taken else ""
        title = STRATEGIES[answer.kind].title
        chips.append(
            f'<span class="thaw-chip{" is-followed" if on else ""}" title="{esc(answer.says)}. {esc(answer.source)}">'
            f"{mark(answer.kind)}"
            f"<span>{esc(answer.rulebook.capitalize())}: <b>{esc(title)}</b>{note}</span></span>"
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
    """Where the small picture of a manifest row is served (see `ui.server.routes`)."""
    return at(f"/thaw/thumb/{dataset_id}/{row}.jpg")


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
