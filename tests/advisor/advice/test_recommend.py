import math
from itertools import product
from typing import Any

import pytest

from advisor.advice.reasons import epochs_in_words, moment_in_words
from advisor.advice.recommendation import recommend
from advisor.planning import costs
from advisor.planning.options import Options
from advisor.planning.strategies import PLANNED, RECIPES, WARM_PASSES, plan
from advisor.rulebooks import RULEBOOKS
from core.errors import PlanError
from core.plans import Kind, to_json
from core.types import Budget, DatasetFacts, Estimate, Priority, Recommendation, Similarity, StageCost
from core.zoo.catalog import BACKBONES
from tests.support.clocks import times_as_long

COSTS = (
    StageCost(boundary=0, below_s=0.0, train_s=0.06, eval_s=0.010),
    StageCost(boundary=4, below_s=0.004, train_s=0.02, eval_s=0.006),
    StageCost(boundary=6, below_s=0.006, train_s=0.01, eval_s=0.004),
    StageCost(boundary=8, below_s=0.010, train_s=0.0001, eval_s=0.00005),
)
READY = Estimate(0.89, 0.86, 0.92, "5-fold cross-validation")


@pytest.fixture(autouse=True)
def no_start_up(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prices here are derived term by term; the worker's constant start-up has a test of its own."""
    if "start_up" not in request.keywords:
        monkeypatch.setattr(costs, "START_S", 0.0)
        monkeypatch.setattr(costs, "LOADING_S", 0.0)



def facts(images: int = 1_439, classes: int = 10, **changes: Any) -> DatasetFacts:
    values: dict[str, Any] = {
        "dataset_id": "d",
        "backbone": "efficientnet_lite0",
        "classes": tuple(f"class {i}" for i in range(classes)),
        "train_images": images,
        "test_images": 358,
        "per_class": (images // classes,) * classes,
        "ready_made": READY,
        "chance": 1 / classes,
        "costs": COSTS,
    }
    return DatasetFacts(**{**values, **changes})


def advise(
    given: DatasetFacts | None = None,
    similarity: Similarity = "medium",
    minutes: float = 120,
    priority: Priority = "accuracy",
    follow: str = "course",
) -> Recommendation:
    return recommend(given or facts(), similarity, Budget(minutes, priority), follow=follow)


def kinds(recommendation: Recommendation) -> list[Kind]:
    return [recommendation.best.strategy.kind, *(c.strategy.kind for c in recommendation.alternatives)]


@pytest.mark.parametrize("follow", RULEBOOKS)
@pytest.mark.parametrize("similarity", ["high", "medium", "low"])
@pytest.mark.parametrize("images", [50, 999, 1_000, 10_000, 10_001, 100_001])
def test_follows_the_chosen_book_where_it_fits(follow: str, similarity: Similarity, images: int) -> None:
    given = advise(facts(images), similarity, minutes=100_000, follow=follow)
    assert [a.rulebook for a in given.answers] == [follow, *(name for name in RULEBOOKS if name != follow)]
    assert given.best.strategy.kind == given.answers[0].kind
    assert sorted(kinds(given)) == sorted(PLANNED)
    assert given.agree == (len({a.kind for a in given.answers}) == 1)


def test_the_recommendation_in_a_sentence() -> None:
    # The profile stored what the probe reads. 1,151 images to train on: 60 * 1,151 * 10 * 0.4 us = 0.276 s for the
    # solver; 288 to validate and 358 to test at 50 us: 0.032 s.
    assert advise(minutes=10).sentence == (
        "Linear probe is what the course tree advises for 1,439 training images of medium similarity: 60 "
        "passes over cached features, about 0.3 s on this machine. It gets about 89% (86-92), cross-validated."
    )
    sentence = advise().sentence
    assert sentence.startswith(
        "Partial fine-tuning is what the course tree advises for 1,439 training images of "
    )
    # 1,151 images by 32 are 36 updates an epoch; the passes that solve the head are no epochs
    epochs = math.ceil(RECIPES["partial"].steps / 36)
    assert f": a probe and {epochs} epochs, about " in sentence
    assert sentence.endswith("A linear probe gets about 89% (86-92) in 0.3 s.")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("linear_probe", "1 pass over cached features"),
        ("partial", "a probe and 1 epoch"),
        ("gradual", "a probe and 1 epoch"),
        ("lp_ft", "a probe and 1 epoch"),
        ("full", "a probe and 1 epoch"),
        ("scratch", "1 epoch"),
    ],
)
def test_a_solvers_passes_are_no_epochs(kind: Kind, words: str) -> None:
    card = BACKBONES["efficientnet_lite0"]
    assert epochs_in_words(plan(kind, card, train_images=100, classes=2, options=Options(epochs=1))) == words


