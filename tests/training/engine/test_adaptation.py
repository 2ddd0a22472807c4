"""Two domains: the losses against textbooks, what may and may not depend on a target's labels, resuming."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import PlanError
from core.plans import Phase, RunConfig, Strategy
from tests.support.toys import HEAD, Recorder, equal, synthetic_task, task, weights
from training.backbones.backbone import Backbone, build
from training.caches.examples import VectorData
from training.caches.prefix import PrefixCache
from training.engine.alignment import KERNELS, Reverse, Target, discriminator, mmd, plane, ramp, told_apart
from training.engine.fit import Fit
from training.engine.progress import Fitted

CPU = torch.device("cpu")
SOURCE_ONLY = Strategy(
    "source_only", "mlp",
    (Phase(HEAD, 20, 0.0, optimizer="lbfgs"), Phase(1, 6, 1e-2, 1e-2, schedule="constant")), views=0,
)  # fmt: skip
ALIGNED = {
    "source_only": SOURCE_ONLY,
    "mmd": replace(SOURCE_ONLY, kind="mmd", align="mmd"),
    "dann": replace(SOURCE_ONLY, kind="dann", align="dann"),
}


def other(move: float = 1.0) -> VectorData:
    """The task's classes under a random linear map and moved away: 120 train, 60 validation, 60 test."""
    inputs, labels = synthetic_task(samples=240, noise=2.0, shift=0.3, seed=5)
    rows = {"train": np.arange(120), "val": np.arange(120, 180), "test": np.arange(180, 240)}
    return VectorData(inputs + move, labels, tuple("abcde"), rows, key="other")  # type: ignore[arg-type]


def adapt(
    kind: str, context: Recorder, *, target: VectorData | None = None, labelled: bool = True, resume: dict | None = None
) -> tuple[Fit, Fitted, Backbone, Target]:
    strategy, data, domain = ALIGNED[kind], task(), target or other()
    backbone = build("mlp", 5, inputs=10, seed=1)
    second = Target.of(
        strategy, backbone, domain, PrefixCache(backbone, domain, CPU, "fp32", None), 3, CPU, labelled=labelled
    )
    first = PrefixCache(backbone, data, CPU, "fp32", None)
    job = Fit(strategy, backbone, data, context, seed=3, device=CPU, prefix=first, target=second, resume=resume)
    return job, job.run(), backbone, second


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On vectors this small, threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# -- the losses, against textbooks ------------------------------------------------------------------------------


