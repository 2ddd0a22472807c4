"""What each terminal command does: `Namespace -> Answer`. Pages go the same way: import, plan, queue, follow.

Decides nothing itself (that is `advisor`) and trains nothing (that is a worker). No torch.
`dataset.ingest.sources` and what needs it is imported where used: pandas would cost `runs` and `stop` half a second.
"""

from __future__ import annotations

import math
import re
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from advisor.planning import PLANNED, VAL_SHARE, check_domains, plan, plan_adaptation, trains_all
from core import (
    ADAPTING,
    KINDS,
    USUAL_DECODING,
    Budget,
    CompareError,
    DatasetFacts,
    DatasetRef,
    Decoding,
    Kind,
    PlanError,
    RunConfig,
    Strategy,
    to_json,
)
from core.home import home as find_home
from core.words import counted
from core.zoo import BackboneCard, catalog
from training.backbones import weights
from training.cli import (
    advice_lines,
    comparison_lines,
    decoding_of,
    facts_lines,
    options_of,
    run_document,
    run_lines,
    runs_lines,
    second_domain,
    to_stderr,
)
from training.cli.follow import follow
from training.compare import compare as compare_runs
from training.jobs import executor as executors
from training.jobs.executor import Executor
from training.record import foreseen
from training.requests import Profile, limits, room, submit
from training.store import Job, Store, lineage

STOP_SECONDS = 30.0
"""How long `stop` waits for the worker to save and end."""
SAMPLE = "sample:"


@dataclass(frozen=True)
class Answer:
    """What a command hands back: a JSON document, the same as lines to read, and how it went."""

    document: Any
    lines: list[str]
    code: int = 0
    error: str = ""
    """One sentence for standard error besides the answer."""


@dataclass(frozen=True)
class Place:
    """One home, with its store and executor."""

    home: Path
    store: Store
    executor: Executor


@contextmanager
def worker_ahead(place: Place) -> Iterator[None]:
    """Within, images are read while a worker loads; should that fail, the worker is let go."""
    place.executor.prepare()
    try:
        yield
    except BaseException:
        place.executor.dismiss()
        raise


def open_place(args: Namespace) -> Place:
    home = find_home(args.home)
    return Place(home, Store(home), executors.executor(home))


def profile(args: Namespace) -> Answer:
    place = open_place(args)
    card = backbone_here(args, place)
    with worker_ahead(place):
        ref = import_data(args.path, place.home, args.classes_from, decoding_of(args))
    job = measured(place, ref, card.name)
    facts = place.store.facts(ref.id, card.name)
    document = {
        "dataset_id": ref.id, "name": ref.name, "images": ref.images, "classes": list(ref.classes),
        "set_aside": len(ref.set_aside), "backbone": card.name, "job_id": job.id, "state": job.state,
        "error": job.error, "facts": None if facts is None else to_json(facts),
    }  # fmt: skip
    return Answer(document, facts_lines(ref, facts), *_outcome(job))


def advise(args: Namespace) -> Answer:
    from advisor.advice import learned, recommend
    from training.cli.advice_document import advice_document

    place = open_place(args)
    card = backbone_here(args, place)
    ref = import_data(args.path, place.home, args.classes_from, decoding_of(args))
    facts = place.store.facts(ref.id, card.name)
    if facts is None:
        job = measured(place, ref, card.name)
        facts = place.store.facts(ref.id, card.name)
        if job.state != "finished" or facts is None:
            error = job.error or f"The profile was {job.state} before it was done; run the command again."
            return Answer({"dataset_id": ref.id, "state": job.state, "error": error}, [], 1, error)
    budget, known = Budget(args.minutes, args.priority), learned(place.home)
    advice = recommend(
        facts, args.similarity, budget, follow="measured", free_bytes=room(place.store), learned=known
    )
    measured_with = [place.store.facts(ref.id, name) for name in catalog.BACKBONES]
    second = second_domain.about(place.store, ref, card.name)
    document = advice_document(
        facts, advice, known, minutes=args.minutes, set_by_hand=args.similarity,
        others=[one for one in measured_with if one], record=foreseen.kept(place.home, place.store.jobs(kind="train")),
        second_domain=second,
    )  # fmt: skip
    return Answer(document, [*advice_lines(advice), *second_domain.lines(ref, second)])