def test_a_moment_of_a_run_is_told_from_what_its_rows_count() -> None:
    card = BACKBONES["efficientnet_lite0"]
    gradual = plan("gradual", card, train_images=100, classes=2, options=Options(epochs=4))
    assert moment_in_words(gradual, 1.0) == "solver pass 1"
    assert moment_in_words(gradual, float(WARM_PASSES)) == f"solver pass {WARM_PASSES}"
    assert moment_in_words(gradual, WARM_PASSES + 0.5) == "epoch 0.5"
    assert moment_in_words(gradual, WARM_PASSES + 4.0) == "epoch 4"
    scratch = plan("scratch", card, train_images=100, classes=2, options=Options(epochs=4))
    assert moment_in_words(scratch, 3.0) == "epoch 3"


def test_only_what_was_measured_is_forecast() -> None:
    given = advise()
    forecasts = {c.strategy.kind: c.accuracy for c in (given.best, *given.alternatives)}
    assert forecasts.pop("linear_probe") == READY
    assert set(forecasts.values()) == {None}


def test_partial_trains_as_many_stages_as_the_followed_book_says() -> None:
    def boundary(given: Recommendation) -> int:
        by_kind = {c.strategy.kind: c.strategy for c in (given.best, *given.alternatives)}
        return by_kind["partial"].phases[-1].boundary

    assert boundary(advise()) == 5  # course: three stages
    assert boundary(advise(follow="classic")) == 6
    assert boundary(advise(similarity="high", follow="classic")) == 7
    assert boundary(advise(minutes=10)) == 6  # the course says linear probe: partial keeps its default


def test_what_does_not_fit_gives_way_to_the_most_trained_below_it_that_does() -> None:
    given = advise(facts(20_000), minutes=10)
    full = next(c for c in given.alternatives if c.strategy.kind == "full")
    assert given.answers[0].kind == "full"
    assert full.fits is False
    assert given.best.strategy.kind == "gradual"
    assert given.best.fits
    assert given.sentence.startswith("Gradual unfreezing is the most that fits 10 min: ")
    assert "full fine-tuning, the course tree's answer, needs at least 16 min" in given.sentence
    assert "needs at least 16 min" in given.best.limits[0]
    assert given.best.limits[0] in given.reasons
    assert any(w.kind == "full" and "min or more" in w.change for w in given.would_change)


def test_nothing_fits() -> None:
    assert advise(minutes=0.05).best.fits  # a probe in 0.3 s
    given = advise(minutes=0.1 / 60)
    assert given.best.strategy.kind == "linear_probe"
    assert given.best.fits is False
    assert "Nothing fits 0.1 s on this machine; the cheapest takes 0.3 s." in given.warnings
    # 60 * 16,000 * 10 * 0.4 us = 3.84 s, and 4,358 images to judge at 50 us: 0.22 s
    left = advise(facts(20_000), minutes=0.05)
    assert "Nothing fits 3 s on this machine; the cheapest takes 4 s." in left.warnings
    assert left.best.strategy.kind == "linear_probe"
    assert "takes the least but still does not fit 3 s" in left.sentence


def test_unmeasured_is_unknown() -> None:
    given = advise(facts(costs=(), ready_made=None, chance=None))
    assert all(
        (c.seconds, c.fits, c.accuracy) == (None, None, None) for c in (given.best, *given.alternatives)
    )
    assert given.best.strategy.kind == given.answers[0].kind
    assert "time on this machine not measured yet" in given.sentence
    assert given.sentence.endswith("Its accuracy on these images is not measured yet.")
    assert any("speed is not measured yet" in w for w in given.warnings)


def test_reasons_carry_the_path_the_share_and_the_measurement() -> None:
    given = advise(minutes=10)
    assert given.reasons[0] == (
        "The course tree asks: How many training images? Medium (1,000 to 10,000). How much compute time? "
        "Limited (less than 1 hour). Its answer: Feature extraction (frozen base)."
    )
    assert (
        "It trains the head: 12,810 of 3,383,818 parameters (0.4%); everything below stays frozen."
        in given.reasons
    )
    assert any(
        "89% (86-92) balanced accuracy (5-fold cross-validation); guessing gets 10%" in r
        for r in given.reasons
    )
    assert any(
        r.startswith(
            "Partial fine-tuning, the answer of the workflow table and classic tree, would fit as well: "
        )
        for r in given.reasons
    )


