"""How far each stage's weights moved from where the run began, as bars under the freeze map's blocks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core import Head
from core.zoo import BackboneCard
from training.report import GAP, ROOMY, widths
from ui.pictures.words import esc

TALL = 52


def moved_map(card: BackboneCard, moved: Sequence[float], classes: int, head: Head = "linear") -> str:
    """One bar a stage, aligned with `freeze_map`; the head, which began anew, has none. moved: |w - w0| / |w0|."""
    across = widths(card.params(classes, head))
    most = max([*moved, 1e-9])
    left, bars = 0.0, []
    for name, width, value in zip(card.stage_names, across, [*moved, None], strict=True):
        said = "new" if value is None else share(value)
        place = f"left:{left + GAP / 2:.2f}%;width:{width - GAP:.2f}%"
        if value is not None:
            still = ' class="is-still"' if value == 0 else ""
            height = f"height:{max(1.0, TALL * value / most):.0f}px"
            bars.append(
                f'<span{still} style="{place};{height}" title="{esc(name)}: moved by {said} of its length"></span>'
            )
        bars.append(f'<b style="{place}">{said if width >= ROOMY or len(said) < 5 else said.replace("%", "")}</b>')
        left += width
    words = "; ".join(f"{name} {share(value)}" for name, value in zip(card.stage_names, moved, strict=False))
    return (
        f'<div class="thaw-moved" role="img" aria-label="How far the weights moved: {esc(words)}">{"".join(bars)}</div>'
    )


def share(value: float) -> str:
    """'0', '0.3%', '12%'."""
    if value == 0:
        return "0"
    return f"{100 * value:.0f}%" if value >= 0.0995 else f"{100 * value:.1f}%" if value >= 0.00095 else "<0.1%"
