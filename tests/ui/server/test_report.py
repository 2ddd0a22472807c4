"""The report of a run and of a comparison: what it says, that it escapes, how it is served."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from core.errors import CompareError, NotFound
from core.types import DatasetRef
from core.words import learning_rate
from dataset.ingest.sources import import_path
from tests.support.seeding import (
    LONG,
    RTL,
    claim,
    finished_run,
    picture_folder,
    queue_run,
    result_of,
    write_rows,
)
from tests.ui.server.test_live import Client
from training.export import contents, model_card
from training.report.figures import Line, confusion, curves, ticks
from training.report.html_page import comparison_report, run_report
from training.report.rendering import render
from training.store.records import Job
from training.store.store import Store


def exported_facts(run: str) -> contents.ExportFacts:
    return contents.ExportFacts(
        run=run, weights_sha256="0" * 64, made=1.7e9, labels=("a", "b"), side=224, temperature=1.2, threshold=0.5,
        least_similarity=0.4, calibrated_on=30, right_kept=0.95, wrong_flagged=None, verified_on=24,
        largest_difference=1e-6, accuracy=0.9, ms=12.0, threads=2, bytes=10**7, timm=True, maps=True, neighbours=40,
    )  # fmt: skip


def text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page))


def test_a_runs_report_says_what_was_trained_and_how_good_it_is(store: Store, dataset: DatasetRef) -> None:
    job = finished_run(store, dataset, "partial", correct=36)
    page = run_report(store, job.id)
    said = text(page)
    for wanted in ("Partial fine-tuning of EfficientNet-Lite0", "90% (77-96) of the test images are named right",
                   "36 of 40 images", f"python -m training reproduce {job.id}", "flowers", "12,810"):  # fmt: skip
        assert wanted in said, wanted
    rate = learning_rate(job.plan.strategy.phases[-1].stage_lr(6, 8))
    assert "stage 6: frozen" in page and f"stage 6: trained, 1,652,640 parameters, learning rate {rate}<" in page
    assert page.count("<polyline") >= 4, "training and validation, loss and accuracy"
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org", "")
    assert len(page) < 100_000


def test_runs_side_by_side_get_the_verdict_of_compare(store: Store, dataset: DatasetRef) -> None:
    first, second = finished_run(store, dataset, "linear_probe", 20), finished_run(store, dataset, "partial", 38)
    said = text(comparison_report(store, [first.id, second.id]))
    assert "Partial fine-tuning" in said and "is better than" in said and "McNemar" in said
    assert "95% (83-99)" in said and "Settings that differ" in said
    assert "Pareto front, from cheap to accurate: Partial fine-tuning (8 s)." in said
    with pytest.raises(NotFound):
        comparison_report(store, [first.id, "nothere1"])


EVIL = "<script>alert(1)</script>"
SIGNS = """\\ `a` *b* _c_ [d](javascript:x) ~~e~~ &lt; 'f' "g" <b onclick=x>"""


class Read(HTMLParser):
    """What a browser makes of a page: its tags with the names of their attributes, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.said = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.said += "".join(f"\n{value}" for _, value in attrs)

    def handle_data(self, data: str) -> None:
        self.said += data


@pytest.fixture
def hostile(store: Store, home: Path, tmp_path: Path) -> tuple[DatasetRef, list[Job]]:
    """Two runs whose every text, as a user or a bundle can set it, wants to be something else on a page."""
    folder = picture_folder(tmp_path / "f", {"a|b <i>": 6, "# c": 6, SIGNS: 6, RTL: 5, LONG: 5})
    ref = import_path(folder, home, name=f"{EVIL} | {SIGNS}")
    told = {
        "note": f"# note {SIGNS}\n\n# {EVIL}", "device": f"device {EVIL} {SIGNS}", "versions": {f"pip {EVIL}": SIGNS},
        "lineage": [{"run_id": "aaaa", "dataset": f"origin {EVIL} {SIGNS}", "strategy": f"kind {EVIL}"}],
    }  # fmt: skip
    runs = []
    for correct in (20, 36):
        job = queue_run(store, ref, "full")
        claim(store, job)
        write_rows(store, job)
        store.add_event(store.job(job.id), level="caution", kind="x", text=f"event {EVIL} {SIGNS}")
        runs.append(store.finish(store.job(job.id), result_of(store, job, correct) | told))
    return ref, runs


