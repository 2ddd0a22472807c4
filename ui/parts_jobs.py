"""From a click to a queued job: profiles, single runs, and "compare all strategies" under one budget.

Pure planning plus calls to the store and the executor; draws nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from advisor.catalog import BackboneCard, known, safe_name
from advisor.costs import Sizes
from advisor.errors import StateError, ThawError, WeightsError
from advisor.memory import fit_batch, memory_for
from advisor.plans import Kind, RunConfig, Strategy, run_config_from_json, to_json
from advisor.public_sets import public_set
from advisor.strategies import PLANNED, estimate_seconds, plan
from advisor.types import DatasetFacts, DatasetRef
from training import foreseen, weights
from training.before_after import group_of
from training.memory import available_bytes
from training.store import Job
from ui import parts_stage, state

SEED = 0
"""Every run started from a page: the same seed and split, so that any two may be compared."""

SLACK = 1.25
"""Room over an estimate before a run's own budget would cut it short."""


@dataclass(frozen=True)
class Planned:
    """One strategy of a set, with the share of the budget it was planned for."""

    strategy: Strategy
    minutes: float
    seconds: float | None
    """Estimated; None without measured throughput."""


def share_budget(needs: Mapping[Kind, float | None], minutes: float) -> dict[Kind, float]:
    """Minutes for each strategy, together `minutes`: what needs less than an equal share leaves the rest to others.

    `needs` are the seconds of each strategy's full-length plan (None = unknown: it takes its equal share).
    """
    shares: dict[Kind, float] = {}
    left = dict(needs)
    remaining = minutes
    while left:
        equal = remaining / len(left)
        content = {kind: need / 60 for kind, need in left.items() if need is not None and need / 60 < equal}
        if not content:
            return shares | dict.fromkeys(left, equal)
        for kind, need_minutes in content.items():
            shares[kind] = need_minutes
            remaining -= need_minutes
            del left[kind]
    # Everything fits: what is over may be used by anyone, so give each the same slack.
    return {kind: share + remaining / len(shares) for kind, share in shares.items()}


def plan_set(facts: DatasetFacts, card: BackboneCard, minutes: float) -> list[Planned]:
    """Every strategy that this version trains, planned so that all together take about `minutes`."""
    classes = len(facts.classes)
    sizes = Sizes.of(facts.train_images, facts.test_images, classes)
    room = memory_for(facts, available_bytes())

    def planned(kind: Kind, share: float | None) -> Strategy:
        return plan(
            kind,
            card,
            train_images=facts.train_images,
            classes=classes,
            minutes=share,
            costs=facts.costs,
            decode_s=facts.decode_s,
            test_images=facts.test_images,
        )

    needs: dict[Kind, float | None] = {}
    for kind in PLANNED:
        full_length = estimate_seconds(planned(kind, None), facts, card)
        needs[kind] = SLACK * full_length[0] if full_length else None
    shares = share_budget(needs, minutes)
    result = []
    for kind in PLANNED:
        strategy = fit_batch(planned(kind, shares[kind]), card, sizes, facts, room)
        estimate = estimate_seconds(strategy, facts, card)
        result.append(Planned(strategy, shares[kind], estimate[0] if estimate else None))
    return result


def total_seconds(planned: Sequence[Planned]) -> float | None:
    """The whole set's estimate; None as soon as one part is unknown."""
    seconds = [part.seconds for part in planned if part.seconds is not None]
    return sum(seconds) if len(seconds) == len(planned) else None


def _weights_are_here(backbone: str) -> None:
    """Raises WeightsError, with what to do, before a job is queued that could only fail."""
    card = known(backbone)
    if card is not None and card.pretrained:
        weights.find(card, state.home())


def start_backbone(name: str, path: str = "") -> Job:
    """Queue the addition of a backbone's weights: from a file, else by download. Raises PlanError, WeightsError."""
    safe_name(name)
    file = Path(path).expanduser().absolute() if path else None
    if file is not None and not file.is_file():
        raise WeightsError(f"There is no file {file}.")
    job = state.store().create_job("backbone", "", {"name": name, "weights": str(file) if file else None})
    state.jobs_executor().submit(job.id)
    return job


