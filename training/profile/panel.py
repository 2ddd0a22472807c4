"""The measured panel, from features that one frozen pass left: ready-made accuracy, domain gap, depth gap, data curve.

SCIENCE of each: the gap compares activation statistics with the backbone's own BatchNorm statistics, so it needs no
image of the pre-training; the depth gap and the curve are cross-validated probes. Nothing here is tuned to any set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from core import CurvePoint, DomainGap, Estimate
from training.backbones import Backbone
from training.caches import Arithmetic, Data, Rows
from training.engine.head_solver import Floats
from training.evaluation import stratified
from training.evaluation.held_out import Ints
from training.profile.cross_validation import Judged, cross_validate, difference
from training.profile.logme import logme
from training.profile.moments import Moments, distances
from training.profile.one_pass import deep_rows
from training.profile.out_of_fold import MOST_PROBED

GAP_IMAGES, GAP_BATCH = 64, 32
"""Images whose activation statistics are compared: 64 of them give 3,136 values a channel even at 7 x 7."""
SHARES = (0.125, 0.25, 0.5)
"""Of the training images, where the data curve is measured besides all of them."""


@dataclass(frozen=True)
class Panel:
    """What `measure` found; None where it cannot be measured."""

    ready_made: Estimate | None
    probe_accuracy: Estimate | None
    depth_gap: Estimate | None
    data_curve: tuple[CurvePoint, ...]
    logme: float | None


def measure(
    features: Floats,
    stages: Sequence[Floats] | None,
    labels: Ints,
    classes: int,
    seed: int = 0,
    *,
    curve: bool = True,
    groups: Ints | None = None,
    judged: Judged | None = None,
) -> Panel:
    """features: [N, width] at the head. labels: int64 [N]. stages: pooled outputs of every stage for the images at
    `deep_rows`, [images, channels] each; None leaves the depth gap out. groups: [N], see `cross_validate`.

    judged: the probe of these images, where `out_of_fold.judge` has it from the same seed and groups already.
    """
    if judged is None:
        keep = stratified(labels, MOST_PROBED, seed, least=2)
        own = None if groups is None else groups[keep]
        judged = cross_validate(features[keep], labels[keep], classes, seed, groups=own)
    if judged is None:
        return Panel(None, None, None, (), None)
    few = deep_rows(labels, seed)
    part = _Part(features[few], labels[few], classes, seed, None if groups is None else groups[few])
    same = judged if len(few) == len(judged.truth) else part.judge()
    depth = _depth_gap(stages, part, same) if stages is not None and same is not None else None
    ready = Estimate(*judged.balanced(seed), judged.how)
    points = _curve(part, same) if same and curve else ()
    evidence = logme(torch.from_numpy(part.features), torch.from_numpy(part.labels), classes)
    return Panel(ready, judged.plain(), depth, points, evidence)


@dataclass(frozen=True)
class _Part:
    """The images that probes are only compared on with each other."""

    features: Floats
    labels: Ints
    classes: int
    seed: int
    groups: Ints | None

    def judge(self, features: Floats | None = None, share: float = 1.0) -> Judged | None:
        x = self.features if features is None else features
        return cross_validate(x, self.labels, self.classes, self.seed, share, self.groups)


def _depth_gap(stages: Sequence[Floats], part: _Part, last: Judged) -> Estimate | None:
    """All stages' pooled features beside the last one's. Each is standardised by the solver, so none is drowned."""
    below = [stage for stage in stages[:-1] if stage.ndim == 2]
    everything = part.judge(np.hstack([*below, part.features])) if below else None
    if everything is None:
        return None
    value, low, high = difference(everything, last)
    how = f"probes on all {len(stages)} stages and on the last, {len(part.labels):,} images"
    return Estimate(value, low, high, how)


def _curve(part: _Part, whole: Judged) -> tuple[CurvePoint, ...]:
    points = {}
    for share in SHARES:
        judged = part.judge(share=share)
        if judged is not None and judged.trained_on >= 2 * part.classes:  # else shares differ in nothing but rounding
            points[judged.trained_on] = judged
    points[whole.trained_on] = whole
    return tuple(CurvePoint(n, *points[n].balanced(part.seed)) for n in sorted(points))


# ---- domain gap ------------------------------------------------------------------------------------------------------


def frechet_gap(stages: Sequence[Floats], known: Moments | None, image_px: int) -> DomainGap | None:
    """For backbones without BatchNorm: distance of the pooled stage outputs [N, channels] to those of everyday photos;
    None where no photos were measured, or at another image side."""
    if known is None or known.image_px != image_px or len(stages[0]) < 2:
        return None
    values = distances(stages, known)
    return DomainGap(float(np.mean(values)), values, len(stages[0]), image_px, "frechet")


def domain_gap(
    backbone: Backbone, data: Data, rows: Rows, device: torch.device, how: Arithmetic, seed: int = 0
) -> DomainGap | None:
    """Mean over channels, BatchNorm layers and stages of KL(images || pre-training), both taken as Gaussians:
    1/2 [ln(s_s^2 / s_t^2) + (s_t^2 + (m_t - m_s)^2) / s_s^2 - 1]  in nats, where m_s, s_s are the running statistics of
    the layer and m_t, s_t those of the images' activations there. rows: of the images to look at.

    None where a backbone has no BatchNorm or its weights are random.
    """
    layers = [_batch_norms(stage) for stage in backbone.stage_modules()[:-1]]
    if not any(layers) or backbone.weights_id.startswith("random"):
        return None
    chosen = rows[stratified(data.labels[rows], GAP_IMAGES, seed)][: 2 * GAP_IMAGES]
    seen = {id(norm): _Moments() for stage in layers for norm in stage}
    hooks = [
        norm.register_forward_pre_hook(_watcher(seen[id(norm)])) for stage in layers for norm in stage
    ]
    backbone.eval()
    side = 0
    try:
        with torch.inference_mode(), how.autocast(device):
            for part in np.array_split(chosen, max(1, round(len(chosen) / GAP_BATCH))):
                inputs = data.batch(part, 0).to(device)
                side = int(inputs.shape[-1])
                backbone.below(how.layout(inputs), backbone.head_index)
    finally:
        for hook in hooks:
            hook.remove()
    stages = tuple(
        float(np.mean([_divergence(norm, seen[id(norm)]) for norm in stage])) for stage in layers if stage
    )
    return DomainGap(float(np.mean(stages)), stages, len(chosen), side)


def _batch_norms(stage: nn.Module) -> list[nn.BatchNorm2d]:
    return [
        part for part in stage.modules() if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None
    ]


class _Moments:
    """Mean and variance of a layer's inputs, channel by channel."""

    def __init__(self) -> None:
        self._of_batches: list[tuple[int, Tensor, Tensor]] = []

    def add(self, x: Tensor) -> None:
        # BatchNorm's own kernel: sums and sums of squares in float32 would copy all activations twice.
        running = torch.zeros(2, x.shape[1], device=x.device)
        mean, variance = torch.batch_norm_update_stats(x, running[0], running[1], 0.0)
        self._of_batches.append((x.numel() // x.shape[1], mean.float(), variance.float()))

    def mean_and_variance(self) -> tuple[Tensor, Tensor]:
        count = sum(n for n, _, _ in self._of_batches)
        mean = sum((n / count * m for n, m, _ in self._of_batches), torch.zeros(()))
        squared = sum((n / count * (v + (m - mean).square()) for n, m, v in self._of_batches), torch.zeros(()))
        return mean, squared


def _watcher(moments: _Moments) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    return lambda module, inputs: moments.add(inputs[0])


def _divergence(norm: nn.BatchNorm2d, moments: _Moments) -> float:
    """Mean over a layer's channels, in nats. The layer's own epsilon keeps dead channels finite."""
    assert norm.running_mean is not None and norm.running_var is not None
    mean, variance = moments.mean_and_variance()
    source, target = norm.running_var + norm.eps, variance + norm.eps
    terms = (source / target).log() + (target + (mean - norm.running_mean).square()) / source - 1
    return 0.5 * float(terms.mean())
