"""The measured panel on small made-up networks and images, where the right answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from training.backbones.backbone import Backbone
from training.caches.arithmetic import PLAIN
from training.caches.examples import VectorData
from training.caches.pooled import Pools
from training.caches.prefix import PrefixCache
from training.profile import moments, panel
from training.profile.cross_validation import cross_validate, difference, stratified
from training.profile.logme import logme

CPU = torch.device("cpu")


class Pictures(VectorData):
    """Random pictures [N, 3, 8, 8] with a mean and a spread."""

    def __init__(self, mean: float, spread: float, images: int = 96) -> None:
        source = torch.Generator().manual_seed(0)
        inputs = torch.randn(images, 3, 8, 8, generator=source) * spread + mean
        rows = {"train": np.arange(images), "val": np.arange(0), "test": np.arange(0)}
        super().__init__(inputs, torch.arange(images) % 2, ("a", "b"), rows)  # type: ignore[arg-type]


def network() -> Backbone:
    """Two convolutions whose BatchNorm has seen pictures with mean 0 and spread 1."""
    torch.manual_seed(0)
    stages: list[nn.Module] = [
        nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, momentum=None), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6, momentum=None), nn.ReLU(),
                      nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    ]  # fmt: skip
    made = Backbone("toy", nn.Sequential(*stages), stages, ("one", "two"), 6, 2, None, "toy")
    made.train()
    with torch.no_grad():
        for _ in range(20):
            made.below(torch.randn(64, 3, 8, 8), 2)
    return made.eval()


def gap(data: Pictures) -> float:
    found = panel.domain_gap(network(), data, data.rows["train"], CPU, PLAIN)
    assert found is not None and len(found.stages) == 2
    return found.raw


def test_pictures_like_those_of_the_pre_training_have_no_gap() -> None:
    assert gap(Pictures(0.0, 1.0)) < 0.01


def test_the_gap_grows_with_the_shift() -> None:
    gaps = [gap(Pictures(0.0, 1.0)), gap(Pictures(0.5, 1.0)), gap(Pictures(2.0, 1.0))]
    assert gaps == sorted(gaps) and gaps[2] > 10 * gaps[0]
    assert gap(Pictures(0.0, 0.3)) > gap(Pictures(0.0, 0.8))


def test_the_gap_is_the_divergence_of_two_gaussians() -> None:
    norm = nn.BatchNorm2d(1, eps=0.0)
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.fill_(1.0)
    norm.running_var.fill_(4.0)
    seen = panel._Moments()
    x = torch.randn(64, 1, 32, 32, generator=torch.Generator().manual_seed(1)) * 3 + 2
    seen.add(x)
    mean, variance = float(x.mean()), float(x.var(unbiased=False))
    by_hand = 0.5 * (np.log(4.0 / variance) + (variance + (mean - 1.0) ** 2) / 4.0 - 1)
    assert panel._divergence(norm, seen) == pytest.approx(by_hand, rel=1e-3)


def test_measuring_leaves_the_network_as_it_was() -> None:
    made, data = network(), Pictures(2.0, 1.0)
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    panel.domain_gap(made, data, data.rows["train"], CPU, PLAIN)
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())
    assert not any(module._forward_pre_hooks for module in made.modules())


def test_random_weights_and_networks_without_batch_norm_have_no_such_gap() -> None:
    made, data = network(), Pictures(0.0, 1.0)
    made.weights_id = "random-0"
    assert panel.domain_gap(made, data, data.rows["train"], CPU, PLAIN) is None


def test_moments_of_photos_stand_in_where_there_is_no_batch_norm(tmp_path: Path) -> None:
    draw = np.random.default_rng(0).normal
    photos = [draw(size=(300, 5)).astype(np.float32), (draw(size=(300, 7)) * 2 + 1).astype(np.float32)]
    known = moments.of(photos, 224)
    moments.save(tmp_path, "vit", known)
    assert moments.load(tmp_path, "vit") == known
    assert moments.load(tmp_path, "other") is None
    same = panel.frechet_gap(photos, known, 224)
    far = panel.frechet_gap([photo + 3 for photo in photos], known, 224)
    assert same is not None and far is not None
    assert same.raw < 1e-6
    assert far.stages == pytest.approx([9.0, 9 / 4], rel=0.2)
    assert far.method == "frechet"
    assert panel.frechet_gap(photos, known, 160) is None


def labelled(images: int = 200, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0).normal
    labels = np.arange(images) % classes
    centres = draw(size=(classes, 12))
    return (centres[labels] + 0.8 * draw(size=(images, 12))).astype(np.float32), labels


def noise() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(200, 12)).astype(np.float32)


def test_earlier_stages_that_know_more_show_as_a_depth_gap() -> None:
    features, labels = labelled()
    blind = noise()
    found = panel.measure(blind, [features, blind], labels, 4)
    assert found.depth_gap is not None and found.depth_gap.low > 0.2
    nothing = panel.measure(features, [blind[:, :4], features], labels, 4)
    assert nothing.depth_gap is not None and nothing.depth_gap.value < 0.05
    assert nothing.depth_gap.low <= 0 <= nothing.depth_gap.high or nothing.depth_gap.value < 0


def test_the_data_curve_rises_with_images() -> None:
    features, labels = labelled(400)
    found = panel.measure(features, None, labels, 4)
    sizes = [point.images for point in found.data_curve]
    assert sizes == sorted(sizes) and sizes[-1] == 320
    assert found.data_curve[-1].value > found.data_curve[0].value
    assert found.ready_made is not None and found.data_curve[-1].value == pytest.approx(found.ready_made.value)
    assert found.depth_gap is None


def test_a_class_with_one_image_cannot_be_cross_validated() -> None:
    features, labels = labelled(21, 4)
    labels[-1] = 5
    found = panel.measure(features, [features], labels, 6)
    assert found.ready_made is None and found.data_curve == () and found.logme is None


def test_plain_accuracy_counts_images_and_balanced_counts_classes() -> None:
    features, labels = labelled(200)
    keep = np.array([i for i in range(200) if labels[i] == 0 or i < 40])
    judged = cross_validate(features[keep], labels[keep], 4)
    assert judged is not None
    assert judged.plain().value == pytest.approx(judged.right.mean())
    by_class = [judged.right[judged.truth == label].mean() for label in range(4)]
    assert judged.balanced()[0] == pytest.approx(np.mean(by_class))


def test_a_difference_of_a_probe_with_itself_is_nothing() -> None:
    features, labels = labelled()
    judged = cross_validate(features, labels, 4)
    assert judged is not None
    assert difference(judged, judged) == (0.0, 0.0, 0.0)


def test_a_stratified_draw_keeps_every_class() -> None:
    labels = np.array([0] * 90 + [1] * 8 + [2] * 2)
    chosen = labels[stratified(labels, 10, 0, least=2)]
    assert {int(label): int((chosen == label).sum()) for label in range(3)} == {0: 9, 1: 2, 2: 2}


def test_logme_prefers_features_that_explain_the_labels() -> None:
    features, labels = map(torch.from_numpy, labelled())
    blind = torch.from_numpy(noise())
    good, bad = logme(features, labels, 4), logme(blind, labels, 4)
    assert good is not None and bad is not None and good > bad
    assert logme(features, torch.zeros(200, dtype=torch.int64), 1) is None


def test_logme_is_the_evidence_of_the_linear_model() -> None:
    """At a fixed point the log evidence equals that of the Gaussian y ~ N(0, 1/beta I + 1/alpha F F')."""
    from training.profile import logme as scores

    features, labels = map(torch.from_numpy, labelled(40))
    features = features.double()
    y = (labels == 0).double()
    values, u = torch.linalg.eigh(features @ features.T)
    keep = values > 1e-10 * values.max()
    found = scores._evidence(y, u[:, keep], values[keep], 40, 12)
    best = -np.inf
    for alpha in np.geomspace(0.1, 1e4, 60):
        for beta in np.geomspace(0.1, 1e4, 60):
            covariance = torch.eye(40, dtype=torch.float64) / beta + features @ features.T / alpha
            normal = torch.distributions.MultivariateNormal(torch.zeros(40, dtype=torch.float64), covariance)
            best = max(best, float(normal.log_prob(y)) / 40)
    assert found == pytest.approx(best, abs=0.01)


def test_pooled_outputs_come_from_the_pass_or_are_computed() -> None:
    made, data = network(), Pictures(0.0, 1.0)
    rows = np.arange(40)
    pools = Pools(PrefixCache(made, data, CPU, "fp32-nchw", None), rows)
    first, second = pools.read(rows)
    assert first.shape == (40, 4) and second.shape == (40, 6)
    with torch.no_grad():
        one = made.below(data.batch(rows, 0), 1)
    assert np.allclose(first, one.mean(dim=(2, 3)).numpy(), atol=1e-5)
    with pytest.raises(KeyError, match="not wanted"):
        pools.read(np.array([50]))
