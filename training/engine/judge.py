"""Judging the backbone as it is: on the validation rows after each epoch, on the test rows once, at the end."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from training.backbones import Backbone
from training.caches import Data, Inputs, Rows


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

    @torch.no_grad()
    def predict(self, boundary: int, rows: Rows) -> NDArray[np.float32]:
        """Class probabilities [len(rows), classes], in the arithmetic of the export. `boundary`: below it
        nothing was trained."""
        self._backbone.eval()
        parts = [logits.softmax(1).cpu().numpy() for logits, _ in self._inputs.logits(boundary, rows, exact=True)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self._data.classes)), np.float32)


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
