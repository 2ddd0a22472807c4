"""The report of a run and of a comparison: what it says, that it escapes, how it is served."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from seeding import LONG, RTL, finished_run, picture_folder
from test_live import Client

from advisor.errors import CompareError, NotFound
from advisor.ingest import import_path
from advisor.types import DatasetRef, Estimate
from training.report import comparison_report, run_report
from training.report_figures import FROZEN, TRAINED, Dot, Line, confusion, curves, scatter, scoreboard, ticks
from training.store import Store
from ui import theme


def text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page))


def test_a_runs_report_says_what_was_trained_and_how_good_it_is(store: Store, dataset: DatasetRef) -> None:
    job = finished_run(store, dataset, "partial", correct=36)
    page = run_report(store, job.id)
    said = text(page)
    for wanted in ("Partial fine-tuning of EfficientNet-Lite0", "90% (77-96) of the test images are named right",
                   "36 of 40 images", f"python -m training reproduce {job.id}", "flowers", "12,810"):  # fmt: skip
        assert wanted in said, wanted
    assert page.count("<polyline") >= 4, "training and validation, loss and accuracy"
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org", "")
    assert len(page) < 100_000


def test_runs_side_by_side_get_the_verdict_of_compare(store: Store, dataset: DatasetRef) -> None:
    first, second = finished_run(store, dataset, "linear_probe", 20), finished_run(store, dataset, "partial", 38)
    said = text(comparison_report(store, [first.id, second.id]))
    assert "Partial fine-tuning" in said and "is better than" in said and "McNemar" in said
    assert "95% (83-99)" in said and "Settings that differ" in said
    with pytest.raises(NotFound):
        comparison_report(store, [first.id, "nothere1"])


def test_names_of_all_kinds_are_escaped(store: Store, home: Path, tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "f", {"a&b <i>": 6, RTL: 5, LONG: 5})
    ref = import_path(folder, home, name="<script>alert(1)</script>")
    page = run_report(store, finished_run(store, ref, "full").id)
    assert "<script>" not in page and "&lt;script&gt;" in page


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
    assert (FROZEN, TRAINED) == (theme.FROZEN, theme.TRAINED)
    line = Line("a & b", ((0, 0.5), (1, 0.7), (2, 0.8)), "#123456", "dash")
    picture = curves([line], "Accuracy", "epochs", shares=True)
    assert "a &amp; b" in picture and 'stroke-dasharray="7 4"' in picture and "%</text>" in picture
    assert curves([Line("nothing", (), "#000")], "x", "y") == ""
    assert "not tested" in scoreboard([Dot("a", Estimate(0.9, 0.8, 0.95), "#000"), Dot("b", None, "#000")])
    dots = [(12.0, Dot("a", Estimate(0.9, 0.8, 0.95), "#000")), (150.0, Dot("b", Estimate(0.7, 0.6, 0.8), "#111"))]
    costs = scatter(dots, "Accuracy against time", "seconds")
    assert "a: 90.0% (80-95)" in costs and ">20</text>" in costs and ">100</text>" in costs
    assert scatter(dots[:1], "x", "y") == ""
    shown = confusion([[3, 1], [0, 4]], ["cat", "dog"])
    assert "cat answered as dog: 1 of 4" in shown and shown.count("<rect") == 8
    assert ticks(0.0, 1.0, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0]) and ticks(3, 3) == [3]


def test_runs_that_differ_in_data_are_refused(store: Store, dataset: DatasetRef, home: Path, tmp_path: Path) -> None:
    other = import_path(picture_folder(tmp_path / "other", {"x": 5, "y": 5}, size=20), home)
    with pytest.raises(CompareError):
        comparison_report(store, [finished_run(store, dataset, "full").id, finished_run(store, other, "full").id])
