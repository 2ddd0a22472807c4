"""Maps lie where the evidence is: exact where the head is linear on averages, else by gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.plans import Head
from training.backbones.backbone import Backbone
from training.understand.activation_maps import maps, painted, plane_of


class Pool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


class Tokens(nn.Module):
    """Patches of 8 px as tokens behind a class token, which one attention layer reads."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 8, stride=8)
        self.cls = nn.Parameter(torch.zeros(1, 1, 8))
        self.norm = nn.Identity()
        self.attention = nn.MultiheadAttention(8, 1, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.embed(x).flatten(2).transpose(1, 2)
        tokens = self.norm(torch.cat([self.cls.expand(len(x), -1, -1), patches], dim=1))
        mixed: Tensor = tokens + self.attention(tokens, tokens, tokens)[0]
        return mixed[:, 0]


def backbone(*stages: nn.Module, width: int, head: Head = "linear") -> Backbone:
    torch.manual_seed(0)
    net = nn.Sequential(*stages)
    names = tuple(f"stage {i}" for i in range(len(stages)))
    made = Backbone("tiny", net, list(stages), names, width, 3, None, "random", head=head)
    if head == "linear":
        nn.init.normal_(made.head.weight)
    return made


def bright_corner() -> Tensor:
    """Two pictures, dark but for one quarter: top left, bottom right."""
    pictures = torch.zeros(2, 3, 32, 32)
    pictures[0, :, :12, :12] = 1.0
    pictures[1, :, 20:, 20:] = 1.0
    return pictures


def colour_detector() -> nn.Conv2d:
    layer = nn.Conv2d(3, 4, 3, padding=1, bias=False)
    nn.init.constant_(layer.weight, 0.1)
    return layer


def test_a_linear_head_on_averages_gives_exact_maps() -> None:
    network = backbone(nn.Sequential(colour_detector(), nn.ReLU()), Pool(), width=4)
    plane = plane_of(network, bright_corner())
    assert plane is not None
    assert (plane.kind, plane.tokens) == ("CAM", None)
    nn.init.constant_(network.head.weight, 1.0)
    heat = maps(network, plane, bright_corner(), torch.tensor([0, 1]))
    assert heat.shape == (2, 32, 32)
    assert heat[0, :12, :12].mean() > 0.8 and heat[0, 20:, 20:].max() == 0
    assert heat[1, 20:, 20:].mean() > 0.8 and heat[1, :12, :12].max() == 0
    assert float(heat.max()) == pytest.approx(1.0)


def test_a_head_with_a_hidden_layer_has_maps_by_gradient() -> None:
    network = backbone(nn.Sequential(colour_detector(), nn.ReLU()), Pool(), width=4, head="hidden")
    for layer in (network.head[0], network.head[3]):
        nn.init.constant_(layer.weight, 0.1)
    plane = plane_of(network, bright_corner())
    assert plane is not None and plane.kind == "Grad-CAM"
    heat = maps(network, plane, bright_corner(), torch.tensor([0, 1]))
    assert heat[0, :12, :12].mean() > 0.8 and heat[0, 20:, 20:].max() == 0


def test_where_more_lies_between_plane_and_head_maps_go_by_gradient() -> None:
    hidden = nn.Linear(4, 4)
    nn.init.constant_(hidden.weight, 0.5)
    network = backbone(nn.Sequential(colour_detector(), nn.ReLU()), nn.Sequential(Pool(), hidden, nn.ReLU()), width=4)
    nn.init.constant_(network.head.weight, 1.0)
    plane = plane_of(network, bright_corner())
    assert plane is not None and plane.kind == "Grad-CAM"
    heat = maps(network, plane, bright_corner(), torch.tensor([0, 1]))
    assert heat[0, :12, :12].mean() > 0.8 and heat[0, 20:, 20:].max() == 0


def test_a_transformer_is_asked_before_its_last_mixing_of_tokens() -> None:
    network = backbone(Tokens(), width=8)
    plane = plane_of(network, torch.rand(2, 3, 32, 32))
    assert plane is not None
    assert (plane.kind, plane.tokens) == ("Grad-CAM", 1)
    assert maps(network, plane, torch.rand(2, 3, 32, 32), torch.tensor([0, 2])).shape == (2, 32, 32)


def test_vectors_have_no_map() -> None:
    assert plane_of(backbone(nn.Linear(10, 4), width=4), torch.rand(2, 10)) is None


def test_painting_keeps_the_picture_where_the_map_is_empty_and_covers_it_where_it_is_full() -> None:
    picture = np.full((4, 4, 3), 100, dtype=np.uint8)
    heat = np.zeros((4, 4))
    heat[0, 0] = 1.0
    out = painted(picture, heat)
    assert out[3, 3].tolist() == [62, 62, 62]
    assert out[0, 0, 0] > 190
