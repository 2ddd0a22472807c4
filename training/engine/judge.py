"""Judging the backbone as it is: on the validation rows after each epoch, on the test rows once, at the end."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from training.backbones import Backbone
from training.caches import Data, Inputs, Rows
from training.engine.clock import Clock

SAMPLED, WARMED = 32, 8
"""Validation images that tell what judging one takes, and how many are judged before: the first warm up."""
DOUBTFUL, DOUBTED = 0.7, 0.05
"""Judging is measured again where it would take more than the first share of the time left, by as many images as take
the second: first after `DOUBT_S`, then after twice as long each time."""
DOUBT_S = 1.0
DOUBTED_ABOVE = 0.1
"""Share of the budget that has to be left for it to be measured again before a run is ended."""


class Judge:
    """Answers of one backbone on rows of one dataset, through the caches where they hold what is needed."""

    def __init__(self, inputs: Inputs, backbone: Backbone, data: Data, judged: int | None = None) -> None:
        """judged: validation images that are looked at; None = all."""
        self._inputs, self._backbone, self._data = inputs, backbone, data
        self._rows = data.rows["val"]
        if judged is not None and judged < len(self._rows):
            self._rows = proportional(self._rows, data.labels, judged)
        self.sampled = len(self._rows) < len(data.rows["val"])
        """Whether only some of the validation images are judged."""
        held = data.labels[self._rows]
        self.val_counts: list[int] = np.bincount(held, minlength=len(data.classes)).tolist()
        """Validation images of each class."""

    @torch.no_grad()
    def validate(self, boundary: int) -> tuple[float, float, list[int]]:
        """Mean loss and accuracy over the judged rows, and how often each class was answered.

        boundary: below it nothing was trained. Leaves the backbone in eval mode.
        """
        rows = self._rows
        self._backbone.eval()
        loss, correct = 0.0, 0
        predicted = torch.zeros(len(self._data.classes), dtype=torch.long)
        for logits, labels in self._inputs.logits(boundary, rows):
            answers = logits.argmax(1)
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            correct += int((answers == labels).sum())
            predicted += torch.bincount(answers.cpu(), minlength=len(predicted))
        return loss / max(1, len(rows)), correct / max(1, len(rows)), predicted.tolist()

    def sample_text(self) -> str:
        judged, held = len(self._rows), len(self._data.rows["val"])
        return (
            f"After each epoch {judged:,} of the {held:,} validation images are judged, "
            "always the same ones with every class in proportion: all of them would take too much of the time."
        )

    def answer(self, boundary: int, rows: Rows) -> None:
        """Answers of these rows as `validate` makes them, for the time that it takes."""
        for _ in self._inputs.logits(boundary, rows):
            pass

    @torch.no_grad()
    def predict(self, boundary: int, rows: Rows) -> NDArray[np.float32]:
        """Class probabilities [len(rows), classes], in the arithmetic of the export. `boundary`: below it
        nothing was trained."""
        self._backbone.eval()
        parts = [logits.softmax(1).cpu().numpy() for logits, _ in self._inputs.logits(boundary, rows, exact=True)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self._data.classes)), np.float32)


class JudgingTime:
    """What judging an image takes, for a run's clock: measured on a few before the first validation can tell, and again
    where that moment may have been a busy one. Leaves the backbone in eval mode."""

    def __init__(self, judge: Judge, clock: Clock, rows: Rows) -> None:
        """rows: of the validation images."""
        self._judge, self._clock, self._rows = judge, clock, rows
        self._doubt_s, self._doubted_at = DOUBT_S, time.perf_counter()
        """Seconds until it may be measured again, and when it last was; endless once it is known."""

    def measure(self, boundary: int, images: int = SAMPLED, warm: int = WARMED) -> None:
        """boundary: of the phase that follows."""
        clock = self._clock
        if clock.budget_s is None:
            return
        with clock.overhead(), torch.no_grad():
            rows = self._rows[:images]
            if warm:
                self._judge.predict(boundary, rows[:warm])
            began = time.perf_counter()
            self._judge.predict(boundary, rows)
            clock.testing_took(time.perf_counter() - began, len(rows))
            began = time.perf_counter()
            self._judge.answer(boundary, rows)
            clock.judging_took(time.perf_counter() - began, len(rows))
        clock.tick()

    def known(self) -> None:
        """All validation images were judged, which tells it better than a few."""
        self._doubt_s = math.inf

    def doubt(self, boundary: int) -> bool:
        """Measure it again, on a few, where it would take most of the rest; whether that was done."""
        clock, waited = self._clock, time.perf_counter() - self._doubted_at
        return clock.to_come() > DOUBTFUL * clock.unused() and waited > self._doubt_s and self._again(boundary)

    def relieves(self, boundary: int) -> bool:
        """Whether there is time for more after all: a run that looks late is looked at again while much is left."""
        much = self._clock.unused() > DOUBTED_ABOVE * (self._clock.budget_s or math.inf)
        return much and self._doubt_s < math.inf and self._again(boundary) and not self._clock.over

    def _again(self, boundary: int) -> bool:
        """False where even one image would take too long."""
        clock = self._clock
        images = int(DOUBTED * clock.unused() / max(1e-6, clock.judge_s, clock.test_s))
        if images < 1:
            return False
        self.measure(boundary, min(images, WARMED), warm=0)
        self._doubt_s, self._doubted_at = 2 * self._doubt_s, time.perf_counter()
        return True


def proportional(rows: Rows, labels: Rows, images: int) -> Rows:
    """So many of `rows`, ascending, drawn at random with every class in proportion; always the same ones."""
    shuffled = np.random.default_rng(0).permutation(rows)
    own = labels[shuffled]
    place = np.zeros(len(rows))
    for label in np.unique(own):
        of = own == label
        place[of] = (np.arange(of.sum()) + 0.5) / of.sum()  # the first half of every class comes before its second
    chosen: Rows = np.sort(shuffled[np.argsort(place, kind="stable")[:images]])
    return chosen
