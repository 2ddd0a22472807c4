"""Domain shift, MMD and DANN: two clouds of features, pulled together without a single target label."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from ui.kit import state
from ui.learn.parts import Bar, Lesson, ask, bars, source
from ui.pictures import charts
from ui.pictures.chart_parts import GRID, dress, graph_objects
from ui.pictures.theme import strategy_style

SEEDS = range(3)
WAYS = ("source_only", "mmd", "dann")
ALPHAS = tuple(2.0**k for k in range(-3, 2))


def draw() -> None:
    st.markdown(
        "Photographs have labels, sketches of the same things do not. The classes are the same, their looks are not: a "
        "**domain shift**. A head learned on the source stands where the source's features are; the target's may lie "
        "elsewhere. Adaptation moves the features of both together, and needs no label of the target for it."
    )
    st.latex(
        r"\text{MMD}^2(P,Q)=\mathbb{E}\,k(s,s')+\mathbb{E}\,k(t,t')-2\,\mathbb{E}\,k(s,t)"
        r"\qquad k(a,b)=\sum_{j}\exp\!\Bigl(-\tfrac{\lVert a-b\rVert^2}{2\sigma_j^2}\Bigr)"
    )
    st.markdown(
        "**MMD** is small when two samples look alike to a kernel; it is simply added to the loss. **DANN** lets a "
        "discriminator guess which domain a feature is from, and turns its gradient round before it reaches the "
        "features: they learn to give nothing away. How hard it pulls grows over the run:"
    )
    st.latex(r"\lambda_p = \frac{2}{1+e^{-10p}}-1")
    source("Long et al. 2015 (DAN, MMD), arXiv 1502.02791; Ganin et al. 2016 (DANN), arXiv 1505.07818.")
    _distance()
    st.subheader("Live: adapt, and see when it hurts")
    shift = st.select_slider(
        "How far apart the domains are", (0.0, 0.5, 1.0, 2.0, 4.0), 1.0, format_func=lambda s: f"{s:g}",
        key="lesson_da_shift",
    )  # fmt: skip
    unequal = st.toggle(
        "The target holds other shares of the classes", key="lesson_da_unequal",
        help="Alignment makes the two clouds alike, shares included: where they differ, classes are moved onto others.",
    )  # fmt: skip
    asked = [(way, seed) for way in WAYS for seed in SEEDS]
    answers = ask(
        [("adapt", {"way": way, "shift": shift, "unequal": unequal, "seed": seed}) for way, seed in asked]
    )
    by_way = {way: [a for (own, _), a in zip(asked, answers, strict=True) if own == way] for way in WAYS}
    rows = [
        Bar(strategy_style(way).title, tuple(a["target"] for a in found), strategy_style(way).colour)  # type: ignore[arg-type]
        for way, found in by_way.items()
    ]
    bars([("", rows)], axis="accuracy on the target, whose labels were never used", key="lesson_da_chart",
         label="Target accuracy of the three strategies")  # fmt: skip
    base = rows[0].mean
    best = max(rows[1:], key=lambda bar: bar.mean)
    gained = 100 * (best.mean - base)
    if gained < -0.5:
        st.markdown(f"**Adaptation hurts here**: the better of the two loses {-gained:.1f} points.")
    else:
        st.markdown(f"{best.label}: **{gained:+.1f} points** over source only.")
    before, after = st.columns(2)
    with before:
        _clouds(by_way["mmd"][0]["before"], "before", "lesson_da_before")
    with after:
        _clouds(by_way["mmd"][0]["after"], "after, aligned by MMD", "lesson_da_after")
    st.caption("Features of the first seed on their two largest principal components; colours are classes.")


def _distance() -> None:
    """Two samples on a line and their MMD, computed as the slider moves."""
    apart = st.slider("Distance between two samples", 0.0, 6.0, 2.0, 0.25, key="lesson_mmd_distance")
    grid = [-2 + 4 * i / 40 for i in range(41)]
    moved = [x + apart for x in grid]
    st.markdown(f"Two samples of 41 points, {apart:g} apart: $\\text{{MMD}}^2$ = **{_mmd(grid, moved):.3f}**")


def _mmd(a: list[float], b: list[float]) -> float:
    both = a + b
    gaps = [(x - y) ** 2 for i, x in enumerate(both) for j, y in enumerate(both) if i != j]
    typical = max(sum(gaps) / len(gaps), 1e-12)

    def mean(us: list[float], vs: list[float]) -> float:
        kernel = (math.exp(-((u - v) ** 2) / (2 * alpha * typical)) for u in us for v in vs for alpha in ALPHAS)
        return sum(kernel) / (len(us) * len(vs))

    return mean(a, a) + mean(b, b) - 2 * mean(a, b)


def _clouds(answer: dict[str, Any], title: str, key: str) -> None:
    ramp = ("#4C9BE8", "#F2784B", "#2E9E6B", "#8E6BC4", "#D9A21B")
    figure = graph_objects().Figure()
    for side, symbol in (("source", "circle"), ("target", "diamond-open")):
        points = answer[side]
        figure.add_scatter(
            x=[p[0] for p in points], y=[p[1] for p in points], mode="markers", name=side,
            marker={
                "symbol": symbol, "size": 7, "opacity": 0.75, "color": [ramp[int(p[2]) % len(ramp)] for p in points],
            },
            hoverinfo="skip",
        )  # fmt: skip
    dress(figure, height=280, legend=True)
    figure.update_xaxes(showticklabels=False, gridcolor=GRID)
    figure.update_yaxes(showticklabels=False, gridcolor=GRID)
    apart = f"{100 * answer['told_apart']:.0f}%"
    st.markdown(f"**{title}**: a linear classifier tells the domains apart in {apart} of cases")
    charts.show(figure, key=key, label=f"Features of both domains, {title}")


LESSON = Lesson(
    "domains", "Domain shift, MMD and DANN", "Labels here, images there: pulling two domains together.", draw,
    "Adapt to a second folder of mine", state.ADVICE_PAGE, {"open_domains": True},
)  # fmt: skip
