"""The Advice page: inputs that answer at once, the reasons, the tree, the cards, and the two ways to start."""

from __future__ import annotations

import pytest

from advisor.planning.strategies import PLANNED, RECIPES
from core.types import DatasetFacts, DatasetRef
from core.zoo.catalog import STRATEGIES
from tests.support.seeding import NoWorkers, button, facts_of, param, words
from tests.ui.conftest import Open
from training.store.store import Store
from ui.kit.jobs import share_budget


def test_without_images_the_page_says_what_helps(open_page: Open) -> None:
    at = open_page("advice")
    assert "No images yet" in words(at)
    button(at, "Bring in images").click().run()
    assert at.title[0].value == "Bring in labelled images"


def test_the_recommendation_comes_with_reasons_and_alternatives(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts
) -> None:
    text = words(open_page("advice", dataset=dataset.id))
    assert "Based on measurements with EfficientNet-Lite0" in text
    assert "Why" in text and "What would change it" in text
    for kind in PLANNED:
        assert STRATEGIES[kind].title in text
    assert "As the domain gap says; medium until that is measured." in text


def test_a_worker_is_ready_before_train_is_clicked(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store, executor: NoWorkers
) -> None:
    at = open_page("advice", dataset=dataset.id)
    assert executor.prepared == 1
    store.create_job("train", dataset.id, {"strategy": {"kind": "full"}})
    at.run()
    assert executor.prepared == 1  # one that works prepares the next itself


def test_the_answer_changes_with_the_inputs(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts
) -> None:
    at = open_page("advice", dataset=dataset.id)
    before = words(at)
    at.segmented_control(key="similarity").set_value("low").run()
    assert "X-rays" in words(at)
    at.segmented_control(key="priority").set_value("speed").run()
    at.select_slider(key="minutes").set_value(120).run()
    assert "2 h" in words(at)
    assert words(at) != before
    assert not at.exception


def test_inputs_come_from_the_url(open_page: Open, dataset: DatasetRef, facts: DatasetFacts) -> None:
    at = open_page("advice", dataset=dataset.id, similarity="high", priority="speed", minutes="45")
    assert at.segmented_control(key="similarity").value == "high"
    assert at.segmented_control(key="priority").value == "speed"
    assert at.select_slider(key="minutes").value == 45
    at.segmented_control(key="similarity").set_value("low").run()
    assert param(at, "similarity") == "low"
    button(at, "Train this").click().run()
    assert at.title[0].value == "Train"
    at.switch_page("../../ui/advice/advice_page.py").run()
    assert at.segmented_control(key="similarity").value == "low" and param(at, "similarity") == "low"


def test_nonsense_in_the_url_is_the_default(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts
) -> None:
    at = open_page("advice", dataset=dataset.id, similarity="purple", minutes="-3", backbone="mlp", tree="x")
    assert at.segmented_control(key="similarity").value == "measured"
    assert at.select_slider(key="minutes").value == 10
    assert at.selectbox(key="backbone").value == "efficientnet_lite0"


def test_every_rulebook_answers_and_its_tree_can_be_drawn(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts
) -> None:
    at = open_page("advice", dataset=dataset.id)
    trees = set()
    for name in ("course", "workflow", "classic"):
        at.segmented_control(key="tree").set_value(name).run()
        assert not at.exception
        trees.add(next(str(one.value) for one in at.caption if "Source:" in str(one.value)))
    assert len(trees) == 3


def test_disagreement_is_said_plainly(open_page: Open, dataset: DatasetRef, facts: DatasetFacts) -> None:
    at = open_page("advice", dataset=dataset.id)
    said = set()
    for similarity in ("high", "medium", "low"):
        text = words(at.segmented_control(key="similarity").set_value(similarity).run())
        said.add("textbooks disagree about this dataset (course tree: " in text)
    assert said == {True, False}


