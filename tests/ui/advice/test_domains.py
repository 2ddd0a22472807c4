"""Two domains and stages on the pages: attach, queue, what came of it in words, lineage, the few-shot curve."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from advisor.planning.two_domains import gap_words, plan_adaptation
from core.errors import PlanError
from core.plans import ADAPTING, Kind, RunConfig, to_json
from core.types import DatasetFacts, DatasetRef
from core.zoo.catalog import backbone
from dataset.folder import list_datasets
from dataset.ingest import samples
from dataset.ingest.sources import import_path
from dataset.ingest.targets import attach, target_of
from tests.support.seeding import NoWorkers, button, claim, finished_run, param, picture_folder, result_of, words
from tests.ui.conftest import Open
from training.cli import second_domain
from training.compare.adapted import judge
from training.store.records import Job
from training.store.store import Store


@pytest.fixture
def target(home: Path, dataset: DatasetRef, tmp_path: Path) -> DatasetRef:
    return attach(home, dataset, picture_folder(tmp_path / "drawn", dict.fromkeys(dataset.classes, 5)), name="drawn")


def adapted(store: Store, ref: DatasetRef, target: DatasetRef, kind: Kind, right: int, of: int = 40) -> Job:
    """A finished run with two domains that named the first `right` of `of` target images."""
    strategy = plan_adaptation(kind, backbone("efficientnet_lite0"), train_images=100, classes=3)
    job = store.create_job("train", ref.id, to_json(RunConfig(ref.id, strategy, target_id=target.id)))
    claim(store, job)
    path = store.home / "runs" / job.id / "target_predictions.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "predicted", "confidence"])
        writer.writerows([f"{i}.png", 0, 0 if i < right else 1, 0.9] for i in range(of))
    result = {
        **result_of(store, job, 36), "target_accuracy": right / of, "target_correct": right, "target_total": of,
        "target_predictions": str(path.relative_to(store.home)),
    }  # fmt: skip
    return store.finish(store.job(job.id), result)


def test_without_a_second_domain_adaptation_is_not_suggested_but_can_be_brought(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, home: Path, tmp_path: Path
) -> None:
    at = open_page("advice", dataset=dataset.id)
    assert "Without such a second set there is nothing to adapt to" in words(at)
    assert "Train all three" not in words(at)
    button(at, "Attach a second domain").click().run()
    assert "Attach some of them as the *target*" in words(at)
    attach(home, dataset, picture_folder(tmp_path / "sketches", dict.fromkeys(dataset.classes, 4)))
    at = open_page("advice", dataset=dataset.id)
    assert "sketches" in words(at) and "Train all three" in words(at)


def test_all_three_are_queued_with_the_target_and_equal_plans(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, target: DatasetRef, store: Store, executor: NoWorkers
) -> None:
    at = open_page("advice", dataset=dataset.id)
    button(at, "Train all three").click().run()
    configs = [store.job(run_id).plan for run_id in executor.submitted]
    assert [config.strategy.kind for config in configs] == list(ADAPTING)
    assert {config.target_id for config in configs} == {target.id}
    assert len({config.strategy.phases[-1].boundary for config in configs}) == 1
    at = open_page("advice", dataset=dataset.id)
    button(at, "5 labels a class instead").click().run()
    few = store.job(executor.submitted[-1]).plan
    assert (few.dataset_id, few.per_class, few.strategy.kind) == (target.id, 5, "prototype")


def test_the_page_says_plainly_when_adaptation_hurts(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, target: DatasetRef, store: Store
) -> None:
    for kind, right in (("source_only", 30), ("mmd", 12), ("dann", 29)):
        adapted(store, dataset, target, kind, right)  # type: ignore[arg-type]
    text = words(open_page("advice", dataset=dataset.id))
    assert "Adaptation hurts" in text and "worse than source only: aligning hurts here" in text
    assert "No difference shown for aligned by an adversary" in text


def test_it_helps_only_where_a_test_says_so(store: Store, dataset: DatasetRef, target: DatasetRef) -> None:
    runs = [adapted(store, dataset, target, "source_only", 12), adapted(store, dataset, target, "mmd", 30)]
    verdict = judge(store, runs)
    assert verdict is not None and (verdict.tone, verdict.headline) == ("good", "Adaptation helps")
    alike = judge(store, [runs[0], adapted(store, dataset, target, "dann", 14)])
    assert alike is not None and alike.headline == "Adaptation makes no difference shown"
    assert judge(store, runs[:1]) is None


def test_the_gap_is_said_in_words() -> None:
    assert "look alike" in gap_words(0.52)[1]
    assert "far apart" in gap_words(0.97)[1] and "believe only what is measured" in gap_words(0.97)[1]
    assert "too few images" in gap_words(None)[1]


def test_the_gap_is_measured_by_a_worker_beside_training(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, target: DatasetRef, store: Store, executor: NoWorkers
) -> None:
    at = open_page("advice", dataset=dataset.id)
    button(at, "Measure the gap").click().run()
    (job,) = store.jobs(kind="gap")
    assert (job.lane, job.config) == ("side", {"target": target.id, "backbone": "efficientnet_lite0"})
    assert executor.submitted[-1] == job.id and "Running the backbone over both" in words(at)
    claimed = store.claim_next("side")
    assert claimed is not None
    store.beat(claimed, progress=0.4, doing="Running the backbone, 120 of 300", eta_s=12.0)
    at = open_page("advice", dataset=dataset.id)
    assert "Running the backbone, 120 of 300, about 12 s left" in words(at)
    button(at, "Cancel").click().run()
    assert store.job(job.id).stop_requested and "Stopping" in words(at)
    store.fail(claimed, "The disk is full.")
    text = words(open_page("advice", dataset=dataset.id))
    assert "The gap could not be measured The disk is full." in text and "Measure the gap" in text


def test_the_worked_example_is_imported_by_two_jobs(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store, home: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def few(name: str, home: Path) -> DatasetRef:
        """In place of the 1,797 digits."""
        return import_path(picture_folder(tmp_path / name, {"0": 3, "1": 3}, size=len(name)), home)

    monkeypatch.setattr(samples, "import_sample", few)
    at = open_page("advice", dataset=dataset.id)
    button(at, "Or try the worked example: digits, and digits over photographs").click().run()
    (pair,) = [ref for ref in list_datasets(home) if ref.name == "digits_plain"]
    found = target_of(home, pair)
    assert found is not None and found.name == "digits_coloured"
    assert param(at, "dataset") == pair.id and store.jobs(kind="import") == []


def test_other_shares_of_the_classes_are_a_warning_before_anything_is_trained(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, home: Path, tmp_path: Path, store: Store
) -> None:
    shares = {name: 20 if number == 0 else 2 for number, name in enumerate(dataset.classes)}
    drawn = attach(home, dataset, picture_folder(tmp_path / "drawn", shares), name="drawn")
    text = words(open_page("advice", dataset=dataset.id))
    assert "Aligning is likely to hurt here" in text and "Try 5 labels a class first" in text
    found = second_domain.about(store, dataset, "efficientnet_lite0")
    assert found is not None and found["dataset_id"] == drawn.id and found["measured"] is None
    said = "\n".join(second_domain.lines(dataset, found))
    assert "Second domain: drawn, 24 images, 24 with a label, which only judges." in said
    assert "! Aligning is likely to hurt here. The classes have other shares" in said
    assert f"fit {dataset.id} --target {drawn.id} --strategy dann" in said
    for kind, right in (("source_only", 30), ("mmd", 12)):
        adapted(store, dataset, drawn, kind, right)  # type: ignore[arg-type]
    said = "\n".join(second_domain.lines(dataset, second_domain.about(store, dataset, "efficientnet_lite0")))
    assert "Adaptation hurts. Source only reaches" in said and "--strategy" not in said


def test_a_run_with_two_domains_shows_its_maps_and_its_target_accuracy(
    open_page: Open, dataset: DatasetRef, target: DatasetRef, store: Store
) -> None:
    job = adapted(store, dataset, target, "dann", 28)
    for name in ("map_before", "map_after"):
        note = {"source": [[0, 0, 0]], "target": [[1, 1, None]], "shown": 0.4, "told_apart": 0.9, "classes": ["a"]}
        (store.home / "runs" / job.id / f"{name}.json").write_text(json.dumps(note))
    text = words(open_page("train", run=job.id))
    assert "target accuracy 70.0% (28 of 40 target images)" in text
    assert "Where the two domains lie" in text and "told apart in 90% of cases" in text


def test_a_prototype_run_shows_what_fewer_images_would_give(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    job = finished_run(store, dataset, "prototype")
    shots = [{"images": n, "mean": 0.5, "low": 0.4, "high": 0.6, "draws": 30} for n in (1, 2, 5)]
    (store.home / "runs" / job.id).mkdir(parents=True, exist_ok=True)
    (store.home / "runs" / job.id / "few_shot.json").write_text(json.dumps({"shots": shots}))
    assert "With fewer images a class" in words(open_page("train", run=job.id))


def test_a_run_is_started_from_another_and_its_stages_are_shown(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store, executor: NoWorkers
) -> None:
    first = finished_run(store, dataset, "full")
    at = open_page("train", run=first.id)
    button(at, "Start another run from it").click().run()
    assert at.title[0].value == "Bring in labelled images"
    at = open_page("advice", dataset=dataset.id, start=first.id)
    assert f"Runs from here start from the weights of run {first.id}" in words(at)
    assert "ImageNet" in words(at) and "90.0% of its own test images" in words(at) and "the next run" in words(at)
    button(at, "Train this").click().run()
    assert store.job(executor.submitted[-1]).plan.from_run == first.id
    at = open_page("advice", dataset=dataset.id, start=first.id)
    button(at, "Start from the backbone's own weights instead").click().run()
    assert "start" not in at.query_params


def test_other_classes_on_the_target_are_refused_by_name(dataset: DatasetRef, home: Path, tmp_path: Path) -> None:
    from advisor.planning.two_domains import check_domains

    other = import_path(picture_folder(tmp_path / "cars", {"van": 4, "bus": 4}), home, name="cars")
    with pytest.raises(PlanError, match="only in cars: bus, van"):
        check_domains(dataset, other)
