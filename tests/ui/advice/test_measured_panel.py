"""The measured panel and what stands on it: sentences, folds, an override, pilots, the record, the tally."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.seeding import button, facts_of, finished_run, words
from tests.ui.conftest import Open

sys.path.insert(0, str(Path(__file__).parents[3]))

from advisor.advice import learned_rules
from advisor.advice.learned_rules import Learned
from core.measures import CurvePoint, DomainGap
from core.types import DatasetFacts, DatasetRef, Estimate
from tests.support.evidence_rows import lines
from training.record import tally
from training.store.store import Store
from ui.advice import panel_pictures

KNOWN = learned_rules.learn(lines())


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Learned:
    monkeypatch.setattr(learned_rules, "learned", lambda home=None: KNOWN)
    return KNOWN


@pytest.fixture
def panel(store: Store, dataset: DatasetRef) -> DatasetFacts:
    facts = replace(
        facts_of(dataset),
        probe_accuracy=Estimate(0.81, 0.7, 0.89, "5-fold"),
        domain_gap=DomainGap(0.45, (0.9, 0.8, 0.3, 0.2, 0.2, 0.2, 0.1, 0.1), 15, 224),
        depth_gap=Estimate(0.05, 0.01, 0.09, "probes on all 8 stages and on the last, 15 images"),
        data_curve=(CurvePoint(6, 0.5, 0.4, 0.6), CurvePoint(9, 0.66, 0.5, 0.7), CurvePoint(12, 0.75, 0.6, 0.9)),
        logme=0.1,
    )
    store.save_facts(facts)
    return facts


def test_every_fact_has_a_sentence_and_says_how_it_is_measured(
    open_page: Open, dataset: DatasetRef, panel: DatasetFacts
) -> None:
    at = open_page("advice", dataset=dataset.id)
    text = words(at)
    assert "Domain gap: " in text and " of 100" in text
    assert "somewhat unlike the photos it learned from" in text
    assert "The gap is widest in the early stages" in text
    assert "Depth gap: +5.0 points (+1.0 to +9.0)" in text
    assert "Earlier stages know things that the last one has thrown away" in text
    assert "Data curve: 75% with 12 images" in text and "points more" in text
    assert [fold.label for fold in at.expander].count("How is this measured?") == 3
    assert "nats per channel" in text and "error = a n^-b + c" in text


def test_the_measured_rulebook_leads_with_its_confidence(
    open_page: Open, dataset: DatasetRef, panel: DatasetFacts
) -> None:
    at = open_page("advice", dataset=dataset.id)
    text = words(at)
    assert "Confidence." in text and "tasks most like this one" in text
    assert "Measured:" in text and "(followed)" in text
    assert at.segmented_control(key="tree").value == "measured"
    assert "Source: " in text and "runs of this project" in text


def test_a_similarity_set_by_hand_says_what_it_changes(
    open_page: Open, dataset: DatasetRef, panel: DatasetFacts
) -> None:
    at = open_page("advice", dataset=dataset.id)
    assert "You set" not in words(at)
    text = words(at.segmented_control(key="similarity").set_value("low").run())
    assert "You set low; measured is medium (domain gap" in text
    assert "The recommendation" in text
    text = words(at.segmented_control(key="similarity").set_value("medium").run())
    assert "Measured says the same: medium" in text


def test_besides_the_strategy(open_page: Open, dataset: DatasetRef, panel: DatasetFacts, store: Store) -> None:
    at = open_page("advice", dataset=dataset.id)
    text = words(at)
    assert "Twice the images (30) would take a probe from about 75%" in text
    assert "Pitfalls of this dataset" in " ".join(fold.label for fold in at.expander)
    assert "A small test set" in text
    button(at, "more backbones").click().run()
    assert {job.config["backbone"] for job in store.jobs(kind="profile")} >= {"efficientnet_lite1"}


def test_pilots_are_queued_inside_their_share(
    open_page: Open, dataset: DatasetRef, panel: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id, minutes="60")
    button(at, "Run pilots first").click().run()
    jobs = store.jobs(kind="train")
    assert 2 <= len(jobs) <= 3
    assert all(job.group.startswith("pilot-") for job in jobs)
    assert sum(job.config["minutes"] for job in jobs) <= 0.15 * 60
    assert "Pilots are running" in words(at)


def test_the_record_shows_forecast_and_actual(
    open_page: Open, dataset: DatasetRef, panel: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    assert "Was the advice right? No finished run yet" in " ".join(fold.label for fold in at.expander)
    button(at, "Train this").click().run()
    (job,) = store.jobs(kind="train")
    store.claim_next()
    store.finish(store.job(job.id), {"test_accuracy": 0.8, "test_correct": 32, "test_total": 40, "seconds": 9.0})
    at = open_page("advice", dataset=dataset.id)
    assert "Was the advice right? 1 finished run" in " ".join(fold.label for fold in at.expander)
    assert "forecast accuracies were off by" in words(at)


def test_after_compare_all_the_page_says_whether_the_advice_won(
    open_page: Open, dataset: DatasetRef, panel: DatasetFacts, store: Store
) -> None:
    tally.write(store.home, tally.Advised("set-x", dataset.id, "partial", "measured", 10.0))
    finished_run(store, dataset, "linear_probe", 20, group="set-x")
    finished_run(store, dataset, "partial", 39, group="set-x")
    text = words(open_page("compare", group="set-x"))
    assert "The advice won: nothing reached more than partial fine-tuning." in text
    assert "So far the advice won 1 of 1 comparison" in text


def test_learning_without_comparisons_says_what_is_missing(
    open_page: Open, dataset: DatasetRef, panel: DatasetFacts
) -> None:
    at = open_page("advice", dataset=dataset.id)
    button(at, "Learn from my runs").click().run()
    assert "There is nothing to learn from yet" in words(at)


def test_pictures_of_the_panel_speak_without_eyes() -> None:
    assert 'aria-label="Domain gap: 50 of 100"' in panel_pictures.gauge(50.0, [10.0, 90.0])
    assert 'aria-label="Domain gap: not measured"' in panel_pictures.gauge(None)
    assert "stem 0.50, stage 1 0.20" in panel_pictures.stage_bars([0.5, 0.2], ["stem", "stage 1"])
    points = (CurvePoint(50, 0.6, 0.5, 0.7), CurvePoint(100, 0.7, 0.6, 0.8))
    assert "50 images 60%, 100 images 70%" in panel_pictures.data_curve(points, None)
    assert panel_pictures.data_curve((), None) == ""
