import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from core.decode import decode
from core.errors import PlanError
from core.plans import KINDS, to_json
from core.zoo import catalog
from core.zoo.cards import BackboneCard
from core.zoo.curated import CURATED

LITES = {
    # name: (all parameters below the head, side of its image)
    "efficientnet_lite0": (3_371_008, 224),
    "efficientnet_lite1": (4_135_680, 240),
    "efficientnet_lite2": (4_811_072, 260),
}


@pytest.mark.parametrize("name", LITES)
def test_lites(name: str) -> None:
    card = catalog.backbone(name)
    assert card.stage_names == ("stem", *(f"stage {i}" for i in range(1, 8)), "head")
    assert card.head == 8
    assert (sum(stage.params for stage in card.stages), card.image_px) == LITES[name]
    assert card.pretrained
    assert card.imagenet_top1
    assert card.licence == "Apache-2.0"


def test_head_depends_on_the_classes() -> None:
    card = catalog.BACKBONES[catalog.DEFAULT_BACKBONE]
    assert card.params(10)[-1] == 1280 * 10 + 10
    assert len(card.params(10)) == len(card.stage_names)
    with pytest.raises(PlanError, match="at least 2 classes, not 1"):
        card.params(1)


def test_mlp_knows_nothing() -> None:
    card = catalog.backbone("mlp")
    assert card.stage_names == ("hidden 1", "hidden 2", "head")
    assert card.params(3) == (64 * 32 + 32, 32 * 16 + 16, 16 * 3 + 3)
    assert not card.pretrained
    assert card.imagenet_top1 is None


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(PlanError, match=r"no backbone called 'resnet'; choose one of efficientnet_lite0, "):
        catalog.backbone("resnet")
    with pytest.raises(PlanError, match=r"no strategy called 'magic'; choose one of prototype, linear_probe"):
        catalog.strategy("magic")


def test_every_kind_has_a_card_in_order() -> None:
    assert tuple(catalog.STRATEGIES) == KINDS
    assert catalog.strategy("partial") is catalog.STRATEGIES["partial"]


def test_no_two_strategies_look_alike() -> None:
    cards = catalog.STRATEGIES.values()
    assert all(re.fullmatch(r"#[0-9A-F]{6}", card.colour) for card in cards)
    assert len({card.colour for card in cards}) == len(KINDS)
    assert len({card.marker for card in cards}) == len(KINDS)


def test_colours_are_the_agreed_ramp() -> None:
    assert [card.colour for card in catalog.STRATEGIES.values()] == [
        "#8EC5F2",
        "#3B8FE0",
        "#5B7BD5",
        "#8E6BC4",
        "#C2609F",
        "#EE7A3B",
        "#7A828C",
        # for a second domain: source only, MMD, DANN
        "#8C7B5E",
        "#1F9E9E",
        "#A8457E",
    ]


def test_every_curated_backbone_says_what_a_choice_needs() -> None:
    for card in CURATED:
        assert card.stages and card.fit_for.endswith(".") and card.licence
        assert catalog.safe_name(card.name) == card.name
        if card.pretrained:
            assert 70 < (card.imagenet_top1 or 0) < 90
            assert bool(card.hub) == bool(card.download_bytes)
    assert catalog.DEFAULT_BACKBONE in catalog.BACKBONES


def test_cards_of_a_home_are_found_as_soon_as_they_are_written(tmp_path: Path) -> None:
    catalog.load_cards(tmp_path)
    assert catalog.known("mine") is None
    card = replace(catalog.backbone("resnet50"), name="mine")
    folder = tmp_path / "backbones"
    folder.mkdir()
    (folder / "mine.json").write_text(json.dumps(to_json(card)))
    (folder / "resnet50.json").write_text(json.dumps(to_json(replace(card, name="resnet50", title="Mine"))))
    (folder / "other.json").write_text(json.dumps(to_json(card)))
    assert catalog.backbone("mine") == card
    assert catalog.backbone("resnet50").title == "ResNet-50", "a curated card is never replaced"
    assert catalog.known("other") is None, "a card under another's name is none"
    catalog.load_cards(tmp_path / "elsewhere")
    assert "mine" not in catalog.BACKBONES and "resnet50" in catalog.BACKBONES


def test_a_card_survives_its_file() -> None:
    card = catalog.backbone("vgg16")
    assert decode(json.loads(json.dumps(to_json(card))), BackboneCard, "It") == card


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x", "x.", "a.b.c", "x\n"])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(PlanError, match="is no backbone's name"):
        catalog.safe_name(name)
