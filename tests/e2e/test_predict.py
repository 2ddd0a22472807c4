"""A trained model in a real browser: prepared, shown three pictures, its report opened, everything downloaded."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.conftest import write_images
from tests.e2e.conftest import ROOT, Server
from tests.e2e.test_journey import SLOW, shoot


def test_three_pictures_are_answered_and_the_model_is_taken_along(server: Server, page: Page, tmp_path: Path) -> None:
    classes = ("round", "square", "pointed")
    write_images(tmp_path / "shapes", classes=classes, per_class=20, px=96)
    new = write_images(tmp_path / "new", classes=classes, per_class=1, px=96, seed=5)
    fit = [sys.executable, "-m", "training", "fit", str(tmp_path / "shapes"), "--strategy", "linear_probe"]
    done = subprocess.run(
        [*fit, "--json", "--home", str(server.home)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    run = json.loads(done.stdout.splitlines()[-1])

    page.goto(f"{server.url}/train?run={run['run_id']}")
    page.get_by_role("button", name="Predict", exact=True).click()
    page.wait_for_url("**/predict**")
    page.get_by_role("button", name="Prepare this model").click()
    expect(page.get_by_text("Take it with you")).to_be_visible(timeout=SLOW)
    pictures = [str(new / name / "000.png") for name in classes]
    page.locator("input[type=file]").first.set_input_files(pictures)
    expect(page.locator(".thaw-answers")).to_have_count(3, timeout=SLOW)
    expect(page.locator(".thaw-like img")).to_have_count(12)
    assert page.locator(".thaw-like img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    answers = page.locator(".thaw-answers li:first-child span").all_inner_texts()
    assert answers == list(classes), "a probe tells three shapes of three colours apart"
    page.wait_for_timeout(500)
    shoot(page, "predict")

    with page.expect_popup() as opened:
        page.get_by_role("link", name="Report").click()
    report = opened.value
    expect(report.get_by_role("heading", name=re.compile("Linear probe of EfficientNet-Lite0"))).to_be_visible()
    figures = report.locator("svg[role=img]").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert "1 of 9 stages trained" in figures[0] and figures[1:] == ["Loss", "Accuracy", "Confusion matrix"], figures
    shoot(report, "report")
    report.close()

    with page.expect_download() as coming:
        page.get_by_role("link", name="Download all").click()
    with zipfile.ZipFile(coming.value.path()) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
    assert {"model.onnx", "predict.py", "README.md", "model.safetensors", "config.json"} <= names