def test_reasons_say_what_part_of_the_time_fills_caches() -> None:
    def said(given: Recommendation) -> list[str]:
        return [reason.split(";")[0] for reason in given.reasons if "computes the frozen stages once" in reason]

    assert said(advise(minutes=10)) == []  # the probe: a profile has computed them
    # Three stages, boundary 5: the plain pass 1,797 * 5 ms = 9.0 s, three views 3 * 1,151 * 5 ms = 17.3 s
    assert said(advise()) == ["24 s of that time computes the frozen stages once"]


def changes(given: Recommendation) -> list[tuple[str, Kind]]:
    return [(w.change, w.kind) for w in given.would_change]


def test_what_would_change_it() -> None:
    assert changes(advise(minutes=5)) == [
        ("If you had more than 10,000 training images", "gradual"),  # full would not fit
        ("If you had 1 h or more", "partial"),
    ]
    assert ("If speed came first", "linear_probe") in changes(advise())
    assert ("If you had less than 1 h", "linear_probe") in changes(advise())
    assert ("If you had more than 10,000 training images", "full") in changes(advise())
    small = changes(advise(facts(500)))
    assert ("If you had 1,000 training images or more", "partial") in small
    assert ("If the similarity were low", "partial") in small
    low = changes(advise(facts(20_000), "low", minutes=400, follow="course"))
    assert ("If you had 10,000 training images or fewer", "partial") in low


def test_the_time_below_which_the_advice_would_change_is_that_of_the_same_stages() -> None:
    # Classic: two stages, boundary 6, whose plain features are stored; 1,151 to train on, 288 to validate, 358 to test.
    # One epoch 1,151 * 10 ms, 200 of the validation images judged at 4 ms, the test 358 * 4 ms, the head before about
    # 0.1 s: 13.9 s.
    assert ("If you had 15 s or less", "linear_probe") in changes(advise(follow="classic"))


def test_what_it_would_be_in_the_books_own_words() -> None:
    what_if = next(w for w in advise(minutes=5).would_change if w.kind == "gradual")
    assert what_if.says == (
        "The course tree would say: Aggressive fine-tuning, which would not fit; gradual unfreezing would be "
        "next."
    )


@pytest.mark.parametrize("images", [60, 800, 1_439, 20_000])
@pytest.mark.parametrize("minutes", [0.5, 10, 90, 500])
def test_every_change_said_is_true(images: int, minutes: float) -> None:
    given = advise(facts(images), minutes=minutes)
    for what_if in given.would_change:
        assert what_if.kind != given.best.strategy.kind
        for word, change in (
            ("similarity were high", {"similarity": "high"}),
            ("similarity were low", {"similarity": "low"}),
            ("speed came first", {"priority": "speed"}),
            ("had 1,000 training images or more", {"given": facts(1_000)}),
            ("more than 10,000 training images", {"given": facts(10_001)}),
            ("fewer than 1,000 training images", {"given": facts(999)}),
            ("had 1 h or more", {"minutes": 60}),
            ("less than 1 h", {"minutes": 59.99}),
            ("more than 6 h", {"minutes": 360.1}),
        ):
            if word in what_if.change:
                inputs: dict[str, Any] = {"given": facts(images), "minutes": minutes, **change}
                again = advise(**inputs)
                assert again.best.strategy.kind == what_if.kind, what_if


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            facts(classes=3, per_class=(7, 900, 532)),
            "1 class has fewer than 10 training images: 'class 0' (7). Their accuracy can hardly be "
            "measured; collect more.",
        ),
        (
            facts(classes=2, per_class=(1_200, 239)),
            "'class 0' has 5 times the images of 'class 1' (1,200 and 239): read the balanced accuracy, not "
            "the plain one.",
        ),
        (facts(backbone="mlp"), "Small MLP has no pre-trained weights: what is frozen stays random."),
        (
            facts(ready_made=Estimate(0.12, 0.09, 0.15)),
            "The frozen features do no better than guessing here (12% (9-15) against 10%): check the labels, "
            "or train more stages.",
        ),
        (
            facts(),
            "The textbooks disagree about this dataset (course tree: linear probe; workflow table: partial "
            "fine-tuning; classic tree: partial fine-tuning); only measuring decides.",
        ),
    ],
)  # fmt: skip
def test_warnings(given: DatasetFacts, said: str) -> None:
    assert said in advise(given, minutes=10).warnings


