"""Regularisers, balance, patience, roll-backs, memory: each does what it says, and none disturbs resuming."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import PlanError, TrainingError
from core.plans import Phase, Strategy
from tests.support.toys import HEAD, HIDDEN, STRATEGIES, Recorder, equal, fit, task, weights
from training.backbones.backbone import Backbone, build
from training.caches.inputs import equal_batches
from training.engine import descent, head_solver
from training.engine.regularizers import Targets, class_weights, epoch_order, fisher_information, mixed
from training.machine import derive_seed

FULL = STRATEGIES["full"]
GRADUAL = STRATEGIES["gradual"]
CPU = torch.device("cpu")

SWITCHED: dict[str, Strategy] = {
    "mixup": replace(FULL, mixup=0.4),
    "l2_sp": replace(FULL, l2_sp=0.1, l2_sp_head=0.01),
    "ewc": replace(FULL, ewc=0.5),
    "class weights": replace(FULL, balance="weights"),
    "sampler": replace(FULL, balance="sampler"),
    "sgd": replace(FULL, phases=(replace(FULL.phases[0], optimizer="sgd", momentum=0.9),)),
    "hidden head": replace(HIDDEN, l2_sp_head=0.01),
    "smoothing": replace(FULL, label_smoothing=0.1),
    "range test": replace(FULL, lr_range_test=True),
    "surgical": replace(STRATEGIES["partial"], phases=(Phase(0, 5, 1e-2, 1e-2, frozen_stages=(1,)),)),
    "plateau": replace(GRADUAL, phases=tuple(replace(p, epochs=9, patience=1) for p in GRADUAL.phases)),
    "diverging": replace(FULL, phases=(Phase(0, 6, 3e3, 3e3, schedule="constant"),)),
}


@pytest.fixture(autouse=True)
def classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """The MLP as if it had been pre-trained with a classifier of 7 classes."""

    def made(self: Backbone) -> nn.Linear:
        torch.manual_seed(0)
        return nn.Linear(self.width, 7)

    monkeypatch.setattr(Backbone, "classifier", made, raising=False)


@pytest.mark.parametrize("name", SWITCHED)
def test_a_run_with_a_switch_resumes_to_the_same_bits(name: str) -> None:
    whole = Recorder()
    final = weights(fit(SWITCHED[name], whole)[2])
    assert all(torch.isfinite(tensor).all() for tensor in final.values())
    for stop_after in (whole.asked // 4, whole.asked // 2, whole.asked - 2):
        first, second = Recorder(stop_after), Recorder()
        assert fit(SWITCHED[name], first)[1].stopped
        assert equal(final, weights(fit(SWITCHED[name], second, resume=first.saved)[2])), f"stopped at {stop_after}"
        assert [e for e in whole.events if e in first.events + second.events] == whole.events


def test_surgical_trains_the_first_stage_and_the_head_only() -> None:
    before, after = weights(build("mlp", 5, inputs=10, seed=1)), weights(fit(SWITCHED["surgical"], Recorder())[2])
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.rsplit(".", 1)[0].removesuffix(".0") for name in changed} == {"net.0", "head"}


def test_the_first_layers_of_a_stage_can_stay_frozen() -> None:
    backbone = build("efficientnet_lite0", 3, pretrained=False)
    phase = Phase(1, 1, 1e-3, 1e-3, frozen_layers=1)  # stage 1 has two convolutions
    backbone.set_phase(phase)
    trained = {name for name, p in backbone.named_parameters() if p.requires_grad}
    assert "net.blocks.0.0.conv_dw.weight" not in trained and "net.blocks.0.0.bn1.weight" not in trained
    assert "net.blocks.0.0.conv_pw.weight" in trained and "net.conv_stem.weight" not in trained
    assert backbone.trainable_params() == backbone.promised_params(phase)
    with pytest.raises(PlanError, match="'stage 1' of efficientnet_lite0 has 2 weight layers, not 3"):
        backbone.set_phase(replace(phase, frozen_layers=3))


# -- regularisers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_steps_as_its_formula_says(momentum: float) -> None:
    """v = m v + g, then w = w - lr v. Without momentum it is the Playground's, and what plans of old homes mean."""
    phase = Phase(0, 1, 0.1, 0.1, optimizer="sgd", momentum=momentum, schedule="constant")
    trained = fit(replace(FULL, phases=(phase,), weight_decay=0.0, batch_size=90), Recorder())[2]
    by_hand, data = build("mlp", 5, inputs=10, seed=1), task()
    order = epoch_order(data.rows["train"], data.labels, "none", derive_seed("order", 3, 0, 0))
    moved = [torch.zeros_like(w) for w in by_hand.parameters()]
    for rows in equal_batches(order, 2):
        by_hand.zero_grad()
        F.cross_entropy(by_hand(data.batch(rows, 0)), torch.from_numpy(data.labels[rows])).backward()
        for i, w in enumerate(by_hand.parameters()):
            assert w.grad is not None
            moved[i] = momentum * moved[i] + w.grad
            w.data -= 0.1 * moved[i]
    torch.testing.assert_close(weights(trained), weights(by_hand))


