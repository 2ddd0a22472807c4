"""Networks of any family: what they train is kept, what is added can be taken along, and what cannot is refused by
name before anything is trained. Smallest members, small images, random weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advisor.advice import reasons
from advisor.planning.options import Options
from advisor.planning.strategies import plan
from advisor.planning.two_domains import plan_adaptation
from core.errors import ThawError
from core.plans import ADAPTING, KINDS, Phase, Strategy
from core.types import Budget
from core.zoo import catalog
from tests.support.toys import Recorder
from training.backbones import Backbone, Preprocessing, build, weight_files
from training.caches import frozen_pass
from training.caches.examples import VectorData
from training.caches.prefix import PrefixCache
from training.engine.alignment import Target
from training.engine.fit import Fit
from training.engine.progress import Best
from training.export import onnx_graph
from training.jobs import add_backbone

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small steps are quicker on one core than on several that wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def own_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "BACKBONES", dict(catalog.BACKBONES))


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The export is not tried while a card is made: most of the time of tests about something else."""
    monkeypatch.setattr(onnx_graph, "try_out", lambda backbone: None)


def added(name: str, px: int | None = None) -> Backbone:
    """A backbone of timm that is not curated, as `backbone add` makes its card, with random weights."""
    catalog.BACKBONES[name] = add_backbone.new_card(name)
    return build(name, 2, pretrained=False, image_px=px)


def squares(backbone: Backbone, count: int) -> Tensor:
    assert backbone.preprocessing is not None
    side = backbone.preprocessing.size
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def trained(backbone: Backbone, strategy: Strategy, resume: bool = False) -> Best:
    """The strategy to its end on six images; with `resume` from a checkpoint after its first step. They are its second
    domain too."""
    x = squares(backbone, 6)
    rows = {"train": np.arange(4), "val": np.arange(4, 6), "test": np.arange(4, 6)}
    data = VectorData(x, np.array([0, 1, 0, 1, 0, 1]), ("a", "b"), rows)  # type: ignore[arg-type]

    def fit(context: Recorder, state: dict[str, object] | None = None) -> Best:
        prefix = PrefixCache(backbone, data, CPU, "fp32", None)
        second = Target.of(strategy, backbone, data, prefix, 1, CPU, labelled=True)
        target = second if strategy.kind in ADAPTING else None
        options = {"seed": 1, "device": CPU, "prefix": prefix, "resume": state, "target": target}
        return Fit(strategy, backbone, data, context, **options).run().best  # type: ignore[arg-type]

    context = Recorder(stop_after=1 if resume else None)
    best = fit(context)
    return fit(Recorder(), context.saved) if resume else best


@pytest.mark.parametrize("name", ["test_byobnet", "test_coatnet", "test_mambaout", "test_nfnet", "test_vit_relpos"])
def test_a_family_goes_through_every_strategy_and_export(name: str) -> None:
    """A handful that stands for others; `python -m benchmarks.families` goes through all that timm has."""
    backbone = added(name, 64)  # which tries the export
    card, start = catalog.backbone(name), {key: value.clone() for key, value in backbone.state_dict().items()}
    for kind in KINDS:
        backbone.load_state_dict(start)
        options = Options(epochs=1, batch_size=2, views=1) if kind not in ("prototype", "linear_probe") else Options()
        made = (plan_adaptation if kind in ADAPTING else plan)(kind, card, train_images=6, classes=2, options=options)
        best = trained(backbone, made)
        assert best.weights and best.weights.keys() <= start.keys(), kind
        moved = any(not torch.equal(start[key], value) for key, value in backbone.state_dict().items())
        assert moved and all(value.isfinite().all() for value in backbone.state_dict().values()), kind


@pytest.mark.parametrize(
    ("name", "px", "resume"),
    [("test_coatnet", None, False), ("test_coatnet", None, True), ("tiny_vit_5m_224", 64, False)],
)
@pytest.mark.usefixtures("untried")
def test_a_network_with_buffers_outside_its_state_dict_is_trained_and_kept(
    name: str, px: int | None, resume: bool
) -> None:
    backbone = added(name, px)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    trained(backbone, Strategy("full", name, (Phase(0, 1, 1e-3, 1e-3),), batch_size=2), resume)
    after = backbone.state_dict()
    assert any(not torch.equal(after[key], value) for key, value in before.items())


