"""The main job in a real browser: a sample, advice, two runs with moving curves, one of them stopped, a comparison."""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server

SLOW = 240_000  # ms: measuring or training on two busy cores


def shoot(page: Page, name: str) -> None:
    """Keep a screenshot of what the journey sees, when THAW_SCREENSHOTS names a folder."""
    folder = os.environ.get("THAW_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def chart_updates(page: Page, most: int) -> int:
    """How many separate chart updates with new rows arrive while the run goes on; at `most` it looks away."""
    return int(
        page.evaluate(
            """async (most) => {
                let seen = new Set(), state = "";
                const over = () => ["finished", "failed", "lost", "stopped"].includes(state) || seen.size >= most;
                for (let i = 0; i < 6000 && !over(); i++) {
                    const live = document.querySelector(".thaw-live");
                    if (live) {
                        state = live.dataset.state || "";
                        if (Number(live.dataset.rows) > 0 && state === "running") seen.add(live.dataset.rows);
                    }
                    await new Promise((done) => setTimeout(done, 50));
                }
                return seen.size;
            }""",
            most,
        )
    )


def train_from_advice(page: Page, title: str) -> None:
    """Start one strategy from its card."""
    page.get_by_role("button", name=f"Train: {title}", exact=True).click()
    page.wait_for_url("**/train**")
    page.wait_for_selector(".thaw-live[data-state]", timeout=SLOW)


def test_from_a_sample_to_a_comparison(server: Server, page: Page) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Try: Drawn shapes").click()
    expect(page.get_by_text("240 images").first).to_be_visible()
    expect(page.get_by_text("Ready-made accuracy").first).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Get advice").click()
    page.wait_for_url("**/advice**")
    expect(page.get_by_role("button", name="Train this")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile("rulebooks")).first).to_be_visible()
    expect(page.get_by_text("Based on measurements")).to_be_visible(timeout=SLOW)
    page.wait_for_timeout(500)
    shoot(page, "journey-advice")
    # A view has an address that can be sent: short runs from here on.
    dataset = page.url.split("dataset=")[1][:16]
    page.goto(f"{server.url}/advice?dataset={dataset}&minutes=1")
    expect(page.get_by_text("Based on measurements")).to_be_visible(timeout=SLOW)

    train_from_advice(page, "Linear probe")
    expect(page.locator(".thaw-live")).to_have_attribute("data-state", "finished", timeout=SLOW)
    shoot(page, "journey-linear-probe")
    page.get_by_role("button", name="Try another strategy").click()
    page.wait_for_url("**/advice**")
    train_from_advice(page, "Partial fine-tuning")
    assert chart_updates(page, most=3) == 3
    page.get_by_role("button", name="Stop and keep the best").click()
    expect(page.locator(".thaw-live")).to_have_attribute("data-state", "stopped", timeout=SLOW)
    shoot(page, "journey-partial")

    page.get_by_role("button", name="Compare with other runs").click()
    page.wait_for_url("**/compare**")
    expect(page.get_by_text(re.compile("better|[Nn]o difference shown")).first).to_be_visible()
    for title in ("Linear probe", "Partial fine-tuning"):
        expect(page.locator(".thaw-live")).to_contain_text(title)
    page.wait_for_selector(".js-plotly-plot")
    page.wait_for_timeout(1500)
    shoot(page, "journey-compare")
