"""The coach on the live chart in a real browser, from rows and events written by hand."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.plans import Phase, RunConfig, Strategy, to_json
from dataset.ingest.samples import import_sample
from tests.e2e.conftest import Server
from training.store.records import Job
from training.store.store import Store

PLOT = "document.querySelector('.thaw-live .js-plotly-plot')"
FLAGS = (
    f"() => {PLOT}.layout.annotations.filter(a => a.captureevents && a.xref === 'x')"
    ".map(a => [a.text, a.x, a.bordercolor]).sort((a, b) => a[1] - b[1])"
)
OVERFIT = "Overfitting has begun: since epoch 2 the validation loss rose from 0.4 to 0.7."
QUIET = "Nothing to report: loss falls, no sign of overfitting."


@pytest.fixture
def run(server: Server) -> Job:
    """A run that has just been claimed: nothing works on it but this test."""
    ref = import_sample("shapes", server.home)
    plan = Strategy("linear_probe", "efficientnet_lite0", (Phase(8, 20, 1e-3),))
    store = Store(server.home)
    store.create_job("train", ref.id, to_json(RunConfig(ref.id, plan)))
    job = store.claim_next()
    assert job is not None
    return job


def rows(server: Server, run: Job, first: int, val: list[float], train: list[float] | None = None) -> None:
    """Epochs of 10 s and 64 images, the first one twice as long."""
    for row, loss in enumerate(val, first):
        values: dict[str, Any] = {
            "phase": 0, "epoch": row + 1.0, "step": 0, "seconds": 10.0 * (row + 2), "images": 64 * (row + 1),
            "train_loss": train[row - first] if train else 1.0 / (row + 1), "train_accuracy": 0.8, "val_loss": loss,
            "val_accuracy": 0.7, "lrs": [0.0] * 8 + [1e-3], "boundary": 8,
        }  # fmt: skip
        Store(server.home).add_metrics(run, row, values)


def event(server: Server, run: Job, level: str, kind: str, text: str, epoch: float) -> None:
    # An event's seconds count from the worker's start, a row's from the training's: they must not be mixed up.
    Store(server.home).add_event(run, level=level, kind=kind, text=text, epoch=epoch, seconds=10.0 * epoch + 500)


def wait_for_flags(page: Page, number: int) -> list[list[Any]]:
    page.wait_for_function(f"n => {PLOT}?.layout && ({FLAGS})().length === n", arg=number)
    found: list[list[Any]] = page.evaluate(FLAGS)
    return found


def test_flags_say_level_by_sign_and_stand_at_their_moment_on_every_axis(
    server: Server, page: Page, run: Job
) -> None:
    rows(server, run, 0, [0.9 - 0.02 * i for i in range(20)])
    event(server, run, "info", "cache", "Filled the cache.", 1.0)
    event(server, run, "info", "plateau", "No progress in 5 epochs.", 2.0)
    event(server, run, "caution", "overfitting", OVERFIT, 8.5)
    event(server, run, "bad", "spike", "The training loss jumped to <b>9</b>.", 15.2)
    page.goto(f"{server.url}/train?run={run.id}")
    flags = wait_for_flags(page, 3)
    assert [(text, x) for text, x, _ in flags] == [
        ("<b>i</b> Plateau", 2.0), ("<b>!</b> Overfitting", 8.5), ("<b>×</b> Loss spike", 15.2)
    ]  # fmt: skip
    assert len({colour for *_, colour in flags}) == 3
    drawn = page.locator(".thaw-live .annotation-text-g").filter(has_text=re.compile(r"^[i!×]( |$)")).all()
    boxes = [box for flag in drawn if (box := flag.bounding_box())]
    boxes.sort(key=lambda box: box["x"])
    assert len(boxes) == 6, "three above the loss, three above the accuracy"
    assert all(a["x"] + a["width"] <= b["x"] for a, b in pairwise(boxes)), boxes
    page.get_by_text("seconds", exact=True).click()
    page.wait_for_function(f"() => ({FLAGS})()[1]?.[1] === 95")
    page.get_by_text("images", exact=True).click()
    page.wait_for_function(f"() => ({FLAGS})()[1]?.[1] === 544")

    box = page.locator(".thaw-live .annotation-text-g").filter(has_text="Loss spike").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    # The sentence itself, tags and all: nothing in it is taken for markup.
    expect(page.locator(".thaw-live .hovertext")).to_contain_text("jumped to <b>9</b>.")


def test_flags_at_one_place_are_counted_and_come_apart_in_a_zoom(server: Server, page: Page, run: Job) -> None:
    rows(server, run, 0, [0.9 - 0.02 * i for i in range(20)])
    event(server, run, "caution", "budget", "It takes longer than planned.", 10.0)
    event(server, run, "bad", "spike", "The loss jumped.", 10.4)
    event(server, run, "caution", "overfitting", OVERFIT, 10.8)
    page.goto(f"{server.url}/train?run={run.id}")
    ((text, at, _),) = wait_for_flags(page, 1)
    assert (text, at) == ("<b>×</b> 3 reports", 10.0)
    page.evaluate(f"() => window.__thawPlotly.then(p => p.relayout({PLOT}, {{'xaxis.range': [9.5, 11.5]}}))")
    assert [x for _, x, _ in wait_for_flags(page, 3)] == [10.0, 10.4, 10.8]
    assert page.evaluate(f"() => {PLOT}._fullLayout.xaxis.range") == [9.5, 11.5]
    page.get_by_role("button", name="Reset zoom").click()
    wait_for_flags(page, 1)


def test_the_panel_is_quiet_only_while_that_is_true_then_shows_the_latest(
    server: Server, page: Page, run: Job
) -> None:
    rows(server, run, 0, [0.9, 0.8])
    page.goto(f"{server.url}/train?run={run.id}")
    panel = page.locator(".thaw-live .l-coach")
    expect(panel).to_contain_text("too early to say")
    rows(server, run, 2, [0.7, 0.6])
    expect(panel).to_contain_text(QUIET)
    rows(server, run, 4, [0.7])
    expect(panel).to_contain_text("validation loss is above its lowest")
    expect(panel).not_to_contain_text(QUIET)
    rows(server, run, 5, [0.5], train=[1.5])
    expect(panel).to_contain_text("training loss has not fallen")
    event(server, run, "caution", "few_steps", "Phase 1 makes only 8 optimisation steps.", 0.0)
    event(server, run, "caution", "overfitting", OVERFIT, 6.0)
    expect(panel).to_contain_text("Coach: Overfitting")
    expect(panel).to_contain_text(OVERFIT)
    expect(panel).to_contain_text("caution · epoch 6 · latest of 2")
    expect(page.locator(".thaw-live .l-log")).to_contain_text("Too few steps. Phase 1 makes only 8")
    Store(server.home).finish(run, {"seconds": 70.0})
    expect(page.locator(".thaw-live")).to_have_attribute("data-state", "finished")
    expect(panel).to_contain_text(OVERFIT)


def test_a_run_that_ended_without_a_report_has_no_panel(server: Server, page: Page, run: Job) -> None:
    rows(server, run, 0, [0.9, 0.8, 0.7, 0.6])
    page.goto(f"{server.url}/train?run={run.id}")
    expect(page.locator(".thaw-live .l-coach")).to_contain_text(QUIET)
    Store(server.home).finish(run, {"seconds": 50.0})
    expect(page.locator(".thaw-live .l-coach")).to_be_empty()


def test_the_range_test_appears_while_the_page_is_open(server: Server, page: Page, run: Job) -> None:
    rows(server, run, 0, [0.9])
    page.goto(f"{server.url}/train?run={run.id}")
    expect(page.locator(".thaw-live .l-coach")).to_contain_text("too early")
    folder = Store(server.home).home / "runs" / run.id
    folder.mkdir(parents=True)
    test = {"lrs": [1e-4, 1e-3, 1e-2], "losses": [1, 0.5, 2], "suggestion": 5e-4, "used": 1e-3}
    (folder / "lr_range.json").write_text(json.dumps(test))
    event(server, run, "info", "lr_range", "The range test suggests 5e-4.", 0.0)
    page.get_by_text("Learning-rate range test").click(timeout=15_000)
    expect(page.get_by_text("suggested 5e-4")).to_be_visible()
    expect(page.get_by_text("used 1e-3")).to_be_visible()