def fit(args: Namespace) -> Answer:
    adapting = args.strategy in ADAPTING
    if args.strategy not in PLANNED and not adapting:  # before the import: it can take minutes
        raise PlanError(f"This version cannot train '{args.strategy}'; choose one of {', '.join(KINDS)}.")
    if adapting != bool(args.target):
        kinds = ", ".join(ADAPTING)
        raise PlanError(
            f"'{args.strategy}' adapts to a second domain: give its images with --target." if adapting
            else f"--target goes with {kinds}; '{args.strategy}' trains on one set of images."
        )  # fmt: skip
    place = open_place(args)
    card = backbone_here(args, place)
    options_of(args).check("partial" if adapting else cast(Kind, args.strategy), card)
    if args.from_run:
        lineage.check(place.store.job(args.from_run), card.name)
    with worker_ahead(place):
        ref = import_data(args.path, place.home, args.classes_from, decoding_of(args))
        target = _target(args.target, ref, place.home) if args.target else None
    facts = place.store.facts(ref.id, card.name)
    if facts is None and args.minutes is not None and args.strategy != "linear_probe":
        # A schedule that must end inside a budget needs this machine's speed; what it computes, the run reads.
        to_stderr("Measuring this machine's speed first, once for these images; the minutes count from then on.")
        measured(place, ref, card.name)
        facts = place.store.facts(ref.id, card.name)
    strategy = plan_of(ref, facts, args)
    if whole := trains_all(strategy, card):
        to_stderr(whole)
    config = RunConfig(
        ref.id, strategy, seed=args.seed, minutes=args.minutes, target_id=target.id if target else "",
        from_run=args.from_run or "", per_class=args.per_class,
    )  # fmt: skip
    by_hand = options_of(args).batch_size is not None
    request = foreseen.to_train(place.store, config, by_hand=by_hand)
    for limit in limits(place.store, request.plan, strategy.batch_size):
        to_stderr(limit)
    job = submit(place.store, request)
    to_stderr(f"Run {job.id}: {catalog.STRATEGIES[strategy.kind].title} on {counted(ref.images, 'image')}.")
    return _carry_out(place, job)


def resume(args: Namespace) -> Answer:
    place = open_place(args)
    place.executor.status(args.run_id)  # its worker may have died without anyone looking
    return _carry_out(place, place.store.requeue(args.run_id))


def stop(args: Namespace) -> Answer:
    place = open_place(args)
    job = place.executor.stop(args.run_id)
    deadline = time.monotonic() + STOP_SECONDS
    while job.active and time.monotonic() < deadline:
        time.sleep(0.1)
        job = place.executor.status(args.run_id)
    if job.active:
        error = f"Run '{job.id}' was asked to stop but still runs: it ends when it has saved its best."
        return Answer(run_document(place.home, job), run_lines(place.home, job), 1, error)
    place.executor.pump()
    return Answer(run_document(place.home, job), run_lines(place.home, job), *_outcome(job))


def runs(args: Namespace) -> Answer:
    place = open_place(args)
    place.executor.check()
    documents = [{"id": job.id, **run_document(place.home, job)} for job in place.store.jobs(kind="train")]
    created = [time.strftime("%Y-%m-%d %H:%M", time.localtime(d["created"])) for d in documents]
    broken = [f"! Set aside: {why}" for why in place.store.set_aside()]
    return Answer(documents, [*runs_lines(documents, created), *broken])


def compare(args: Namespace) -> Answer:
    place = open_place(args)
    if len(set(args.runs)) < 2:
        raise CompareError("Give at least two different runs to compare.")
    place.executor.check()
    comparison = compare_runs(place.store, args.runs)
    return Answer(to_json(comparison), comparison_lines(comparison))


