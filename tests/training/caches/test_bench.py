"""A run opened again computes as it was trained: its own weights, its own split, and caches that hold what they say."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from core.errors import PlanError, WeightsError
from core.files import read_json, write_json
from core.plans import Kind, RunConfig, to_json
from core.portable import predict
from core.types import DatasetRef
from core.zoo import catalog
from dataset import splits
from dataset.folder import load_dataset
from dataset.ingest.sources import import_path
from tests.conftest import write_images
from tests.support.toys import HIDDEN, STRATEGIES, Recorder, equal, fit, weights
from tests.training.jobs.test_worker import ended, wait
from training.backbones.backbone import Backbone, build
from training.backbones.weight_files import read_weights, write_weights
from training.caches import budget
from training.caches.bench import Bench, _start
from training.export import contents, exporting
from training.jobs.executor import executor
from training.profile.few_shot import with_class
from training.requests.kinds import Export
from training.requests.registry import submit
from training.store.records import Job
from training.store.run_folder import RunFolder
from training.store.store import Store
from training.understand import explaining, extending, findings, source_set
from training.understand.open_run import OpenRun

CLASSES = ("round", "square", "pointed")
FEW = 5
"""Images of each class in the run that trains on few."""


def nothing(done: float, doing: str, left: float | None) -> None: ...


def config(ref: DatasetRef, kind: Kind, epochs: int, **how: object) -> RunConfig:
    # A solved head may be hard to beat: 'full' begins without one, so that all that is trained is kept.
    options = Options(
        epochs=epochs, refit=False if "per_class" in how else None, head_init="random" if kind == "full" else None
    )
    strategy = plan(kind, catalog.backbone("mlp"), train_images=60, classes=3, options=options)
    return RunConfig(ref.id, strategy, **how)  # type: ignore[arg-type]


def trained(home: Path, what: RunConfig) -> Job:
    """A run trained by the worker, in this process."""
    from training.jobs.worker import main

    store = Store(home)
    job = store.create_job("train", what.dataset_id, to_json(what))
    assert store.claim_next() is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THAW_SPARE", "0")
        patch.setattr("signal.signal", lambda *_: None)
        patch.setattr("os.nice", lambda _: 0)
        main([job.id, "--home", str(home)])
    done = store.job(job.id)
    assert done.state == "finished", done.error
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A home with runs of every kind of past: from a backbone, from another run, of older split rules, on few images.

    Half of the pictures lie there twice, once as JPEG: what the rules of the split are about.
    """
    place = tmp_path_factory.mktemp("opened")
    home = place / "home"
    home.mkdir()
    folder = write_images(place / "shapes", classes=CLASSES, per_class=20)
    for path in sorted(folder.glob("*/*.png"))[::2]:
        Image.open(path).save(path.with_suffix(".jpg"), quality=95)
    ref = import_path(folder, home)
    first = trained(home, config(ref, "scratch", 30))
    return SimpleNamespace(
        home=home, ref=ref, first=first,
        probe=trained(home, RunConfig(ref.id, STRATEGIES["linear_probe"])),  # fills the caches of the backbone's own
        further=trained(home, RunConfig(ref.id, STRATEGIES["linear_probe"], from_run=first.id)),
        thawed=trained(home, RunConfig(ref.id, STRATEGIES["partial"], from_run=first.id)),
        prototype=trained(home, config(ref, "prototype", 1, from_run=first.id)),
        older=trained(home, config(ref, "full", 5, split_rules=1)),
        hidden=(hidden := trained(home, RunConfig(ref.id, HIDDEN))),
        onwards=trained(home, RunConfig(ref.id, replace(HIDDEN, augment="crop"), from_run=hidden.id)),
        solved=trained(home, RunConfig(ref.id, STRATEGIES["linear_probe"], from_run=hidden.id)),
        coloured=trained(home, RunConfig(ref.id, replace(STRATEGIES["partial"], augment="colour"))),
        few=trained(home, config(ref, "linear_probe", 5, per_class=FEW)),
        every=trained(home, RunConfig(ref.id, replace(STRATEGIES["linear_probe"], head="stages"))),
        old_few=trained(home, config(ref, "prototype", 1, per_class=FEW, split_rules=1)),
    )


