"""Every curated backbone is the network its card says, cut into stages that together are that network bit for bit,
and every strategy takes a real step on it. Random weights and small images throughout."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advisor.planning.options import Options
from advisor.planning.strategies import PLANNED, plan
from core.errors import PlanError
from core.plans import Phase
from core.zoo import catalog
from core.zoo.curated import CURATED
from training.backbones import backbone as backbones
from training.backbones import pretrained
from training.backbones import stages as zoo
from training.backbones.backbone import Backbone, build, spatial_mean
from training.caches import frozen_pass
from training.caches.examples import VectorData
from training.caches.prefix import PrefixCache

CARDS = {card.name: card for card in CURATED if card.timm}
SIDES = {"inception_v3": 80}
"""Sides of the images for a step where 32 px are too few."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small steps are quicker on one core than on several that wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", CARDS)
def test_the_card_is_the_network(name: str) -> None:
    card = CARDS[name]
    with torch.device("meta"):
        net = timm.create_model(card.timm, pretrained=False, num_classes=0)
        whole = timm.create_model(card.timm, pretrained=False)
    stages = zoo.by_family(net)
    assert stages is not None
    assert [(s.name, s.params, s.layers) for s in card.stages] == list(
        zip(stages.names, stages.params(), stages.layers(), strict=True)
    )
    assert sum(p.numel() for p in net.parameters()) == card.body_params
    cfg = pretrained.config(card.timm)
    assert (int(cfg["input_size"][1]), net.head_hidden_size) == (card.image_px, card.feature_width)
    if card.hub:
        assert (cfg["hf_hub_id"], cfg["license"]) == (card.hub, card.licence.lower())
        assert sum(t.numel() * t.element_size() for t in whole.state_dict().values()) == card.download_bytes
    else:
        assert card.download_bytes == 0


@functools.lru_cache(maxsize=1)
def small(name: str) -> Backbone:
    """One backbone for all tests of a name that follow each other: a large one takes seconds to initialise."""
    return build(name, 3, pretrained=False, image_px=SIDES.get(name, 32))


def images(backbone: Backbone, count: int = 2) -> Tensor:
    assert backbone.preprocessing is not None
    side = backbone.preprocessing.size
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def phases_of(name: str) -> Iterator[Phase]:
    """Each phase of each strategy's plan that differs in what it trains; surgical fine-tuning as well."""
    card = CARDS[name]
    seen: set[tuple[object, ...]] = set()
    plans = [plan(kind, card, train_images=400, classes=3) for kind in PLANNED]
    plans.append(plan("partial", card, train_images=400, classes=3, options=Options(only_stages=(0,))))
    for strategy in plans:
        for phase in strategy.phases:
            what = (phase.boundary, phase.batch_norm, phase.frozen_stages)
            if what not in seen:
                seen.add(what)
                yield phase


@pytest.mark.parametrize("name", CARDS)
def test_every_strategy_takes_a_step_that_moves_what_it_promises_and_nothing_else(name: str) -> None:
    backbone = small(name)
    x, labels = images(backbone), torch.tensor([0, 2])
    with torch.no_grad():
        means = [spatial_mean(backbone.eval().below(x, stage)) for stage in range(1, backbone.head_index + 1)]
    assert sum(mean.shape[1] for mean in means) == CARDS[name].all_width
    for phase in phases_of(name):
        backbone.zero_grad(set_to_none=True)
        backbone.set_phase(phase)
        with torch.no_grad():
            below = backbone.below(x, phase.boundary)
        F.cross_entropy(backbone.above(below, phase.boundary), labels).backward()
        for index, stage in enumerate(backbone.stage_modules()):
            grads = [p.grad for p in stage.parameters()]
            if phase.trains(index):
                assert all(grad is not None and grad.isfinite().all() for grad in grads), (name, phase, index)
                assert any(grad.abs().max() > 0 for grad in grads if grad is not None), (name, phase, index)
            else:
                assert all(grad is None for grad in grads), (name, phase, index)
                assert not any(norm.training for norm in stage.modules() if isinstance(norm, backbones.BATCH_NORM))
        before = {index: first(stage).clone() for index, stage in enumerate(backbone.stage_modules())}
        with torch.no_grad():
            for parameter in backbone.parameters():
                if parameter.grad is not None:
                    parameter.sub_(1e-4 * parameter.grad.sign())
        moved = {i for i, stage in enumerate(backbone.stage_modules()) if not torch.equal(before[i], first(stage))}
        assert moved == {i for i in range(len(before)) if phase.trains(i)}, (name, phase)


