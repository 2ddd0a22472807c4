"""One run understood in a real browser: a cell of the matrix, its images, two relabelled, trained again, compared.

One journey with real workers, because starting server, browser and workers is what costs.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from playwright.sync_api import Page, expect

from advisor.planning.strategies import plan
from core.plans import RunConfig, to_json
from core.types import DatasetRef
from core.zoo import catalog
from dataset.ingest.sources import import_path
from dataset.revisions import current
from tests.conftest import write_images
from tests.e2e.conftest import Server
from tests.e2e.test_journey import shoot
from training.jobs.executor import executor
from training.store.records import Job
from training.store.store import Store

SLOW = 240_000
PLANTED = ("round/planted0.png", "round/planted1.png")
"""Squares that lie in the folder of the round ones."""


def mislabelled(home: Path, place: Path) -> DatasetRef:
    write_images(place, classes=("round", "square"), split={"train": 14, "test": 10}, px=64)
    for number in range(2):
        (place / "test" / "square" / f"00{number}.png").rename(place / "test" / PLANTED[number])
    return import_path(place, home, name="shapes")


def train(home: Path, ref: DatasetRef) -> Job:
    """A linear probe, by a real worker, to its end."""
    what = plan("linear_probe", catalog.backbone(catalog.DEFAULT_BACKBONE), train_images=28, classes=2)
    store = Store(home)
    job = store.create_job("train", ref.id, to_json(RunConfig(ref.id, what)))
    executor(home).submit(job.id)
    deadline = time.monotonic() + SLOW / 1000
    while store.job(job.id).active and time.monotonic() < deadline:
        time.sleep(0.2)
        executor(home).pump()
    done = store.job(job.id)
    assert done.state == "finished", done.error
    return done


def test_from_a_cell_of_the_matrix_to_before_and_after(server: Server, page: Page, tmp_path: Path) -> None:
    expect.set_options(timeout=60_000)  # a busy machine
    ref = mislabelled(server.home, tmp_path / "shapes")
    run = train(server.home, ref)
    page.goto(f"{server.url}/run?run={run.id}")
    expect(page.get_by_role("heading", name="What it takes for what")).to_be_visible()

    # A cell opens its images: among them the two squares that were filed as round.
    page.get_by_role("button", name=re.compile("of 12 images of round are answered square")).click()
    expect(page).to_have_url(re.compile("cell=0-1"))
    expect(page.get_by_text("Labelled round, answered square")).to_be_visible()
    # A click counts once: after another cell, the button beside the matrix is not overruled by it.
    page.get_by_role("button", name=re.compile("images of square are named right")).click()
    expect(page).to_have_url(re.compile("cell=1-1"))
    page.get_by_role("button", name=re.compile("round answered square: 2 of")).click()
    expect(page).to_have_url(re.compile("cell=0-1"))
    expect(page.get_by_text("Labelled round, answered square")).to_be_visible()
    page.wait_for_timeout(500)
    expect(page).to_have_url(re.compile("cell=0-1"))
    for path in PLANTED:
        tile = page.locator(".t-tile", has=page.locator(f".t-pick[title*='{path}']"))
        tile.locator(".t-pick").click()
        expect(tile).to_have_class(re.compile("is-picked"))
    expect(page.get_by_text("2 images picked")).to_be_visible()
    shoot(page, "understand-cell")

    # Relabelled, which makes a revision; the same plan on it, in the background, while the page waits.
    page.get_by_role("button", name="Relabel", exact=True).click()
    expect(page.get_by_text("The data was corrected since this run")).to_be_visible()
    assert current(server.home, ref).parent == ref.id
    page.get_by_role("button", name="Train the same plan on the corrected images").click()
    opened = page.get_by_role("button", name="Open the run on the corrected images (finished)")
    expect(opened).to_be_visible(timeout=SLOW)
    opened.click()

    # Before and after, over what both revisions share.
    expect(page.get_by_role("heading", name="Before and after the correction")).to_be_visible()
    shared = "20 test images that both revisions share, 2 of them under their new label"
    expect(page.get_by_text(shared).first).to_be_visible()
    shoot(page, "understand-after")

    # A look inside: where the network looked, as pictures that a worker left on disk.
    page.get_by_role("button", name="Look inside this run").click()
    expect(page.get_by_role("heading", name="How far the weights moved")).to_be_visible(timeout=SLOW)
    page.get_by_text("Least confident", exact=True).click()
    page.get_by_text("Where it looked", exact=True).click()
    picture = page.locator(".t-tile img[src^='/thaw/map/']").first
    expect(picture).to_be_visible()
    page.wait_for_function("() => document.querySelector(\".t-tile img[src^='/thaw/map/']\").naturalWidth > 100")
    page.locator(".t-look").first.click()
    expect(page.get_by_text(re.compile("Nearest of .* training images"))).to_be_visible()
    shoot(page, "understand-inside")
