"""The measured panel: a profile job's progress while it runs, its facts afterwards, and how to start it again."""

from __future__ import annotations

import streamlit as st

from core import DatasetFacts, DatasetRef
from core.zoo import backbone as find_backbone
from training.machine.others import QUIET
from training.requests import Profile
from training.store import Job
from ui import pictures
from ui.kit import jobs, progress, state
from ui.kit.show import show
from ui.pictures.words import ago, count, duration, interval, percent


def measured_panel(ref: DatasetRef, backbone: str, *, start: bool) -> DatasetFacts | None:
    """Draw the panel; the facts as far as there are any: accuracy and gaps come first, speeds after. With `start`, a
    dataset never measured is measured now."""
    asked, facts = Profile(ref.id, backbone), state.store().facts(ref.id, backbone)
    job = jobs.latest(asked)
    if facts and facts.costs and not (job and job.state in state.ACTIVE):
        show_facts(facts)
        _again(asked, facts)
        return facts
    if job is None and start:
        job = jobs.start(asked)
    measuring = job is not None and job.state in state.ACTIVE
    if facts:
        show_facts(facts, measuring=measuring and not facts.costs)
    if job and measuring:
        progress.follow(
            job, f"Measuring with {find_backbone(backbone).title}", cancel="Cancel measuring",
            under="Advice works meanwhile; it is sharper once this has ended.",
            moved=lambda _: facts is None and state.store().facts(ref.id, backbone) is not None,
        )  # fmt: skip
    else:
        _not_measured(ref, backbone, job)
    return facts


def _again(asked: Profile, facts: DatasetFacts) -> None:
    """How old the speeds are and how busy the machine was, and a button to measure them anew."""
    if facts.timed_at is None:
        when = "Speeds were measured by an earlier version."
    elif facts.others is not None and facts.others > QUIET:
        when = (
            f"Speeds measured {ago(facts.timed_at)}, while other programs took {percent(facts.others)} of this "
            "machine: times may be forecast too long."
        )
    else:
        when = f"Speeds measured {ago(facts.timed_at)}, on a machine with little else to do."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(when)
        if st.button("Measure again", key=f"again_{asked.backbone}", type="tertiary"):
            jobs.start(asked)
            st.rerun()


def _not_measured(ref: DatasetRef, backbone: str, job: Job | None) -> None:
    title = find_backbone(backbone).title
    if job is None:
        notice = ("info", f"Not measured with {title} yet", "Accuracy and times are unknown until then.")
    elif job.state == "failed":
        notice = ("bad", "Measuring failed", job.error or "The worker gave no reason.")
    elif job.state == "lost":
        notice = ("caution", "Measuring was cut off", "The worker process ended unexpectedly; measure again.")
    else:
        notice = ("info", "Measuring was cancelled", "Accuracy and times are unknown until it is done.")
    show(pictures.notice(*notice))
    if st.button(f"Measure with {title}", key=f"measure_{backbone}"):
        jobs.start(Profile(ref.id, backbone))
        st.rerun()


def show_facts(facts: DatasetFacts, *, measuring: bool = False) -> None:
    """The measured facts as figures with units; what was not measured is called unknown, or being measured."""
    hardware = "being measured" if measuring else facts.hardware.name if facts.hardware else "this machine"
    show(
        pictures.tiles(
            [
                (
                    "Ready-made accuracy",
                    interval(facts.ready_made) if facts.ready_made else "unknown",
                    how(facts),
                ),
                ("Guessing gives", percent(facts.chance, 1), f"{len(facts.classes)} classes, balanced"),
                ("Forward only", rate(facts.forward_images_per_s), hardware),
                ("Training all stages", rate(facts.train_images_per_s), hardware),
            ]
        )
    )
    if facts.ready_made:
        st.caption(reading(facts))


def how(facts: DatasetFacts) -> str:
    return facts.ready_made.how if facts.ready_made and facts.ready_made.how else "not measured yet"


def rate(images_per_s: float | None) -> str:
    """'180 images/s', or 'unknown'."""
    if images_per_s is None:
        return "unknown"
    digits = 0 if images_per_s >= 10 else 1
    return f"{images_per_s:,.{digits}f} images/s"


def reading(facts: DatasetFacts) -> str:
    """What the ready-made accuracy says, in a sentence."""
    ready = facts.ready_made
    if ready is None:
        return ""
    chance = facts.chance or 1 / len(facts.classes)
    took = f" Measuring took {duration(facts.seconds)}." if facts.seconds else ""
    title = find_backbone(facts.backbone).title
    if ready.low <= chance:
        return (
            f"{title}'s features do not tell these classes apart better than guessing: "
            f"a linear probe will not do.{took}"
        )
    gained = (ready.value - chance) / (1 - chance) if chance < 1 else 0.0
    if gained >= 0.85:
        rest = "already separate these classes well. Whether training more stages adds to it, only a comparison shows."
    elif gained >= 0.5:
        rest = "separate these classes in part. Whether training more stages adds to it, only a comparison shows."
    else:
        rest = "separate these classes poorly. Whether training more stages helps, only a comparison shows."
    return f"{title}'s features, unchanged, {rest}{took}"


def measured_or_counts(facts: DatasetFacts) -> str:
    """One line on what the advice rests upon."""
    if facts.ready_made or facts.costs:
        return f"Based on measurements with {find_backbone(facts.backbone).title}."
    return (
        f"Based on counts only ({count(facts.train_images)} training images): accuracy and times are unknown."
    )
