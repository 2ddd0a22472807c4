"""The memory forecast counts what a run holds; batches are halved until they fit; old facts still load."""

from dataclasses import replace

import pytest

from advisor.advice.pilot_runs import pilots
from advisor.advice.recommendation import recommend
from advisor.planning import memory
from advisor.planning.costs import Sizes
from advisor.planning.memory import (
    ACCELERATED_ALLOCATOR,
    ALLOCATOR,
    ENGINE_IMAGES,
    EVAL_BATCH,
    LIGHT,
    PIECES,
    fit_batch,
    fits,
    forecast_bytes,
    limits,
    memory_for,
)
from advisor.planning.options import Options
from advisor.planning.strategies import PLANNED, plan
from advisor.planning.two_domains import plan_adaptation
from core.decode import decode
from core.plans import Kind, Strategy, to_json
from core.types import Budget, DatasetFacts, HardwareFacts, MemoryFacts, StageCost
from core.zoo.catalog import BACKBONES

MB = 10**6
CARD = BACKBONES["efficientnet_lite0"]
HEAD = CARD.head
CLASSES = ("a", "b")
COSTS = tuple(
    StageCost(b, 0.004, 0.05 - 0.005 * b, 0.01, train_bytes=(80 - 10 * b) * MB, eval_bytes=(12 - b) * MB)
    for b in range(HEAD + 1)
)
FACTS = DatasetFacts(
    dataset_id="d", backbone=CARD.name, classes=CLASSES, train_images=1000, test_images=250, per_class=(500, 500),
    costs=COSTS, hardware=HardwareFacts("cpu", "CPU, 2 cores", 2, 16_000 * MB),
    memory=MemoryFacts(process=500 * MB, batch=100 * MB, frozen_pass=400 * MB),
)  # fmt: skip
SIZES = Sizes.of(1000, 250, 2)
WEIGHTS = 4 * sum(CARD.params(2))
BATCH = 4 * 32 * 3 * CARD.image_px**2


def planned(kind: Kind, **options: object) -> Strategy:
    return plan(kind, CARD, train_images=1000, classes=2, test_images=250, options=Options(**options))  # type: ignore[arg-type]


def forecast(strategy: Strategy, facts: DatasetFacts = FACTS) -> int | None:
    return forecast_bytes(strategy, CARD, SIZES, facts)


def test_full_fine_tuning_is_counted_term_by_term() -> None:
    """Two copies of the weights and a batch; then the best ones, gradients and two moments, and 32 images' steps."""
    held = 500 * MB + 2 * WEIGHTS + BATCH
    assert forecast(planned("full")) == round(held + ALLOCATOR * (4 * WEIGHTS + 32 * 80 * MB))


def test_sgd_holds_one_moment_less() -> None:
    sgd, adamw = forecast(planned("full", optimizer="sgd")) or 0, forecast(planned("full")) or 0
    assert adamw - sgd == pytest.approx(ALLOCATOR * WEIGHTS, abs=1)


def test_small_batches_are_outweighed_by_judging() -> None:
    held = 500 * MB + 2 * WEIGHTS + BATCH
    costs = tuple(replace(c, eval_bytes=40 * MB) for c in COSTS)
    needed = forecast(planned("full", batch_size=2), replace(FACTS, costs=costs))
    assert needed == round(held + ALLOCATOR * (4 * WEIGHTS + EVAL_BATCH * 40 * MB))


def test_a_probe_on_stored_features_loads_no_torch() -> None:
    probe = forecast(planned("linear_probe"))
    assert probe is not None and LIGHT + 2 * WEIGHTS < probe < LIGHT + 2 * WEIGHTS + 30 * MB


def test_where_the_small_mlp_or_an_accelerator_computes_a_probe_loads_it() -> None:
    gpu = replace(FACTS, hardware=HardwareFacts("cuda", "NVIDIA H200", 16, 150_000 * MB))
    assert (forecast(planned("linear_probe"), gpu) or 0) > 500 * MB
    mlp = BACKBONES["mlp"]
    plan_of = plan("linear_probe", mlp, train_images=1000, classes=2, test_images=250)
    assert (forecast_bytes(plan_of, mlp, SIZES, replace(FACTS, backbone="mlp")) or 0) > 500 * MB


