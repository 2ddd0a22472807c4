"""Requests: what each kind is called, that it comes back from the store as it was, and what it refuses before work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from advisor.planning.strategies import plan
from core import Decoding
from core.errors import NotFound, PlanError, StateError, WeightsError
from core.plans import RunConfig
from core.types import DatasetRef
from core.zoo import catalog
from dataset.ingest.sources import import_path
from dataset.readings import ReadAs
from tests.support.seeding import facts_of, picture_folder
from training import requests
from training.requests import registry, train
from training.requests.base import Request
from training.requests.data import AddBackbone, AddClass, FetchPublic
from training.requests.imports import ImportImages
from training.requests.kinds import DrawMap, Explain, Export, MeasureGap, Profile
from training.requests.race import JudgeLater, Race
from training.requests.registry import KINDS
from training.requests.train import Foreseen, NotForeseen, Train
from training.store.database import Lane
from training.store.records import Job
from training.store.run_folder import RunFolder
from training.store.store import Store

LITE = "efficientnet_lite0"
PROJECT = Path(__file__).resolve().parents[3]
CARD = catalog.backbone(LITE)
SAID = Foreseen(0.8, 0.7, 0.9, 30.0, 5e8)
UNSAID = NotForeseen("Not measured.")
REQUESTS: tuple[Request, ...] = (
    Train(
        RunConfig("d", plan("partial", CARD, train_images=99, classes=3), seed=3, minutes=2.0, group="set-1"), SAID
    ),
    Train(RunConfig("d", plan("scratch", CARD, train_images=99, classes=3), per_class=5), UNSAID),
    Profile("d", LITE),
    Race("d", LITE, 10.0, seed=2),
    JudgeLater("d", "run00001"),
    DrawMap("d", LITE, "tsne"),
    Explain("d", "run00001", "source"),
    Export("d", "run00001", int8=True),
    AddBackbone("regnety_032"),
    AddBackbone("regnety_032", "/weights.safetensors"),
    FetchPublic("flowers102"),
    MeasureGap("d", "e", LITE),
    AddClass("d", "run00001", "stars", "/stars"),
    ImportImages("/photos", read_as=ReadAs("folders:innermost"), said="a camera"),
    ImportImages("/photos", read_as=ReadAs("labels.csv", split_column="fold")),
    ImportImages("upload:0123", "Sketches", target_of="d"),
    ImportImages("dataset:0123", decoding=Decoding((-160, 239), (1, 2, 3))),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def ref(store: Store, tmp_path: Path) -> DatasetRef:
    return import_path(picture_folder(tmp_path / "pictures", {"a": 12, "b": 12}), store.home)


def queued(store: Store, request: Request) -> Job:
    """As `submit` queues it, unchecked: most of these name images that are not here."""
    return store.create_job(
        request.kind, request.dataset_id, request.config(), group=request.group, lane=request.lane,
        noun=request.noun, prepare=request.prepare,
    )  # fmt: skip


def run_of(ref: DatasetRef, kind: str = "partial", **config: Any) -> Train:
    strategy = plan(kind, CARD, train_images=16, classes=2)  # type: ignore[arg-type]
    return Train(RunConfig(ref.id, strategy, **config), UNSAID)


# -- the table -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_says_its_noun_its_lane_and_who_does_the_work(name: str) -> None:
    kind = getattr(requests, KINDS[name])
    assert kind.kind == name
    assert kind.noun[0].isupper()
    assert kind.lane in get_args(Lane)
    assert kind.kind in {one.kind for one in REQUESTS}
    handler = registry.handler_of(next(one for one in REQUESTS if isinstance(one, kind)))
    assert handler.__doc__


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: one.kind)
def test_a_request_comes_back_from_its_job_as_it_was(store: Store, request_: Request) -> None:
    job = queued(store, request_)
    assert registry.of(store, job) == request_
    assert (job.kind, job.lane, job.noun, job.group) == (request_.kind, request_.lane, request_.noun, request_.group)
    assert request_.title


def test_jobs_of_older_homes_are_read(store: Store) -> None:
    config = registry.of(store, queued(store, REQUESTS[0])).config()
    for name in ("split_rules", "target_id", "from_run", "per_class"):
        del config[name]
    older = registry.of(store, store.create_job("train", "d", config))
    assert isinstance(older, Train)
    assert older.plan.split_rules == 1
    assert isinstance(older.foreseen, NotForeseen)
    assert registry.of(store, store.create_job("explain", "d", {"run": "r"})) == Explain("d", "r")
    assert registry.of(store, store.create_job("export", "d", {"run": "r"})) == Export("d", "r")


def test_a_job_of_another_version_is_named(store: Store) -> None:
    job = store.create_job("profile", "d", {"backbone": LITE, "seed": 0, "depth": 3})
    with pytest.raises(PlanError, match="A job of kind 'profile' is not what this version of Thaw can read at 'depth'"):
        registry.of(store, job)
    with pytest.raises(PlanError, match="is of kind 'dream', which this version of Thaw does not know: update it"):
        registry.of(store, replace(job, kind="dream"))


# -- contradictions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: DrawMap("d", LITE, "umap"), "There is no map called 'umap'; choose one of pca, tsne"),
        (lambda: AddBackbone("../evil"), "'../evil' is no backbone's name"),
        (lambda: FetchPublic("moon"), "There is no public set called 'moon'; choose one of"),
        (lambda: NotForeseen(""), "says why it has none"),
        (lambda: Foreseen(None, None, None, None, None), "give the reason"),
        (lambda: Foreseen(0.9, 0.95, 1.0, 1.0, None), "lies inside its interval"),
        (lambda: Foreseen(0.9, None, None, 1.0, None), "lies inside its interval"),
    ],
)
def test_contradictions_are_refused_in_a_sentence(make: Any, says: str) -> None:
    with pytest.raises((PlanError, NotFound), match=says):
        make()


# -- asked before work starts --------------------------------------------------------------------------------------


def test_missing_images_are_refused(store: Store, ref: DatasetRef) -> None:
    for request in (run_of(replace(ref, id="0" * 16)), Profile("0" * 16, LITE), DrawMap("0" * 16, LITE, "pca")):
        with pytest.raises(NotFound, match="0000"):
            request.check(store)


def test_missing_weights_are_refused(store: Store, ref: DatasetRef) -> None:
    for request in (Profile(ref.id, "resnet50"), DrawMap(ref.id, "resnet50", "pca")):
        with pytest.raises(WeightsError, match="not on this machine; download them"):
            request.check(store)
    with pytest.raises(PlanError, match="There is no backbone called 'nonsense'"):
        Profile(ref.id, "nonsense").check(store)
    strategy = plan("partial", catalog.backbone("resnet50"), train_images=16, classes=2)
    with pytest.raises(WeightsError, match="not on this machine"):
        Train(RunConfig(ref.id, strategy), UNSAID).check(store)
    scratch = plan("scratch", catalog.backbone("resnet50"), train_images=16, classes=2)
    Train(RunConfig(ref.id, scratch), UNSAID).check(store)
    with pytest.raises(WeightsError, match="There is no file /nowhere.safetensors"):
        AddBackbone("regnety_032", "/nowhere.safetensors").check(store)


def test_a_run_without_weights_is_not_looked_into_nor_exported_nor_started_from(store: Store, ref: DatasetRef) -> None:
    run = queued(store, run_of(ref))
    for request in (Explain.of(run), Export.of(run)):
        with pytest.raises(StateError, match="is queued and has no weights"):
            request.check(store)
    with pytest.raises(PlanError, match="has no weights to start from"):
        run_of(ref, from_run=run.id).check(store)
    with pytest.raises(StateError, match="is no run"):
        Export.of(queued(store, Profile(ref.id, LITE))).check(store)


def test_a_run_that_cannot_fit_into_memory_is_refused_with_the_batch_that_would(
    store: Store, ref: DatasetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = {32: 4e9, 16: 3e9, 8: 2e9}
    monkeypatch.setattr("advisor.planning.memory.forecast_bytes", lambda strategy, *_: needs[strategy.batch_size])
    monkeypatch.setattr(train, "available_bytes", lambda: 3_900_000_000)
    request = run_of(ref)
    request = replace(request, plan=replace(request.plan, strategy=replace(request.plan.strategy, batch_size=32)))
    request.check(store)  # nothing was measured, so nothing is known
    store.save_facts(facts_of(ref))
    with pytest.raises(PlanError, match=r"about 4 GB of memory in batches of 32 images, and 3.9 GB are there: choose "
                                        "batches of 16"):  # fmt: skip
        request.check(store)
    monkeypatch.setattr(train, "available_bytes", lambda: 4_100_000_000)
    request.check(store)


def test_what_the_run_before_it_holds_counts_as_there(
    store: Store, ref: DatasetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "available_bytes", lambda: 1000)
    monkeypatch.setattr(train, "process_bytes", lambda pid: {7: 500}[pid])
    assert requests.room(store) == 1000
    running = queued(store, run_of(ref))
    store.claim_next()
    store.set_pid(store.job(running.id), 7, "then")
    queued(store, run_of(ref))
    assert requests.room(store) == 1500


# -- submitting ----------------------------------------------------------------------------------------------------


def test_what_is_on_its_way_is_joined(store: Store, ref: DatasetRef) -> None:
    first = registry.submit(store, Profile(ref.id, LITE))
    assert registry.submit(store, Profile(ref.id, LITE)).id == first.id
    assert registry.submit(store, DrawMap(ref.id, LITE, "pca")).id != first.id
    assert registry.submit(store, Profile(ref.id, LITE, seed=1)).id != first.id
    store.claim_next()
    assert registry.submit(store, Profile(ref.id, LITE)).id == first.id
    store.stopped(store.job(first.id), None)
    assert registry.submit(store, Profile(ref.id, LITE)).id != first.id


def test_only_the_same_run_is_joined(store: Store, ref: DatasetRef) -> None:
    first = registry.submit(store, run_of(ref))
    assert registry.submit(store, replace(run_of(ref), foreseen=SAID)).id == first.id
    others = [run_of(ref, seed=1), run_of(ref, group="set-1"), run_of(ref, "full"), run_of(ref, minutes=1.0)]
    assert len({registry.submit(store, other).id for other in others} | {first.id}) == 5


def test_an_export_with_8_bits_does_for_one_without(store: Store, ref: DatasetRef) -> None:
    run = queued(store, run_of(ref))
    store.claim_next()
    store.finish(store.job(run.id), {"weights_sha256": "ab" * 32})
    both = registry.submit(store, Export.of(run, int8=True))
    assert registry.submit(store, Export.of(run)).id == both.id
    store.request_stop(both.id)
    plain = registry.submit(store, Export.of(run))
    assert registry.submit(store, Export.of(run, int8=True)).id not in (plain.id, both.id)


def test_submit_is_the_only_way_to_a_job() -> None:
    product = [file for room in ("training", "ui", "benchmarks") for file in (PROJECT / room).rglob("*.py")]
    calls = [file.name for file in product if ".create_job(" in file.read_text(encoding="utf-8")]
    assert calls == ["registry.py"]


def test_a_refused_request_leaves_nothing_behind(store: Store, ref: DatasetRef) -> None:
    with pytest.raises(WeightsError):
        registry.submit(store, Profile(ref.id, "resnet50"))
    assert store.jobs() == []
    assert not (store.home / "runs").exists()


def test_the_forecast_lies_beside_the_run_before_anyone_can_take_it(
    store: Store, ref: DatasetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    prepare = Train.prepare

    def watched(self: Train, folder: RunFolder) -> None:
        prepare(self, folder)
        seen.append(Store(store.home).jobs() == [] and train.forecast_in(folder) == SAID)

    monkeypatch.setattr(Train, "prepare", watched)
    job = registry.submit(store, replace(run_of(ref), foreseen=SAID))
    assert seen == [True]
    assert registry.of(store, job) == replace(run_of(ref), foreseen=SAID)
