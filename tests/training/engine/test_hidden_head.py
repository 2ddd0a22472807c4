"""A head with a hidden layer: descended to, never solved, and like any other head in everything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from core.errors import PlanError
from core.plans import HIDDEN_WIDTH, Phase, Strategy
from core.zoo.catalog import BACKBONES
from tests.support.toys import HEAD, HIDDEN, STRATEGIES, Recorder, fit, weights
from training.backbones.backbone import DROPOUT, build
from training.engine.regularizers import Penalties


def test_it_is_fresh_and_depends_on_its_seed_alone() -> None:
    one, again, other = (build("mlp", 4, seed=seed, head="hidden") for seed in (7, 7, 8))
    hidden, _, dropout, answers = one.head
    assert (hidden.in_features, hidden.out_features, answers.out_features) == (16, HIDDEN_WIDTH, 4)
    assert dropout.p == DROPOUT and not answers.bias.any()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    assert not torch.equal(hidden.weight, other.head[0].weight)
    assert build("mlp", 4, seed=7).stage_modules()[0][0].weight.equal(one.stage_modules()[0][0].weight)


def test_its_parameters_are_the_cards() -> None:
    backbone = build("mlp", 5, head="hidden")
    counted = tuple(sum(p.numel() for p in stage.parameters()) for stage in backbone.stage_modules())
    assert counted == BACKBONES["mlp"].params(5, "hidden")


def test_its_first_phase_trains_the_head_alone_on_plain_images(tmp_path: Path) -> None:
    """No augmented view of the highest boundary is computed for it: only those of the phase that reads them."""
    alone = replace(HIDDEN, phases=HIDDEN.phases[:1])
    start, (job, fitted, end) = build("mlp", 5, inputs=10, seed=1, head="hidden"), fit(alone, Recorder())
    assert fitted.best.val_accuracy > 0.3 and job.best.boundary == HEAD
    for name, tensor in weights(end).items():
        assert torch.equal(tensor, start.state_dict()[name]) != name.startswith("head.")
    whole = replace(HIDDEN, phases=(HIDDEN.phases[0], Phase(1, 5, 1e-3, 1e-3)), views=2)
    fit(whole, Recorder(), folder=tmp_path)
    assert {path.name for path in tmp_path.rglob("*.done.npy")} == {
        "boundary2-view0.done.npy", *(f"boundary1-view{view}.done.npy" for view in range(3)),
    }  # fmt: skip


def test_a_run_says_what_it_trains_and_counts_all_its_epochs() -> None:
    told = Recorder()
    fit(HIDDEN, told)
    head = (16 + 1) * HIDDEN_WIDTH + (HIDDEN_WIDTH + 1) * 5
    assert told.events[0] == f"Phase 1 of 2: training head, {head:,} parameters."
    assert f"Epoch 1.0 of {sum(phase.epochs for phase in HIDDEN.phases)}" in told.doing


def test_l2_sp_pulls_both_its_layers_towards_zero() -> None:
    backbone = build("mlp", 3, inputs=10, head="hidden")
    for parameter in backbone.parameters():
        parameter.grad = torch.zeros_like(parameter)
    Penalties(replace(HIDDEN, l2_sp_head=0.5), backbone, {}).add_to_gradients()
    for layer in (backbone.head[0], backbone.head[3]):
        assert isinstance(layer, nn.Linear) and layer.bias.grad is not None
        torch.testing.assert_close(layer.weight.grad, 0.5 * layer.weight.detach())
        assert not layer.bias.grad.any()


def test_it_cannot_be_solved() -> None:
    with pytest.raises(PlanError, match="A head with a hidden layer cannot be solved: each of its phases"):
        replace(STRATEGIES["lp_ft"], head="hidden")
    with pytest.raises(PlanError, match="The head is one of linear, stages, hidden, not 'deep'"):
        Strategy("full", "mlp", (Phase(0, 1, 1e-3),), head="deep")  # type: ignore[arg-type]