def test_l2_sp_holds_weights_where_they_began() -> None:
    def moved(strategy: Strategy) -> float:
        before, after = weights(build("mlp", 5, inputs=10, seed=1)), weights(fit(strategy, Recorder())[2])
        return sum(float((before[n] - after[n]).norm()) for n in before if n.startswith("net."))

    free, held, tight = (moved(replace(FULL, l2_sp=alpha)) for alpha in (0.0, 0.3, 30.0))
    assert tight < 0.5 * held < 0.5 * free


def test_the_penalties_are_the_gradients_of_their_losses() -> None:
    strategy = replace(FULL, l2_sp=0.2, l2_sp_head=0.05, ewc=0.7)
    job, _, backbone = fit(strategy, Recorder())
    fisher = job._penalties._fisher
    start = {name: job.initial[f"net.{name}"] for name in fisher}
    loss = 0.05 / 2 * backbone.head.weight.square().sum()
    for name, parameter in backbone.net.named_parameters():
        parameter.requires_grad_(True)
        moved = (parameter - start[name]).square()
        loss = loss + 0.2 / 2 * moved.sum() + 0.7 / 2 * (fisher[name] * moved).sum()
    backbone.head.weight.requires_grad_(True)
    backbone.zero_grad(set_to_none=True)
    loss.backward()
    wanted = {name: p.grad.clone() for name, p in backbone.named_parameters() if p.grad is not None}
    for parameter in backbone.parameters():
        parameter.grad = torch.zeros_like(parameter)
    job._penalties.add_to_gradients()
    for name, parameter in backbone.named_parameters():
        if name in wanted:
            torch.testing.assert_close(parameter.grad, wanted[name])


def test_fisher_information_is_positive_with_mean_1_and_repeats() -> None:
    backbone, data = build("mlp", 5, inputs=10, seed=1), task()
    told: list[tuple[int, int]] = []
    fisher = fisher_information(backbone, data, 0, CPU, lambda *t: told.append(t))
    every = torch.cat([values.flatten() for values in fisher.values()])
    assert bool((every >= 0).all()) and float(every.mean()) == pytest.approx(1, rel=1e-4) and every.std() > 0.1
    assert equal(fisher, fisher_information(backbone, data, 0, CPU, lambda *t: None))
    assert told[-1] == (64, 64)


def test_ewc_without_a_classifier_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backbone, "classifier", lambda self: None)
    with pytest.raises(PlanError, match="EWC needs the classifier that mlp was pre-trained with.*choose L2-SP"):
        fit(replace(FULL, ewc=1.0), Recorder())


def test_mixup_is_cross_entropy_with_soft_labels() -> None:
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    inputs, targets = mixed(torch.randn(6, 3), labels, 0.4, seed=5)
    soft = targets.share * F.one_hot(labels, 4) + (1 - targets.share) * F.one_hot(targets.others, 4)
    wanted = F.cross_entropy(logits, soft.float())
    torch.testing.assert_close(targets.loss(logits, None, 0.0, divisor=6), wanted)
    assert 0 < targets.share < 1 and inputs.shape == (6, 3)
    plain, same = mixed(inputs, labels, 0.0, seed=5)
    assert plain is inputs and same.share == 1


def test_a_batch_in_parts_has_the_loss_of_the_whole() -> None:
    logits, labels, weight = torch.randn(7, 3), torch.tensor([0, 1, 2, 0, 1, 2, 0]), torch.tensor([0.5, 1.0, 2.0])
    targets = Targets(labels, labels.flip(0), 0.3)
    divisor = targets.divisor(weight)
    whole = targets.loss(logits, weight, 0.1, divisor=divisor)
    parts = [slice(0, 4), slice(4, 7)]
    torch.testing.assert_close(sum(targets[p].loss(logits[p], weight, 0.1, divisor=divisor) for p in parts), whole)


# -- imbalance ----------------------------------------------------------------------------------------------------