@pytest.fixture
def runs(built: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """The runs in a home of this test's own."""
    home = tmp_path / "home"
    shutil.copytree(built.home, home)
    return SimpleNamespace(**{**vars(built), "home": home, "ref": load_dataset(home, built.ref.id)})


def told(home: Path, run: Job) -> dict[str, tuple[int, float]]:
    """What the run answered on its test images when it ended: path -> (class, confidence)."""
    with (home / (run.result or {})["predictions"]).open(newline="") as file:
        return {row["path"]: (int(row["predicted"]), float(row["confidence"])) for row in csv.DictReader(file)}


def stored(home: Path, ref: DatasetRef) -> dict[str, str]:
    """The sha256 of every file of frozen features, by its place."""
    return digests(budget.folder_of(home, ref.images_id))


def digests(folder: Path) -> dict[str, str]:
    files = sorted(folder.glob("prefix-*/boundary*.npy"))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# ---- what is opened is what was trained ----------------------------------------------------------------------------

@pytest.mark.parametrize(
    "name",
    [
        "first", "probe", "further", "thawed",
        "prototype", "older", "few", "every",
        "old_few", "hidden", "onwards", "solved", "coloured",
    ],
)  # fmt: skip
def test_an_opened_run_gives_the_answers_that_it_was_judged_by(runs: SimpleNamespace, name: str) -> None:
    run = getattr(runs, name)
    opened = OpenRun(run, runs.home)
    rows = opened.data.rows["test"]
    sure = opened.probabilities(opened.bench.features(rows))
    answers = {
        opened.data.paths[row]: (int(one.argmax()), float(one.max())) for row, one in zip(rows, sure, strict=True)
    }
    wanted = told(runs.home, run)
    assert answers.keys() == wanted.keys()
    for path, (predicted, confidence) in wanted.items():
        assert answers[path] == (predicted, pytest.approx(confidence, abs=1e-4))


@pytest.mark.parametrize(
    "name", ["probe", "further", "prototype", "every"]
)
def test_a_head_trained_alone_moved_no_stage(runs: SimpleNamespace, name: str) -> None:
    assert explaining.moved(OpenRun(getattr(runs, name), runs.home)) == (0.0, 0.0)


def test_what_lies_below_the_boundary_has_not_moved_since_the_run_before(runs: SimpleNamespace) -> None:
    assert explaining.moved(OpenRun(runs.thawed, runs.home))[0] == 0.0
    assert min(explaining.moved(OpenRun(runs.older, runs.home))) > 0.0, "everything was trained there"


def test_an_opened_run_knows_the_images_that_it_trained_on(runs: SimpleNamespace) -> None:
    split = splits.sides(runs.ref, 0, rules=1)
    assert (split != splits.sides(runs.ref, 0)).any()
    few = OpenRun(runs.old_few, runs.home).data
    assert np.bincount(few.labels[few.rows["train"]]).tolist() == [FEW] * 3
    assert set(few.rows["train"]) <= set(np.flatnonzero(split == "train"))
    older = OpenRun(runs.older, runs.home).data
    for side in ("train", "val", "test"):
        assert older.rows[side].tolist() == np.flatnonzero(split == side).tolist()


def test_nearest_images_are_among_those_that_a_run_trained_on(runs: SimpleNamespace) -> None:
    explaining.explain(runs.old_few, runs.home, nothing)
    found = findings.read(runs.home, runs.old_few.id)
    assert found is not None and found.searched == 3 * FEW
    train = set(np.flatnonzero(splits.sides(runs.ref, 0, rules=1) == "train").tolist())
    assert {row for near in found.neighbours.values() for row, _ in near} <= train
    correct = sum(a == b for a, b in zip(found.truth, found.predicted, strict=True))
    assert correct == (runs.old_few.result or {})["test_correct"]


def test_an_export_is_calibrated_and_compared_on_the_runs_own_sides(runs: SimpleNamespace) -> None:
    store = Store(runs.home)
    exporting.export(submit(store, Export.of(runs.old_few)), store, runs.home, nothing)
    kept = np.load(contents.folder_of(runs.home, runs.old_few.id) / "neighbours.npz")
    split = splits.sides(runs.ref, 0, rules=1)
    assert (split[kept["rows"]] == "train").all() and np.bincount(kept["labels"]).tolist() == [FEW] * 3
    facts = contents.find(runs.home, runs.old_few)
    assert facts is not None and facts.calibrated_on == (split == "val").sum()
    assert facts.accuracy == pytest.approx((runs.old_few.result or {})["val_accuracy"])


def test_the_export_of_a_run_that_started_from_another_answers_as_it_did(runs: SimpleNamespace) -> None:
    store = Store(runs.home)
    exporting.export(submit(store, Export.of(runs.further)), store, runs.home, nothing)
    facts = contents.find(runs.home, runs.further)
    assert facts is not None and facts.accuracy == pytest.approx((runs.further.result or {})["val_accuracy"])


def test_a_class_added_to_a_run_from_another_is_read_by_that_runs_weights(
    runs: SimpleNamespace, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    before = stored(runs.home, runs.ref)
    new = image_folder(tmp_path / "new", classes=("",), per_class=6, seed=3)
    made = extending.extend(runs.home, runs.prototype, "stars", new, nothing)
    assert made["before"] == pytest.approx((runs.prototype.result or {})["test_accuracy"])
    assert {name: stored(runs.home, runs.ref)[name] for name in before} == before
    head = read_weights(runs.home / made["weights"])["head.weight"]
    opened, ref = OpenRun(runs.prototype, runs.home), load_dataset(runs.home, made["added"]["stars"]["dataset"])
    opened.to_trained()
    with torch.no_grad():
        pictures = opened.bench.beside(ref).data.batch(np.arange(ref.images), 0)
        features = opened.backbone.below(pictures, opened.backbone.head_index)
    wanted = with_class(head[:-1].numpy(), features.numpy())[-1]
    assert np.linalg.norm(head[-1].numpy() - wanted) < 1e-3 * np.linalg.norm(wanted)


def test_what_was_forgotten_is_counted_from_the_backbone_not_from_the_run_before(
    runs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classifier of seven classes stands in for ImageNet's, which the small network was never trained with."""
    rows = OpenRun(runs.further, runs.home).data.rows["test"]
    before, after = (OpenRun(run, runs.home).bench.features(rows) for run in (runs.probe, runs.further))
    torch.manual_seed(0)
    old = nn.Linear(before.shape[1], 7)
    with torch.no_grad():
        old.bias.copy_(-old.weight @ before.mean(0))
    monkeypatch.setattr(Backbone, "classifier", lambda self: old)

    def kept(run: Job) -> float:
        explaining.explain(run, runs.home, nothing)
        found = findings.read(runs.home, run.id)
        assert found is not None and found.agreement is not None
        return found.agreement.value

    assert kept(runs.probe) == 1.0, "a probe of the backbone changes none of its features"
    same = float((old(before).argmax(1) == old(after).argmax(1)).float().mean())
    assert kept(runs.further) == pytest.approx(same) and same < 1


def test_the_old_task_is_measured_on_the_backbone_and_on_the_run(runs: SimpleNamespace, tmp_path: Path) -> None:
    """A classifier that takes everything for tench (0) by the backbone's own features, and for goldfish (1) by the
    run's: of fifteen goldfish and five tench the backbone has five right, and the run fifteen."""
    folder = write_images(tmp_path / "old", classes=("goldfish",), per_class=15)
    ref = import_path(write_images(folder, classes=("tench",), per_class=5, seed=1), runs.home)
    rows, opened, classifier = np.arange(20), OpenRun(runs.further, runs.home), nn.Linear(16, 1000)
    before, after = (OpenRun(run, runs.home).bench.beside(ref).features(rows) for run in (runs.probe, runs.further))
    with torch.no_grad():
        middle = torch.stack([before.mean(0), after.mean(0)])
        classifier.weight.zero_()[:2] = middle
        classifier.bias.fill_(-1e9)[:2] = -0.5 * middle.square().sum(1)
    found = source_set.measure(opened, classifier, ref.id, runs.home)
    assert (found.before.value, found.after.value) == (0.25, 0.75)
    assert opened.bench.beside(ref).features(rows).equal(after), "the run's own weights are back"


def test_an_opened_run_computes_in_its_own_arithmetic_and_writes_nothing_down(runs: SimpleNamespace) -> None:
    runtime = RunFolder(runs.home, runs.few.id).runtime
    what = runs.few.plan
    write_json(runtime, {"frozen": "bf16-nhwc"})
    assert Bench.of_run(runs.few.id, what, runs.home).precision == "bf16-nhwc"
    runtime.unlink()
    assert Bench.of_run(runs.few.id, what, runs.home).precision and not runtime.exists()
    chosen = Bench.of_run(runs.few.id, what, runs.home, trains=True).precision
    assert read_json(runtime) == {"frozen": chosen}
    again = replace(what, repeats=runs.few.id)
    assert Bench.of_run("another", again, runs.home, trains=True).runtime.known == {"frozen": chosen}


def test_what_nobody_asks_for_is_not_made(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> None:
    ref = import_path(image_folder(tmp_path / "shapes", per_class=5), home)
    bench = Bench.of(ref, "mlp", home)
    assert not bench.cache.exists()
    assert len(bench.data.labels) == 10 and not list(bench.cache.glob("prefix-*"))
    assert bench.features(np.arange(10)).shape == (10, 16) and not list(bench.cache.glob("prefix-*"))
    assert bench.beside(ref).backbone is bench.backbone


def test_lost_weights_of_the_run_before_are_said(runs: SimpleNamespace) -> None:
    start, what = RunFolder(runs.home, runs.further.id).start_weights, runs.further.plan
    weights = read_weights(start)
    write_weights(start, {**weights, "net.0.0.weight": torch.zeros(3, 3)})
    with pytest.raises(PlanError, match=r"weights of run '\w+' do not fit mlp: 'net\.0\.0\.weight' differs"):
        Bench.of_run(runs.further.id, what, runs.home)
    start.unlink()
    with pytest.raises(WeightsError, match=r"start\.safetensors cannot be read"):
        OpenRun(runs.further, runs.home)


def test_a_head_with_a_hidden_layer_leaves_as_it_answers(runs: SimpleNamespace) -> None:
    store = Store(runs.home)
    exporting.export(submit(store, Export.of(runs.hidden)), store, runs.home, nothing)
    facts, folder = contents.find(runs.home, runs.hidden), contents.folder_of(runs.home, runs.hidden.id)
    assert facts is not None and facts.accuracy == pytest.approx((runs.hidden.result or {})["val_accuracy"])
    assert facts.largest_difference < 1e-5 and not facts.timm
    said = "Its head has a hidden layer: features, 512 units with ReLU (dropout in training), classes."
    assert said in (folder / "README.md").read_text()
    explaining.explain(runs.hidden, runs.home, nothing)
    assert findings.read(runs.home, runs.hidden.id) is not None


def test_a_head_on_all_stages_leaves_as_it_answers_and_compares_images_by_the_last_one(runs: SimpleNamespace) -> None:
    store = Store(runs.home)
    exporting.export(submit(store, Export.of(runs.every)), store, runs.home, nothing)
    facts, folder = contents.find(runs.home, runs.every), contents.folder_of(runs.home, runs.every.id)
    assert facts is not None and facts.largest_difference < 1e-5 and not facts.timm and not facts.maps
    assert "Its head reads the pooled outputs of all stages" in (folder / "README.md").read_text()
    square = predict.Model(folder).square(next(runs.ref.images_root.rglob("*.png")))
    assert predict.Model(folder)(square[None])["features"].shape == (1, 16)
    explaining.explain(runs.every, runs.home, nothing)
    found = findings.read(runs.home, runs.every.id)
    assert found is not None and found.moved == (0.0, 0.0)


def test_a_run_takes_over_the_head_of_another_where_it_is_of_its_kind(runs: SimpleNamespace) -> None:
    ends = read_weights(runs.home / (runs.hidden.result or {})["weights"])
    begun = Bench.of_run(runs.onwards.id, runs.onwards.plan, runs.home).backbone.state_dict()
    assert equal(begun, ends)
    kept = {run.id: read_weights(runs.home / (run.result or {})["weights"]) for run in (runs.every, runs.probe)}
    for head, begins in (("linear", kept[runs.every.id]), ("stages", kept[runs.probe.id])):
        own = build("mlp", 3, head=head)  # type: ignore[arg-type]
        before = own.state_dict()["head.weight"].clone()
        _start(own, begins, "before")
        assert torch.equal(own.state_dict()["head.weight"], before), "it reads something else: the head stays fresh"
        assert torch.equal(own.state_dict()["net.0.0.weight"], begins["net.0.0.weight"])
    fresh = Bench.of_run(runs.solved.id, runs.solved.plan, runs.home).backbone.state_dict()
    assert fresh["head.weight"].shape == (3, 16) and torch.equal(fresh["net.0.0.weight"], ends["net.0.0.weight"])


def test_a_run_trains_on_the_views_that_it_asked_for(runs: SimpleNamespace) -> None:
    names = {path.name for path in budget.folder_of(runs.home, runs.ref.images_id).glob("prefix-*/*.done.npy")}
    assert "boundary1-view1-colour.done.npy" in names
    assert Bench.of_run(runs.coloured.id, runs.coloured.plan, runs.home).data.augment == "colour"


# ---- nothing trained reaches a cache -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["linear_probe", "partial", "gradual", "lp_ft"])
def test_caches_lost_before_a_resume_are_filled_as_they_were(kind: str, tmp_path: Path) -> None:
    strategy, whole = STRATEGIES[kind], Recorder()
    _, _, undisturbed = fit(strategy, whole, folder=tmp_path / "a")
    first, second = Recorder(stop_after=whole.asked - 3), Recorder()
    assert fit(strategy, first, folder=tmp_path / "b")[1].stopped
    _, _, resumed = fit(strategy, second, resume=first.saved, folder=tmp_path / "c")
    assert equal(weights(undisturbed), weights(resumed))
    assert digests(tmp_path / "a") and digests(tmp_path / "c") == digests(tmp_path / "a")


def test_a_worker_that_resumes_without_caches_makes_the_same_ones_again(
    home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    ref = import_path(image_folder(tmp_path / "shapes", classes=CLASSES, per_class=20), home)
    store = Store(home)
    what = config(ref, "lp_ft", 4000)
    job = store.create_job("train", ref.id, to_json(what))
    executor(home).submit(job.id)
    wait(home, job, lambda now: now.doing.startswith("Epoch") or ended(now))
    executor(home).stop(job.id)
    assert wait(home, job, ended).state == "stopped"
    filled = stored(home, ref)
    assert filled and budget.clear(home) and not stored(home, ref)
    store.requeue(job.id)
    executor(home).submit(job.id)
    wait(home, job, lambda now: now.attempt == 2 and (now.doing.startswith("Epoch") or ended(now)))
    executor(home).stop(job.id)
    assert wait(home, job, ended).state == "stopped"
    assert stored(home, ref) == filled