@pytest.mark.usefixtures("untried")
@pytest.mark.parametrize("name", ["lambda_resnet26t", "xception41p"])
def test_a_norm_that_stands_behind_a_convolution_by_name_alone_is_not_folded(name: str) -> None:
    """It has another number of channels: folding the two ended every pass in an error."""
    backbone = added(name, 64).eval()
    x, last = squares(backbone, 2), backbone.head_index
    run = frozen_pass.taps(backbone, [last], "fp32-nchw", CPU, x)
    with torch.no_grad():
        expected = backbone.below(x, last)
        assert (run(x)[0] - expected).norm() <= frozen_pass.FOLDING_TOLERANCE * expected.norm()


@pytest.mark.usefixtures("untried")
def test_a_network_that_drops_features_out_answers_the_same_twice_when_it_is_asked() -> None:
    """After a phase that trained its last stage: the legacy SENets drop out in a part that is no module of theirs."""
    backbone = added("legacy_seresnet18", 64)
    x = squares(backbone, 4)
    backbone.set_phase(Phase(0, 1, 1e-3))
    with torch.no_grad():
        assert not torch.equal(backbone(x), backbone(x)), "while it trains"
        backbone.eval()
        assert torch.equal(backbone(x), backbone(x))
        with backbone.modes_kept():
            backbone.train()
        assert torch.equal(backbone(x), backbone(x))


def test_weights_with_several_names_are_written_under_each(tmp_path: Path) -> None:
    """CoaT's stages share a layer."""
    shared = torch.randn(3)
    digest = weight_files.write_weights(tmp_path / "a.safetensors", {"one": shared, "other": shared})
    assert torch.equal(weight_files.read_weights(tmp_path / "a.safetensors")["other"], shared)
    own = {"one": shared.clone(), "other": shared.clone()}
    assert weight_files.write_weights(tmp_path / "b.safetensors", own) == digest


@pytest.mark.usefixtures("untried")
def test_nothing_computed_from_other_weights_outlives_them() -> None:
    """In eval mode LeViT and its kin keep the biases of their attention."""
    backbone = added("levit_128s").eval()
    x, state = squares(backbone, 2), {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    with torch.no_grad():
        before = backbone(x)
        biases = {name: torch.randn(t.shape) for name, t in state.items() if name.endswith("attention_biases")}
        backbone.load_state_dict({**state, **biases})
        assert not any(module.training for module in backbone.modules())
        assert not torch.allclose(backbone(x), before)
        backbone.load_state_dict(state)
        assert torch.equal(backbone(x), before)


@pytest.mark.usefixtures("untried")
@pytest.mark.parametrize("name", ["xcit_nano_12_p8_224", "efficientvit_m0"])
def test_a_network_whose_patches_have_one_side_can_be_added(name: str) -> None:
    assert add_backbone.new_card(name).image_px == 224


def test_a_network_of_two_branches_is_exported(tmp_path: Path) -> None:
    backbone = added("crossvit_tiny_240").eval()
    assert backbone.preprocessing is not None
    prep = replace(backbone.preprocessing, resize=backbone.preprocessing.size)
    model = onnx_graph.Portable(backbone, prep, prep.size, 1.0)
    onnx_graph.write(model, prep.size, tmp_path / "model.onnx", {"labels": '["a", "b"]', "side": f"{prep.size}"})
    assert model.outputs == ["probabilities", "features"]


class Halo(nn.Module):
    """What halonet's attention looks at: windows that overlap, of a side that torch's exporter does not know."""

    def forward(self, x: Tensor) -> Tensor:
        return x[x > -9].reshape(len(x), 3, -1, 8).unfold(2, 5, 1).mean((2, 3)).flatten(1)


def test_a_network_that_onnx_cannot_say_is_refused_by_name(tmp_path: Path) -> None:
    prep, halo = Preprocessing(8, 8, (0.5,) * 3, (0.5,) * 3), Halo()
    backbone = Backbone("halonet_h1", halo, [halo], ("body",), 15, 2, prep, "random").eval()
    with pytest.raises(ThawError, match="halonet_h1 cannot be written as ONNX"):
        onnx_graph.write(onnx_graph.Portable(backbone, prep, 8, 1.0), 8, tmp_path / "model.onnx", {})


def test_a_network_in_one_stage_says_that_partial_trains_all_of_it() -> None:
    card = replace(catalog.backbone("resnet50"), name="whole", title="Whole", stages=(catalog.StageCard("body", 9, 3),))
    strategy = plan("partial", card, train_images=100, classes=2)
    said = reasons.limits(strategy, strategy, None, None, Budget(), card)
    assert any("Whole is a single stage: 'partial' trains everything" in one for one in said)
