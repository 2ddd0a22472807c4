"""Which validation images are judged, and that a run which judges some of them says so and resumes to the same end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.toys import STRATEGIES, Recorder, equal, fit, task, weights
from training.engine.judge import proportional


@pytest.mark.parametrize("images", [10, 37, 90])
def test_a_sample_has_every_class_in_proportion(images: int) -> None:
    labels = np.array([0] * 60 + [1] * 30 + [2] * 10)
    rows = np.arange(100)
    chosen = proportional(rows, labels, images)
    assert len(set(chosen.tolist())) == images
    assert list(chosen) == sorted(chosen)
    counts = np.bincount(labels[chosen], minlength=3)
    assert all(abs(int(n) - images * share) <= 1 for n, share in zip(counts, (0.6, 0.3, 0.1), strict=True))
    assert np.array_equal(chosen, proportional(rows, labels, images))


def test_a_run_that_judges_a_sample_says_so_once() -> None:
    context = Recorder()
    held = len(task().rows["val"])
    fit(replace(STRATEGIES["gradual"], judged=held // 2), context)
    said = [text for text in context.events if text.startswith("After each epoch")]
    assert len(said) == 1
    assert said[0].startswith(f"After each epoch {held // 2} of the {held} validation images are judged")
    context = Recorder()
    fit(replace(STRATEGIES["gradual"], judged=held), context)
    assert not [text for text in context.events if text.startswith("After each epoch")]


def test_what_follows_a_solved_head_is_compared_with_it_on_the_same_images() -> None:
    """Else a sample that happens to be easy would beat the head, or a hard one never."""
    strategy = replace(STRATEGIES["lp_ft"], judged=20)
    still = replace(strategy.phases[-1], epochs=1, lr_head=0.0, lr_stage=0.0)
    job, fitted, _ = fit(replace(strategy, phases=(strategy.phases[0], still)), Recorder())
    loss, accuracy, predicted = job.judge.validate(fitted.best.boundary)
    assert sum(predicted) == 20
    assert (fitted.best.val_loss, fitted.best.val_accuracy) == (pytest.approx(loss), accuracy)


@pytest.mark.parametrize("stop_after", [3, 9, 14])
def test_a_sampled_run_resumes_to_the_same_weights(stop_after: int) -> None:
    strategy = replace(STRATEGIES["lp_ft"], judged=20)
    _, whole, backbone = fit(strategy, Recorder())
    first = Recorder(stop_after)
    fit(strategy, first)
    _, resumed, again = fit(strategy, Recorder(), resume=first.saved)
    assert equal(weights(backbone), weights(again))
    assert (whole.best.val_accuracy, whole.best.val_loss) == (resumed.best.val_accuracy, resumed.best.val_loss)
