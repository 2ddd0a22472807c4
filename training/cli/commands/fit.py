"""Training a run: import, plan, queue, follow. The worker trains, not this process. No torch."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import cast

import click

from advisor.advice import cuts
from advisor.planning import (
    LOADING_S,
    PLANNED,
    VAL_SHARE,
    Options,
    Sizes,
    check_domains,
    estimate_seconds,
    plan,
    plan_adaptation,
    trains_all,
)
from core import ADAPTING, KINDS, SOLVED_KINDS, Budget, DatasetFacts, DatasetRef, Kind, PlanError, RunConfig, Strategy
from core.words import counted, duration
from core.zoo import BackboneCard, catalog
from training.cli import steps
from training.cli.flags import by_hand
from training.cli.follow import how_far, to_stderr
from training.cli.shared import DATASETS, RUNS, Answer, HowRead, Place, among, at_least, on_data, positive_minutes, verb
from training.record import foreseen
from training.requests import limits, submit
from training.store import lineage


@verb
@on_data
@click.option("--strategy", required=True, metavar="KIND", shell_complete=among(lambda home: KINDS),
              help="linear_probe, partial, gradual, ...")  # fmt: skip
@click.option("--minutes", type=positive_minutes, metavar="M", help="from here to the tested model")
@click.option("--seed", type=at_least(0), default="0", metavar="S", help="of weights and order (0)")
@click.option("--target", metavar="PATH", shell_complete=DATASETS,
              help="a second domain of the same classes; for source_only|mmd|dann")  # fmt: skip
@click.option("--from", "from_run", metavar="RUN", shell_complete=RUNS, help="start from this run's weights")
@click.option("--per-class", type=at_least(1), metavar="N", help="train on N images of each class")
@by_hand
def fit(
    place: Place, path: str, backbone: str, how: HowRead, strategy: str, minutes: float | None, seed: int,
    target: str | None, from_run: str | None, per_class: int | None, options: Options,
) -> Answer:  # fmt: skip
    """Train one strategy and follow it. Ctrl-C stops it and keeps the best.

    From --epochs on, each option sets by hand what the strategy's recipe decides else.
    """
    adapting = strategy in ADAPTING
    if strategy not in PLANNED and not adapting:  # before the import: it can take minutes
        raise PlanError(f"This version cannot train '{strategy}'; choose one of {', '.join(KINDS)}.")
    if adapting != bool(target):
        kinds = ", ".join(ADAPTING)
        raise PlanError(
            f"'{strategy}' adapts to a second domain: give its images with --target." if adapting
            else f"--target goes with {kinds}; '{strategy}' trains on one set of images."
        )  # fmt: skip
    kind = cast(Kind, strategy)
    card = steps.backbone_here(place, backbone, pretrained=kind != "scratch")
    options.check("partial" if adapting else kind, card)
    if from_run:
        lineage.check(place.store.job(from_run), card.name)
    with steps.worker_ahead(place, light=kind in SOLVED_KINDS and not from_run):
        ref = steps.import_data(path, place.home, how)
        second = _target(target, ref, place.home) if target else None
    facts = place.store.facts(ref.id, card.name)
    timed = minutes is not None and kind != "linear_probe"
    if not (facts and facts.costs) and timed:
        # A schedule that must end inside a budget needs this machine's speed; what it computes, the run reads.
        to_stderr("Measuring this machine's speed first, once for these images; the minutes count from then on.")
        steps.measured(place, ref, card.name)
        facts = place.store.facts(ref.id, card.name)
        if not (facts and facts.costs):
            to_stderr("The speed could not be measured: the run ends when the minutes are over, wherever it is.")
    planned = plan_of(ref, facts, kind, card, options, minutes=minutes, per_class=per_class or 0)
    if facts and minutes:
        uncut = plan_of(ref, facts, kind, card, options, per_class=per_class or 0)
        for said in (*cuts(planned, uncut, Budget(minutes), card), *_longer(planned, facts, card, minutes, per_class)):
            to_stderr(said)
    if whole := trains_all(planned, card):
        to_stderr(whole)
    config = RunConfig(
        ref.id, planned, seed=seed, minutes=minutes, target_id=second.id if second else "",
        from_run=from_run or "", per_class=per_class or 0,
    )  # fmt: skip
    request = foreseen.to_train(
        place.store, config, by_hand=options.batch_size is not None, loading_s=LOADING_S
    )
    for limit in limits(place.store, request.plan, planned.batch_size):
        to_stderr(limit)
    job = submit(place.store, request)
    title = catalog.titled(kind, planned.head)
    to_stderr(f"Run {job.id}: {title} on {counted(ref.images, 'image')}.")
    return steps.answer_of(place, place.follow(job))


def _longer(
    planned: Strategy, facts: DatasetFacts, card: BackboneCard, minutes: float, per_class: int | None
) -> list[str]:
    """That even the shortest plan is longer than the budget."""
    priced = estimate_seconds(planned, facts, card, Sizes.measured(facts, per_class or 0))
    if priced is None or priced[0] <= 60 * minutes:
        return []
    given = duration(60 * minutes)
    if priced[1] > 60 * minutes:
        return [
            f"Computing the frozen features alone takes about {duration(priced[1])}, more than the {given} given: "
            "where that holds, only the head is solved. More minutes or fewer images a class (--per-class) would help."
        ]
    return [
        f"The shortest plan takes about {duration(priced[0])}: less than an epoch of it is made, and its learning rate "
        f"comes down within the {given} given."
    ]


def _target(path: str, ref: DatasetRef, home: Path) -> DatasetRef:
    """A second domain for `ref`: a sample or an imported dataset as it is, anything else attached to `ref`."""
    if steps.is_known(path):
        found = steps.import_data(path, home)
    else:
        from dataset.ingest import targets

        found = targets.attach(home, ref, Path(path).expanduser(), progress=how_far(steps.IMPORTING))
        steps.tell_notes(found)
    check_domains(ref, found)
    return found


def plan_of(
    ref: DatasetRef, facts: DatasetFacts | None, kind: Kind, card: BackboneCard, options: Options,
    *, minutes: float | None = None, per_class: int = 0,
) -> Strategy:  # fmt: skip
    """The strategy that the options of `fit` describe."""
    if facts is None:
        from dataset import sides

        split = Counter(sides(ref, 0).tolist())
        train_images, test_images = split["train"] + split["val"], split["test"]
    else:
        train_images, test_images = facts.train_images, facts.test_images
    if per_class:
        options = replace(options, refit=options.refit or False)
        train_images = min(train_images, max(2, math.ceil(per_class * len(ref.classes) / (1 - VAL_SHARE))))
    return (plan_adaptation if kind in ADAPTING else plan)(
        kind, card, train_images=train_images, classes=len(ref.classes), minutes=minutes,
        costs=facts.costs if facts else (), options=options, test_images=test_images,
    )  # fmt: skip
