"""What a person may set by hand: how it becomes phases, and what is refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from advisor.planning.costs import Sizes, price
from advisor.planning.options import DESCENDING, Options, freeze_point
from advisor.planning.strategies import HIDDEN_RATE, PLANNED, RECIPES, SGD_RATE, plan
from advisor.planning.trained import state_at, trainable_params
from core.decode import decode
from core.errors import PlanError
from core.plans import Kind, Phase, Strategy, to_json
from core.types import StageCost
from core.zoo.catalog import BACKBONES

LITE = BACKBONES["efficientnet_lite0"]
LAYERS = [stage.layers for stage in LITE.stages]


def make(kind: str, images: int = 1_000, **options: Any) -> Strategy:
    return plan(kind, LITE, train_images=images, classes=10, options=Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("first", range(sum(LAYERS) + 1))
def test_freezing_the_first_n_layers_freezes_n(first: int) -> None:
    boundary, inside = freeze_point(LITE, str(first))
    assert sum(LAYERS[:boundary]) + inside == first
    assert boundary == LITE.head or inside < LAYERS[boundary]


@pytest.mark.parametrize(("share", "layers"), [("0%", 0), ("80%", 39), ("100%", 49), ("33.3%", 16)])
def test_a_share_of_the_layers_is_rounded_to_whole_ones(share: str, layers: int) -> None:
    assert freeze_point(LITE, share) == freeze_point(LITE, str(layers))


def test_freezing_all_leaves_the_head() -> None:
    assert [phase.boundary for phase in make("partial", freeze="100%").phases] == [8, 8]


def test_first_stage_and_head_is_surgical() -> None:
    strategy = make("partial", only_stages=(0,))
    assert state_at(strategy, LITE, 1) == (True, *(False,) * 7, True)
    middle = make("partial", only_stages=(3, 4))
    assert state_at(middle, LITE, 1) == (False, False, False, True, True, False, False, False, True)


def test_gradual_on_a_plateau_waits_for_one() -> None:
    clock, plateau = make("gradual").phases[1:], make("gradual", unfreeze="plateau").phases[1:]
    assert [p.boundary for p in clock] == [p.boundary for p in plateau]
    assert all(p.patience == 0 for p in clock) and all(p.patience > 0 and p.schedule == "constant" for p in plateau)
    assert all(b.epochs > a.epochs for a, b in zip(clock, plateau, strict=True))


def test_a_rate_set_by_hand_keeps_the_heads_ratio_and_is_never_lowered() -> None:
    recipe = RECIPES["full"]
    _, phase = make("full", images=20, lr=5e-4).phases
    assert phase.lr_stage == 5e-4
    assert phase.lr_head / phase.lr_stage == pytest.approx(recipe.lr_head / recipe.lr_stage)


@pytest.mark.parametrize("kind", ["partial", "gradual", "lp_ft"])
def test_few_steps_get_lower_rates_after_a_solved_head(kind: Kind) -> None:
    """A handful of steps at the full rate would wreck the solved head with no time to mend it."""
    few, many = make(kind, images=40, epochs=2).phases[-1], make(kind, images=9_000, epochs=2).phases[-1]
    steps = 2 // (len(make(kind, images=40, epochs=2).phases) - 1) * 2  # 32 images to fit in batches of 16
    recipe = RECIPES[kind]
    assert few.lr_stage == pytest.approx(recipe.lr_stage * steps / recipe.full_rate_steps)
    assert many.lr_stage == recipe.lr_stage


@pytest.mark.parametrize(("images", "share"), [(150, 0.2), (250, 0.2), (625, 0.5), (1250, 1.0), (5000, 1.0)])
def test_few_images_get_lower_rates_however_many_epochs_fit(images: int, share: float) -> None:
    """281 photos for 28 epochs at the whole rate: validation fell from 99 to 50 % and came back to 94 (a fifth of the
    images is for validation)."""
    _, phase = make("partial", images=images).phases
    assert phase.lr_stage == pytest.approx(share * RECIPES["partial"].lr_stage)


@pytest.mark.parametrize(("epoch", "px"), [(0, 112), (4, 144), (8, 224), (9, 224)])
def test_progressive_resizing_grows_to_full_size(epoch: int, px: int) -> None:
    _, phase = make("full", progressive=True, epochs=10).phases
    assert phase.start_px == 112 and phase.px_at(epoch, 224) == px
    assert [phase.px_at(e, 224) for e in range(10)] == sorted(phase.px_at(e, 224) for e in range(10))


def test_without_progressive_resizing_every_epoch_is_full_size() -> None:
    assert {make("full").phases[-1].px_at(epoch, 224) for epoch in range(9)} == {224}


@pytest.mark.parametrize("name", ["mlp", "vit_base_patch16_224"])
def test_images_cannot_grow_where_the_side_is_built_in(name: str) -> None:
    with pytest.raises(PlanError, match="they cannot grow while it trains"):
        plan("full", BACKBONES[name], train_images=99, classes=3, options=Options(progressive=True))


@pytest.mark.parametrize("kind", DESCENDING)
def test_sgd_has_momentum_and_rates_and_decay_of_its_own(kind: Kind) -> None:
    """A solved head stays solved; few steps lower only AdamW's rates."""
    recipe = RECIPES[kind]
    for images in (40, 9_000):
        strategy = make(kind, images=images, optimizer="sgd")
        assert strategy.weight_decay == pytest.approx(recipe.weight_decay / 100)
        for usual, phase in zip(make(kind, images=images).phases, strategy.phases, strict=True):
            if usual.solved:
                assert phase == usual
                continue
            assert (phase.optimizer, phase.momentum, phase.epochs) == ("sgd", 0.9, usual.epochs)
            assert (phase.lr_head, phase.lr_stage) == pytest.approx((10 * recipe.lr_head, 10 * recipe.lr_stage))
    assert {p.momentum for p in make(kind).phases} == {0.0}