def _target(path: str, ref: DatasetRef, home: Path) -> DatasetRef:
    """A second domain for `ref`: a sample or an imported dataset as it is, anything else attached to `ref`."""
    if path.startswith(SAMPLE) or (re.fullmatch("[0-9a-f]{16}", path) and not Path(path).exists()):
        found = import_data(path, home)
    else:
        from dataset.ingest import targets

        found = targets.attach(home, ref, Path(path).expanduser(), progress=say_import())
        for note in found.notes:
            to_stderr(note)
    check_domains(ref, found)
    return found


# -- shared steps -----------------------------------------------------------------------------------


def backbone_here(args: Namespace, place: Place) -> BackboneCard:
    """The card of --backbone. Raises WeightsError when its weights are not on this machine, before any work."""
    card = catalog.backbone(args.backbone)
    if card.pretrained and getattr(args, "strategy", "") != "scratch":
        weights.find(card, place.home)
    return card


def import_data(
    path: str, home: Path, classes_from: str = "1", decoding: Decoding = USUAL_DECODING
) -> DatasetRef:
    """A folder, an archive, 'sample:NAME' or the id of an imported dataset. Raises DataError, NotFound."""
    from dataset import class_from
    from dataset.ingest import sources

    chosen = class_from(classes_from)

    if path.startswith(SAMPLE):
        from dataset.ingest import import_sample

        ref = import_sample(path.removeprefix(SAMPLE), home)
    elif re.fullmatch("[0-9a-f]{16}", path) and not Path(path).exists():
        ref = sources.load_dataset(home, path)
        if decoding in (USUAL_DECODING, ref.decoding):
            return ref
        from dataset.ingest import decode_anew

        ref = decode_anew(ref, home, decoding, progress=say_import())
    else:
        ref = sources.import_path(
            Path(path).expanduser(), home, progress=say_import(), classes_from=chosen, decoding=decoding
        )
    classes = counted(len(ref.classes), "class", "classes")
    to_stderr(f"Dataset {ref.id}: {counted(ref.images, 'image')} in {classes}.")
    for note in ref.notes:
        to_stderr(note)
    for name, reason in ref.set_aside:
        to_stderr(f"set aside: {name}: {reason}")
    return ref


def say_import() -> Callable[[int, int], None]:
    """Tells how far an import is, at most every 2 seconds."""
    told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > 2:
            told = time.monotonic()
            to_stderr(f"Importing, {done:,} of {total:,}")

    return tell


def measured(place: Place, ref: DatasetRef, backbone: str) -> Job:
    """A profile job to its end; joins one that is already on its way."""
    job = submit(place.store, Profile(ref.id, backbone))
    to_stderr(f"Measuring with {catalog.backbone(backbone).title} (job {job.id}).")
    return follow(place.store, place.executor, job.id)


def plan_of(ref: DatasetRef, facts: DatasetFacts | None, args: Namespace) -> Strategy:
    """The strategy that the flags of `fit` describe."""
    if facts is None:
        from dataset import sides

        split = Counter(sides(ref, 0).tolist())
        train_images, test_images = split["train"] + split["val"], split["test"]
        if args.minutes is not None and args.strategy != "linear_probe":
            to_stderr("The speed could not be measured: the run ends when the minutes are over, wherever it is.")
    else:
        train_images, test_images = facts.train_images, facts.test_images
    card, options = catalog.backbone(args.backbone), options_of(args)
    if args.per_class:
        train_images = min(train_images, max(2, math.ceil(args.per_class * len(ref.classes) / (1 - VAL_SHARE))))
    return (plan_adaptation if args.strategy in ADAPTING else plan)(
        cast(Kind, args.strategy),
        card,
        train_images=train_images,
        classes=len(ref.classes),
        minutes=args.minutes,
        costs=facts.costs if facts else (),
        options=options,
        test_images=test_images,
    )


def _carry_out(place: Place, job: Job) -> Answer:
    job = follow(place.store, place.executor, job.id)
    return Answer(run_document(place.home, job), run_lines(place.home, job), *_outcome(job))


def _outcome(job: Job) -> tuple[int, str]:
    """(exit code, sentence for standard error)."""
    if job.state not in ("failed", "lost"):
        return 0, ""
    what = f"{job.noun} '{job.id}' {'failed' if job.state == 'failed' else 'was lost'}"
    return 1, f"{what}: {job.error}" if job.error else f"{what}."
