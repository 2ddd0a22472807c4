"""Few images a class: more of them help, single draws vary, and a class added later disturbs none of the others."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from training.profile.few_shot import curve, with_class


def blobs(each: int, seed: int, classes: int = 4, noise: float = 1.2) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(classes).repeat(each)
    return centres[labels] + noise * torch.randn(len(labels), 8, generator=source), labels


def test_more_images_help_and_the_interval_narrows() -> None:
    shots = curve(blobs(20, 1), blobs(100, 2), 4)
    assert [shot.images for shot in shots] == [1, 2, 5, 10, 20]
    means = [shot.mean for shot in shots[:4]]
    assert means == sorted(means)
    assert shots[0].high - shots[0].low > shots[3].high - shots[3].low
    assert curve(blobs(20, 1), blobs(100, 2), 4) == shots


def test_a_size_that_a_class_does_not_have_is_left_out() -> None:
    features, labels = blobs(20, 1)
    keep = torch.cat([torch.nonzero(labels != 3).flatten(), torch.nonzero(labels == 3).flatten()[:4]])
    assert [s.images for s in curve((features[keep], labels[keep]), blobs(50, 2), 4)] == [1, 2, 16]


def test_a_class_added_later_leaves_the_others_as_they_were() -> None:
    features, labels = blobs(20, 1)
    normal = F.normalize(features, dim=1)
    head = 9 * F.normalize(torch.stack([normal[labels == c].mean(0) for c in range(3)]), dim=1)
    longer = with_class(head, features[labels == 3])
    assert torch.equal(longer[:3], head)
    assert longer[3].norm() == pytest.approx(9.0)
    test, truth = blobs(100, 2)
    answers = (F.normalize(test, dim=1) @ longer.T).argmax(1)
    assert float((answers[truth == 3] == 3).float().mean()) > 0.5
