"""The chain of stages that a run stands on, as a row of cards from the first weights to this run. Pure: HTML comes out.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.zoo import STRATEGIES
from training.store import Stage
from ui.address import at
from ui.pictures.theme import strategy_style
from ui.pictures.words import esc


def chain(stages: Sequence[Stage], here: str, kind: str = "") -> str:
    """stages: oldest first, as `lineage` has them. here: what the last card is called; kind: its strategy."""
    cards = [_card(stage.dataset, stage.strategy, _reached(stage), stage.run_id) for stage in stages]
    cards.append(_card(here, kind, "", "", last=True))
    return f'<ol class="thaw-chain" aria-label="Stages this run stands on">{"".join(cards)}</ol>'


def _reached(stage: Stage) -> str:
    return "" if stage.test_accuracy is None else f"{100 * stage.test_accuracy:.1f}% of its own test images"


def _card(name: str, kind: str, reached: str, run_id: str, *, last: bool = False) -> str:
    known = next((card for card in STRATEGIES.values() if card.kind == kind), None)
    colour = strategy_style(known.kind).colour if known else "var(--thaw-line)"
    how = known.title if known else "its own weights" if not run_id and not last else ""
    lines = [f"<b><bdi>{esc(name)}</bdi></b>", *(f"<small>{esc(line)}</small>" for line in (how, reached) if line)]
    inside = "".join(lines)
    if run_id:
        there = at(f"/run?run={esc(run_id)}")
        inside = f'<a href="{there}" target="_self">{inside}</a>'
    return f'<li class="{"is-here" if last else ""}" style="--stage:{colour}">{inside}</li>'