def test_scratch_comes_with_the_evidence_against_it() -> None:
    given = advise(facts(200_000), follow="workflow", minutes=1e6)
    assert given.best.strategy.kind == "scratch"
    (said,) = [w for w in given.warnings if "From scratch" in w]
    assert "answer of the workflow table. " in said
    assert "43.1 points against 66.4" in said
    assert "75.4 against 89.7" in said
    assert "VTAB" in said


def test_no_quarrel_no_warning() -> None:
    given = advise(facts(500))
    assert given.agree
    assert not given.warnings
    assert "All 3 rulebooks agree." in given.reasons


def test_domain_adaptation_is_said_to_be_left_out() -> None:
    given = advise(facts(500), "low", follow="workflow")
    assert any("second, unlabelled folder of the same classes" in w for w in given.warnings)


def test_a_plan_cut_hard_is_warned_about() -> None:
    given = advise(facts(10_001), minutes=12)
    assert given.best.strategy.kind == "full"
    planned = RECIPES["full"].epochs[0]  # the fewest: an epoch is 251 updates
    assert (
        f"Only 1 of {planned} planned epochs fit 12 min: expect less than this strategy can do." in given.warnings
    )


def test_passes_that_solve_the_head_hide_no_cut() -> None:
    # 16,000 to train on, 4,000 to validate: an epoch at boundary 6 takes 176 s, and the fewest are planned. Three views
    # take 288 s, more than half of 5 min; one takes 96 s, and leaves room for 1 epoch.
    had = RECIPES["partial"].epochs[0]
    best = advise(facts(20_000), minutes=5, follow="classic").best
    assert best.strategy.kind == "partial"
    assert f"Cut from {had} to 1 epoch to fit 5 min." in best.limits
    warnings = advise(facts(20_000), minutes=5, follow="classic").warnings
    assert f"Only 1 of {had} planned epochs fit 5 min: expect less than this strategy can do." in warnings
    # Gradual: 2 epochs a phase are planned. Without the last phase they take 2 * (89 + 176 + 260) s after 291 s for the
    # caches: 1,341 s. 15 min hold 1 epoch a phase: 816 s.
    given = advise(facts(20_000), minutes=15)
    gradual = next(c for c in (given.best, *given.alternatives) if c.strategy.kind == "gradual")
    assert "Thaws down to stage 5 only: thawing everything does not fit 15 min." in gradual.limits
    assert "Cut from 2 to 1 epoch a phase to fit 15 min." in gradual.limits


def test_ranking() -> None:
    speed = advise(facts(500), priority="speed")
    seconds = [c.seconds for c in speed.alternatives]
    assert seconds == sorted(seconds, key=lambda s: s or 0)
    accuracy = kinds(advise(minutes=10))
    assert accuracy[:2] == ["linear_probe", "partial"]  # two books name it
    assert accuracy[-1] == "scratch"
    assert [c.fits for c in advise(facts(20_000), minutes=10).alternatives][-3:] == [False] * 3


def test_unknown_names() -> None:
    with pytest.raises(PlanError, match="no rulebook called 'bible'"):
        advise(follow="bible")
    with pytest.raises(PlanError, match="no backbone called 'resnet'"):
        advise(facts(backbone="resnet"))


def test_every_situation_gets_advice_that_can_be_stored() -> None:
    similarities: tuple[Similarity, ...] = ("high", "low")
    priorities: tuple[Priority, ...] = ("speed", "accuracy")
    for images, similarity, minutes, priority, classes in product(
        (4, 37, 1_000, 10_001, 250_000), similarities, (0.01, 59, 1e5), priorities, (2, 200)
    ):
        given = advise(facts(images, classes), similarity, minutes, priority)
        assert to_json(given)["sentence"] == given.sentence
        assert not any(
            "None" in text or "nan" in text for text in (given.sentence, *given.reasons, *given.warnings)
        )


def test_advice_is_instant() -> None:
    """5 ms are promised: as long as a hundred thousand multiplications, or twice that."""
    multiplied = times_as_long(
        lambda: advise(facts(20_000), minutes=10), lambda: [n * n for n in range(100_000)], rounds=20
    )
    assert multiplied < 4
