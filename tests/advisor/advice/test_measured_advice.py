"""Advice that follows the measured rulebook: forecasts, confidence, ties, what would change it, similarity by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from advisor.advice import further, learned_rules
from advisor.advice.pilot_runs import MOST, SHARE, decide, pilots
from advisor.advice.recommendation import recommend
from core.decode import decode
from core.measures import CurvePoint, DomainGap
from core.plans import to_json
from core.types import Budget, DatasetFacts, Estimate, Recommendation, Similarity, StageCost
from core.zoo.catalog import BACKBONES
from tests.support.evidence_rows import lines

KNOWN = learned_rules.learn(lines())
COSTS = (
    StageCost(0, 0.0, 0.06, 0.010), StageCost(4, 0.004, 0.02, 0.006), StageCost(6, 0.006, 0.01, 0.004),
    StageCost(8, 0.010, 0.0001, 0.00005),
)  # fmt: skip
LITE = BACKBONES["efficientnet_lite0"]


def facts(ready: float = 0.6, images: int = 500, raw: float = 0.45, **changes: Any) -> DatasetFacts:
    values: dict[str, Any] = {
        "dataset_id": "d", "backbone": "efficientnet_lite0", "classes": tuple("abcde"), "train_images": images,
        "test_images": 125, "per_class": (images // 5,) * 5, "ready_made": Estimate(ready, ready - 0.03, ready + 0.03),
        "probe_accuracy": Estimate(ready, ready - 0.03, ready + 0.03), "chance": 0.2, "costs": COSTS,
        "domain_gap": DomainGap(raw, (0.2, 0.7), 64, 224), "depth_gap": Estimate(0.0, -0.02, 0.02),
        "data_curve": (CurvePoint(50, 0.4, 0.35, 0.45), CurvePoint(100, 0.48, 0.44, 0.52),
                       CurvePoint(200, 0.55, 0.52, 0.58), CurvePoint(400, ready, ready - 0.03, ready + 0.03)),
    }  # fmt: skip
    return DatasetFacts(**{**values, **changes})


def advise(
    given: DatasetFacts | None = None, similarity: Similarity | None = None, minutes: float = 10.0
) -> Recommendation:
    return recommend(given or facts(), similarity, Budget(minutes), follow="measured", learned=KNOWN)


def test_the_measured_rulebook_leads_and_the_textbooks_stand_beside_it() -> None:
    advice = advise()
    assert [answer.rulebook for answer in advice.answers] == ["measured", "course", "workflow", "classic"]
    assert advice.best.strategy.kind == "partial"
    assert advice.best.accuracy is not None and advice.best.accuracy.low < advice.best.accuracy.high
    assert advise(facts(ready=0.95)).best.strategy.kind == "linear_probe"


def test_every_strategy_that_was_run_often_enough_is_forecast() -> None:
    advice = advise()
    known = {c.strategy.kind: c.accuracy for c in (advice.best, *advice.alternatives)}
    assert {kind for kind, accuracy in known.items() if accuracy} == {"prototype", "linear_probe", "partial", "full"}


def test_confidence_says_what_it_rests_on() -> None:
    leaf = KNOWN.leaves[advise().answers[0].leaf]
    assert f"on the {leaf.tasks} tasks most like this one, from {leaf.families} kinds of images" in advise().confidence


def test_confidence_speaks_of_the_plan_and_not_of_its_name() -> None:
    """Of a plan that the budget cut to a fraction nobody is highly sure."""
    cut, whole = advise(minutes=0.7), advise(minutes=60.0)
    assert cut.best.strategy.kind == whole.best.strategy.kind == "partial"
    made, asked = cut.best.strategy.adam_epochs, whole.best.strategy.adam_epochs
    assert 2 * made < asked
    assert f"This plan has {made} epoch" in cut.confidence
    assert f"of the {asked} that the recipe asks for." in cut.confidence
    assert not cut.confidence.startswith("High") and "This plan has" not in whole.confidence


def test_without_measurements_the_course_tree_leads() -> None:
    bare = facts(ready_made=None, probe_accuracy=None, domain_gap=None, depth_gap=None, costs=())
    advice = advise(bare)
    assert advice.answers[0].rulebook == "course"
    assert advice.confidence == "" and advice.best.accuracy is None and advice.similarity == "medium"


@pytest.mark.parametrize(("raw", "word"), [(0.1, "high"), (0.45, "medium"), (0.8, "low")])
def test_similarity_is_measured(raw: float, word: str) -> None:
    assert advise(facts(raw=raw)).similarity == word


def test_a_similarity_set_by_hand_replaces_the_measured_one() -> None:
    near = advise(facts(raw=0.1), "low")
    assert near.similarity == "low"
    assert near.domain_gap == learned_rules.GAP_OF["low"]
    same = advise(facts(raw=0.8), "low")
    assert same.domain_gap == advise(facts(raw=0.8)).domain_gap  # it says no more than was measured


def test_what_would_change_it_is_true() -> None:
    given = facts(ready=0.6)
    changes = {change.change: change.kind for change in advise(given).would_change}
    probe = next(words for words, kind in changes.items() if "probe reached" in words and kind == "linear_probe")
    limit = float(probe.split("reached ")[1].split("%")[0]) / 100
    better = replace(given, ready_made=Estimate(limit, limit, limit))
    assert advise(better).best.strategy.kind == "linear_probe"
    fewer = next(words for words in changes if words.startswith("If you had fewer than") and "per class" in words)
    assert fewer == "If you had fewer than 10 images per class"


def test_with_counts_alone_it_answers_as_far_as_it_can() -> None:
    """The committed rulebook asks for counts only; one that asks for the probe leaves the lead to the course tree."""
    committed, asking = learned_rules.learned(), learned_rules.learn(lines(sets=12))
    assert committed is not None
    bare: dict[str, Any] = {"ready_made": None, "probe_accuracy": None, "domain_gap": None, "depth_gap": None}
    few = recommend(facts(images=25, **bare), None, Budget(10), follow="measured", learned=committed)
    many = recommend(facts(images=500, **bare), None, Budget(10), follow="measured", learned=committed)
    unanswered = recommend(facts(images=500, **bare), None, Budget(10), follow="measured", learned=asking)
    assert few.answers[0].rulebook == "measured" and few.best.strategy.kind == "linear_probe"
    assert many.answers[0].rulebook == "measured" and many.answers[0].kind == "partial"
    assert unanswered.answers[0].rulebook == "course"


def test_facts_survive_the_store() -> None:
    assert decode(to_json(facts()), DatasetFacts, "It") == facts()


def test_facts_of_an_earlier_version_are_read() -> None:
    old = to_json(facts())
    for name in ("probe_accuracy", "domain_gap", "depth_gap", "data_curve", "logme"):
        del old[name]
    assert decode(old, DatasetFacts, "It").domain_gap is None and decode(old, DatasetFacts, "It").data_curve == ()


# ---- pilots --------------------------------------------------------------------------------------------------------


def test_pilots_stay_within_their_share_and_hold_a_fine_tune() -> None:
    budget = Budget(60.0)
    given = facts()
    chosen = pilots(advise(given, minutes=60.0), given, LITE, budget)
    assert 2 <= len(chosen) <= MOST
    assert sum(pilot.seconds for pilot in chosen) <= SHARE * 60 * budget.minutes
    assert {pilot.strategy.kind for pilot in chosen} & {"partial", "gradual", "lp_ft", "full"}


def test_no_pilots_where_the_budget_has_no_room() -> None:
    assert pilots(advise(minutes=0.1), facts(), LITE, Budget(0.1)) == []
    assert pilots(advise(facts(costs=())), facts(costs=()), LITE, Budget(60.0)) == []


def test_pilots_decide_and_prefer_the_cheaper_of_equals() -> None:
    kind, said = decide({"linear_probe": 0.80, "partial": 0.90})
    assert kind == "partial" and "They favour partial fine-tuning." in said
    kind, said = decide({"partial": 0.901, "full": 0.903, "linear_probe": 0.8})
    assert kind == "partial" and "the cheapest is taken" in said


# ---- besides the strategy --------------------------------------------------------------------------------------------


def test_more_labels_are_weighed_against_methods() -> None:
    said = further.more_labels(facts(), advise())
    assert said.startswith("Twice the images (1,000) would take a probe from about 60% to about")
    assert "is forecast to gain" in said
    flat = facts(data_curve=tuple(CurvePoint(n, 0.6, 0.5, 0.7) for n in (50, 100, 200)))
    assert "hardly help" in further.more_labels(flat, advise(flat))
    assert further.more_labels(facts(data_curve=()), advise()) == ""


def test_when_transfer_does_nothing() -> None:
    assert "no better than guessing" in further.no_transfer(facts(ready=0.2), LITE)
    assert "at most 3 points to gain" in further.no_transfer(facts(ready=1.0), LITE)
    assert further.no_transfer(facts(), LITE) == ""


def test_pitfalls_speak_of_this_dataset_only() -> None:
    calm = facts(raw=0.1, images=5_000, per_class=(1_000,) * 5, test_images=1_000)
    assert further.pitfalls(calm, advise(calm)) == []
    odd = facts(raw=0.8, per_class=(300, 100, 50, 25, 25), depth_gap=Estimate(0.05, 0.02, 0.08), test_images=30,
                width_px=(20, 32, 64))  # fmt: skip
    said = " ".join(further.pitfalls(odd, advise(odd)))
    for word in ("Negative transfer", "Wrong layers: features of all stages beat the last stage's by 5.0 points",
                 "Small images: the median is 32 px", "Imbalance", "A small test set: 30 images"):  # fmt: skip
        assert word in said
    (said,) = further.pitfalls(replace(calm, groups=1_250), advise(calm))
    assert said.startswith("Groups: the 5,000 images to learn from are of 1,250 groups, each on one side of every ")


def test_backbones_are_compared_with_the_default() -> None:
    base = facts(logme=0.10, forward_images_per_s=100.0)
    other = replace(facts(ready=0.7, logme=0.15, forward_images_per_s=50.0), backbone="efficientnet_lite1")
    (said,) = further.backbones([base, other], "efficientnet_lite0")
    assert said.startswith("EfficientNet-Lite1 scores higher than EfficientNet-Lite0 by 0.050 nats per image (LogME)")
    assert "at 2.0 times the work" in said and "70%" in said
    assert further.backbones([other], "efficientnet_lite0") == []
