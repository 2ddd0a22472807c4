"""What a model says of one image: the likeliest classes as bars, 'unknown' with its reason, training images like it.

Pure: HTML strings, styled by `style.css`; user text is escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.export.contents import ExportFacts
from ui.pictures.cards import thumb_url
from ui.pictures.words import esc

TOP = 5


def bars(probabilities: NDArray[Any], labels: Sequence[str], threshold: float, known: bool) -> str:
    """The likeliest classes, each with its probability; a tick marks the limit below which nothing is known."""
    rows = []
    for place, index in enumerate(np.argsort(-probabilities, kind="stable")[: min(TOP, len(labels))]):
        share = float(probabilities[index])
        first = place == 0
        tick = f'<u style="inset-inline-start:{100 * threshold:.2f}%"></u>' if first and threshold > 0 else ""
        said = f"{100 * share:.1f}%" if share < 0.9995 else "100%"
        rows.append(
            f'<li class="{"is-first" if first and known else ""}"><span><bdi>{esc(labels[index])}</bdi></span>'
            f'<em><i style="width:{max(0.4, 100 * share):.2f}%"></i>{tick}</em><b>{said}</b></li>'
        )
    return f'<ol class="thaw-answers">{"".join(rows)}</ol>'


def verdict(label: str, known: bool, why: str) -> str:
    """The answer as a heading: the class, or 'unknown' with the reason."""
    if known:
        return f'<p class="thaw-answer"><b><bdi>{esc(label)}</bdi></b></p>'
    return (
        '<p class="thaw-answer"><b>Unknown</b><span class="thaw-badge is-caution">? not sure</span></p>'
        f'<p class="thaw-muted thaw-why">{esc(why[:1].upper() + why[1:])}.</p>'
    )


def neighbours(dataset_id: str, nearest: Sequence[Any]) -> str:
    """Training images that look alike to the model, nearest first."""
    if not nearest:
        return ""
    pictures = "".join(
        f'<figure><img src="{esc(thumb_url(dataset_id, one.row))}" alt="{esc(one.label)}" loading="lazy" width="56" '
        f'height="56"/><figcaption><bdi>{esc(one.label)}</bdi> {one.similarity:.2f}</figcaption></figure>'
        for one in nearest
    )
    return f'<div class="thaw-like"><span>Nearest training images</span>{pictures}</div>'


def limits(facts: ExportFacts) -> str:
    """Where 'unknown' begins, in one sentence."""
    kept = flagged = ""
    if facts.right_kept is not None:
        kept = f" Of the right answers on {facts.calibrated} {100 * facts.right_kept:.0f}% stay"
    if facts.wrong_flagged is not None:
        flagged = f", of the wrong ones it flags {100 * facts.wrong_flagged:.0f}%"
    return (
        f"'Unknown' means a confidence below {100 * facts.threshold:.0f}%, or no training image alike (cosine below "
        f"{facts.least_similarity:.2f}).{kept}{flagged}{'.' if kept else ''}"
    )