def start_public(name: str) -> Job:
    """Queue the fetching of a public image set. Raises NotFound for a name that is none."""
    job = state.store().create_job("public", "", {"name": public_set(name).name})
    state.jobs_executor().submit(job.id)
    return job


def start_run(ref: DatasetRef, strategy: Strategy, minutes: float | None, *, group: str = "") -> Job:
    """Queue one run and start it if nothing else runs. Raises WeightsError."""
    if strategy.pretrained:
        _weights_are_here(strategy.backbone)
    config = RunConfig(
        ref.id, strategy, seed=SEED, split_seed=SEED, minutes=minutes, group=group,
        from_run=parts_stage.start_of(strategy),
    )  # fmt: skip
    job = state.store().create_job("train", ref.id, to_json(config), group=group)
    foreseen.note(state.store(), job)
    state.jobs_executor().submit(job.id)
    return job


def start_set(ref: DatasetRef, planned: Sequence[Planned]) -> list[Job]:
    """Queue a set of runs under one group id: same data, same split, same seed."""
    group = "set-" + secrets.token_hex(4)
    return [start_run(ref, part.strategy, part.minutes, group=group) for part in planned]


def start_profile(ref: DatasetRef, backbone: str) -> Job:
    """Queue the measurement of one dataset with one backbone. Raises WeightsError."""
    _weights_are_here(backbone)
    job = state.store().create_job("profile", ref.id, {"backbone": backbone, "seed": SEED})
    state.jobs_executor().submit(job.id)
    return job


def start_explain(run: Job, source: str = "") -> Job:
    """Queue the look into a run that has ended. source: a dataset of ImageNet's classes, '' for none."""
    job = state.store().create_job("explain", run.dataset_id, {"run": run.id, "source": source})
    state.jobs_executor().submit(job.id)
    return job


def explain_job(run: Job) -> Job | None:
    """The latest look into this run."""
    jobs = state.store().jobs(kind="explain", dataset_id=run.dataset_id)
    return next((job for job in jobs if job.config.get("run") == run.id), None)


def start_again(run: Job, ref: DatasetRef) -> Job:
    """Queue the same plan and seed on another revision of the same images. Raises WeightsError, PlanError."""
    config = run_config_from_json(run.config)
    if config.strategy.pretrained:
        _weights_are_here(config.strategy.backbone)
    group = group_of(run.id)
    again = replace(config, dataset_id=ref.id, group=group)
    job = state.store().create_job("train", ref.id, to_json(again), group=group)
    state.jobs_executor().submit(job.id)
    return job


def profile_job(dataset_id: str, backbone: str) -> Job | None:
    """The latest profile job of this dataset with this backbone."""
    jobs = state.store().jobs(kind="profile", dataset_id=dataset_id)
    return next((job for job in jobs if job.config.get("backbone") == backbone), None)


def start_map(ref: DatasetRef, backbone: str, name: str) -> Job:
    """Queue the drawing of a map of one dataset (`training.maps.NAMES`). Raises WeightsError."""
    _weights_are_here(backbone)
    job = state.store().create_job("map", ref.id, {"backbone": backbone, "name": name})
    state.jobs_executor().submit(job.id)
    return job


def map_job(dataset_id: str, backbone: str, name: str) -> Job | None:
    """The latest job that draws this map."""
    jobs = state.store().jobs(kind="map", dataset_id=dataset_id)
    return next((job for job in jobs if job.config == {"backbone": backbone, "name": name}), None)


def resume(job: Job) -> None:
    """Put a stopped, failed or lost job back into the queue; it goes on from its last checkpoint."""
    state.store().requeue(job.id)
    state.jobs_executor().submit(job.id)


def stop(job: Job) -> None:
    """Ask a job to stop. One that has just ended by itself is left as it is."""
    try:
        state.jobs_executor().stop(job.id)
    except StateError:
        return


def config_of(job: Job) -> RunConfig | None:
    """The run's config; None when it was written by a version that this one cannot read."""
    try:
        return run_config_from_json(job.config)
    except ThawError:
        return None
