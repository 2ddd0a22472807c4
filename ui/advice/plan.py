"""The fold with everything exact: phases, learning rate per stage, epochs, trainable parameters, times."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from advisor.advice import epochs_in_words, what_is_trained
from advisor.planning import AUGMENTED, state_at
from core import HIDDEN_WIDTH, Candidate, Recommendation, Strategy
from core.zoo import STRATEGIES, BackboneCard, catalog
from ui import pictures
from ui.kit import frame
from ui.kit.show import show
from ui.pictures.cards import epochs_in_short
from ui.pictures.words import count, counted, duration, learning_rate, params, size

SCHEDULES = {"one_cycle": "one-cycle", "cosine": "cosine", "constant": "constant"}
SOLVERS = {"lbfgs": "L-BFGS", "class_means": "class means"}


def details(advice: Recommendation, card: BackboneCard, classes: int) -> None:
    """The recommended plan in full, then all plans in one table."""
    with st.expander("Details: phases, learning rates, epochs, parameters, times"):
        plan_in_full(advice.best.strategy, card, classes)
        st.caption("Every strategy as planned for this budget")
        st.table(pd.DataFrame([row(one) for one in (advice.best, *advice.alternatives)]), hide_index=True)


def plan_in_full(strategy: Strategy, card: BackboneCard, classes: int) -> None:
    """One freeze map a phase and the plan's numbers; also used for a run that exists."""
    title = catalog.titled(strategy.kind, strategy.head)
    st.markdown(
        f"**{frame.plain(title)}**: {epochs_in_words(strategy)} in "
        f"{counted(len(strategy.phases), 'phase')}, batches of {strategy.batch_size}, "
        f"{counted(strategy.views, 'augmented view')} of each image{_shown(strategy)}, "
        f"weight decay {strategy.weight_decay:g}, label smoothing {strategy.label_smoothing:g}{_switches(strategy)}."
    )
    for number, phase in enumerate(strategy.phases):
        what = what_is_trained(phase, card)
        if not phase.solved:
            by = f"{phase.optimizer_in_words}, {SCHEDULES[phase.schedule]}"
            how = f"trains {what}, {counted(phase.epochs, 'epoch')}, {by}"
        else:
            how = f"solves {what}, {counted(phase.epochs, 'pass', 'passes')}, {SOLVERS[phase.optimizer]}"
        st.caption(f"Phase {number + 1}: {how}")
        show(
            pictures.freeze_map(
                card, state_at(strategy, card, number), lrs_of(strategy, card, number), classes, head=strategy.head
            )
        )


def _shown(strategy: Strategy) -> str:
    return f" ({AUGMENTED[strategy.augment]})" if strategy.views else ""


def _switches(strategy: Strategy) -> str:
    """What was switched on beyond the recipe: ', mixup 0.2, images of 160 px'."""
    numbers = {"mixup": "mixup", "l2_sp": "L2-SP", "l2_sp_head": "L2-SP on the head", "ewc": "EWC"}
    parts = [f"{words} {getattr(strategy, name):g}" for name, words in numbers.items() if getattr(strategy, name)]
    parts += {"none": [], "weights": ["classes weighed in the loss"], "sampler": ["classes drawn equally often"]}[
        strategy.balance
    ]
    parts += {
        "linear": [], "stages": ["a head on the pooled outputs of all stages"],
        "hidden": [f"a head with a hidden layer of {HIDDEN_WIDTH}"],
    }[strategy.head]
    parts += ["the chosen head solved once more on the validation images too"] if strategy.refit else []
    parts += [f"images of {strategy.image_px} px"] if strategy.image_px else []
    resized = next((phase.start_px for phase in strategy.phases if phase.start_px), None)
    parts += [f"images growing from {resized} px"] if resized else []
    patience = strategy.phases[-1].patience
    parts += [f"stops after {counted(patience, 'epoch')} without improvement"] if patience else []
    return "".join(f", {part}" for part in parts)


def lrs_of(strategy: Strategy, card: BackboneCard, number: int) -> tuple[float, ...]:
    """Peak learning rate per stage in one phase, the head last."""
    phase = strategy.phases[number]
    return tuple(phase.stage_lr(stage, card.head) for stage in range(card.head + 1))


def row(candidate: Candidate) -> dict[str, str]:
    strategy = candidate.strategy
    fits = {True: "yes", False: "no", None: "unknown"}[candidate.fits]
    return {
        "Strategy": STRATEGIES[strategy.kind].title,
        "Epochs": epochs_in_short(strategy.phases),
        "Phases": count(len(strategy.phases)),
        "Head LR": learning_rate(candidate.stage_lrs[-1]) if candidate.stage_lrs[-1] else "solved",
        "Trained parameters": params(candidate.trainable_params),
        "Estimated time": duration(candidate.seconds),
        "of which caching": duration(candidate.cached_seconds),
        "Peak memory": size(candidate.memory_bytes),
        "Fits the budget": fits,
    }