def test_above_frozen_stages_inference_engines_take_their_share() -> None:
    large = tuple(replace(c, eval_bytes=c.eval_bytes + (9 * MB if c.boundary == 0 else 0)) for c in COSTS)  # type: ignore[operator]
    more = [
        (forecast(planned(kind), replace(FACTS, costs=large)) or 0) - (forecast(planned(kind)) or 0)
        for kind in ("partial", "full")
    ]
    assert more == [ENGINE_IMAGES * 9 * MB, 0], "a step of everything outweighs its judging, and no stage is frozen"


@pytest.mark.parametrize(
    ("kind", "options", "fills"),
    [
        ("linear_probe", {}, False),
        ("partial", {}, True),
        ("partial", {"views": 0}, False),  # the profile has stored what it reads
        ("partial", {"views": 1}, True),
        ("partial", {"views": 0, "trained_stages": 3}, True),
        ("lp_ft", {}, False),  # its views are made anew in every epoch
    ],
)
def test_a_frozen_pass_counts_where_features_must_be_computed(
    kind: Kind, options: dict[str, object], fills: bool
) -> None:
    assert FACTS.memory is not None
    dear = replace(FACTS, memory=replace(FACTS.memory, frozen_pass=9_000 * MB))
    held = 500 * MB + 2 * WEIGHTS + BATCH + ENGINE_IMAGES * 12 * MB
    assert (forecast(planned(kind, **options), dear) == round(held + ALLOCATOR * 9_000 * MB)) == fills


def test_what_an_earlier_descent_held_stays_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradual unfreezing: each phase asks for larger blocks than those that the one before let go of."""
    strategy, gpu = planned("gradual"), replace(FACTS, hardware=HardwareFacts("cuda", "H200", 16, 150_000 * MB))
    whole, on_gpu = forecast(strategy), forecast(strategy, gpu)
    monkeypatch.setattr(memory, "PIECES", 0)
    alone, before = forecast(strategy), forecast(replace(strategy, phases=strategy.phases[:-1]))
    assert whole is not None and alone is not None and before is not None
    second = (before - (500 * MB + 2 * WEIGHTS + BATCH + ENGINE_IMAGES * 12 * MB)) / ALLOCATOR
    assert whole - alone == pytest.approx(PIECES * second, abs=2) and second > 500 * MB
    assert on_gpu == forecast(strategy, gpu), "torch's own allocator keeps whole blocks for one another"


def test_solving_on_many_images_is_counted_term_by_term() -> None:
    """Training features three times and those of validation twice, the solver's 46 vectors, the answers four times."""
    sizes = Sizes(fit=40_000, val=10_000, test=1, classes=20)
    features, head, answers = 1280 * (3 * 40_000 + 2 * 10_000), 1280 * 20, 20 * 40_000
    expected = LIGHT + 2 * 4 * sum(CARD.params(20)) + 4 * (features + 46 * head + 4 * answers)
    assert forecast_bytes(planned("linear_probe"), CARD, sizes, FACTS) == round(expected)


def test_writing_the_result_counts_its_bytes_twice() -> None:
    assert FACTS.memory is not None
    gpu = HardwareFacts("cuda", "NVIDIA H200", 16, 150_000 * MB)
    facts = replace(FACTS, memory=replace(FACTS.memory, batch=0), hardware=gpu)
    needed = 500 * MB + 2 * WEIGHTS + 8 * BATCH + ACCELERATED_ALLOCATOR * 2 * WEIGHTS
    assert forecast(planned("linear_probe"), facts) == round(needed)


@pytest.mark.parametrize(("device", "images"), [("cpu", 32), ("cuda", 256), (None, 32)])
def test_the_first_batch_is_larger_on_an_accelerator(device: str | None, images: int) -> None:
    hardware = HardwareFacts(device, "it", 2, 16_000 * MB) if device else None  # type: ignore[arg-type]
    costs = tuple(replace(c, train_bytes=1, eval_bytes=1) for c in COSTS)
    full = forecast(planned("full"), replace(FACTS, hardware=hardware, costs=costs))
    factor = ACCELERATED_ALLOCATOR if device == "cuda" else ALLOCATOR
    assert full == round(500 * MB + 2 * WEIGHTS + 4 * images * 3 * CARD.image_px**2 + factor * 100 * MB)


def test_steps_are_of_one_size_so_that_a_batch_may_hold_fewer_images() -> None:
    """810 images in 26 steps: 31 each."""
    facts = replace(FACTS, costs=tuple(replace(c, eval_bytes=1) for c in COSTS))
    needed = forecast_bytes(planned("full"), CARD, replace(SIZES, fit=810), facts)
    assert needed == round(500 * MB + 2 * WEIGHTS + BATCH + ALLOCATOR * (4 * WEIGHTS + 31 * 80 * MB))


