"""Live curves on a quick run: rows appear in time, zoom and history survive reload, second tab, kill and restart."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from core.plans import RunConfig, to_json
from core.zoo import catalog
from dataset.ingest.samples import import_sample
from tests.e2e.conftest import Server, start_server
from training.jobs.executor import executor
from training.store.records import Job
from training.store.store import Store

LIVE = ".thaw-live"


@pytest.fixture
def run(server: Server) -> Job:
    """A long run of the small MLP on drawn shapes, started as the page would."""
    ref = import_sample("shapes", server.home)
    what = plan("scratch", catalog.backbone("mlp"), train_images=192, classes=4, options=Options(epochs=5000))
    job = Store(server.home).create_job("train", ref.id, to_json(RunConfig(ref.id, what)))
    return executor(server.home).submit(job.id)


def rows(page: Page) -> int:
    return int(page.locator(LIVE).get_attribute("data-rows") or 0)


def wait_for_rows(page: Page, more_than: int) -> int:
    page.wait_for_function(
        "n => Number(document.querySelector('.thaw-live')?.dataset.rows || 0) > n", arg=more_than, timeout=60_000
    )
    return rows(page)


def test_rows_appear_within_a_second_and_a_half(server: Server, page: Page, run: Job) -> None:
    page.goto(f"{server.url}/train?run={run.id}")
    wait_for_rows(page, 5)
    lags = []
    for _ in range(20):
        wait_for_rows(page, rows(page))
        lags.append(int(page.locator(LIVE).get_attribute("data-lag-ms") or 0))
    lags.sort()
    print(f"row written -> drawn: median {lags[10]} ms, worst of 20 {lags[-1]} ms")
    assert lags[-1] < 1500


def test_a_tab_that_nobody_sees_is_drawn_when_it_is_seen(server: Server, page: Page, run: Job) -> None:
    page.add_init_script("Object.defineProperty(document, 'hidden', { get: () => Boolean(window.__away) })")
    page.goto(f"{server.url}/train?run={run.id}")
    wait_for_rows(page, 5)
    page.wait_for_selector(f"{LIVE} .js-plotly-plot")

    def drawn() -> int:
        return int(page.locator(LIVE).get_attribute("data-drawn") or 0)

    page.evaluate("window.__away = true")
    wait_for_rows(page, rows(page))  # one poll that was under way may still draw
    before = drawn()
    seen = wait_for_rows(page, rows(page) + 5)
    assert drawn() == before, "rows are taken in, nothing is drawn"
    page.evaluate("window.__away = false; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_function(f"Number(document.querySelector('{LIVE}').dataset.drawn) > {before}", timeout=5000)
    points = "() => document.querySelector('.thaw-live .js-plotly-plot').data[0].x.length"
    assert page.evaluate(points) >= min(seen, 2500) - 1


def test_zoom_survives_new_rows(server: Server, page: Page, run: Job) -> None:
    page.goto(f"{server.url}/train?run={run.id}")
    wait_for_rows(page, 20)
    page.wait_for_selector(f"{LIVE} .js-plotly-plot")
    plot = page.locator(f"{LIVE} .nsewdrag").first
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.8, steps=8)
    page.mouse.up()
    read = "() => document.querySelector('.thaw-live .js-plotly-plot')._fullLayout.xaxis.range.map(x => x.toFixed(3))"
    page.wait_for_timeout(300)
    zoomed = page.evaluate(read)
    wait_for_rows(page, rows(page) + 10)
    assert page.evaluate(read) == zoomed
    assert page.locator(f"{LIVE} .js-plotly-plot").count() >= 1


def test_reload_second_tab_and_server_restart_show_the_whole_history(
    browser: Browser, server: Server, page: Page, run: Job
) -> None:
    address = f"{server.url}/train?run={run.id}"
    page.goto(address)
    before = wait_for_rows(page, 10)
    page.reload()
    assert wait_for_rows(page, before) > before
    second = browser.new_page()
    second.goto(address)
    assert wait_for_rows(second, before) > before
    second.close()

    port = int(server.url.rsplit(":", 1)[1])
    server.stop()
    expect(page.locator(LIVE)).to_have_attribute("data-offline", "true", timeout=20_000)
    known = rows(page)
    restarted = start_server(server.home, port)
    try:
        page.goto(address)
        assert wait_for_rows(page, known) > known
        first = "() => Math.min(...document.querySelector('.thaw-live .js-plotly-plot').data[0].x)"
        page.wait_for_selector(f"{LIVE} .js-plotly-plot .trace")
        assert page.evaluate(first) <= 2
    finally:
        restarted.stop()


def test_a_killed_worker_is_shown_and_resumed_from_the_page(server: Server, page: Page, run: Job) -> None:
    store = Store(server.home)
    page.goto(f"{server.url}/train?run={run.id}")
    checkpoint = Path(server.home) / "runs" / run.id / "checkpoint.pt"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    pid = store.job(run.id).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(LIVE)).to_have_attribute("data-state", "running", timeout=60_000)
    wait_for_rows(page, rows(page))
    assert store.job(run.id).attempt == 2

    page.get_by_role("button", name="Stop and keep the best").click()
    expect(page.locator(LIVE)).to_have_attribute("data-state", "stopped", timeout=60_000)
    assert store.job(run.id).result is not None
