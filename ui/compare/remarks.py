"""What the chosen runs say beyond accuracy, as small cards: transfer, forgetting, overfitting."""

from __future__ import annotations

from training.compare import Comparison, remarks_on
from training.understand.findings import agreement_of
from ui import pictures
from ui.kit import state
from ui.kit.show import show


def remarks(comparison: Comparison) -> None:
    """The remarks side by side, as many as fit."""
    home = state.store().home
    agreement = {row.run_id: agreement_of(home, row.run_id) for row in comparison.rows}
    cards = [pictures.notice(one.tone, one.title, one.text) for one in remarks_on(comparison, agreement)]
    show(f'<div class="thaw-findings">{"".join(cards)}</div>')
