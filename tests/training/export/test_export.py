"""An exported model answers as the trained one: the graph's parts, the job as a real process, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from benchmarks.sample_formats import png16
from core.errors import StateError, ThawError, Unreadable
from core.plans import RunConfig, to_json
from core.portable import predict
from core.types import DatasetRef
from core.zoo import catalog
from dataset import read_rows
from dataset.ingest.sources import import_path
from training.backbones.backbone import build
from training.backbones.weight_files import read_weights
from training.caches import views
from training.evaluation import calibration
from training.export import contents, exporting, onnx_graph, timm_folder
from training.export.predictor import COLUMNS, Predictor, images_in, rows_of
from training.jobs.executor import executor
from training.requests.kinds import Export
from training.requests.registry import submit
from training.store.records import Job
from training.store.store import Store

DEADLINE_S = 120.0
CLASSES = ("pointed", "round", "square")
Net = tuple[Path, onnx_graph.Portable]
Exported = tuple[Path, DatasetRef, Job, contents.ExportFacts]


def run_to_end(home: Path, kind: str, dataset_id: str, config: dict[str, object]) -> Job:
    store = Store(home)
    job = executor(home).submit(store.create_job(kind, dataset_id, config).id)
    deadline = time.monotonic() + DEADLINE_S
    while job.active and time.monotonic() < deadline:
        time.sleep(0.05)
        job = executor(home).status(job.id)
    assert job.state == "finished", job.error
    return job


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def exported(place: Path) -> Exported:
    """A home with a small MLP that was trained, and exported by a worker, in 8 bits too. Every second image is of 12
    bits in 16."""
    from tests.conftest import write_images

    home = place / "home"
    folder = write_images(place / "shapes", classes=CLASSES, per_class=20)
    for file in sorted(folder.rglob("*.png"))[::2]:
        file.write_bytes(png16(16 * np.asarray(Image.open(file)).astype(np.uint16)))
    ref = import_path(folder, home)
    strategy = plan("scratch", catalog.backbone("mlp"), train_images=48, classes=3, options=Options(epochs=40))
    run = run_to_end(home, "train", ref.id, to_json(RunConfig(ref.id, strategy)))
    run_to_end(home, "export", ref.id, {"run": run.id, "int8": True})
    facts = contents.find(home, run)
    assert facts is not None
    return home, ref, run, facts


# -- the graph ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "size", "mode"), [(88, 224, "bicubic"), (28, 64, "bicubic"), (100, 64, "bicubic"), (90, 112, "bilinear")]
)
def test_small_images_are_resized_as_torch_does_it_to_the_last_bit(side: int, size: int, mode: str) -> None:
    squares = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    wanted = F.interpolate(squares, size=(size, size), mode=mode, antialias=True)
    assert torch.equal(onnx_graph.Resize(side, size, mode)(squares.double()), wanted.double())


@pytest.fixture(scope="module")
def small_net(place: Path) -> tuple[Path, onnx_graph.Portable]:
    """EfficientNet-Lite0 at 64 px with random weights, written as ONNX from 100 px squares."""
    backbone = build("efficientnet_lite0", 3, pretrained=False, image_px=64, seed=1).eval()
    assert backbone.preprocessing is not None
    torch.nn.init.normal_(backbone.head.weight, std=0.5, generator=torch.Generator().manual_seed(0))
    model = onnx_graph.Portable(backbone, backbone.preprocessing, 100, temperature=1.7)
    folder = place / "net"
    folder.mkdir()
    about = {"labels": json.dumps(CLASSES), "side": "100", "threshold": "0.4", "least_similarity": "-1"}
    onnx_graph.write(model, 100, folder / contents.MODEL, about)
    np.savez(folder / "neighbours.npz", features=np.zeros((1, backbone.width), np.float16), paths=np.array(["a"]))
    return folder, model


def test_the_graph_takes_squares_and_gives_calibrated_probabilities(small_net: Net) -> None:
    folder, model = small_net
    squares = torch.randint(0, 256, (5, 100, 100, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    prep = model.backbone.preprocessing
    assert prep is not None
    with torch.inference_mode():
        logits = model.backbone(views.plain(squares, prep))
    portable = predict.Model(folder)
    given = portable(squares.numpy())
    assert np.abs(given["probabilities"] - (logits / 1.7).softmax(1).numpy()).max() < 1e-5
    assert np.linalg.norm(given["features"], axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    # One at a time as in a batch: the batch size is free.
    assert portable(squares[:1].numpy())["probabilities"] == pytest.approx(given["probabilities"][:1], abs=1e-5)
    # The map is exact: a class' logit is the mean of its map plus its bias.
    bias = model.backbone.head.bias.detach().numpy()
    assert given["maps"].mean(axis=(2, 3)) + bias == pytest.approx(logits.numpy(), abs=1e-3)
    assert portable.labels == list(CLASSES) and portable.known(0.5, 0.0) and not portable.known(0.3, 0.0)


def test_a_head_that_is_not_on_a_mean_gets_no_map() -> None:
    backbone = build("mlp", 3, seed=1).eval()
    assert backbone.preprocessing is not None
    assert onnx_graph.Portable(backbone, backbone.preprocessing, 8, 1.0).outputs == ["probabilities", "features"]


def test_a_head_with_a_hidden_layer_gets_no_map_and_is_not_called_timms(tmp_path: Path) -> None:
    backbone, again = (
        build("efficientnet_lite0", 3, pretrained=False, image_px=64, seed=seed, head="hidden").eval()
        for seed in (1, 2)
    )
    assert backbone.preprocessing is not None
    portable = onnx_graph.Portable(backbone, backbone.preprocessing, 100, 1.0)
    assert portable.outputs == ["probabilities", "features"]
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert not timm_folder.write(backbone, CLASSES, tmp_path, {"head": "hidden"}, x)
    again.load_state_dict(read_weights(tmp_path / "model.safetensors"))
    with torch.inference_mode():
        assert torch.equal(again(x), backbone(x))
    assert json.loads((tmp_path / "config.json").read_text())["thaw"] == {"head": "hidden"}


def test_timm_loads_the_folder_to_the_same_answers(small_net: Net, tmp_path: Path) -> None:
    import timm

    _, model = small_net
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert timm_folder.write(model.backbone, CLASSES, tmp_path, {"run": "abcd"}, x)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["label_names"] == list(CLASSES) and config["pretrained_cfg"]["input_size"] == [3, 64, 64]
    net = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    with torch.inference_mode():
        assert torch.allclose(net(x), model.backbone(x), atol=1e-5)
    shutil.copyfile(tmp_path / "config.json", tmp_path / "kept.json")
    (tmp_path / "config.json").write_text(json.dumps({**config, "architecture": "resnet18"}))
    assert not timm_folder._loads(tmp_path, model.backbone, x), "another network must not pass for this one"


# -- calibration ----------------------------------------------------------------------------------------------------


def test_the_temperature_of_overconfident_logits_is_found() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 5)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([random.choice(5, p=row) for row in shares])
    assert calibration.temperature(logits * 3, labels) == pytest.approx(3, rel=0.08)
    right = logits.argmax(1)
    assert calibration.temperature(logits, right) == 1.0, "without wrong answers nothing can be fitted"


def test_limits_keep_the_right_answers_and_flag_what_is_unlike() -> None:
    random = np.random.default_rng(1)
    confidence = random.uniform(0.5, 1, 400)
    probabilities = np.stack([confidence, 1 - confidence], 1)
    labels = np.zeros(400, np.int64)
    labels[confidence < 0.55] = 1  # wrong where it is least sure
    found = calibration.limits(probabilities, random.uniform(0.6, 1, 400), labels)
    assert found.right_kept is not None and found.right_kept >= calibration.KEPT
    assert found.wrong_flagged is not None and found.wrong_flagged > 0.9
    assert 0.54 < found.threshold < 0.6 and 0.6 < found.least_similarity < 0.65
    nothing = calibration.limits(probabilities, np.ones(400), np.ones(400, np.int64))
    assert (nothing.threshold, nothing.right_kept) == (0.0, None)


def test_8_bits_that_cost_more_than_a_point_are_warned_of(exported: Exported) -> None:
    facts = exported[3]
    small = contents.Quantised(accuracy=facts.accuracy - 0.15, agreement=0.8, ms=1.0, bytes=1)
    assert contents.costly(replace(facts, int8=small)) == (
        "8 bits cost 15.0 points here: prefer the full model unless size decides."
    )
    assert contents.costly(replace(facts, int8=replace(small, accuracy=facts.accuracy - 0.009))) == ""
    assert contents.costly(replace(facts, int8=None)) == ""


# -- the job --------------------------------------------------------------------------------------------------------


def test_a_worker_exports_a_verified_folder(exported: Exported) -> None:
    home, ref, run, facts = exported
    folder = contents.folder_of(home, run.id)
    assert {path.name for path in folder.iterdir()} == set(contents.CONTENTS)
    assert facts.verified_on == 48 and facts.largest_difference < onnx_graph.TOLERANCE
    assert facts.labels == CLASSES == ref.classes and not facts.maps and not facts.timm
    assert facts.int8 is not None and 0 <= facts.int8.accuracy <= 1 and facts.int8.agreement > 0.5
    card = (folder / "README.md").read_text(encoding="utf-8")
    accuracy = (run.result or {})["test_accuracy"]
    for said in (f"revision `{ref.id}`", "From scratch", f"Test accuracy {100 * accuracy:.0f}%", "95% Wilson interval",
                 "none: trained from random weights", "| round |", "## Limits"):  # fmt: skip
        assert said in card
    assert len(list(csv.DictReader((folder / "metrics.csv").open()))) == len(Store(home).metrics(run.id))


def test_every_test_image_gets_torchs_answer(exported: Exported) -> None:
    home, _, run, facts = exported
    trained = exporting.load(run, home)
    folder, rows = contents.folder_of(home, run.id), trained.data.rows["test"]
    images, largest = exporting.verify(trained, folder, facts.temperature, rows)
    assert images == 12 and largest < 1e-5
    with pytest.raises(ThawError, match="does not answer as the trained one: of 12 images .* a probability differs by"):
        exporting.verify(trained, folder, 3 * facts.temperature, rows)


def test_an_exported_model_reads_a_file_as_training_did_to_the_pixel(exported: Exported) -> None:
    home, ref, run, _ = exported
    assert ref.decoding.value_range == (0, 4095)
    data, portable = exporting.load(run, home).data, predict.Model(contents.folder_of(home, run.id))
    for row, path in enumerate(data.paths):
        assert np.array_equal(portable.square(ref.images_root / path), data.squares(np.array([row]))[0])
    plain = predict.Model(contents.folder_of(home, run.id))
    plain.range = None
    deep = ref.images_root / next(one.path for one in read_rows(ref) if "deep" in one.traits)
    assert plain.square(deep).max() < 20, "without its range this file would be nearly black"


def test_predict_py_is_short_and_needs_nothing_of_thaw(
    exported: Exported, tmp_path: Path
) -> None:
    home, ref, run, _ = exported
    shutil.copytree(contents.folder_of(home, run.id), tmp_path / "model")
    script = tmp_path / "model" / "predict.py"
    assert len(script.read_text().splitlines()) < 90
    (Path(ref.root) / "images" / "round" / "notes.txt").write_text("no image")
    ours = "'core', 'dataset', 'advisor', 'training'"
    blocked = f"import sys; sys.modules.update(dict.fromkeys([{ours}, 'torch', 'pandas', 'timm']));"
    blocked += f" sys.path.insert(0, {str(script.parent)!r});"  # as `python predict.py` does
    command = f"{blocked} import runpy; sys.argv = ['predict.py', {str(Path(ref.root) / 'images' / 'round')!r}];"
    done = subprocess.run(
        [sys.executable, "-c", f"{command} runpy.run_path({str(script)!r}, run_name='__main__')"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert len(rows) == 20 and tuple(rows[0]) == COLUMNS
    # The page and the terminal say the same of the same file.
    ours = dict(Predictor(contents.folder_of(home, run.id)).answers([Path(row["path"]) for row in rows]))
    for row in rows:
        one = ours[Path(row["path"])]
        assert not isinstance(one, str)
        assert row["best label"] == one.label and float(row["confidence"]) == pytest.approx(one.confidence, abs=1e-3)
        assert row["answer"] == (one.label if one.known else "unknown")
    assert sum(row["best label"] == "round" for row in rows) >= 15


def test_predict_py_gives_a_bad_file_its_row_and_goes_on_as_thaw_does(
    exported: Exported, tmp_path: Path
) -> None:
    home, ref, run, _ = exported
    script, mixed = contents.folder_of(home, run.id) / "predict.py", tmp_path / "mixed"
    mixed.mkdir()
    good = next((Path(ref.root) / "images").rglob("*.png"))
    for name in ("a.png", "z.PNG", "a.jfif", "no_ending"):
        shutil.copy(good, mixed / name)
    (mixed / "empty.jpg").write_bytes(b"")
    (mixed / "page.png").write_text("<html></html>")
    (mixed / "cut.png").write_bytes(good.read_bytes()[:-40])
    Image.new("1", (10_000, 9_000)).save(mixed / "large.png")
    (mixed / "folder.png").mkdir()
    (mixed / "._a.png").write_bytes(b"what a Mac leaves behind")
    done = subprocess.run([sys.executable, script, mixed], capture_output=True, text=True, check=False)
    rows = {Path(row["path"]).name: row["problem"] for row in csv.DictReader(done.stdout.splitlines())}
    ours = dict(Predictor(contents.folder_of(home, run.id)).answers(images_in([mixed])))
    assert list(rows) == [path.name for path in ours]
    assert {name for name, why in rows.items() if why} == {p.name for p, one in ours.items() if isinstance(one, str)}
    assert {name for name, why in rows.items() if why} == {"empty.jpg", "page.png", "cut.png", "large.png"}
    assert {name: why for name, why in rows.items() if why} == {
        path.name: one for path, one in ours.items() if isinstance(one, str)
    }
    assert rows["empty.jpg"] == "empty file (0 bytes)" and rows["page.png"].startswith("no image inside")
    assert done.returncode == 1 and f"4 of {len(rows)} could not be read." in done.stderr
    done = subprocess.run([sys.executable, script, mixed / "a.png"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr
    done = subprocess.run([sys.executable, script, mixed / "gone.png"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "gone.png,,,,,cannot be read: No such file" in done.stdout.splitlines()[1]
    shutil.copy(good, mixed / "図1.png")
    command, western = [sys.executable, script, mixed / "図1.png"], {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, capture_output=True, env=western, encoding="utf-8", check=True)
    assert done.stdout.splitlines()[1].partition(",")[0].endswith("図1.png"), "whatever the console's encoding"


def test_a_name_that_a_spreadsheet_would_compute_stands_behind_an_apostrophe() -> None:
    assert rows_of([("=1+1.png", "empty file"), ("-3", "empty file")]).splitlines()[1:] == [
        "'=1+1.png,,,,,empty file", "-3,,,,,empty file",
    ]  # fmt: skip


def test_an_unreadable_image_is_said_and_the_others_are_answered(
    exported: Exported, tmp_path: Path
) -> None:
    home, ref, run, _ = exported
    good = next((Path(ref.root) / "images").rglob("*.png"))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image at all")
    found = dict(Predictor(contents.folder_of(home, run.id)).answers([bad, good]))
    assert found[bad] == "no image inside (or a format that is not read)"
    answer = found[good]
    assert not isinstance(answer, str)
    assert answer.nearest[0].similarity == pytest.approx(1, abs=0.01) and answer.square.shape == (8, 8, 3)


@pytest.mark.parametrize("name", ["model.onnx", "neighbours.npz"])
def test_an_export_that_was_cut_off_is_said(exported: Exported, tmp_path: Path, name: str) -> None:
    home, ref, run, _ = exported
    folder = tmp_path / "export"
    shutil.copytree(contents.folder_of(home, run.id), folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    image = next((Path(ref.root) / "images").rglob("*.png"))
    with pytest.raises(Unreadable, match=f"The export in {folder} cannot be read.* Remove that folder and export"):
        list(Predictor(folder).answers([image]))


def test_an_export_of_older_weights_is_not_offered(exported: Exported) -> None:
    home, _, run, _ = exported
    later = replace(run, result={**(run.result or {}), "weights_sha256": "0" * 64})
    assert contents.find(home, later) is None


def test_what_has_no_weights_is_refused_with_the_next_step(exported: Exported) -> None:
    home, ref, _, _ = exported
    store = Store(home)
    job = store.create_job("profile", ref.id, {"backbone": "mlp", "seed": 0})
    with pytest.raises(StateError, match="is no run: it holds no trained model to export"):
        submit(store, Export.of(job))
    store.request_stop(job.id)


def test_a_difference_is_said_in_plain_digits() -> None:
    said = [contents.at_most(one) for one in (8.3e-7, 3e-5, 1e-3, 0.0, 0.4)]
    assert said == ["less than 0.000001", "less than 0.0001", "less than 0.001", "less than 0.000001", "less than 1"]
