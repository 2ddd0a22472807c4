"""The best in a minute, in a real browser: the button, lanes that grow, sentences, the model taken, another judged."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server
from tests.e2e.test_journey import SLOW, shoot


def test_the_best_in_a_minute(server: Server, page: Page) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Try: Drawn shapes").click()
    expect(page.get_by_text("Ready-made accuracy").first).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Get advice").click()
    page.wait_for_url("**/advice**")
    expect(page.get_by_role("button", name="Train this")).to_be_visible(timeout=SLOW)
    page.goto(page.url + ("&" if "?" in page.url else "?") + "minutes=1")
    best = page.get_by_role("button", name="Best in 1 min")
    for width in (800, 390, 1440):  # the one coloured button is on the first screen
        page.set_viewport_size({"width": width, "height": 900})
        expect(best).to_be_in_viewport(ratio=1)
        shoot(page, f"race-advice-{width}")
    best.click()
    page.wait_for_url("**/train**race=**")
    expect(page.locator(".thaw-decisions li").first).to_contain_text("First the head alone", timeout=SLOW)
    expect(page.locator(".thaw-lanes li").nth(1)).to_be_visible(timeout=SLOW)  # how many follow depends on the machine
    shoot(page, "race-running")
    page.reload()  # what it shows is on disk
    expect(page.locator(".thaw-lanes li").first).to_contain_text("Linear probe", timeout=SLOW)
    taken = page.locator(".thaw-lanes li.is-taken")
    expect(taken).to_contain_text("of the test images", timeout=SLOW)
    expect(page.get_by_text(re.compile(r"s of 1 min were used")).first).to_be_visible()
    for name, width in (("wide", 1440), ("middle", 800), ("narrow", 390)):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(400)
        shoot(page, f"race-{name}")
    page.set_viewport_size({"width": 1440, "height": 900})

    other = page.locator("[class*='st-key-rung_']").filter(has_not_text=page.locator(".is-taken b").inner_text())
    other.first.get_by_role("button", name="Open", exact=True).click()
    page.wait_for_url("**/train**run=**")
    page.get_by_role("button", name="Judge on the test images").click()
    expect(page.get_by_text("no part of the choice").first).to_be_visible(timeout=SLOW)
    expect(page.locator(".thaw-live .l-note")).to_contain_text("test accuracy")  # the chart knows it too
    shoot(page, "race-rung")
    page.get_by_role("button", name="Show its race").click()
    page.get_by_role("button", name="Use this model").click()
    page.wait_for_url("**/predict**")