def test_before_measuring_times_are_unknown_and_advice_works(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    text = words(at)
    assert "Based on counts only (15 training images): accuracy and times are unknown." in text
    assert "Not measured with EfficientNet-Lite0 yet" in text
    assert "unknown until measured" in text
    assert button(at, "Train this")


def test_another_backbone_is_measured_on_request(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    at.selectbox(key="backbone").set_value("efficientnet_lite2").run()
    button(at, "Measure with EfficientNet-Lite2").click().run()
    (job,) = store.jobs(kind="profile")
    assert job.config["backbone"] == "efficientnet_lite2"
    assert "Cancel measuring" in words(at)


def test_train_this_queues_the_recommendation_and_opens_it(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store, executor: NoWorkers
) -> None:
    at = open_page("advice", dataset=dataset.id)
    button(at, "Train this").click().run()
    (job,) = store.jobs(kind="train")
    assert executor.submitted == [job.id]
    config = job.plan
    assert (config.dataset_id, config.minutes, config.seed, config.split_seed) == (dataset.id, 10.0, 0, 0)
    assert STRATEGIES[config.strategy.kind].title in str(at.caption[0].value)
    assert param(at, "run") == job.id


def test_every_card_can_be_trained(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    button(at, "Train: Full fine-tuning").click().run()
    (job,) = store.jobs(kind="train")
    assert job.plan.strategy.kind == "full"


def test_compare_all_queues_the_set_under_one_budget(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    assert f"{len(PLANNED)} runs, one after the other, on the same split and seed" in words(at)
    button(at, "Compare all strategies").click().run()
    jobs = store.jobs(kind="train")
    configs = [job.plan for job in jobs]
    assert {config.strategy.kind for config in configs} == set(PLANNED)
    assert len({config.group for config in configs}) == 1 and configs[0].group
    assert len({(config.seed, config.split_seed) for config in configs}) == 1
    assert sum(config.minutes or 0 for config in configs) == pytest.approx(10.0)
    assert set(param(at, "runs").split(",")) == {job.id for job in jobs}


def test_details_give_every_number(open_page: Open, dataset: DatasetRef, facts: DatasetFacts) -> None:
    at = open_page("advice", dataset=dataset.id)
    (table,) = at.table
    assert list(table.value["Strategy"].sort_values()) == sorted(STRATEGIES[kind].title for kind in PLANNED)
    # 12 images to train on, 1 update an epoch: the most epochs that a recipe allows, and a solver's passes apart.
    epochs = dict(zip(table.value["Strategy"], table.value["Epochs"], strict=True))
    assert epochs["Linear probe"] == "60 solver passes"
    assert epochs["Partial fine-tuning"] == f"probe + {RECIPES['partial'].epochs[1]}"
    assert epochs["Full fine-tuning"] == f"probe + {RECIPES['full'].epochs[1]}"
    assert epochs["From scratch"] == str(RECIPES["scratch"].epochs[1])
    assert {"Epochs", "Head LR", "Trained parameters", "Estimated time", "Fits the budget"} <= set(
        table.value.columns
    )


def test_the_profile_of_this_dataset_arrives_without_a_click(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    at = open_page("data", dataset=dataset.id)
    at.switch_page("../../ui/advice/advice_page.py").run()
    assert "Advice works meanwhile" in words(at)
    job = store.claim_next()
    assert job is not None
    store.save_facts(facts_of(dataset))
    store.finish(store.job(job.id), {})
    assert "Based on measurements" in words(at.run())


def test_a_deleted_dataset_is_said(open_page: Open) -> None:
    at = open_page("advice", dataset="0123456789abcdef")
    assert "not here any more" in words(at)
    assert button(at, "Choose another dataset")


def test_a_budget_is_shared_by_need() -> None:
    shares = share_budget({"linear_probe": 6.0, "partial": 60.0, "full": 6000.0, "gradual": None}, 10.0)
    assert shares["linear_probe"] == pytest.approx(0.1)
    assert shares["partial"] == pytest.approx(1.0)
    assert shares["full"] == shares["gradual"] == pytest.approx(4.45)
    assert sum(shares.values()) == pytest.approx(10.0)


def test_a_budget_that_is_larger_than_all_needs_is_still_spent_evenly() -> None:
    shares = share_budget({"linear_probe": 6.0, "partial": 12.0}, 10.0)
    assert sum(shares.values()) == pytest.approx(10.0)
    assert shares["partial"] > shares["linear_probe"] > 0.1


def test_an_empty_note_of_earlier_advice_does_not_stop_the_page(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    (store.home / "advised").mkdir()
    (store.home / "advised" / "set-1.json").write_bytes(b"")
    folds = [fold.label for fold in open_page("advice", dataset=dataset.id).expander]
    assert "Was the advice right? No finished run yet" in folds
