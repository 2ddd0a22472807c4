"""The Playground: a source task, a target task, a shift between them, and every strategy run live in a few seconds."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import streamlit as st

from advisor.planning import stage_lrs, state_at
from training.playground.settings import ARMS, HEAD, NOTEBOOK, Arm, ArmResult, Settings, strategy
from ui import pictures
from ui.kit import frame, state
from ui.kit.show import show
from ui.kit.url_inputs import keep, start
from ui.pictures import charts
from ui.pictures.words import esc
from ui.playground import charts as charts_playground
from ui.playground import words
from ui.playground.run import ask_all, run
from ui.playground.ticks import ticking

SHIFTS = (0.0, 0.25, 0.5, 0.75, 1.0)
SWEPT: tuple[Arm, ...] = ("scratch", "frozen", "full", "discriminative")
SEEDS = {1: "1 seed", 3: "3 seeds", 5: "5 seeds", 8: "8 seeds"}
DEFAULT_SEEDS = 3
SIZES = (20, 50, 100, 200, 500, 1000)
SOURCES = (100, 300, 1000, 3000)
FROZEN = {0: "none", 1: "hidden 1", 2: "all below the head"}
ALPHAS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
INPUTS = ("shift", "redrawn", "noise", "target", "source", "classes", "frozen", "decay", "l2sp", "rate", "seeds")
FACTORS = {0.1: "a tenth", 1.0: "as given", 3.0: "3 times", 10.0: "10 times", 30.0: "30 times"}


def main() -> None:
    pool = state.live_pool()
    pool.warm_up()
    st.title("Playground")
    st.markdown(
        "A network learns a **source** task from plenty of data. Then each strategy learns a **target** task from "
        "little. Move the shift between the two and watch transfer turn from a gift into a burden. Everything below is "
        "trained while you look, by the engine that trains your images."
    )
    left, right = st.columns([1, 3], gap="large")
    with left:
        settings, seeds = controls()
    with right:
        answer(settings, seeds)


def controls() -> tuple[Settings, int]:
    """Every number of the experiment; what is not the preset is in the address."""
    if st.button("Reset", key="reset", help="Back to the notebook's setting", width="stretch"):
        for name in INPUTS:
            st.session_state.pop(f"pg_{name}", None)
            st.query_params.pop(f"pg_{name}", None)
        st.rerun()
    n = NOTEBOOK
    shift = _slider("Shift between the tasks", "shift", [i / 20 for i in range(21)], n.shift,
                    "0: the same task again. 1: unrelated classes, features mixed by a random map.")  # fmt: skip
    redrawn = _toggle("New classes", "redrawn",
                      "What the notebook's code does, though its text calls the tasks related.")  # fmt: skip
    target = _slider("Target samples", "target", list(SIZES), n.target)
    noise = _slider("Noise", "noise", [0.25, 0.5, 1.0, 1.5, 2.0, 3.0], n.noise,
                    "Spread of the samples around their class centre; centres have a spread of 2.")  # fmt: skip
    frozen = _slider("Frozen stages of feature extraction", "frozen", list(FROZEN), n.frozen_stages, names=FROZEN)
    with st.expander("More settings"):
        source = _slider("Source samples", "source", list(SOURCES), n.source)
        classes = _slider("Classes", "classes", [2, 3, 5, 8, 10], n.classes)
        decay = _slider("Layer decay γ (discriminative)", "decay", [0.1, 0.25, 0.5, 0.75, 1.0], n.decay)
        l2_sp = _slider("L2-SP strength α", "l2sp", list(ALPHAS), n.l2_sp)
        lr = _slider("Learning rates", "rate", list(FACTORS), n.lr, names=FACTORS)
        seeds = _slider("Seeds", "seeds", list(SEEDS), DEFAULT_SEEDS, names=SEEDS)
    settings = Settings(
        shift=shift, redrawn=redrawn, noise=noise, classes=classes, source=source, target=target, frozen_stages=frozen,
        decay=decay, l2_sp=l2_sp, lr=lr,
    )  # fmt: skip
    st.caption(
        f"{settings.features} features, hidden stages of 32 and 16, {settings.epochs} epochs in batches of 16, plain "
        "SGD at 0.1 (scratch, frozen), 0.01 (full, L2-SP) and 0.05 (discriminative, gradual)."
    )
    return settings, seeds


def answer(settings: Settings, seeds: int) -> None:
    """Run what is asked, show it as it comes, and say what it means."""
    st.caption(words.shift_words(settings))
    bar = st.empty()
    began = time.perf_counter()

    tick = ticking(lambda done, all_: bar.progress(done / all_, text=f"Training, {done} of {all_} runs"))
    pool = state.live_pool()
    results = run(pool, settings, ARMS, range(seeds), tick)
    seconds = time.perf_counter() - began
    bar.empty()
    tone, headline, text = words.verdict(results, settings)
    show(pictures.notice(tone, headline, text))
    charts.show(charts_playground.curves(results, settings), key="pg_curves", label="Loss and accuracy by epoch")
    one, two = st.container(key="pg_pair_finals").columns([3, 2], gap="large")
    with one:
        charts.show(charts_playground.finals(results, settings), key="pg_finals", label=f"Final accuracy. {text}")
    with two:
        speeds = charts_playground.speeds(results, settings)
        charts.show(speeds, key="pg_speeds", label="Epochs to 90% of the final accuracy")
    trained = len(ARMS) * seeds
    st.caption(
        frame.plain(
            f"{words.speed(results, settings)} {trained} runs and {seeds} source networks"
            + (f" in {seconds:.1f} s." if seconds > 0.3 else ", remembered from before.")
        )
    )
    show(arms(settings, results))
    st.subheader("What the notebook claims, and what holds here")
    st.caption(
        "The notebook that this experiment comes from closes with five observations, printed whatever its numbers are. "
        "Here they are held against the runs above; move a slider and look again."
    )
    show(words.claims(results))
    where, picture = st.container(key="pg_pair_where").columns([3, 2], gap="large")
    with picture:
        st.subheader("The two tasks")
        [seen] = ask_all(pool, [("tasks", {"settings": settings.as_json(), "seed": 0})], lambda done, wanted: None)
        charts.show(charts_playground.tasks(seen), key="pg_tasks", label="Samples of source and target")
        st.caption("Samples of the first seed, on the plane where the source's classes lie furthest apart.")
    with where:
        st.subheader("Where transfer turns negative")
        swept(settings, seeds)


def swept(settings: Settings, seeds: int) -> None:
    """The same strategies along the whole slider, drawn as each shift is done."""
    if settings.redrawn:
        frame.empty("The slider says little here", "With classes drawn anew the tasks are unrelated at every shift.")
        return
    place, said = st.empty(), st.empty()
    found: dict[float, dict[Arm, ArmResult]] = {}

    for shift in SHIFTS:
        tick = ticking(
            lambda done, all_, at=shift: said.caption(  # type: ignore[misc]
                f"Training along the slider: shift {at:g}, {done} of {all_} runs."
            )
        )
        found[shift] = run(state.live_pool(), replace(settings, shift=shift), SWEPT, range(seeds), tick)
    with place.container():
        charts.show(
            charts_playground.sweep(found, settings, settings.shift), key="pg_sweep",
            label="Points above training from scratch, by shift",
        )  # fmt: skip
    said.caption(frame.plain(words.crossing(found, settings)))


def arms(settings: Settings, results: dict[Arm, ArmResult]) -> str:
    """What each strategy froze and trained, as freeze maps beside its name."""
    card = settings.card
    rows = []
    for arm in results:
        plan = strategy(arm, settings)
        look = words.LOOKS[arm]
        states = state_at(plan, card, len(plan.phases) - 1)
        picture = pictures.freeze_map(card, states, stage_lrs(plan, card), settings.classes, compact=True)
        rows.append(
            f'<div class="thaw-arm"><b style="border-color:{look.colour}">'
            f"{esc(words.title(arm, settings))}</b><small>{esc(look.one_line)}</small>{picture}</div>"
        )
    return f'<div class="thaw-arms">{"".join(rows)}</div>'


def _slider(
    label: str,
    name: str,
    options: list[Any],
    default: Any,
    help: str | None = None,
    names: dict[Any, str] | None = None,
) -> Any:
    key = f"pg_{name}"
    start(key, {str(option): option for option in options}, default)
    value = st.select_slider(
        label, options, key=key, help=help, persist_state="session",
        format_func=lambda option: names[option] if names else f"{option:g}",
    )  # fmt: skip
    keep(key, value, default)
    return value


def _toggle(label: str, name: str, help: str) -> bool:
    key = f"pg_{name}"
    start(key, {"True": True}, False)
    value = st.toggle(label, key=key, help=help, persist_state="session")
    keep(key, value, False)
    return value


assert HEAD in FROZEN

main()