def test_a_rate_and_a_decay_set_by_hand_are_sgds_as_they_are() -> None:
    strategy = make("full", optimizer="sgd", lr=3e-3, weight_decay=5e-4)
    assert (strategy.phases[-1].lr_stage, strategy.weight_decay) == (3e-3, 5e-4)


@pytest.mark.parametrize("kind", ["partial", "gradual", "lp_ft"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_head_with_a_hidden_layer_is_trained_alone_where_a_linear_one_is_solved(kind: Kind, optimizer: str) -> None:
    first, *rest = make(kind, head="hidden", optimizer=optimizer).phases
    usual = make(kind, optimizer=optimizer).phases[1:]
    assert (first.boundary, first.plain, first.optimizer, first.epochs) == (8, True, optimizer, 10)
    assert first.lr_head == HIDDEN_RATE * (SGD_RATE if optimizer == "sgd" else 1)
    assert tuple(rest) == usual
    few = make(kind, images=40, head="hidden", optimizer=optimizer).phases[0]
    assert (few.epochs, few.lr_head) == (30, first.lr_head)


@pytest.mark.parametrize(("kind", "by_hand"), [("full", {"head_init": "random"}), ("scratch", {})])
def test_a_head_with_a_hidden_layer_begins_random_where_a_linear_one_does(kind: Kind, by_hand: dict[str, str]) -> None:
    assert make(kind, head="hidden", **by_hand).phases == make(kind, **by_hand).phases


def test_the_head_counts_among_what_is_trained() -> None:
    counts = [trainable_params(make("full", head=head), LITE, 10) for head in ("linear", "hidden")]
    assert counts[1] - counts[0] == 1281 * 512 + 513 * 10 - 1281 * 10


def test_training_the_head_alone_costs_no_augmented_views() -> None:
    costs = tuple(StageCost(b, 0.004 * b, 0.05 - 0.005 * b, 0.01 - 0.001 * b) for b in range(9))
    hidden = make("lp_ft", head="hidden")
    sizes = Sizes.of(1_000, 250, 10)
    with_views, without = (price(replace(hidden, views=views), sizes, costs, 224) for views in (3, 0))
    assert with_views == without, "at boundary 0 views are made live, and the head reads none"


def test_switches_reach_the_strategy() -> None:
    chosen = {
        "mixup": 0.2, "l2_sp": 0.1, "l2_sp_head": 0.01, "ewc": 0.5, "balance": "sampler", "image_px": 160,
        "label_smoothing": 0.1, "weight_decay": 0.05, "views": 2, "batch_size": 8, "lr_range_test": True,
    }  # fmt: skip
    strategy = make("full", **chosen)
    assert {name: getattr(strategy, name) for name in chosen} == chosen
    assert decode(to_json(strategy), Strategy, "It") == strategy
    assert make("full", early_stopping=4).phases[-1].patience == 4


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        ("partial", {"freeze": "50", "trained_stages": 2}, "in one way only, not by trained_stages and freeze at once"),
        ("full", {"freeze": "50%"}, "The share of frozen layers can be set for 'partial' only, not for 'full'"),
        ("full", {"unfreeze": "plateau"}, "How stages are thawed can be set for 'gradual' only"),
        ("partial", {"unfreeze": "sometimes"}, "Unfreezing goes by 'epochs' or on a 'plateau', not by 'sometimes'"),
        ("partial", {"freeze": "-3"}, "'-3' is not a number of layers to freeze like '20', nor a share like '80%'"),
        ("partial", {"freeze": "120%"}, "has 49 weight layers below its head; the first 120% cannot be frozen"),
        ("partial", {"only_stages": (8,)}, "has stages 0 to 7 below its head; there is no 8"),
        ("partial", {"progressive": True}, "Progressive resizing needs a strategy that trains every stage"),
        ("linear_probe", {"ewc": 1.0}, "'linear_probe' solves its head at once: EWC has nothing to act on"),
        ("prototype", {"lr": 1e-3}, "'prototype' solves its head at once: a learning rate has nothing to act on"),
        ("scratch", {"l2_sp": 0.1}, "'scratch' has none"),
        ("linear_probe", {"optimizer": "sgd"}, "'linear_probe' solves its head at once: an optimizer has nothing"),
        ("full", {"optimizer": "adam"}, "The optimizer is one of adamw, sgd, not 'adam'"),
        ("prototype", {"augment": "crop"}, "'prototype' solves its head at once: augmentation has nothing to act on"),
        ("full", {"augment": "colour", "views": 0}, "Augmentation 'colour' is what augmented views show, and 0 are to"),
        ("full", {"augment": "auto"}, "Augmentation is one of light, crop, colour, trivial, not 'auto'"),
        ("linear_probe", {"head": "hidden"}, "'linear_probe' solves a linear head at once; one with a hidden layer"),
        ("prototype", {"head": "hidden"}, "It goes with partial, gradual, lp_ft, full and scratch."),
        ("full", {"views": 99}, "Between 0 and 16 augmented views are kept, not 99"),
        ("full", {"early_stopping": 0}, "Early stopping waits for at least 1 epoch"),
        ("full", {"mixup": -1.0}, "mixup cannot be negative, and is -1"),
        ("full", {"label_smoothing": 1.0}, "Label smoothing lies in [0, 1), not 1"),
        ("full", {"balance": "luck"}, "Balance is one of none, weights, sampler, not 'luck'"),
        ("full", {"image_px": 4}, "Images are at least 8 px wide, not 4"),
    ],
)
def test_contradictions_are_refused_by_name(kind: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PlanError) as error:
        make(kind, **options)
    assert sentence in str(error.value)


def test_phases_refuse_what_cannot_be() -> None:
    with pytest.raises(PlanError, match="must lie above it, not at 2"):
        Phase(2, 1, 1e-3, frozen_stages=(2,))
    with pytest.raises(PlanError, match="what is frozen is computed once, at one size"):
        Phase(2, 1, 1e-3, start_px=64)
    with pytest.raises(PlanError, match=r"Momentum lies in \[0, 1\), not 1"):
        Phase(2, 1, 1e-3, optimizer="sgd", momentum=1.0)
    with pytest.raises(PlanError, match="Momentum is a setting of SGD; 'adamw' has none to set"):
        Phase(2, 1, 1e-3, momentum=0.9)


@pytest.mark.parametrize("kind", PLANNED)
def test_old_plans_without_the_new_switches_still_load(kind: str) -> None:
    """Runs in a home were written before these fields existed."""
    old = to_json(make(kind))
    for name in ("augment", "head", "image_px", "mixup", "l2_sp", "l2_sp_head", "ewc", "balance", "lr_range_test"):
        del old[name]
    for phase in old["phases"]:
        for name in ("momentum", "plain", "frozen_stages", "frozen_layers", "patience", "start_px"):
            del phase[name]
    assert decode(old, Strategy, "It") == make(kind)