def test_class_weights_make_every_class_count_the_same() -> None:
    labels = np.array([0] * 90 + [1] * 9 + [2])
    weight = class_weights(labels, 3)
    counted = weight * torch.from_numpy(np.bincount(labels))
    assert torch.allclose(counted, counted[0].expand(3)) and float(weight[labels].mean()) == pytest.approx(1)


def test_the_sampler_draws_every_class_equally_often() -> None:
    labels = np.array([0] * 900 + [1] * 90 + [2] * 10)
    order = epoch_order(np.arange(1000), labels, "sampler", seed=1)
    share = np.bincount(labels[order]) / 1000
    assert np.allclose(share, 1 / 3, atol=0.05)
    assert np.array_equal(order, epoch_order(np.arange(1000), labels, "sampler", seed=1))
    assert sorted(epoch_order(np.arange(1000), labels, "none", seed=1)) == list(range(1000))


# -- patience -----------------------------------------------------------------------------------------------------


def test_early_stopping_ends_a_run_that_no_longer_improves() -> None:
    context = Recorder()
    _, fitted, _ = fit(replace(FULL, phases=(Phase(0, 200, 3e-2, 3e-2, patience=3),)), context)
    losses = [row["val_loss"] for row in context.epochs]
    assert len(losses) < 200 and losses.index(min(losses)) == len(losses) - 4
    assert "has not improved for 3 epochs" in context.events[-1] and "best weights so far" in context.events[-1]
    assert not fitted.finished_early  # that word is for the budget


def test_gradual_on_a_plateau_thaws_before_its_epochs_are_over() -> None:
    context = Recorder()
    phases = tuple(Phase(b, 40, 5e-2, 5e-2, schedule="constant", patience=2) for b in (2, 1, 0))
    fit(replace(GRADUAL, phases=phases), context)
    seen = [row["boundary"] for row in context.epochs]
    assert sorted(set(seen), reverse=True) == [2, 1, 0] and len(seen) < 120
    assert any("the next stage is thawed" in event for event in context.events)


# -- the range test -----------------------------------------------------------------------------------------------


def test_the_range_test_disturbs_nothing_and_finds_a_rate() -> None:
    plain, tested = Recorder(), Recorder()
    one, other = (weights(fit(s, c)[2]) for s, c in ((FULL, plain), (SWITCHED["range test"], tested)))
    assert equal(one, other) and plain.epochs == tested.epochs
    note = tested.notes["lr_range"]
    assert note["used"] == 1e-2 and 1e-5 < note["suggestion"] <= 1 and len(note["lrs"]) == len(note["losses"])
    assert note["lrs"] == sorted(note["lrs"])
    assert any("Range test: the loss falls fastest at a rate of" in event for event in tested.events)


# -- what goes wrong ----------------------------------------------------------------------------------------------


def test_a_diverging_run_rolls_back_lowers_the_rate_and_says_so() -> None:
    context = Recorder()
    job, fitted, backbone = fit(SWITCHED["diverging"], context)
    assert fitted.position.rollbacks > 0 and fitted.position.lr_scale < 1
    assert all(math.isfinite(row["train_loss"]) and math.isfinite(row["val_loss"]) for row in context.epochs)
    assert all(torch.isfinite(p).all() for p in backbone.parameters())
    assert any("went back to" in event and "instead of 3e3" in event for event in context.events), context.events
    assert np.isfinite(job.predict(task().rows["test"])).all()


def test_a_roll_back_leaves_nothing_of_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither weights nor the optimizer's moments: how far the first steps ran away changes nothing after them."""
    attempt = descent.Descent._attempt

    def final(scale: float) -> dict[str, Tensor]:
        def wild(self: descent.Descent, rows: Any, at: Any, steps: int) -> tuple[float, float]:
            if at.epoch == 0 and at.step == 3:
                raise descent.NotFinite
            if at.epoch == 0 and at.step < 3:
                with torch.no_grad():
                    for parameter in self._backbone.parameters():
                        parameter.mul_(scale)
            return attempt(self, rows, at, steps)

        monkeypatch.setattr(descent.Descent, "_attempt", wild)
        _, fitted, backbone = fit(FULL, Recorder())
        assert fitted.position.rollbacks == 1 and fitted.position.lr_scale == pytest.approx(0.3)
        return weights(backbone)

    assert equal(final(1.0), final(3.0))


def test_a_loss_that_stands_still_is_no_improvement() -> None:
    still = Phase(0, 20, 1e-30, 1e-30, schedule="constant", patience=2)
    context = Recorder()
    fit(replace(FULL, phases=(still,)), context)
    assert len({row["val_loss"] for row in context.epochs}) == 1
    assert len(context.epochs) == 3
    assert "The validation loss has not improved for 2 epochs" in context.events[-1]


