"""The pictures as a reader of the page, or of its source, meets them: well-formed, labelled, escaped, on one scale."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from advisor.rulebooks import RULEBOOKS
from advisor.rulebooks.tree import Situation, answer
from core.plans import Kind, Phase, Strategy
from core.types import Candidate, Estimate
from core.zoo.catalog import BACKBONES, STRATEGIES
from training.report.freeze_map import FLOOR, widths
from ui import pictures
from ui.pictures.theme import FROZEN, TRAINED, css, strategy_style
from ui.pictures.words import ago, esc, interval, learning_rate, params, percent

CARD = BACKBONES["efficientnet_lite0"]
EVIL = "<script>alert('x')</script>\n\n    & \"quoted\""
PARTIAL = [stage >= 6 for stage in range(9)]


def parse(html: str) -> ET.Element:
    """Strict: a picture that is not well-formed would break the page around it."""
    return ET.fromstring(f"<root>{html}</root>")


def candidate(kind: Kind = "partial", accuracy: Estimate | None = None, **changes: object) -> Candidate:
    one_phase = Strategy(kind, CARD.name, (Phase(6, 5, 1e-3, 1e-4),), pretrained=kind != "scratch")
    values: dict[str, object] = {
        "strategy": one_phase, "trainable_params": 2_683_050, "total_params": 3_383_818,
        "stage_lrs": (0.0,) * 6 + (1e-4, 1e-4, 1e-3), "seconds": 160.0, "cached_seconds": 4.0, "fits": True,
        "accuracy": accuracy, "why": "It adapts the top.",
    }  # fmt: skip
    return Candidate(**{**values, **changes})  # type: ignore[arg-type]


def test_widths_fill_the_row_and_no_block_is_too_narrow():
    for card in BACKBONES.values():
        found = widths(card.params(10))
        assert sum(found) == pytest.approx(100)
        assert min(found) >= FLOOR - 1e-9
    assert widths([5, 5]) == [50, 50]
    many = widths([1] * 40)
    assert many == pytest.approx([2.5] * 40)


def test_wider_blocks_hold_more_parameters():
    found, sizes = widths(CARD.params(10)), CARD.params(10)
    assert found[6] == max(found)
    assert sizes[6] == max(sizes)


def test_freeze_map_marks_each_stage_by_class_glyph_and_word():
    root = parse(pictures.freeze_map(CARD, PARTIAL, [0.0] * 6 + [1e-4, 1e-4, 1e-3], 10))
    blocks = [e for e in root.iter("g") if "thaw-block" in e.get("class", "")]
    assert ["is-trained" in (b.get("class") or "") for b in blocks] == PARTIAL
    assert [b.get("data-stage") for b in blocks] == [str(i) for i in range(9)]
    titles = [b.findtext("title") or "" for b in blocks]
    assert titles[0] == "stem: frozen, 928 parameters"
    assert titles[6] == "stage 6: trained, 1,652,640 parameters, learning rate 1e-4"
    svg = next(root.iter("svg"))
    assert svg.get("role") == "img"
    assert "3 of 9 stages trained" in (svg.get("aria-label") or "")
    assert "head trained at 1e-3" in (svg.findtext("desc") or "")


def test_freeze_map_merges_labels_when_small_and_names_a_solved_head():
    html = pictures.freeze_map(CARD, [False] * 8 + [True], [0.0] * 8 + [1.0], 10, compact=True)
    assert "is-compact" in html
    assert ">frozen</text>" in html
    assert ">solved</text>" in html
    decayed = pictures.freeze_map(CARD, [True] * 9, [1e-6 * 2**i for i in range(8)] + [1e-3], 10, compact=True)
    assert "1e-6 – 1.3e-4" in decayed


def test_freeze_map_refuses_states_of_another_backbone():
    with pytest.raises(ValueError, match="has 9 stages, but 2 states were given"):
        pictures.freeze_map(CARD, [True, False], None, 10)


@pytest.mark.parametrize("name", list(RULEBOOKS))
@pytest.mark.parametrize("images", [300, 5_000, 50_000, 500_000])
@pytest.mark.parametrize("similarity", ["high", "low"])
def test_the_tree_lights_exactly_the_path_of_the_answer(name, images, similarity):
    book = RULEBOOKS[name]
    said = answer(book, Situation(images, similarity, 90, "accuracy"))
    root = parse(pictures.decision_tree(book, said))
    lit_edges = [p for p in root.iter("path") if p.get("class") == "t-edge lit"]
    lit_boxes = [r for r in root.iter("rect") if (r.get("class") or "").startswith("t-rim lit")]
    assert len(lit_edges) == len(said.path)
    assert len(lit_boxes) == len(said.path) + 1
    assert f"Answer: {said.says}" in (next(root.iter("svg")).get("aria-label") or "")


@pytest.mark.parametrize("book", RULEBOOKS.values(), ids=list(RULEBOOKS))
def test_boxes_of_a_tree_do_not_overlap_and_stay_on_the_canvas(book):
    root = parse(pictures.decision_tree(book, answer(book, Situation(500, "high", 10, "speed"))))
    width, height = (float(part) for part in (next(root.iter("svg")).get("viewBox") or "").split()[2:])
    boxes = [
        tuple(float(r.get(name) or 0) for name in ("x", "y", "width", "height"))
        for r in root.iter("rect")
        if (r.get("class") or "").startswith("t-rim")
    ]
    assert len(boxes) == len(book.nodes)
    for i, (x, y, w, h) in enumerate(boxes):
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
        for x2, y2, w2, h2 in boxes[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_cards_share_one_axis_and_an_unknown_forecast_stays_a_word():
    scale = pictures.axis_scale([Estimate(0.94, 0.90, 0.97), Estimate(0.6, 0.5, 0.7), None])
    assert scale.low <= 0.5
    assert scale.high >= 0.97
    known = pictures.strategy_card(candidate(accuracy=Estimate(0.94, 0.9, 0.97)), CARD, 10, scale, best=True)
    assert "94% (90–97)" in known
    assert "best bet" in known
    assert "2.68 M (79.3%)" in known
    assert "2 min 40 s" in known
    unknown = pictures.strategy_card(candidate(seconds=None, fits=False, limits=("Cut to 3 epochs.",)), CARD, 10, scale)
    assert "not forecast" in unknown
    assert "unknown" in unknown
    assert "over budget" in unknown
    assert "Cut to 3 epochs." in unknown
    parse(known)
    parse(unknown)


@pytest.mark.parametrize(
    ("kind", "epochs", "where", "trained"),
    [
        ("linear_probe", "7 solver passes", "the head", 1),
        ("partial", "probe + 7", "stage 6 and up", 3),
        ("gradual", "probe + 7 in 4 phases", "stage 7 and up, then every stage", 9),
        ("lp_ft", "probe + 7", "every stage", 9),
        ("full", "probe + 7", "every stage", 9),
    ],
)
def test_cards_count_no_solver_pass_as_an_epoch(kind, epochs, where, trained):
    planned = plan(kind, CARD, train_images=1_000, classes=10, options=Options(epochs=7))
    html = pictures.strategy_card(candidate(kind, strategy=planned), CARD, 10, pictures.Scale(0, 1))
    assert f"<dt>Epochs</dt><dd>{epochs}</dd>" in html
    assert f"<small>{where}</small>" in html
    assert f"{trained} of 9 stages trained" in html
    parse(html)


def test_axis_scale_of_nothing_and_of_equal_values():
    assert pictures.axis_scale([None]) == pictures.Scale(0.0, 1.0)
    scale = pictures.axis_scale([Estimate(1.0, 1.0, 1.0)])
    assert scale.high == 1.0
    assert scale.high - scale.low >= 0.1 - 1e-9
    assert 3 <= len(pictures.axis_scale([Estimate(0.5, 0.2, 0.9)]).ticks) <= 8


@pytest.mark.parametrize(
    "html",
    [
        pictures.notice("bad", EVIL, EVIL, EVIL),
        pictures.tiles([(EVIL, EVIL, EVIL)]),
        pictures.accuracy_axis([pictures.AxisRow(EVIL, "full", Estimate(0.5, 0.4, 0.6, EVIL), EVIL)]),
        pictures.badge(EVIL),
        pictures.strategy_card(candidate(why=EVIL, limits=(EVIL,)), CARD, 10, pictures.Scale(0, 1)),
    ],
)
def test_user_text_is_escaped_and_kept_on_one_line(html):
    parse(html)
    assert "<script" not in html
    assert "\n" not in html  # a newline would end the HTML block inside Markdown


def test_states_are_words_not_only_colours():
    for state, word in (("running", "training"), ("lost", "worker lost"), ("stopped", "best kept")):
        assert word in pictures.badge(state)


def test_chips_say_who_is_followed():
    answers = [answer(book, Situation(1443, "low", 90, "accuracy")) for book in RULEBOOKS.values()]
    html = pictures.rulebook_chips(answers, followed="course")
    assert html.count("(followed)") == 1
    assert "Course: <b>Partial fine-tuning</b> (followed)" in html
    parse(html)


def test_every_strategy_has_its_own_colour_and_marker_and_a_mark():
    assert len({strategy_style(kind).colour for kind in STRATEGIES}) == len(STRATEGIES)
    assert len({strategy_style(kind).marker for kind in STRATEGIES}) == len(STRATEGIES)
    for kind in STRATEGIES:
        parse(pictures.mark(kind))
        assert strategy_style(kind).colour in pictures.mark(kind)


def test_colours_of_meaning_are_written_once():
    for path in ("ui/pictures/style.css", "training/report/templates/figures.css",
    "training/report/templates/report.css"):
        sheet = Path(path).read_text(encoding="utf-8")
        assert FROZEN not in sheet and TRAINED not in sheet
    assert f"--thaw-frozen:{FROZEN}" in css()
    assert css().count("{") == css().count("}")


def test_words():
    assert interval(None) == "not forecast"
    assert percent(None) == "unknown"
    assert [params(n) for n in (928, 12_810, 999_499, 999_600, 3_370_000)] == [
        "928",
        "12.8 k",
        "999 k",
        "1 M",
        "3.37 M",
    ]
    assert learning_rate(0) == "frozen"
    assert learning_rate(3e-5) == "3e-5"
    assert ago(100, now=280) == "3 min ago"
    assert esc("a\nb <i>") == "a b &lt;i&gt;"
