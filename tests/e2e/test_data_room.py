"""The Data page in a real browser: a class page by page, a search, the large view, two images taken out and put back.

One journey, because starting server and browser is what costs.
"""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from core.types import DatasetFacts, DatasetRef
from core.zoo.catalog import DEFAULT_BACKBONE
from dataset.ingest.sources import import_path
from tests.e2e.conftest import Server
from tests.e2e.test_journey import shoot
from training.profile import maps
from training.store.store import Store

PICS = ".thaw-pics"
TILES = f"{PICS} .p-tile"


def many_images(home: Path, place: Path) -> DatasetRef:
    """200 pictures of one class and 30 of another, with measured facts and a map, so that no worker starts."""
    import numpy as np

    for name, images in (("larch", 200), ("spruce", 30)):
        (place / name).mkdir(parents=True)
        for index in range(images):
            colour = (index % 256, 90 if name == "larch" else 200, index * 7 % 256)
            Image.new("RGB", (120, 90), colour).save(place / name / f"{index:03d}.png")
    ref = import_path(place, home, name="trees")
    Store(home).save_facts(DatasetFacts(ref.id, DEFAULT_BACKBONE, ref.classes, ref.images, 0, ref.per_class))
    features = np.random.default_rng(0).normal(size=(ref.images, 8)).astype(np.float32)
    features[200:] += 9
    maps.make_pca(home, ref.id, DEFAULT_BACKBONE, lambda rows: features[rows], np.arange(ref.images))
    return ref


def test_looking_through_images(server: Server, page: Page, tmp_path: Path) -> None:
    expect.set_options(timeout=30_000)  # a busy machine
    ref = many_images(server.home, tmp_path / "trees")
    page.goto(f"{server.url}/?dataset={ref.id}")
    gallery = page.locator(PICS)
    expect(gallery).to_have_attribute("data-total", "2")
    shoot(page, "data-classes")

    # Through a class, page by page; each page has an address.
    page.get_by_role("button", name="larch", exact=True).click()
    expect(gallery).to_have_attribute("data-total", "200")
    first = page.locator(TILES).first.get_attribute("data-row")
    page.get_by_role("button", name="Next page").first.click()
    expect(gallery).to_have_attribute("data-page", "2")
    page.get_by_role("button", name="Next page").first.click()
    expect(gallery).to_have_attribute("data-page", "3")
    expect(page.locator(TILES)).to_have_count(200 - 2 * 72)
    expect(page).to_have_url(re.compile(r"class=larch.*page=3|page=3.*class=larch"))
    page.reload()
    expect(gallery).to_have_attribute("data-page", "3")
    assert page.locator(TILES).first.get_attribute("data-row") != first

    # A search; then the large view with its facts, by keyboard.
    page.get_by_role("textbox", name="Search").fill("01")
    page.get_by_role("textbox", name="Search").press("Enter")
    expect(gallery).to_have_attribute("data-total", "12")
    page.locator(TILES).first.focus()
    page.keyboard.press("Enter")
    viewer = page.locator(".thaw-viewer[open]")
    expect(viewer).to_contain_text("larch/001.png")
    expect(viewer).to_contain_text("120 × 90 px")
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("larch/010.png")
    expect(page).to_have_url(re.compile("image=10"))
    shoot(page, "data-large")
    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    expect(page).not_to_have_url(re.compile("image="))

    # Two are selected, one by its corner and one by keyboard.
    page.locator(TILES).nth(0).hover()
    page.locator(TILES).nth(0).locator(".p-check").click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.get_by_text("2 images selected")).to_be_visible()
    shoot(page, "data-selected")

    # The map shows the same selection; a click opens an image among its neighbours.
    page.get_by_role("tab", name="Map").click()
    on_map = page.locator(".thaw-map")
    expect(on_map).to_have_attribute("data-points", "230")
    expect(on_map).to_have_attribute("data-picked", "2")
    shoot(page, "data-map")

    # Taken out, and back: each is a dataset of its own with an address.
    page.get_by_role("tab", name="Images").click()
    page.get_by_role("button", name="Exclude").click()
    expect(page.get_by_test_id("stMain")).to_contain_text("Excluded 2 images")
    expect(gallery).to_have_attribute("data-total", "10")
    expect(page.get_by_text("228 images").first).to_be_visible()
    assert ref.id not in page.url
    shoot(page, "data-excluded")
    page.locator(".st-key-picked_bar").get_by_role("button", name="Undo").click()
    expect(gallery).to_have_attribute("data-total", "12")
    expect(page).to_have_url(re.compile(ref.id))
