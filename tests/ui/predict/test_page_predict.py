"""The Predict page as a user meets it: nothing trained yet, a model to prepare, answers and why, downloads."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from core.plans import RunConfig, to_json
from core.types import DatasetRef
from core.zoo.catalog import backbone
from tests.support.seeding import LONG, RTL, NoWorkers, button, claim, finished_run, param, words
from tests.ui.server.test_live import Client
from training.export import contents
from training.store.records import Job
from training.store.store import Store
from ui.kit import state
from ui.predict import cards, heat, predictions

Open = Callable[..., AppTest]


def png(colour: tuple[int, int, int], size: int = 16) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def exported(store: Store, dataset: DatasetRef) -> Job:
    """A small MLP with random weights, exported as a worker does it."""
    from training.backbones.backbone import build
    from training.backbones.weight_files import write_weights
    from training.export import exporting

    strategy = plan("scratch", backbone("mlp"), train_images=15, classes=3, options=Options(epochs=2))
    job = store.create_job("train", dataset.id, to_json(RunConfig(dataset.id, strategy)))
    claim(store, job)
    folder = store.home / "runs" / job.id
    folder.mkdir(parents=True)
    (folder / "test_predictions.csv").write_text(
        "path,label,predicted,confidence\ndaisy/000.png,0,0,0.9\ndaisy/001.png,0,1,0.9\ndaisy/002.png,0,0,0.9\n"
    )
    digest = write_weights(folder / "best.safetensors", build("mlp", 3, seed=1).state_dict())
    job = store.finish(
        store.job(job.id),
        {
            "weights_sha256": digest, "weights": f"runs/{job.id}/best.safetensors", "test_total": 3, "test_correct": 2,
            "test_accuracy": 2 / 3, "predictions": f"runs/{job.id}/test_predictions.csv", "val_accuracy": 0.5,
        },
    )  # fmt: skip
    made = store.create_job("export", dataset.id, {"run": job.id, "int8": False})
    claim(store, made)
    store.finish(store.job(made.id), exporting.export(made, store, store.home, lambda *_: None))
    return job


def test_without_a_model_it_says_where_to_get_one(open_page: Open, dataset: DatasetRef) -> None:
    at = open_page("predict", dataset=dataset.id)
    assert "No trained model of these images yet" in words(at)
    assert button(at, "Get advice")


def test_a_model_is_prepared_by_a_worker(
    open_page: Open, dataset: DatasetRef, store: Store, executor: NoWorkers
) -> None:
    run = finished_run(store, dataset, "linear_probe")
    at = open_page("predict", dataset=dataset.id)
    assert "This model is not prepared yet" in words(at)
    button(at, "Prepare this model").click().run()
    job = store.jobs(kind="export")[0]
    assert executor.submitted == [job.id] and job.config == {"run": run.id, "int8": False}
    assert "Starting" in words(at)
    claim(store, job)
    store.beat(store.job(job.id), progress=0.4, doing="Writing ONNX")
    at.run()
    assert "Writing ONNX" in words(at)
    store.fail(store.job(job.id), "The exported model does not answer as the trained one.")
    at.run()
    assert "This model could not be exported" in words(at) and "does not answer as the trained one" in words(at)
    assert button(at, "Prepare this model"), "it can be tried again"


def test_dropped_images_stay_while_another_model_is_looked_at(
    open_page: Open, dataset: DatasetRef, exported: Job, store: Store
) -> None:
    other = finished_run(store, dataset, "linear_probe")
    at = open_page("predict", dataset=dataset.id, run=exported.id)
    at.file_uploader[0].upload("one.png", png((0, 70, 20)), "image/png").run()
    at.selectbox(key="model").set_value(other.id).run()
    assert "This model is not prepared yet" in words(at)
    assert "1 image will be answered once this model is prepared." in words(at)
    at.selectbox(key="model").set_value(exported.id).run()
    assert sum("thaw-answers" in str(one.value) for one in at.markdown) == 1


def test_dropped_images_are_answered_with_probabilities_and_neighbours(
    open_page: Open, dataset: DatasetRef, exported: Job
) -> None:
    at = open_page("predict", dataset=dataset.id)
    for said in ("Same answers as torch on", "differ by less than 0.0", "predict.py"):
        assert said in words(at)
    at.file_uploader[0].upload("one.png", png((0, 70, 20)), "image/png")
    at.file_uploader[0].upload("bad.png", b"nothing", "image/png").run()
    assert not at.exception, at.exception
    said = words(at)
    shown = [one.value for one in at.markdown if "thaw-answers" in str(one.value)]
    assert len(shown) == 1 and shown[0].count("<li") == 3
    assert "Nearest training images" in said and "bad.png gave no answer" in said
    assert "no image inside" in said and "'Unknown' means a confidence below" in said
    assert "No heat maps" in said, "the small MLP has none, and the page says so"


def test_more_images_at_once_than_are_kept_are_all_answered(
    dataset: DatasetRef, exported: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "MOST_KEPT", 2)
    facts = contents.find(state.home(), exported)
    assert facts is not None
    files = [(f"{number}.png", png((0, 10 * number, 20))) for number in range(5)]
    ticks: list[int] = []
    found = predictions.answers(exported, facts, files, ticks.append)
    assert [name for name, _ in found] == [name for name, _ in files] and ticks == [1, 2, 3, 4, 5]
    assert not any(isinstance(one, str) for _, one in found)


def test_test_images_can_be_tried_at_a_click(open_page: Open, dataset: DatasetRef, exported: Job) -> None:
    at = open_page("predict", dataset=dataset.id)
    button(at, "Try 3 test images").click().run()
    assert not at.exception
    assert sum("thaw-answers" in str(one.value) for one in at.markdown) == 3
    assert "000.png" in words(at)


def test_a_folder_becomes_a_table_that_survives_a_reload(
    open_page: Open, dataset: DatasetRef, exported: Job, home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "inner"
    folder.mkdir(parents=True)
    for number in range(5):
        (folder / f"{number}.png").write_bytes(png((number, 0, 0)))
    (folder / "broken.png").write_bytes(b"x")
    at = open_page("predict", dataset=dataset.id)
    at.text_input[0].set_value(str(tmp_path / "new"))
    button(at, "Answer for this folder").click().run()
    assert not at.exception, at.exception
    assert "6 images:" in words(at) and "1 could not be read" in words(at)
    name = param(at, "answers")
    lines = (home / "predictions" / f"{name}.csv").read_text().splitlines()
    assert lines[0] == "path,answer,confidence,similarity,best label,problem" and len(lines) == 7
    assert any(line.startswith("inner/3.png,") for line in lines)
    again = open_page("predict", dataset=dataset.id, answers=name)
    assert "6 images:" in words(again)
    assert predictions.read_table("../thaw") is None
    at.text_input[0].set_value(str(tmp_path / "nowhere"))
    button(at, "Answer for this folder").click().run()
    assert "There is no file or folder at" in words(at)


def test_everything_can_be_downloaded(exported: Job, store: Store, home: Path) -> None:
    client = Client(home)
    everything = client.get(f"/thaw/run/{exported.id}/all.zip")
    names = zipfile.ZipFile(io.BytesIO(everything.body)).namelist()
    assert {f"thaw-{exported.id}/{name}" for name in ("model.onnx", "predict.py", "README.md")} <= set(names)
    assert client.get(f"/thaw/run/{exported.id}/README.md").body.startswith(b"# Small MLP on flowers")
    assert client.get(f"/thaw/run/{exported.id}/neighbours.npz").status == 200
    assert client.get(f"/thaw/run/{exported.id}/checkpoint.pt").status == 404
    bundle = client.get(f"/thaw/run/{exported.id}/bundle.zip")
    assert "split.csv" in zipfile.ZipFile(io.BytesIO(bundle.body)).namelist()
    assert list((home / "downloads").iterdir()) == [], "what was sent is removed"


def test_the_page_needs_neither_torch_nor_onnxruntime_until_it_answers() -> None:
    code = (
        "import sys, ui.predict.take_along, ui.predict.predictions, ui.server.runs;"
        "import training.export.predictor, training.export.contents;"
        "print([name for name in ('torch', 'onnxruntime', 'onnx', 'sklearn', 'timm') if name in sys.modules])"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"


def test_bars_and_verdicts_are_words_as_well_as_colours() -> None:
    bars = cards.bars(np.array([0.1, 0.7, 0.2]), ["<a>", LONG, RTL], 0.6, known=True)
    assert bars.index(LONG[:20]) < bars.index(RTL) < bars.index("&lt;a&gt;") and "70.0%" in bars
    assert 'inset-inline-start:60.00%' in bars and bars.count("is-first") == 1
    assert "is-first" not in cards.bars(np.array([0.5, 0.5]), ["a", "b"], 0.6, known=False)
    assert "Unknown" in cards.verdict("a", False, "its confidence of 40% is below the limit of 60%")


def test_heat_lies_where_the_map_is_hot_and_what_is_not_seen_is_dark() -> None:
    square = np.full((40, 40, 3), 100, np.uint8)
    map_ = np.array([[0.0, 2.0], [-5.0, 0.0]], np.float32)
    picture = np.asarray(heat.overlay(square, 20, map_, px=80)).astype(int)
    assert picture[2, 2].tolist() == [55, 55, 55], "outside the crop"
    hot, cold = picture[25, 55], picture[55, 25]
    assert hot[0] > 150 and hot[0] > hot[2] + 50 and cold.tolist() == [100, 100, 100]
    assert np.asarray(heat.overlay(square, 40, None, px=80)).min() == 100


