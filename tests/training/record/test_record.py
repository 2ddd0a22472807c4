"""The advice's record: what was foreseen of a run beside what came of it, the tally, and learning from own runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from advisor.advice import learned_rules
from advisor.planning.strategies import plan
from advisor.planning.two_domains import plan_adaptation
from core.errors import PlanError
from core.plans import Kind, RunConfig
from tests.advisor.advice.test_measured_advice import LITE, facts
from tests.support.evidence_rows import lines
from training.compare.comparison import Comparison, Row
from training.compare.contests import Pair
from training.evaluation.stats import wilson
from training.record import foreseen, own_evidence, tally
from training.requests.train import Foreseen, NotForeseen
from training.store.records import Job
from training.store.run_folder import RunFolder
from training.store.store import Store


def run(store: Store, kind: Kind, accuracy: float, group: str = "set-1", seed: int = 0, **result: Any) -> Job:
    strategy = plan(kind, LITE, train_images=500, classes=5, minutes=10.0, costs=facts().costs, test_images=125)
    config = RunConfig("d", strategy, seed=seed, minutes=10.0, group=group)
    request = foreseen.to_train(store, config)
    job = store.create_job("train", "d", request.config(), group=group, prepare=request.prepare)
    assert store.claim_next() is not None
    correct = round(accuracy * 125)
    found = {"test_accuracy": correct / 125, "test_correct": correct, "test_total": 125, "seconds": 30.0, **result}
    store.finish(store.job(job.id), found)
    return store.job(job.id)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path)
    made.save_facts(facts())
    return made


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> learned_rules.Learned:
    learned = learned_rules.learn(lines())
    monkeypatch.setattr(learned_rules, "learned", lambda home=None: learned)
    return learned


def test_a_forecast_is_kept_beside_what_came_of_it(store: Store, known: learned_rules.Learned) -> None:
    job = run(store, "partial", 0.7, peak_memory_bytes=10**9)
    (one,) = foreseen.kept(store.home, [job])
    assert one.foreseen is not None and one.foreseen.low < 0.7 < one.foreseen.high
    assert one.inside is True
    assert one.seconds_foreseen is not None and one.seconds_foreseen > 0
    assert one.reached.value == pytest.approx(0.7, abs=0.01)


def test_the_standing_counts_hits_and_misses(store: Store, known: learned_rules.Learned) -> None:
    jobs = [run(store, "partial", 0.7), run(store, "partial", 0.3, seed=1)]
    standing = foreseen.standing(foreseen.kept(store.home, jobs))
    assert (standing.runs, standing.inside) == (2, 0.5)
    assert standing.accuracy_error is not None and standing.accuracy_error > 0.1
    assert standing.memory_within is None  # nothing was measured


def test_a_run_without_a_forecast_is_not_in_the_record(store: Store, known: learned_rules.Learned) -> None:
    job = run(store, "partial", 0.7)
    file = RunFolder(store.home, job.id).foreseen
    file.write_text('{"reason": "These images had not been measured."}')
    assert foreseen.kept(store.home, [job]) == []
    file.unlink()
    assert foreseen.kept(store.home, [job]) == []


def test_a_forecast_is_of_just_the_plan_that_is_asked_for(store: Store, known: learned_rules.Learned) -> None:
    strategy = plan("partial", LITE, train_images=500, classes=5, minutes=10.0, costs=facts().costs, test_images=125)
    usual = RunConfig("d", strategy, minutes=10.0)
    whole = foreseen.foresee(store, usual)
    assert isinstance(whole, Foreseen) and whole.accuracy is not None and whole.seconds is not None
    few, further = (foreseen.foresee(store, replace(usual, **how)) for how in ({"per_class": 5}, {"from_run": "r"}))
    assert isinstance(few, Foreseen) and few.accuracy is None and (few.seconds or 0) < whole.seconds
    assert isinstance(further, Foreseen) and (further.accuracy, further.seconds) == (None, whole.seconds)
    two = plan_adaptation("mmd", LITE, train_images=500, classes=5, costs=facts().costs, test_images=125)
    for other in (RunConfig("d", two, target_id="t"), RunConfig("elsewhere", strategy)):
        said = foreseen.foresee(store, other)
        assert isinstance(said, NotForeseen) and said.reason.endswith(".")


def test_a_forecast_counts_the_loading_of_a_worker_and_ends_with_the_budget(store: Store) -> None:
    strategy = plan("full", LITE, train_images=500, classes=5, minutes=1.0, costs=facts().costs, test_images=125)
    cut = foreseen.foresee(store, RunConfig("d", strategy, minutes=1.0))
    assert isinstance(cut, Foreseen) and cut.seconds == 60.0  # what was cut grows into its budget
    probe = plan("linear_probe", LITE, train_images=500, classes=5, minutes=1.0, costs=facts().costs, test_images=125)
    warm, cold = (foreseen.foresee(store, RunConfig("d", probe, minutes=1.0), loading_s) for loading_s in (0.0, 3.5))
    assert isinstance(warm, Foreseen) and isinstance(cold, Foreseen)
    assert warm.seconds is not None and cold.seconds == warm.seconds + 3.5 < 10


def comparison(rows: dict[Kind, float], verdict: str = "no difference shown") -> Comparison:
    made = tuple(
        Row(kind, kind, "efficientnet_lite0", "finished", 0, kind, wilson(round(125 * value), 125), None, 1.0, 1, 1,
            None, None, None, 1.0)
        for kind, value in rows.items()
    )  # fmt: skip
    ids = list(rows)
    pair = Pair(ids[0], ids[1], 0.0, 0.5, 0.5, verdict)  # type: ignore[arg-type]
    return Comparison("d", 0, made, (), (pair,), (), "", (), {}, 125)


@pytest.mark.parametrize(
    ("rows", "verdict", "outcome", "words"),
    [
        ({"partial": 0.9, "full": 0.8}, "better", "won", "nothing reached more than partial fine-tuning"),
        ({"partial": 0.8, "full": 0.84}, "no difference shown", "held", "full fine-tuning reached 4.0 points more"),
        ({"partial": 0.6, "full": 0.84}, "worse", "lost", "The advice lost: full fine-tuning reached 24.0 points more"),
    ],
)
def test_a_comparison_says_whether_the_advice_won(
    rows: dict[Kind, float], verdict: str, outcome: str, words: str
) -> None:
    judged = tally.judge(tally.Advised("set-1", "d", "partial", "measured", 10.0), comparison(rows, verdict))
    assert judged is not None
    assert judged.outcome == outcome and words in judged.sentence


def test_advice_that_was_not_run_is_not_judged() -> None:
    rows: dict[Kind, float] = {"linear_probe": 0.9, "full": 0.8}
    assert tally.judge(tally.Advised("set-1", "d", "partial", "measured", 10.0), comparison(rows)) is None


def test_the_tally_is_kept(store: Store, known: learned_rules.Learned) -> None:
    tally.write(store.home, tally.Advised("set-1", "d", "partial", "measured", 10.0))
    run(store, "partial", 0.9)
    assert tally.judged(store.home, store) == []
    run(store, "linear_probe", 0.6)
    (one,) = tally.judged(store.home, store)
    assert one.outcome == "won"
    assert tally.in_words([one]) == "So far the advice won 1 of 1 comparison, held in 0 and lost 0."


def test_own_comparisons_become_evidence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlanError, match="finish a 'compare all' with at least 3 tested runs"):
        own_evidence.learn(store)
    for kind, accuracy in (("linear_probe", 0.6), ("partial", 0.7), ("full", 0.65)):
        run(store, kind, accuracy)  # type: ignore[arg-type]
    run(store, "partial", 0.7, group="")
    monkeypatch.setattr("advisor.advice.evidence.read", lambda path=None: lines() if path is None else _read(path))
    found = own_evidence.learn(store)
    assert found.local_runs == 3 and found.runs == len(lines()) + 3
    again = learned_rules.learned(store.home)
    assert again is not None and again.local_runs == 3
    own_evidence.forget(store.home)
    assert not (store.home / learned_rules.LOCAL_RULES).exists()


def _read(path: Path) -> list[dict[str, str]]:
    import csv

    with path.open(newline="") as file:
        return list(csv.DictReader(file))
