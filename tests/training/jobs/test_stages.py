"""Runs that stand on others, as real processes: a chain of stages, two domains, few images; killed and resumed."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from advisor.planning.two_domains import plan_adaptation
from core.errors import DataError, NotFound, PlanError
from core.plans import RunConfig, Strategy, to_json
from core.types import DatasetRef
from core.zoo import catalog
from dataset.ingest.sources import import_path
from dataset.ingest.targets import attach
from tests.support.terminal import say
from tests.training.bundles.test_bundles import change
from tests.training.jobs.test_worker import ended, epoch_rows, wait
from training.bundles import reading, writing
from training.bundles.repeating import again
from training.export import contents
from training.jobs import deleting
from training.jobs.executor import executor
from training.record.foreseen import foresee
from training.report import html_page
from training.requests.data import AddClass
from training.store import lineage
from training.store.records import Job
from training.store.run_result import RunResult
from training.store.store import Store
from training.understand.extending import extend

EPOCHS = 80
"""Seconds of work after the solved head, whose end is the first checkpoint."""
CLASSES = ("round", "square", "pointed")
RESULT = ("weights_sha256", "test_accuracy", "val_accuracy", "val_loss", "best_epoch")


@pytest.fixture
def data(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> DatasetRef:
    return import_path(image_folder(tmp_path / "shapes", classes=CLASSES, per_class=20), home)


def strategy(kind: str, epochs: int) -> Strategy:
    return plan(kind, catalog.backbone("mlp"), train_images=48, classes=3, options=Options(epochs=epochs))  # type: ignore[arg-type]


def run(home: Path, config: RunConfig) -> Job:
    job = Store(home).create_job("train", config.dataset_id, to_json(config))
    return wait(home, executor(home).submit(job.id), ended)


def killed_and_resumed(home: Path, config: RunConfig) -> Job:
    """The same run, its worker killed with -9 once it has a checkpoint, then resumed."""
    store = Store(home)
    job = store.create_job("train", config.dataset_id, to_json(config))
    executor(home).submit(job.id)
    checkpoint = home / "runs" / job.id / "checkpoint.pt"
    running = wait(home, job, lambda now: checkpoint.exists() or ended(now))
    assert running.state == "running" and running.pid, running.error
    os.kill(running.pid, signal.SIGKILL)
    assert wait(home, job, ended).state == "lost"
    store.requeue(job.id)
    return wait(home, executor(home).submit(job.id), ended)


def same(home: Path, a: Job, b: Job) -> None:
    assert a.state == b.state == "finished", (a.error, b.error)
    assert a.result and b.result
    assert {name: a.result[name] for name in RESULT} == {name: b.result[name] for name in RESULT}
    assert epoch_rows(Store(home), a) == epoch_rows(Store(home), b)


@pytest.mark.fault
def test_a_chain_of_three_runs_resumes_to_the_same_bits_and_keeps_its_lineage(home: Path, data: DatasetRef) -> None:
    store = Store(home)
    first = run(home, RunConfig(data.id, strategy("scratch", 30)))
    second_config = RunConfig(data.id, strategy("lp_ft", EPOCHS), seed=1, from_run=first.id)
    second = run(home, second_config)
    same(home, second, killed_and_resumed(home, second_config))
    third_config = RunConfig(data.id, strategy("lp_ft", EPOCHS), seed=2, from_run=second.id)
    third = run(home, third_config)
    same(home, third, killed_and_resumed(home, third_config))
    assert first.result and third.result and second.result
    assert not first.result["lineage"]
    links = third.result["lineage"]
    assert [link["run_id"] for link in links] == ["", first.id, second.id]
    assert links[2]["weights_sha256"] == second.result["weights_sha256"]
    assert links[0]["dataset"] == "random weights" and links[1]["strategy"] == "scratch"
    # The chain is written down with the run: it outlives the runs it names.
    for gone in (first.id, second.id):
        deleting.delete(store, deleting.of_run(store, gone))
    assert [stage.run_id for stage in lineage.stages_of(home, third.id)] == ["", first.id, second.id]
    again = run(home, replace(third_config, from_run=third.id))
    assert again.state == "finished" and len(again.result["lineage"]) == 4  # type: ignore[index]


def test_a_chain_of_three_goes_to_another_home_and_on_from_there(
    home: Path, data: DatasetRef, tmp_path: Path
) -> None:
    """Bundled without its parents: the chain is whole, the run repeats to the same bits, a stage stands on it."""
    store = Store(home)
    first = run(home, RunConfig(data.id, strategy("scratch", 30)))
    second = run(home, RunConfig(data.id, strategy("partial", 20), seed=1, from_run=first.id))
    third = run(home, RunConfig(data.id, strategy("full", 20), seed=2, from_run=second.id))
    assert third.state == "finished", third.error
    for gone in (first.id, second.id):
        deleting.delete(store, deleting.of_run(store, gone))
    file, elsewhere = tmp_path / "third.zip", tmp_path / "elsewhere"
    assert say("bundle", third.id, "--out", file, "--home", home).code == 0
    answer = say("reproduce", file, "--home", elsewhere, "--json").json
    assert answer["same_weights"] and answer["same_test_accuracy"]
    chain = ["", first.id, second.id]
    for one in (third.id, answer["run_id"]):
        assert [stage.run_id for stage in lineage.stages_of(elsewhere, one)] == chain
    there = Store(elsewhere).job(third.id)
    words = lineage.in_words(RunResult.of(there).lineage, "this run")
    assert words.startswith("random weights, then shapes (scratch, ") and words.endswith(", then this run")
    assert f"Lineage: {words}." in html_page.run_report(Store(elsewhere), third.id)
    fourth = killed_and_resumed(elsewhere, RunConfig(data.id, strategy("lp_ft", 100), seed=3, from_run=third.id))
    assert fourth.state == "finished", fourth.error
    assert [stage.run_id for stage in lineage.stages_of(elsewhere, fourth.id)] == [*chain, third.id]

    def numbered(name: str, content: bytes) -> bytes:
        return content.replace(b'"dataset": "random weights"', b'"dataset": 7') if name == "lineage.json" else content

    bad = change(file, tmp_path / "bad.zip", numbered)
    with pytest.raises(DataError, match="lineage.json is not what this version of Thaw can read"):
        reading.read(bad, Store(tmp_path / "third home"))


def test_a_run_of_two_domains_says_what_its_repetition_elsewhere_lacks(
    home: Path, data: DatasetRef, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    target = attach(home, data, image_folder(tmp_path / "other", classes=CLASSES, per_class=10, seed=7))
    what = plan_adaptation(
        "mmd", catalog.backbone("mlp"), train_images=48, classes=3, options=Options(epochs=3, views=0)
    )
    done = run(home, RunConfig(data.id, what, target_id=target.id))
    assert done.state == "finished", done.error
    assert " Of the target's, the other domain's: " in unescape(html_page.run_report(Store(home), done.id))
    (told,) = [event for event in Store(home).events(done.id) if event["kind"] == "augmentation"]
    assert told["level"] == "info" and told["text"].startswith("No augmentation is on: every epoch shows the same")
    file = tmp_path / "mmd.zip"
    writing.write(Store(home), done.id, file)
    elsewhere = Store(tmp_path / "elsewhere")
    with pytest.raises(NotFound, match=f"second domain, dataset {target.id}, which is not here and which a bundle"):
        again(elsewhere, reading.read(file, elsewhere), foresee)


def test_a_run_cannot_start_from_one_that_has_no_fitting_weights(home: Path, data: DatasetRef) -> None:
    store = Store(home)
    waiting = store.create_job("train", data.id, to_json(RunConfig(data.id, strategy("full", 2))))
    with pytest.raises(PlanError, match="has no weights to start from: it is queued"):
        lineage.check(waiting, "mlp")
    store.request_stop(waiting.id)
    done = run(home, RunConfig(data.id, strategy("scratch", 2)))
    with pytest.raises(PlanError, match="trained mlp; its weights do not fit efficientnet_lite0"):
        lineage.check(done, "efficientnet_lite0")
    with pytest.raises(PlanError, match="'scratch' starts from random weights"):
        RunConfig(data.id, strategy("scratch", 2), from_run=done.id)


@pytest.mark.fault
@pytest.mark.parametrize("kind", ["mmd", "dann"])
def test_a_run_with_two_domains_survives_kill_9_and_judges_the_target(
    home: Path, data: DatasetRef, tmp_path: Path, image_folder: Callable[..., Path], kind: str
) -> None:
    other = image_folder(tmp_path / "other", classes=CLASSES, per_class=15, seed=7)
    for number, path in enumerate(sorted(other.glob("pointed/*.png"))):  # a third of them nobody has labelled
        path.rename(other / f"unsorted{number}.png")
    target = attach(home, data, other)
    assert target.unlabelled == 15
    what = plan_adaptation(
        kind, catalog.backbone("mlp"), train_images=48, classes=3, options=Options(epochs=EPOCHS, views=1)  # type: ignore[arg-type]
    )
    config = RunConfig(data.id, what, target_id=target.id)
    undisturbed = run(home, config)
    same(home, undisturbed, killed_and_resumed(home, config))
    result = undisturbed.result or {}
    assert result["target_total"] == 6 and result["target_correct"] == round(result["target_accuracy"] * 6)
    with open(home / result["target_predictions"], newline="") as file:
        assert {row["label"] for row in csv.DictReader(file)} == {"1", "2"}  # pointed, round, square: 0 has no label
    rows = Store(home).metrics(undisturbed.id)
    assert rows[-1]["target_accuracy"] is not None and rows[-1]["align_loss"] is not None
    assert (rows[-1]["domain_accuracy"] is not None) == (kind == "dann")
    before = json.loads((home / "runs" / undisturbed.id / "map_before.json").read_text())
    assert before["classes"] == ["pointed", "round", "square"] and before["told_apart"] is not None


def test_few_shots_are_drawn_and_a_class_is_added_without_training(
    home: Path, data: DatasetRef, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    done = run(home, RunConfig(data.id, replace(strategy("prototype", 1), refit=False), per_class=12))
    assert done.state == "finished", done.error
    shots = json.loads((home / "runs" / done.id / "few_shot.json").read_text())["shots"]
    assert [shot["images"] for shot in shots] == [1, 2, 5, 10, 12]
    assert all(shot["low"] <= shot["mean"] <= shot["high"] for shot in shots)
    new = image_folder(tmp_path / "new", classes=("", ), per_class=6, seed=3)
    assert contents.left_out(home, done) == ""
    made = extend(home, done, "stars", new, lambda done, doing, left: None)
    assert "without what was added to it later (stars)" in contents.left_out(home, done)
    assert made["classes"] == ["pointed", "round", "square", "stars"] and made["images"] == 6
    assert made["before"] == pytest.approx(done.result["test_accuracy"])  # type: ignore[index]
    assert made["after"] <= made["before"]
    probe = run(home, RunConfig(data.id, strategy("linear_probe", 5)))
    with pytest.raises(PlanError, match="is no finished prototype model"):
        AddClass.of(probe, "stars", new).check(Store(home))
