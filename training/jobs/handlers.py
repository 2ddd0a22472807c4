"""What a worker does for each kind of job: find what the request names, have the work done, say what came of it.

A handler takes its request and the job's context, and returns the job's result. It raises ThawError for what the user
must know, StopRequested when it obeyed a stop. What one kind needs is loaded inside, torch above all.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import ReadingAsked, to_json, write_json
from dataset import load_dataset
from training.jobs.context import StopRequested, StoreContext

if TYPE_CHECKING:
    from core import DatasetFacts, DatasetRef
    from training.requests import (
        AddBackbone,
        AddClass,
        DrawMap,
        Explain,
        Export,
        FetchPublic,
        ImportImages,
        MeasureGap,
        Profile,
        Train,
    )
    from training.store import Store

Result = dict[str, Any]


def train(request: Train, context: StoreContext) -> Result:
    """A run, from its last checkpoint on; when it is stopped, its best so far is kept."""
    from training.jobs import train

    result, stopped = train.train(context.job, context, context.store, context.home)
    if stopped:
        raise StopRequested(to_json(result))
    return dict(to_json(result))


def profile(request: Profile, context: StoreContext) -> Result:
    """Facts about a dataset: measured with one backbone, and kept for whoever asks."""
    from training.profile import profiling

    ref = load_dataset(context.home, request.dataset_id)
    known = _known(context.store, ref, request.backbone)
    first = context.store.facts(ref.id, request.backbone) is None

    def publish(so_far: DatasetFacts) -> None:
        if first:  # else all of it is known, and stays until it is measured anew
            context.store.save_facts(so_far, context.job)

    facts = profiling.profile(ref, request.backbone, context.home, context.tell, known, publish)
    context.store.save_facts(facts, context.job)
    return dict(to_json(facts))


def draw_map(request: DrawMap, context: StoreContext) -> Result:
    """What is known about the maps of a dataset, with one more of them."""
    from training.profile import draw_map

    ref = load_dataset(context.home, request.dataset_id)
    return draw_map.draw(ref, request.backbone, request.name, context.home, context.tell)


def explain(request: Explain, context: StoreContext) -> Result:
    """A summary of what was found inside a run; the rest lies in the run's folder."""
    from training.understand import explaining

    return explaining.explain(context.store.job(request.run), context.home, context.tell, request.source)


def measure_gap(request: MeasureGap, context: StoreContext) -> Result:
    """How well two domains can be told apart; the points of the map lie in a file (`domains.gap_file`)."""
    from training.compare import adapted
    from training.profile import domain_gap

    found = domain_gap.measure(context.home, request.dataset_id, request.target, request.backbone, context.tell)
    write_json(adapted.gap_file(context.home, request.dataset_id, request.target, request.backbone), found)
    return {"told_apart": found["told_apart"]}


def add_class(request: AddClass, context: StoreContext) -> Result:
    """What the model knows now, and what the new class cost the others."""
    from training.understand import extending

    request.check(context.store)  # anew: another class may have been added while this one waited
    run = context.store.job(request.run)
    return extending.extend(context.home, run, request.name, Path(request.folder), context.tell)


def add_backbone(request: AddBackbone, context: StoreContext) -> Result:
    """Where the weights came from; they are part of the home now."""
    from training.jobs import add_backbone

    file = Path(request.weights) if request.weights else None
    return add_backbone.add(request.name, context.home, file, context.tell)


def fetch_public(request: FetchPublic, context: StoreContext) -> Result:
    """The dataset that a public set became."""
    from training.jobs import fetch_public

    return _imported(fetch_public.bring(request.name, context.home, context.tell))


def import_images(request: ImportImages, context: StoreContext) -> Result:
    """The dataset that the images became, or the target; the question how to read them, where one is to be answered."""
    from dataset.ingest import decode_workers

    decode_workers.start_ahead()
    from dataset.ingest import imports, question

    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        context.progress(*_checked(done, total, time.monotonic() - began))

    with context.interrupted():
        try:
            return _imported(imports.carry_out(request, context.home, tell))
        except ReadingAsked as asked:
            return question.as_document(asked)


def export(request: Export, context: StoreContext) -> Result:
    """The facts of a run's export."""
    from training.export import exporting

    return exporting.export(context.job, context.store, context.home, context.tell)


def _known(store: Store, ref: DatasetRef, backbone: str) -> DatasetFacts | None:
    """For a revision: facts about the newest other revision of the same images, or about the import."""
    if not ref.base:
        return None
    from dataset import history

    measured = (store.facts(one.id, backbone) for one in history(store.home, ref) if one.id != ref.id)
    return next((facts for facts in measured if facts is not None), None)


def _checked(done: int, total: int, seconds: float) -> tuple[float, str, float | None]:
    """(share done, sentence, seconds left) of an import. done: files checked, 0 while an archive is unpacked; total: of
    files, 0 before they are known."""
    if not done:
        return 0.0, f"Unpacking {total:,} files" if total else "Reading the files", None
    part = min(1.0, done / total)
    left = seconds / part * (1 - part) if part > 0.02 else None
    return part, f"{done:,} of {total:,} files checked", left


def _imported(ref: DatasetRef) -> Result:
    return {"dataset_id": ref.id, "images": ref.images, "classes": len(ref.classes)}