def test_a_run_that_ends_as_planned_says_nothing_of_patience() -> None:
    still = Phase(0, 3, 1e-30, 1e-30, schedule="constant", patience=2)
    context = Recorder()
    fit(replace(FULL, phases=(still,)), context)
    assert len(context.epochs) == 3 and not any("has not improved" in event for event in context.events)


def test_patience_begins_anew_with_every_phase() -> None:
    still = tuple(replace(p, epochs=20, lr_head=1e-30, lr_stage=1e-30, patience=2) for p in GRADUAL.phases)
    context = Recorder()
    fit(replace(GRADUAL, phases=still), context)
    assert [sum(row["phase"] == phase for row in context.epochs) for phase in range(3)] == [3, 3, 3]


def test_an_epoch_without_a_single_finite_step_has_no_training_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = descent.Descent._attempt

    def broken(self: descent.Descent, rows: Any, at: Any, steps: int) -> tuple[float, float]:
        if at.epoch == 0:
            raise descent.NotFinite
        return attempt(self, rows, at, steps)

    monkeypatch.setattr(descent.Descent, "_attempt", broken)
    context = Recorder()
    fit(FULL, context)
    assert math.isnan(context.epochs[0]["train_loss"]) and math.isnan(context.epochs[0]["train_accuracy"])
    assert all(math.isfinite(row["train_loss"]) for row in context.epochs[1:])


def test_a_run_that_never_becomes_finite_ends_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: descent.Descent, *args: Any) -> tuple[float, float]:
        raise descent.NotFinite

    monkeypatch.setattr(descent.Descent, "_attempt", broken)
    with pytest.raises(TrainingError, match="diverged 7 times.*the rate is not the cause"):
        fit(FULL, Recorder())


def limited(most: int) -> Any:
    """`Backbone.above` on a machine whose memory holds `most` images."""
    above = Backbone.above

    def tight(self: Backbone, activations: Tensor, boundary: int) -> Tensor:
        if torch.is_grad_enabled() and len(activations) > most:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 1 bytes")
        return above(self, activations, boundary)

    return tight


def test_out_of_memory_halves_the_batch_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    free = weights(fit(FULL, Recorder())[2])
    monkeypatch.setattr(Backbone, "above", limited(9))
    context = Recorder()
    _, fitted, backbone = fit(FULL, context)
    assert fitted.position.parts == 4  # 32 -> 16 -> 8 images at a time
    assert any("batches of 30 are now computed 7 images at a time" in event for event in context.events), context.events
    for name, tensor in weights(backbone).items():
        torch.testing.assert_close(tensor, free[name], rtol=1e-2, atol=1e-3)


def test_memory_for_not_even_one_image_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backbone, "above", limited(0))
    with pytest.raises(TrainingError, match="Memory is too small to train on even one image above stage 'hidden 1'"):
        fit(FULL, Recorder())


# -- prototypes ---------------------------------------------------------------------------------------------------


def test_prototypes_answer_by_cosine_to_the_class_means() -> None:
    source = np.random.default_rng(0)
    labels = np.arange(60) % 3
    features = (source.normal(size=(3, 8)) * 2)[labels] + source.normal(size=(60, 8))
    steps: list[head_solver.ProbeStep] = []
    inputs = features.astype(np.float32)
    head_solver.class_means((inputs[:40], labels[:40]), (inputs[40:], labels[40:]), 3, 1, steps.append)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    means = np.stack([unit[:40][labels[:40] == c].mean(axis=0) for c in range(3)])
    cosine = unit @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T
    (step,) = steps
    answers = (inputs @ step.weight.T + step.bias).argmax(1)
    assert np.array_equal(answers, cosine.argmax(1))
    assert step.val_accuracy == pytest.approx((cosine[40:].argmax(1) == labels[40:]).mean())


def test_a_prototype_run_takes_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    context = Recorder()
    _, fitted, _ = fit(STRATEGIES["prototype"], context)
    assert len(context.rows) == 1 and fitted.epochs == 1
    assert fitted.best.val_accuracy > 0.5 and math.isfinite(fitted.best.val_loss)
    assert context.rows[0]["boundary"] == HEAD


def test_the_batches_of_an_epoch_have_one_size_and_all_images_get_their_turn() -> None:
    from training.caches.inputs import equal_batches

    order = np.random.default_rng(0).permutation(35)
    batches = equal_batches(order, 3)
    assert [len(batch) for batch in batches] == [11, 11, 11]
    assert len(set(np.concatenate(batches))) == 33  # the others come first in another epoch's order