def slow_mmd(xs: list[list[float]], ys: list[list[float]], median: bool) -> float:
    """Gretton et al. 2012, equation (5), pair by pair in Python's own floats."""
    both = xs + ys

    def squared(a: list[float], b: list[float]) -> float:
        return sum((p - q) ** 2 for p, q in zip(a, b, strict=True))

    apart = [squared(a, b) for i, a in enumerate(both) for j, b in enumerate(both) if i != j]
    typical = sorted(apart)[(len(apart) - 1) // 2] if median else sum(apart) / len(apart)

    def kernel(a: list[float], b: list[float]) -> float:
        return sum(math.exp(-squared(a, b) / (2 * alpha * typical)) for alpha in KERNELS)

    def mean(us: list[list[float]], vs: list[list[float]]) -> float:
        return sum(kernel(u, v) for u in us for v in vs) / (len(us) * len(vs))

    return mean(xs, xs) + mean(ys, ys) - 2 * mean(xs, ys)


@pytest.mark.parametrize("median", [False, True])
@pytest.mark.parametrize(("n", "m", "d"), [(7, 9, 3), (20, 12, 16)])
def test_mmd_equals_the_textbook(median: bool, n: int, m: int, d: int) -> None:
    torch.manual_seed(0)
    source, target = torch.randn(n, d), 1.5 * torch.randn(m, d) + 0.5
    assert float(mmd(source, target, median=median)) == pytest.approx(
        slow_mmd(source.tolist(), target.tolist(), median), abs=1e-5
    )


def test_mmd_is_nothing_between_equal_samples_and_grows_as_they_part() -> None:
    torch.manual_seed(0)
    x = torch.randn(30, 4)
    assert float(mmd(x, x.clone())) == pytest.approx(0, abs=1e-5)
    far = [float(mmd(x, torch.randn(30, 4) + by)) for by in (0.0, 1.0, 3.0)]
    assert far == sorted(far)


def test_gradient_reversal_equals_finite_differences() -> None:
    """The discriminator's own gradient is that of its loss; what reaches the features is minus strength times it."""
    torch.manual_seed(0)
    strength, eps = 0.7, 1e-6
    net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    x = torch.randn(6, 5, dtype=torch.double)
    truth = torch.tensor([1.0, 1, 1, 0, 0, 0], dtype=torch.double)

    def loss(inputs: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(net(inputs).squeeze(1), truth)

    features = x.clone().requires_grad_(True)
    loss(Reverse.apply(features, strength)).backward()
    for place in range(x.numel()):
        up, down = x.clone().flatten(), x.clone().flatten()
        up[place] += eps
        down[place] -= eps
        slope = float((loss(up.view_as(x)) - loss(down.view_as(x))).detach()) / (2 * eps)
        assert float(features.grad.flatten()[place]) == pytest.approx(-strength * slope, abs=1e-5)
    weight = net[0].weight
    for place in range(weight.numel()):
        with torch.no_grad():
            kept = float(weight.view(-1)[place])
            weight.view(-1)[place] = kept + eps
            up = float(loss(x).detach())
            weight.view(-1)[place] = kept - eps
            down = float(loss(x))
            weight.view(-1)[place] = kept
        assert float(weight.grad.view(-1)[place]) == pytest.approx((up - down) / (2 * eps), abs=1e-5)


def test_the_lambda_schedule_runs_from_0_to_1_over_the_planned_steps() -> None:
    assert ramp(0) == 0
    assert ramp(0.5) == pytest.approx(2 / (1 + math.exp(-5)) - 1)
    assert 0.9999 < ramp(1) < 1
    seen: list[float] = []
    backbone = build("mlp", 5, inputs=10, seed=1)
    data, domain = task(), other()
    second = Target.of(
        ALIGNED["dann"], backbone, domain, PrefixCache(backbone, domain, CPU, "fp32", None), 3, CPU, labelled=True
    )
    job = Fit(
        ALIGNED["dann"], backbone, data, Recorder(), seed=3, device=CPU,
        prefix=PrefixCache(backbone, data, CPU, "fp32", None), target=second,
    )  # fmt: skip
    assert job._alignment is not None
    original = job._alignment.loss
    job._alignment.loss = lambda s, t, p: (seen.append(p), original(s, t, p))[1]  # type: ignore[method-assign]
    job.run()
    steps = 6 * math.ceil(180 / 32)
    assert seen == pytest.approx([step / steps for step in range(steps)])


# -- a run with two domains -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mmd", "dann"])
def test_the_domains_come_closer_and_every_epoch_says_how_far_they_are(kind: str) -> None:
    context = Recorder()
    job, fitted, _, _ = adapt(kind, context)
    assert fitted.best.epoch == 26  # the last epoch is kept: the source's validation cannot judge the target
    rows = context.epochs[20:]
    assert all(0 <= row["target_accuracy"] <= 1 and row["align_loss"] >= 0 for row in rows)
    assert ("domain_accuracy" in rows[0]) == (kind == "dann")
    assert all(0.4 < row["domain_accuracy"] <= 1 for row in rows if kind == "dann")
    before, after = context.notes["map_before"], context.notes["map_after"]
    assert len(before["source"]) == len(before["target"]) == 60
    if kind == "mmd":
        assert after["told_apart"] < before["told_apart"]
    assert job.strategy.keeps_last


def test_poisoned_target_labels_change_nothing() -> None:
    """The alignment never reads a label of the target: with every label wrong, every bit stays."""
    for kind in ("source_only", "mmd", "dann"):
        poisoned = other()
        poisoned.labels[:] = (poisoned.labels + 1) % 5
        clean_run, _, clean, clean_target = adapt(kind, Recorder())
        dirty_run, _, dirty, dirty_target = adapt(kind, Recorder(), target=poisoned)
        assert equal(weights(clean), weights(dirty)), kind
        rows = clean_target.data.rows["test"]
        assert np.array_equal(
            clean_target.judge.predict(clean_run.best.boundary, rows),
            dirty_target.judge.predict(dirty_run.best.boundary, rows),
        )
        _, _, unlabelled, _ = adapt(kind, context := Recorder(), labelled=False)
        assert equal(weights(clean), weights(unlabelled)), kind
        assert all("target_accuracy" not in row for row in context.rows)
        assert all(point[2] is None for point in context.notes["map_before"]["target"])


@pytest.mark.parametrize("kind", ALIGNED)
def test_a_run_stopped_anywhere_resumes_to_the_same_weights_and_metrics(kind: str) -> None:
    whole = Recorder()
    _, _, backbone, _ = adapt(kind, whole)
    final = weights(backbone)
    for stop_after in (whole.asked // 3, whole.asked // 2, whole.asked - 2):
        first = Recorder(stop_after)
        assert adapt(kind, first)[1].stopped
        second = Recorder()
        _, _, resumed, _ = adapt(kind, second, resume=first.saved)
        assert equal(final, weights(resumed)), f"stopped at check {stop_after}"
        assert second.epochs == whole.epochs[-len(second.epochs) :]
        assert second.notes["map_after"] == whole.notes["map_after"]
        assert "map_before" in first.notes and "map_before" not in second.notes


def test_the_gap_is_half_between_equal_domains_and_whole_between_far_ones() -> None:
    torch.manual_seed(0)
    x = torch.randn(200, 6)
    assert told_apart(x, torch.randn(200, 6)) == pytest.approx(0.5, abs=0.1)
    assert told_apart(x, torch.randn(150, 6) + 4) > 0.98
    assert told_apart(x[:4], x) is None, "too few"
    a, b, share = plane(x, x + 10)
    assert a.shape == (200, 2) and b.shape == (200, 2) and 0 < share <= 1


def test_examples_that_belong_together_do_not_tell_their_domain() -> None:
    """Noise, every example five times: whoever has seen one of the five knows the domain of the others."""
    torch.manual_seed(0)
    source, target = (torch.randn(20, 60).repeat_interleave(5, 0) for _ in range(2))
    groups = np.repeat(np.arange(20), 5)
    torn, whole = told_apart(source, target), told_apart(source, target, (groups, groups))
    assert torn is not None and whole is not None and torn > 0.9 > 0.7 > whole
    assert told_apart(source[:10], target, (np.zeros(10, int), groups)) is None, "one group cannot be held out"


def test_the_discriminator_depends_on_the_seed_alone() -> None:
    a, b, c = (discriminator(4, seed).state_dict() for seed in (1, 1, 2))
    assert equal(a, b) and not equal(a, c)


# -- contradictions ---------------------------------------------------------------------------------------------


def test_contradictions_are_refused_by_name() -> None:
    with pytest.raises(PlanError, match="'mmd' aligns two domains: give the second one"):
        RunConfig("a" * 16, ALIGNED["mmd"])
    with pytest.raises(PlanError, match="the same images: there is nothing to adapt to"):
        RunConfig("a" * 16, ALIGNED["mmd"], target_id="a" * 16)
    with pytest.raises(PlanError, match="'full' trains on one set of images"):
        RunConfig("a" * 16, Strategy("full", "mlp", (Phase(0, 1, 1e-3),)), target_id="b" * 16)
    with pytest.raises(PlanError, match="cannot align by 'dann'"):
        replace(ALIGNED["mmd"], align="dann")
    with pytest.raises(PlanError, match="cannot be combined with aligning two"):
        replace(ALIGNED["dann"], mixup=0.2)
