"""Frozen stages as a graph: the same answers as torch's, by every way in and out of it, and a probe without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from core import DatasetRef, PlanError
from core.zoo import catalog
from dataset.ingest import import_path
from training.backbones import Backbone, Preprocessing, build, read_weights, write_weights
from training.caches import Bench, views
from training.caches.frozen_pass import TorchPass
from training.graphs import Graph, engines, front, graph, making, resize_weights, sessions
from training.graphs.engines import Engine
from training.graphs.sessions import Session
from training.store import Store

NAME = "efficientnet_lite0"
CARD = catalog.backbone(NAME)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build(NAME, 3).eval()


@pytest.fixture(scope="module")
def made(backbone: Backbone, shared_graphs: Path) -> Graph:
    found = making.find_or_make(backbone, CARD, CARD.image_px, shared_graphs)
    assert found is not None
    return found


def of_same_kind(values: np.ndarray, expected: torch.Tensor, relative: float = 1e-5) -> bool:
    other = expected.numpy()
    return bool(np.linalg.norm(values - other) <= relative * np.linalg.norm(other))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(("side", "size"), [(32, 224), (28, 224), (200, 224), (256, 224), (224, 8), (17, 96), (64, 64)])
def test_the_resize_is_torchs_to_the_last_bit(side: int, size: int, interpolation: str) -> None:
    columns = torch.eye(side, dtype=torch.float64)[None, :, None, :]
    theirs = F.interpolate(columns, size=(1, size), mode=interpolation, antialias=True)[0, :, 0].T.numpy()
    assert np.abs(resize_weights(side, size, interpolation) - theirs).max() < 2**-13
    squares = torch.randint(0, 256, (1, 1, 1, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = squares.expand(1, 3, side, side).contiguous()
    expected = F.interpolate(images, size=(size, size), mode=interpolation, antialias=True)
    row = np.clip(np.floor(resize_weights(side, size, interpolation) @ squares.numpy().ravel() + 0.5), 0, 255)
    assert np.array_equal(row, expected[0, 0, 0].numpy())


@pytest.mark.parametrize("side", [40, 224, 256, 300])
def test_squares_go_in_as_they_do_for_torch(side: int, tmp_path: Path) -> None:
    """A network that does nothing shows what it is given."""
    prep = Preprocessing(size=224, resize=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    import onnx
    from onnx import TensorProto, helper

    shape = ["batch", 3, 224, 224]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in (front.INPUT, "stage1")]
    nothing = helper.make_graph([helper.make_node("Identity", [front.INPUT], ["stage1"])], "g", ends[:1], ends[1:])
    model = helper.make_model(nothing, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "n.onnx")
    whole = front.compose(tmp_path / "n.onnx", [1], [(3, 224, 224)], side, prep, means=False)
    (tmp_path / "whole.onnx").write_bytes(whole)
    squares = torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    (given,) = Session(engines.exact(), tmp_path / "whole.onnx", "nothing").run(squares.numpy())
    assert np.array_equal(given, views.plain(squares, prep).numpy())


def test_every_boundary_and_every_mean_is_torchs(made: Graph, backbone: Backbone) -> None:
    head = backbone.head_index
    squares = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    prep = replace(made.prep, resize=224)
    x = views.plain(torch.from_numpy(squares), prep)
    with torch.inference_mode():
        expected = [backbone.below(x, boundary) for boundary in range(1, head + 1)]
    whole = made.session(engines.exact(), [2, head - 1, head], side=None, means=True).run(x.contiguous().numpy())
    assert len(whole) == 3 + head
    for given, boundary in zip(whole, (2, head - 1, head), strict=False):
        assert of_same_kind(given, expected[boundary - 1])
    for given, stage in zip(whole[3:], expected, strict=True):
        assert of_same_kind(given, stage.mean(dim=(2, 3)) if stage.dim() == 4 else stage)


@pytest.mark.parametrize("side", [48, 256])
def test_features_from_squares_do_not_depend_on_the_batch(made: Graph, backbone: Backbone, side: int) -> None:
    squares = np.random.default_rng(side).integers(0, 256, (7, side, side, 3), dtype=np.uint8)
    session = made.session(engines.exact(), [made.head_index], side=side)
    (whole,) = session.run(squares)
    alone = np.concatenate([session.run(squares[i : i + 1])[0] for i in range(7)])
    assert np.array_equal(whole, alone)
    with torch.inference_mode():
        expected = backbone.below(views.plain(torch.from_numpy(squares), made.prep), made.head_index)
    assert of_same_kind(whole, expected)


@pytest.mark.parametrize("side", [None, 48])
def test_a_head_on_all_stages_reads_the_same_from_a_graph(
    made: Graph, side: int | None, images: DatasetRef, home: Path
) -> None:
    """As torch computes it; the same bits whichever pass stored it: its own, or one made for the last stage."""
    network, of_all = build(NAME, 3, head="stages").eval(), replace(made, reads_all=True)
    assert of_all.width == network.width == CARD.head_width("stages") == of_all.shape(of_all.head_index)[0]
    bench = Bench.of(images, NAME, home)
    rows = bench.everything
    squares, x = bench.data.squares(rows), bench.data.batch(rows, 0)
    session = of_all.session(engines.exact(), [2, of_all.head_index], side=side and squares.shape[1])
    below, found = session.run(squares if side else x.contiguous().numpy())
    with torch.inference_mode():
        assert of_same_kind(found, network.below(x, network.head_index))
        assert of_same_kind(below, network.below(x, 2))
    every = bench.prefix.of_all_stages
    assert every is not None and bench.prefix.fill([made.head_index], rows, 0, beside=every) == len(rows)
    stored = every.values(made.head_index, rows, 0)
    assert not bench.prefix.fill([made.head_index], rows, 0, beside=every), "both are there"
    own = every.through([made.head_index])
    assert np.array_equal(stored, own.stored(own.run(own.make(rows, 0))[0], np.float32))
    assert np.array_equal(stored[:, -made.width :], bench.prefix.values(made.head_index, rows, 0))


def test_no_pass_is_made_for_a_head_on_all_stages_alone(made: Graph, images: DatasetRef, home: Path) -> None:
    """Features of the last stage that are there are not computed again: whoever wants the others makes their pass."""
    bench = Bench.of(images, NAME, home)
    rows, every, head = bench.everything, bench.prefix.of_all_stages, made.head_index
    assert every is not None and bench.prefix.fill([head], rows[:5], 0) == 5
    assert bench.prefix.fill([head], rows, 0, beside=every) == len(rows) - 5
    assert every.missing(head, rows, 0) == 5
    assert bench.prefix.fill([head - 2], rows, 0, beside=every) == len(rows), "a pass that ends below the head"
    assert every.missing(head, rows, 0) == 5


def test_a_graph_knows_what_is_asked_of_its_backbone(made: Graph, backbone: Backbone) -> None:
    assert made.fingerprints() == backbone.fingerprints() and made.fingerprints(2) == backbone.fingerprints(2)
    assert (made.stage_names, made.head_index, made.width) == (
        backbone.stage_names, backbone.head_index, backbone.width,
    )  # fmt: skip
    one = torch.zeros(1, 3, 224, 224)
    assert [made.shape(b) for b in range(1, 9)] == [backbone.shape(b, one) for b in range(1, 9)]
    assert made.facts.params == sum(p.numel() for m in backbone.stage_modules()[:-1] for p in m.parameters())


def test_the_weights_with_a_head_are_what_torch_would_write(made: Graph, backbone: Backbone, tmp_path: Path) -> None:
    write_weights(tmp_path / "theirs", backbone.state_dict())
    head = {"head.weight": backbone.head.weight.detach().numpy(), "head.bias": backbone.head.bias.detach().numpy()}
    (tmp_path / "ours").write_bytes(made.with_head(head))
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_an_engine_never_gets_more_images_at_once_than_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """However many are asked for: what it holds grows with them."""
    given: list[int] = []

    def opened(engine: Engine, file: Path) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:
        def run(batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
            given.append(len(batch))
            return [2 * batch, -batch]

        return run

    monkeypatch.setattr(sessions, "_onnxruntime", opened)
    inputs = np.arange(3 * 20, dtype=np.float32).reshape(20, 3)
    twice, minus = Session(engines.exact(), tmp_path / "any.onnx", "nothing").run(inputs)
    assert given == [8, 8, 4]
    assert np.array_equal(twice, 2 * inputs) and np.array_equal(minus, -inputs)


def test_a_graph_is_made_once_and_found_by_its_weights(
    made: Graph, backbone: Backbone, shared_graphs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "_make", lambda *_: pytest.fail("it was made again"))
    again = making.find_or_make(backbone, CARD, CARD.image_px, shared_graphs)
    assert again is not None and again.folder == made.folder
    trained = build(NAME, 3)
    with torch.no_grad():
        trained.stage_modules()[0][0].weight[0] += 1  # type: ignore[index]
    assert making.find_or_make(trained, CARD, CARD.image_px, shared_graphs) is None, "it has other weights"


class Crooked(nn.Module):
    """Answers otherwise when it is written down."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if torch.onnx.is_in_onnx_export() else x