@pytest.mark.parametrize(("val", "test", "judged"), [(7, 5, 7), (5, 7, 7), (0, 200, 8), (200, 0, 8)])
def test_judging_takes_a_batch_of_the_larger_side(val: int, test: int, judged: int) -> None:
    facts = replace(FACTS, costs=tuple(replace(c, train_bytes=1, eval_bytes=12 * MB) for c in COSTS))
    needed = forecast_bytes(planned("full"), CARD, replace(SIZES, val=val, test=test), facts)
    assert needed == round(500 * MB + 2 * WEIGHTS + BATCH + ALLOCATOR * (4 * WEIGHTS + judged * 12 * MB))


def test_more_training_takes_more() -> None:
    kinds: tuple[Kind, ...] = ("linear_probe", "partial", "full")
    assert sorted(kinds, key=lambda kind: forecast(planned(kind)) or 0) == list(kinds)


def test_holding_weights_near_the_old_ones_takes_their_copies() -> None:
    plain, near, fisher = (forecast(planned("full", **on)) or 0 for on in ({}, {"l2_sp": 0.1}, {"ewc": 0.1}))
    assert (near - plain, fisher - plain) == (WEIGHTS, 2 * WEIGHTS)


def test_a_step_that_aligns_two_domains_holds_as_many_images_of_the_other() -> None:
    costs = tuple(replace(c, eval_bytes=1, train_bytes=80 * MB) for c in COSTS)
    facts = replace(FACTS, costs=costs, memory=replace(FACTS.memory, frozen_pass=1, batch=1))  # type: ignore[type-var]
    alone, aligned = (
        forecast_bytes(plan_adaptation(kind, CARD, train_images=1000, classes=2, test_images=250), CARD, SIZES, facts)
        for kind in ("source_only", "dann")
    )
    assert alone is not None and aligned is not None
    assert aligned - alone == pytest.approx(ALLOCATOR * 32 * 80 * MB, rel=1e-6)


def test_a_run_is_tried_unless_it_is_known_to_need_more_than_there_is() -> None:
    needed = forecast(planned("full")) or 0
    assert fits(planned("full"), CARD, SIZES, FACTS, needed) and fits(planned("full"), CARD, SIZES, FACTS, None)
    assert not fits(planned("full"), CARD, SIZES, FACTS, needed - 1)
    assert fits(planned("full"), CARD, SIZES, replace(FACTS, memory=None), 1)


def test_few_images_a_class_leave_the_others_out_of_training_only() -> None:
    assert Sizes.measured(FACTS) == SIZES
    assert Sizes.measured(FACTS, per_class=5) == replace(SIZES, fit=10)
    assert Sizes.measured(FACTS, per_class=9999) == SIZES


def test_pilots_fit_into_memory_or_are_none() -> None:
    facts = replace(FACTS, costs=tuple(replace(c, eval_bytes=MB) for c in COSTS))
    advice = recommend(facts, "medium", Budget(600))
    roomy, tight, none = (pilots(advice, facts, CARD, Budget(600), free * MB) for free in (16_000, 2_500, 600))
    assert [pilot.strategy.kind for pilot in tight] == [pilot.strategy.kind for pilot in roomy]
    assert {pilot.strategy.batch_size for pilot in tight} != {32} == {pilot.strategy.batch_size for pilot in roomy}
    assert all((forecast(pilot.strategy, facts) or 0) <= 0.8 * 2_500 * MB for pilot in tight)
    assert all(phase.solved for pilot in none for phase in pilot.strategy.phases)


@pytest.mark.parametrize(
    "facts",
    [
        replace(FACTS, memory=None),
        replace(FACTS, costs=()),
        replace(FACTS, costs=tuple(replace(c, train_bytes=None) for c in COSTS)),
        replace(FACTS, backbone="efficientnet_lite1"),
    ],
)
def test_what_was_not_measured_is_unknown(facts: DatasetFacts) -> None:
    assert forecast(planned("full"), facts) is None
    assert fit_batch(planned("full"), CARD, SIZES, facts, 1) == planned("full")


def test_another_image_size_was_not_measured() -> None:
    assert forecast(planned("full", image_px=160)) is None
    assert forecast(planned("full", image_px=224)) == forecast(planned("full"))


