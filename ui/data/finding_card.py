"""Cards of the check: what was found, with the pictures that show it. Pure: HTML strings come out."""

from __future__ import annotations

from collections.abc import Iterable

from dataset.audit import Finding, Shown
from ui.pictures.cards import SIGNS, TONES, thumb_url
from ui.pictures.words import counted, esc

STRIP = 6
"""Groups of pictures on a card; the rest is behind a button."""


def finding_card(finding: Finding, dataset_id: str) -> str:
    """One finding: sign, title, a sentence or two, what to do, and a few pictures beside it. dataset_id: of the import
    that holds the pictures."""
    sign = f'<i aria-label="{TONES[finding.severity]}">{SIGNS[finding.severity]}</i>'
    remedy = f'<p class="thaw-remedy">\N{RIGHTWARDS ARROW} {esc(finding.remedy)}</p>' if finding.remedy else ""
    text = f"<div><b>{esc(finding.title)}</b><p>{esc(finding.detail)}</p>{remedy}</div>"
    strip = groups(finding.shown[:STRIP], dataset_id) if finding.shown else ""
    return (
        f'<section class="thaw-finding is-{finding.severity}" data-kind="{finding.kind}">'
        f'<div class="thaw-said">{sign}{text}</div>{strip}</section>'
    )


def groups(shown: Iterable[Shown], dataset_id: str, *, large: bool = False) -> str:
    """Pictures that belong together stand side by side in one frame, each with its words below."""
    inside = "".join(_group(one, dataset_id) for one in shown)
    return f'<div class="thaw-groups{" thaw-look" if large else ""}">{inside}</div>'


def _group(shown: Shown, dataset_id: str) -> str:
    cells = "".join(
        f'<figure><img src="{esc(thumb_url(dataset_id, row))}" alt="{esc(word)}" title="{esc(word)}" loading="lazy" '
        f'width="84" height="84"/><figcaption><bdi>{esc(word)}</bdi></figcaption></figure>'
        for row, word in zip(shown.rows, shown.words, strict=True)
    )
    return f'<div class="thaw-group">{cells}</div>'


def summary(findings: Iterable[Finding]) -> str:
    """'2 problems, 1 caution and 3 notes' as chips."""
    tally = {"bad": 0, "caution": 0, "good": 0}
    for one in findings:
        tally[one.severity] += 1
    words = {"bad": "problem", "caution": "caution", "good": "note"}
    chips = "".join(
        f'<span class="thaw-badge is-{tone}">{SIGNS[tone]} {counted(number, words[tone])}</span>'
        for tone, number in tally.items()
        if number
    )
    return f'<div class="thaw-tally">{chips}</div>'
