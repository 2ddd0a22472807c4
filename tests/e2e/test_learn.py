"""Every lesson in a real browser: its live part answers, its button leads on; then the Playground to its far end."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server
from tests.e2e.test_journey import shoot
from ui.learn import LESSONS

SLOW = 120_000  # ms: small runs on two busy cores, and a process that first loads torch
LIVE = ("transfer", "forgetting", "domains", "when_not", "pitfalls")


def settled(page: Page) -> None:
    """No script runs any more."""
    expect(page.locator('[data-testid="stStatusWidget"]')).to_have_count(0, timeout=SLOW)


def test_every_lesson_answers_and_leads_to_the_users_images(server: Server, page: Page) -> None:
    for number, (key, lesson) in enumerate(LESSONS.items()):
        page.goto(f"{server.url}/learn?lesson={key}")
        expect(page.get_by_role("heading", name=lesson.title)).to_be_visible(timeout=SLOW)
        if key in LIVE:
            expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)
        else:
            expect(page.locator(".thaw-freeze").first).to_be_visible(timeout=SLOW)
        button = page.get_by_role("button", name=lesson.try_label)
        expect(button).to_be_visible(timeout=SLOW)
        assert page.locator(".katex-error").count() == 0
        shoot(page, f"learn-{number + 1}-{key}")
        settled(page)
        button.click()
        page.wait_for_url(re.compile("/data|/$"), timeout=SLOW)  # no images yet: the way in


def test_the_playground_turns_negative_at_the_far_end(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground?pg_shift=1.0")
    expect(page.get_by_text("Transfer is negative here")).to_be_visible(timeout=SLOW)
    settled(page)
    shoot(page, "playground-far")
    # A changed setting is asked of processes that are warm by now.
    page.goto(f"{server.url}/playground?pg_shift=0.05")
    started = time.perf_counter()
    expect(page.get_by_text(re.compile("18 runs and 3 source networks"))).to_be_visible(timeout=SLOW)
    print(f"{time.perf_counter() - started:.1f} s from the page's start to its answer")
    shoot(page, "playground-near")
