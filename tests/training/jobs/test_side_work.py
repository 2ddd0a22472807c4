"""What computes beside training: each kind of it ends while a run trains, is cancelled, and leaves nothing then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from advisor.planning.strategies import plan
from core import processes
from core.errors import DataError, PlanError
from core.plans import RunConfig
from core.zoo import catalog
from dataset.folder import load_dataset
from dataset.ingest.sources import import_path
from dataset.ingest.targets import attach
from tests.conftest import write_images
from tests.support.terminal import say
from tests.training.jobs.test_worker import ended, wait
from training.compare import adapted
from training.jobs import worker
from training.jobs.context import StoreContext
from training.jobs.executor import executor
from training.requests.base import Request
from training.requests.data import AddClass
from training.requests.kinds import DrawMap, Explain, Export, MeasureGap, Profile
from training.requests.registry import submit
from training.requests.train import NotForeseen, Train
from training.store.records import Job
from training.store.run_folder import RunFolder
from training.store.store import Store

CLASSES = ("round", "square", "pointed")


def perform(store: Store, request: Request, before: Callable[[Job], object] = lambda job: None) -> Job:
    """What the request asks for, done in this process."""
    submit(store, request)
    job = store.claim_next(request.lane)
    assert job is not None
    before(job)
    return worker.perform(StoreContext(store, job))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A home with a dataset, its target, and a finished prototype model."""
    place = tmp_path_factory.mktemp("side")
    home = place / "home"
    home.mkdir()
    ref = import_path(write_images(place / "shapes", classes=CLASSES, per_class=20), home)
    target = attach(home, ref, write_images(place / "drawn", classes=CLASSES, per_class=15, seed=7))
    strategy = plan("prototype", catalog.backbone("mlp"), train_images=48, classes=3)
    run = perform(Store(home), Train(RunConfig(ref.id, strategy), NotForeseen("Not measured.")))
    assert run.state == "finished", run.error
    write_images(place / "stars", classes=("",), per_class=6, seed=3)
    return SimpleNamespace(home=home, ref=ref, target=target, run=run, stars=place / "stars")


@pytest.fixture
def place(built: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """The same in a home of this test's own, where a run trains: a living process, this one, has claimed it."""
    home = tmp_path / "home"
    shutil.copytree(built.home, home)
    store = Store(home)
    ref = load_dataset(home, built.ref.id)
    strategy = plan("full", catalog.backbone("mlp"), train_images=48, classes=3)
    submit(store, Train(RunConfig(ref.id, strategy, seed=1), NotForeseen("Not measured.")))
    training = store.claim_next()
    assert training is not None
    store.set_pid(training, os.getpid(), processes.started(os.getpid()))
    return SimpleNamespace(**{**vars(built), "home": home, "ref": ref, "store": store, "training": training})


ASKED: dict[str, Callable[[SimpleNamespace], Request]] = {
    "map": lambda place: DrawMap(place.ref.id, "mlp", "pca"),
    "gap": lambda place: MeasureGap(place.ref.id, place.target.id, "mlp"),
    "explanation": lambda place: Explain.of(place.run),
    "export": lambda place: Export.of(place.run),
    "class": lambda place: AddClass.of(place.run, "stars", place.stars),
}


def test_side_work_ends_while_a_run_trains(place: SimpleNamespace) -> None:
    """By workers of their own, one after the other; what needs the whole machine waits."""
    jobs = executor(place.home)
    side = [jobs.submit(submit(place.store, ASKED[name](place)).id) for name in ("export", "map")]
    waits = jobs.submit(submit(place.store, Profile(place.ref.id, "mlp")).id)
    assert [job.state for job in (*side, waits)] == ["running", "queued", "queued"]
    assert [wait(place.home, job, ended).state for job in side] == ["finished"] * 2
    assert [place.store.job(job.id).state for job in (place.training, waits)] == ["running", "queued"]


@pytest.mark.parametrize("name", ASKED)
def test_side_work_is_cancelled_and_leaves_nothing(place: SimpleNamespace, name: str) -> None:
    store = place.store
    folders = [RunFolder(place.home, place.run.id).path, place.home / "targets", place.home / "cache"]
    kept = {path for folder in folders for path in folder.rglob("*") if "cache" not in path.parts}
    done = perform(store, ASKED[name](place), before=lambda job: store.request_stop(job.id))
    assert (done.state, done.result, done.error) == ("stopped", None, None)
    assert {path for folder in folders for path in folder.rglob("*") if "cache" not in path.parts} == kept


def test_a_gap_is_measured_and_kept_for_the_page(place: SimpleNamespace) -> None:
    told: list[str] = []
    asked = MeasureGap(place.ref.id, place.target.id, "mlp")
    place.store.beat = lambda job, **what: bool(told.append(str(what["doing"]))) or Store.beat(place.store, job, **what)
    done = perform(place.store, asked)
    assert done.state == "finished" and done.result, done.error
    assert 0.0 <= done.result["told_apart"] <= 1.0
    assert adapted.gap_file(place.home, place.ref.id, place.target.id, "mlp").exists()
    assert "Loading the backbone" in told


def test_a_class_that_the_model_has_is_refused_before_it_is_queued_and_again_when_its_turn_comes(
    place: SimpleNamespace,
) -> None:
    store, asked = place.store, ASKED["class"](place)
    again = AddClass.of(place.run, "stars", place.home)
    for request in (asked, again):
        submit(store, request)
    for wanted in ("finished", "failed"):
        job = store.claim_next("side")
        assert job is not None
        done = worker.perform(StoreContext(store, job))
        assert done.state == wanted, done.error
    assert "'stars' is a class of this model already" in str(done.error)
    with pytest.raises(PlanError, match="'stars' is a class of this model already"):
        submit(store, again)
    with pytest.raises(PlanError, match="is no finished prototype model"):
        submit(store, AddClass.of(place.training, "moons", place.stars))
    said = say("extend", place.run.id, "stars", place.stars, "--home", place.home)
    assert said.code != 0 and "'stars' is a class of this model already" in said.err


def test_a_new_class_without_images_is_told_by_its_job(place: SimpleNamespace) -> None:
    done = perform(place.store, AddClass.of(place.run, "moons", place.home / "nowhere"))
    assert done.state == "failed" and "nowhere" in str(done.error)
    assert not RunFolder(place.home, place.run.id).extended.exists()
    with pytest.raises(DataError):
        import_path(place.home / "nowhere", place.home)
