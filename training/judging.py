"""Judging the backbone as it is: on the validation rows after each epoch, on the test rows once, at the end."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from advisor.plans import Phase
from training.backbones import Backbone
from training.data import Data, Rows
from training.inputs import Inputs


class Judge:
    """Answers of one backbone on rows of one dataset, through the caches where they hold what is needed."""

    def __init__(self, inputs: Inputs, backbone: Backbone, data: Data) -> None:
        self._inputs, self._backbone, self._data = inputs, backbone, data
        held = data.labels[torch.from_numpy(data.rows["val"])]
        self.val_counts: list[int] = torch.bincount(held, minlength=len(data.classes)).tolist()
        """Validation images of each class."""

    @torch.no_grad()
    def validate(self, phase: Phase) -> tuple[float, float, list[int]]:
        """Mean loss and accuracy over the validation rows, in eval mode, and how often each class was answered.

        Leaves the backbone in the phase's mode.
        """
        rows = self._data.rows["val"]
        self._backbone.eval()
        loss, correct = 0.0, 0
        predicted = torch.zeros(len(self._data.classes), dtype=torch.long)
        for logits, labels in self._inputs.logits(phase.boundary, rows):
            answers = logits.argmax(1)
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            correct += int((answers == labels).sum())
            predicted += torch.bincount(answers.cpu(), minlength=len(predicted))
        self._backbone.set_phase(phase)
        return loss / max(1, len(rows)), correct / max(1, len(rows)), predicted.tolist()

    @torch.no_grad()
    def predict(self, boundary: int, rows: Rows) -> Tensor:
        """Class probabilities [len(rows), classes], on the CPU. `boundary`: below it nothing was trained."""
        self._backbone.eval()
        parts = [logits.softmax(1).cpu() for logits, _ in self._inputs.logits(boundary, rows)]
        return torch.cat(parts) if parts else torch.zeros(0, len(self._data.classes))