def test_the_batch_is_halved_until_it_fits_four_fifths_of_the_memory() -> None:
    strategy = planned("full")
    needs = {batch: forecast(planned("full", batch_size=batch)) or 0 for batch in (32, 28, 20, 16)}
    assert fit_batch(strategy, CARD, SIZES, FACTS, round(needs[32] / 0.8) + 1) == strategy
    smaller = fit_batch(strategy, CARD, SIZES, FACTS, round(needs[32] / 0.8) - 100)
    assert smaller.batch_size == 16 and forecast(smaller) == needs[16]


def test_a_batch_larger_than_all_images_is_halved_until_it_helps() -> None:
    few = replace(SIZES, fit=12, val=3, test=4)
    strategy = planned("full", batch_size=64)
    needs = forecast_bytes(strategy, CARD, few, FACTS)
    assert needs == forecast_bytes(planned("full", batch_size=16), CARD, few, FACTS)
    assert fit_batch(strategy, CARD, few, FACTS, needs).batch_size == 8


def test_below_sixteen_images_batch_norm_keeps_its_statistics() -> None:
    facts = replace(FACTS, costs=tuple(replace(c, eval_bytes=MB) for c in COSTS))
    full = planned("full")
    assert full.phases[-1].batch_norm == "train"
    small = fit_batch(full, CARD, SIZES, facts, 2000 * MB)
    assert small.batch_size == 8 and small.phases[-1].batch_norm == "eval"
    scratch = fit_batch(planned("scratch"), CARD, SIZES, facts, 2000 * MB)
    assert scratch.phases[0].batch_norm == "train", "from random weights there are no statistics to keep"


def test_sixteen_images_are_enough_for_batch_norm() -> None:
    facts = replace(FACTS, costs=tuple(replace(c, eval_bytes=MB) for c in COSTS))
    halved = fit_batch(planned("full"), CARD, SIZES, facts, 2900 * MB)
    assert halved.batch_size == 16 and halved.phases[-1].batch_norm == "train"


def test_a_batch_is_one_image_at_least() -> None:
    facts = replace(FACTS, costs=tuple(replace(c, eval_bytes=1) for c in COSTS))
    assert fit_batch(planned("full"), CARD, SIZES, facts, MB).batch_size == 1


def test_where_smaller_batches_do_not_help_the_plan_stays() -> None:
    probe = planned("linear_probe")
    assert fit_batch(probe, CARD, SIZES, FACTS, 100 * MB) == probe


def test_memory_is_the_free_one_on_a_cpu_and_the_devices_on_a_gpu() -> None:
    gpu = replace(FACTS, hardware=HardwareFacts("cuda", "NVIDIA H200", 16, 150_000 * MB))
    assert memory_for(FACTS, 9 * MB) == 9 * MB
    assert memory_for(FACTS, None) == 16_000 * MB
    assert memory_for(gpu, 9 * MB) == 150_000 * MB
    assert memory_for(replace(FACTS, hardware=None), 9 * MB) is None


def test_what_memory_costs_is_said() -> None:
    small = planned("full", batch_size=8)
    assert limits(small, 32, 1000 * MB, 2000 * MB) == (
        "Batches of 8 images instead of 32: 2 GB of memory are free.",
    )
    assert limits(small, 8, 1900 * MB, 2000 * MB) == (
        "It needs about 1.9 GB of memory and 2 GB are free: it may run out.",
    )
    assert limits(small, 32, None, 2000 * MB) == ()


def test_the_recommendation_fits_the_memory_and_says_so() -> None:
    roomy = recommend(FACTS, "medium", Budget(60), free_bytes=16_000 * MB)
    tight = recommend(FACTS, "medium", Budget(60), free_bytes=3_000 * MB)
    for advice in (roomy, tight):
        candidates = {c.strategy.kind: c for c in (advice.best, *advice.alternatives)}
        assert set(candidates) == set(PLANNED) and all(c.memory_bytes for c in candidates.values())
        full = candidates["full"]
        assert full.memory_bytes == forecast(full.strategy)
        if advice is tight:
            assert full.strategy.batch_size == 16
            assert any("Batches of 16 images instead of 32" in limit for limit in full.limits)
        else:
            assert full.strategy.batch_size == 32 and not any("Batches" in limit for limit in full.limits)


def test_facts_from_before_memory_was_measured_still_load() -> None:
    data = to_json(FACTS)
    assert decode(data, DatasetFacts, "It") == FACTS
    del data["memory"]
    for cost in data["costs"]:
        del cost["train_bytes"], cost["eval_bytes"]
    old = decode(data, DatasetFacts, "It")
    assert old.memory is None and old.costs[0].train_bytes is None
    assert all(c.memory_bytes is None for c in recommend(old, "medium", Budget(60), free_bytes=MB).alternatives)