def test_names_of_all_kinds_are_escaped(store: Store, hostile: tuple[DatasetRef, list[Job]]) -> None:
    _, runs = hostile
    pages = [run_report(store, runs[0].id), comparison_report(store, [job.id for job in runs])]
    for read in map(Read, pages):
        assert not read.tags & {"script", "b"}
        assert not {name for name in read.attributes if name.startswith("on")}
        assert f"{EVIL} | {SIGNS}" in read.said
    said = " ".join(Read(pages[0]).said.split())
    for text in (f"note {SIGNS} # {EVIL}", f"device {EVIL} {SIGNS}", f"pip {EVIL} {SIGNS}", f"event {EVIL} {SIGNS}",
                 f"origin {EVIL} {SIGNS} (kind {EVIL})"):  # fmt: skip
        assert text in said, text


def test_a_model_card_shows_every_name_as_it_was_written(
    store: Store, home: Path, hostile: tuple[DatasetRef, list[Job]]
) -> None:
    ref, runs = hostile
    card = model_card.text(runs[0], runs[0].plan, ref, exported_facts(runs[0].id), home)
    bare = re.sub(r"\\.", "", card)  # what Markdown still reads as signs
    headings = re.findall(r"^ *#+ +(\w*)", bare, re.M)
    assert headings[0] == "EfficientNet" and set(headings[1:]) == {
        "Files", "Data", "Training", "Quality", "Unknown", "Limits", "Licence", "Preprocessing",
    }  # fmt: skip
    assert not re.search(r"<|\]\(|~~|&lt;|\*|(?<!\w)_", bare)
    rows = [line for line in bare.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(ref.classes) and {line.count("|") for line in rows} == {4}
    shown = " ".join(re.sub(r"\\(.)", r"\1", card).split())
    for text in (*ref.classes, ref.name, f"# note {SIGNS} # {EVIL}", f"device {EVIL} {SIGNS}",
                 f"origin {EVIL} {SIGNS}"):  # fmt: skip
        assert text in shown, text


def test_templates_are_loaded_with_the_first_report_and_miss_no_value() -> None:
    code = "import sys, training.__main__, training.export.model_card, ui.server.runs; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
    with pytest.raises(UndefinedError, match="'title' is undefined"):
        render("page.html.j2", line="no title")


def test_the_routes_serve_reports_that_may_run_nothing(store: Store, dataset: DatasetRef, home: Path) -> None:
    job = finished_run(store, dataset, "linear_probe")
    client = Client(home)
    answer = client.get(f"/thaw/report?run={job.id}")
    assert answer.status == 200 and b"Linear probe" in answer.body
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert client.get("/thaw/report").status == 400
    assert client.get("/thaw/report?run=nothere1").status == 404
    for path in (f"{job.id}/model.onnx", f"{job.id}/..%2F..%2Fthaw.db", "nothere1/README.md"):
        assert client.get(f"/thaw/run/{path}").status == 404
    assert "prepare it on the Predict page" in client.get(f"/thaw/run/{job.id}/model.onnx").json["error"]


def test_figures_draw_what_they_are_given() -> None:
    line = Line("a & b", ((0, 0.5), (1, 0.7), (2, 0.8)), "#123456", "dash")
    picture = curves([line], "Accuracy", "epochs", shares=True)
    assert "a &amp; b" in picture and 'stroke-dasharray="7 4"' in picture and "%</text>" in picture
    assert curves([Line("nothing", (), "#000")], "x", "y") == ""
    shown = confusion([[3, 1], [0, 4]], ["cat", "dog"])
    assert "cat answered as dog: 1 of 4" in shown and shown.count("<rect") == 8
    assert ticks(0.0, 1.0, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0]) and ticks(3, 3) == [3]


def test_runs_that_differ_in_data_are_refused(store: Store, dataset: DatasetRef, home: Path, tmp_path: Path) -> None:
    other = import_path(picture_folder(tmp_path / "other", {"x": 5, "y": 5}, size=20), home)
    with pytest.raises(CompareError):
        comparison_report(store, [finished_run(store, dataset, "full").id, finished_run(store, other, "full").id])
