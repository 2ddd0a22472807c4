"""A head on the pooled outputs of all stages: solved, never descended to, and in all else like any other head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from core.errors import PlanError
from core.zoo.catalog import BACKBONES
from tests.support.toys import HEAD, STRATEGIES, Recorder, fit, task, weights
from training.backbones.backbone import build

ON_ALL = replace(STRATEGIES["linear_probe"], head="stages")
CARD = BACKBONES["efficientnet_lite0"]


def test_it_reads_what_every_stage_gives_the_last_one_last() -> None:
    backbone, x = build("mlp", 5, inputs=10, head="stages").eval(), torch.randn(3, 10)
    last = build("mlp", 5, inputs=10).eval()
    with torch.inference_mode():
        read, expected = backbone.below(x, HEAD), [last.below(x, 1), last.below(x, HEAD)]
        assert torch.equal(read, torch.cat(expected, dim=1))
        assert torch.equal(backbone.of_last_stage(read), expected[-1]), "it begins with the same weights below"
        assert torch.equal(backbone(x), backbone.head(read)) and torch.equal(backbone.above(read, HEAD), backbone(x))
        assert torch.equal(backbone.below(x, 1), expected[0]), "below the head it is as any other"
    assert (backbone.width, backbone.last_width) == (48, 16) == (BACKBONES["mlp"].head_width("stages"), 16)


def test_its_parameters_are_the_cards() -> None:
    backbone = build("mlp", 5, head="stages")
    counted = tuple(sum(p.numel() for p in stage.parameters()) for stage in backbone.stage_modules())
    assert counted == BACKBONES["mlp"].params(5, "stages")


def test_a_run_solves_it_and_answers_as_the_network_with_its_weights(tmp_path: Path) -> None:
    job, fitted, end = fit(ON_ALL, Recorder(), folder=tmp_path)
    assert fitted.best.val_accuracy > 0.3 and job.best.boundary == HEAD
    start = build("mlp", 5, inputs=10, seed=1, head="stages")
    for name, tensor in weights(end).items():
        assert torch.equal(tensor, start.state_dict()[name]) != name.startswith("head.")
    rows = task().rows["test"]
    with torch.inference_mode():
        expected = end.eval()(task().batch(rows, 0)).softmax(1).numpy()
    assert np.allclose(job.predict(rows), expected, atol=1e-6)


def test_its_features_lie_beside_those_of_the_last_stage(tmp_path: Path) -> None:
    """Neither run reads the other's: they are of other widths, by the same weights."""
    fit(STRATEGIES["linear_probe"], Recorder(), folder=tmp_path)
    fit(ON_ALL, Recorder(), folder=tmp_path)
    names = {path.name for path in tmp_path.rglob("*.done.npy")}
    assert names == {"boundary2-view0.done.npy", "boundary2all-view0.done.npy"}
    assert len({path.parent for path in tmp_path.rglob("*.done.npy")}) == 1


@pytest.mark.parametrize("kind", ["prototype", "partial", "lp_ft", "full"])
def test_it_goes_with_a_solved_probe_alone(kind: str) -> None:
    with pytest.raises(PlanError, match=f"A head on all stages is solved on what frozen stages give, and '{kind}'"):
        replace(STRATEGIES[kind], head="stages")
    with pytest.raises(PlanError, match=f"goes with 'linear_probe', which trains nothing below it, not with '{kind}'"):
        Options(head="stages").check(kind, CARD)  # type: ignore[arg-type]


def test_a_card_of_before_asks_to_be_written_again() -> None:
    old = replace(CARD, all_width=0)
    with pytest.raises(PlanError, match="written before heads on all stages existed. Add it again, its weights stay"):
        plan("linear_probe", old, train_images=100, classes=3, options=Options(head="stages"))
    assert plan("linear_probe", CARD, train_images=100, classes=3, options=Options(head="stages")).head == "stages"
