"""Five layouts of `benchmarks.layouts` brought in through the page in a real browser: three are read as their sources
demand and said in one line, one is asked about and answered, one is refused with the sentence that helps."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from benchmarks.layouts import CASES
from benchmarks.layouts.case import Read
from benchmarks.layouts.judge import compare
from dataset import list_datasets
from tests.e2e.conftest import Server
from tests.e2e.test_journey import shoot

LAYOUTS = {one.name: one for one in CASES}
READ = {
    "patients in a column": r"Classes from column '.+' of .+\.csv; \d+ of \d+ images",
    "roboflow coco with one box a picture": r"Classes from column 'category' of .*_annotations\.coco\.json; 30 of 30",
    "label studio csv": r"Classes from column 'choice' of .+\.csv; \d+ of \d+ images; split made by Thaw",
}
ASKED, REFUSED = "two label columns equally good", "a table of other pictures"


def bring_in(page: Page, server: Server, folder: Path) -> None:
    page.goto(server.url)
    page.get_by_label("Folder, archive or table of labels on this computer").fill(str(folder))
    page.get_by_role("button", name="Import this path").click()


def check(server: Server, folder: Path, name: str, expected: Read) -> None:
    """The newest dataset holds what was drawn."""
    ref = max(list_datasets(server.home), key=lambda one: one.created)
    faults = compare(ref, server.home, folder, expected)
    assert not faults.wrong and not faults.told and faults.groups != "missed", f"{name}: {faults}"


def test_layouts_are_read_asked_about_or_refused(server: Server, page: Page, tmp_path: Path) -> None:
    expect.set_options(timeout=30_000)  # a busy machine
    for name, line in READ.items():
        folder = tmp_path / name.replace(" ", "_")
        LAYOUTS[name].make(folder)
        bring_in(page, server, folder)
        expect(page.get_by_text(re.compile(line)).first).to_be_visible()
        expected = LAYOUTS[name].expect
        assert isinstance(expected, Read)
        check(server, folder, name, expected)

    folder = tmp_path / "items"
    LAYOUTS[ASKED].make(folder)
    bring_in(page, server, folder)
    expect(page.get_by_text("How are these images to be read?")).to_be_visible()
    expect(page.get_by_text("Classes from column 'colour' of items.csv")).to_be_visible()
    page.reload()  # the question stands as long as nobody has answered it
    choice = page.get_by_text("Classes from column 'shape' of items.csv")
    expect(choice).to_be_visible()
    pictures = page.locator("[data-testid=stImage] img")
    expect(pictures).to_have_count(5 * 3 + 3)  # three of each class, and those of the samples
    expect(pictures.last).to_be_visible()
    shoot(page, "readings-asked")
    page.get_by_role("button", name="Read them so").nth(1).click()
    expect(page.get_by_role("button", name="Get advice")).to_be_visible()
    expect(page.get_by_text(re.compile("Classes from column 'shape' of items.csv; 30 of 30")).first).to_be_visible()
    assert max(list_datasets(server.home), key=lambda one: one.created).classes == ("round", "square")

    folder = tmp_path / "others"
    LAYOUTS[REFUSED].make(folder)
    bring_in(page, server, folder)
    said = page.get_by_text("None of the paths in column 'file' of labels.csv is among the 30 images found")
    expect(said.first).to_be_visible()
    expect(page.get_by_text(re.compile("the first is 'flower_0.jpg'")).first).to_be_visible()
    shoot(page, "readings-refused")
    assert len(list_datasets(server.home)) == 4