def first(stage: nn.Module) -> Tensor:
    """Enough of a stage's weights to see that it moved: the largest tensor would cost half a gigabyte in VGG16."""
    return torch.cat([p.detach().flatten()[:64] for p in stage.parameters()])


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "mobilenetv2_100"])
def test_any_boundary_splits_the_same_network(name: str) -> None:
    backbone = small(name).eval()
    x = images(backbone)
    with torch.no_grad():
        whole = backbone(x)
        assert torch.equal(whole, backbone.head(zoo.features(backbone.net, x)))
        for boundary in range(backbone.head_index + 1):
            assert torch.equal(backbone.above(backbone.below(x, boundary), boundary), whole)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("ghostnet_100", ("stem", "blocks.0")),
        ("test_vit", ("embed", "blocks 1")),
        ("test_convnext", ("stem", "stage 1")),
        ("coat_lite_tiny", ("body",)),
    ],
)
def test_any_other_timm_model_is_cut_as_far_as_its_chain_holds(name: str, names: tuple[str, ...]) -> None:
    net = pretrained.create(name, num_classes=0)
    px = pretrained.config(name)["input_size"][-1]
    stages = zoo.cut(net, px)
    assert stages.names[:2] == names
    assert sum(stages.params()) == sum(p.numel() for p in net.parameters())
    x = torch.randn(2, 3, px, px)
    with torch.no_grad():
        assert torch.equal(list(stages.outputs(x))[-1], zoo.features(net, x)) or net.training  # `cut` keeps the mode
        net.eval()
        assert all(not module.train(False).training for module in stages.modules)
        assert torch.equal(list(stages.outputs(x))[-1], zoo.features(net, x))


def test_a_cut_that_is_not_the_network_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    net = pretrained.create("test_resnet", num_classes=0)
    good = zoo.by_family(net)
    assert good is not None and zoo.verify(net, good, 96)
    without_pool = tuple((name, paths.replace(" maxpool", "")) for name, paths in zoo.FAMILIES["ResNet"])
    monkeypatch.setitem(zoo.FAMILIES, "ResNet", without_pool)
    wrong = zoo.by_family(net)
    assert wrong is not None and not zoo.verify(net, wrong, 96)
    assert zoo.verify(net, zoo.cut(net, 96), 96)
    lost = zoo.Stages(good.names[1:], good.modules[1:])
    assert not zoo.verify(net, lost, 96)


def test_another_side_is_built_or_refused_with_both_values() -> None:
    backbone = build("vit_base_patch16_224", 3, pretrained=False, image_px=64)
    assert backbone.preprocessing is not None and backbone.preprocessing.size == 64
    assert backbone.preprocessing.resize == round(64 / 0.9)
    with pytest.raises(PlanError, match=r"reads images of 224 px and cannot be built for 100 px.*patches of 16 px"):
        build("vit_base_patch16_224", 3, pretrained=False, image_px=100)
    with pytest.raises(PlanError, match="reads images of 299 px and cannot be built for 32 px"):
        build("inception_v3", 3, pretrained=False, image_px=32)


def test_freezing_the_first_layers_leaves_the_rest_of_a_block_alone() -> None:
    """A ConvNeXt block has a scale of its own beside its layers; freezing one layer must not freeze the block."""
    backbone = small("convnext_base")
    backbone.set_phase(Phase(1, 1, 1e-3, frozen_layers=1))
    stage = backbone.stage_modules()[1]
    layers = [m for m in stage.modules() if isinstance(m, zoo.WEIGHT_LAYERS)]
    assert [m.weight.requires_grad for m in layers] == [False] + [True] * (len(layers) - 1)
    assert backbone.trainable_params() == backbone.promised_params(Phase(1, 1, 1e-3, frozen_layers=1))


@pytest.mark.parametrize("name", ["resnet50", "inception_v3", "densenet121"])
def test_frozen_stages_fold_their_batch_norms_and_keep_their_answers(name: str) -> None:
    backbone = small(name).eval()
    generator = torch.Generator().manual_seed(1)
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.normal_(0, 0.1, generator=generator)
        norm.running_var.uniform_(0.5, 1.5, generator=generator)
    x, boundaries = images(backbone), list(range(1, backbone.head_index + 1))
    tapped = frozen_pass._Tapped(backbone.stage_modules()[:-1], boundaries).eval()
    left = sum(isinstance(m, nn.BatchNorm2d) for m in frozen_pass._folded(tapped, x).modules())
    assert left <= 0.52 * len(norms), "no more than DenseNet's, whose norms come before their convolutions"
    with torch.no_grad():
        run = frozen_pass.taps(backbone, boundaries, "fp32-nchw", torch.device("cpu"), x)
        for boundary, activations in zip(boundaries, run(x), strict=True):
            expected = backbone.below(x, boundary)
            assert (activations - expected).norm() <= frozen_pass.FOLDING_TOLERANCE * expected.norm()


@pytest.mark.parametrize("arithmetic", ["fp32-nchw", "bf16-nhwc"])
def test_tokens_go_through_the_prefix_cache(arithmetic: str) -> None:
    """A transformer's activations are [tokens, width], not [channels, height, width]."""
    backbone = build("vit_base_patch16_224", 3, pretrained=False, image_px=32).eval()
    x = torch.randn(4, 3, 32, 32)
    rows = np.arange(4)
    data = VectorData(x, np.array([0, 1, 2, 0]), ("a", "b", "c"), {"train": rows, "val": rows, "test": rows})
    prefix = PrefixCache(backbone, data, torch.device("cpu"), arithmetic, None)
    boundaries = [1, backbone.head_index]
    prefix.fill(boundaries, rows, 0)
    tolerance = 2e-3 if arithmetic.startswith("fp32") else 5e-2
    for boundary, shape in zip(boundaries, [(4, 5, 768), (4, 768)], strict=True):
        cached = prefix.read(boundary, rows, 0)
        with torch.no_grad():
            expected = backbone.below(x, boundary)
        assert cached.shape == shape
        assert (cached - expected).norm() <= tolerance * expected.norm()


def test_curated_names_are_known_without_a_home() -> None:
    assert [catalog.backbone(name).name for name in CARDS] == list(CARDS)