def test_a_network_that_answers_otherwise_as_a_graph_is_computed_by_torch_and_that_is_said(
    tmp_path: Path, image_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(graph.PLACE, str(tmp_path / "graphs"))
    ref = import_path(image_folder(tmp_path / "photos", per_class=8), tmp_path / "home")
    bench = Bench.of(ref, NAME, tmp_path / "home")
    monkeypatch.setattr(making._Stages, "forward", lambda self, x: (Crooked()(x),) * len(self.stages))
    assert isinstance(bench.prefix.through([1]), TorchPass) and bench.prefix.engine is None
    (said,) = bench.no_graph
    assert said.startswith("onnxruntime's activations behind 'stem' of EfficientNet-Lite0 differ by 1 of torch's. ")
    assert said.endswith("torch computes its frozen stages, which is slower.")
    assert not list((tmp_path / "graphs").iterdir()), "nothing half made is left"


@pytest.mark.parametrize(
    ("said", "openvino", "bf16", "code"),
    [
        ("torch", True, True, None),
        ("onnxruntime", True, True, "onnxruntime-1.0-fp32"),
        ("openvino", True, False, "openvino-1.0-fp32"),
        ("", True, True, "openvino-1.0-bf16"),
        ("", True, False, "onnxruntime-1.0-fp32"),
        ("", False, True, "onnxruntime-1.0-fp32"),
    ],
)
def test_the_engine_is_the_machines_or_what_the_setting_says(
    said: str, openvino: bool, bf16: bool, code: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(engines.SWITCH, said)
    monkeypatch.setattr(engines, "installed", lambda name: "1.0" if name == "onnxruntime" or openvino else None)
    monkeypatch.setattr(engines, "multiplies_bf16", lambda: bf16)
    found = engines.usual()
    assert (found and found.code) == code


def test_an_engine_that_is_none_or_not_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engines.SWITCH, "tensorflow")
    with pytest.raises(PlanError, match="THAW_ENGINE is 'tensorflow'; it can be torch, onnxruntime or openvino"):
        engines.usual()
    monkeypatch.setenv(engines.SWITCH, "openvino")
    monkeypatch.setattr(engines, "installed", lambda which: None)
    with pytest.raises(PlanError, match="not installed; run: pip install openvino"):
        engines.usual()


def test_codes_name_engine_version_and_precision() -> None:
    engine = Engine("openvino", "2026.4.1-22", "bf16")
    assert engine.code == "openvino-2026.4.1-22-bf16" and Engine.named(engine.code) == engine
    assert Engine.named("bf16-nhwc") is None and not engine.exact and engines.exact().exact


@pytest.fixture
def images(tmp_path: Path, image_folder: Callable[..., Path], home: Path) -> DatasetRef:
    return import_path(image_folder(tmp_path / "photos", classes=("ants", "bees", "cows"), per_class=20), home)


@pytest.mark.parametrize("strategy", ["linear_probe", "prototype", "linear_probe --head stages"])
def test_a_probe_is_trained_judged_and_kept_without_torch(
    strategy: str, images: DatasetRef, made: Graph, home: Path, tmp_path: Path
) -> None:
    """With packages in the way that cannot be imported; and it answers as the network does."""
    for name in ("torch", "torchvision", "timm"):
        (tmp_path / "instead" / name).mkdir(parents=True)
        (tmp_path / "instead" / name / "__init__.py").write_text("raise ImportError('not wanted here')")
    command = [sys.executable, "-m", "training", "fit", images.id, "--json", "--strategy", *strategy.split()]
    without = {**os.environ, "PYTHONPATH": str(tmp_path / "instead")}
    done = subprocess.run(command, capture_output=True, text=True, env=without, check=True)
    told = json.loads(done.stdout)
    assert told["state"] == "finished" and told["arithmetic"]["frozen"] == engines.usual().code
    run = Bench.of_run(told["run_id"], Store(home).job(told["run_id"]).plan, home)
    kept = read_weights(home / "runs" / told["run_id"] / "best.safetensors")
    run.backbone.load_state_dict(kept)
    rows = run.data.rows["test"]
    with torch.inference_mode():
        answers = run.backbone.eval()(run.data.batch(rows, 0)).argmax(1).numpy()
    assert int((answers == run.data.labels[rows]).sum()) == told["test_correct"]


def test_a_run_whose_engine_is_not_here_is_not_gone_on_with_by_another(
    images: DatasetRef, made: Graph, home: Path
) -> None:
    from advisor.planning.options import Options
    from advisor.planning.strategies import plan
    from core.plans import RunConfig
    from training.store import RunFolder

    partial = plan("partial", CARD, train_images=60, classes=3, options=Options(epochs=1))
    folder = RunFolder(home, "run1")
    folder.runtime.parent.mkdir(parents=True)
    folder.runtime.write_text(json.dumps({"frozen": "onnxruntime-1.0.0-fp32", "threads": "1"}))
    bench = Bench.of_run("run1", RunConfig(images.id, partial), home, trains=True)
    with pytest.raises(PlanError, match=r"by onnxruntime 1\.0\.0 in fp32, and here onnxruntime .* is installed"):
        bench.precision  # noqa: B018
    looked_at = Bench.of_run("run1", RunConfig(images.id, partial), home)
    assert looked_at.precision == engines.usual().code, "whoever only looks computes with what is here"
