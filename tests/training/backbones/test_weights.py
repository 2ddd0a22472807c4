"""Where weights come from: files, the hub's cache, a download; what is refused, and with which words."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save, save_file
from torch import Tensor, nn

from advisor.planning.strategies import plan
from benchmarks import weight_files
from core.errors import PlanError, WeightsError
from core.zoo import catalog
from core.zoo.curated import CURATED
from tests.support.terminal import say
from training.backbones import fitting, pretrained, stages, weights
from training.backbones.backbone import build
from training.backbones.file_kinds import kind_of
from training.jobs import add_backbone
from training.jobs.add_backbone import add

NAME = "test_resnet"
"""timm's own tiny network for tests: 0.4 M parameters, 160 px."""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No hub cache but an empty one of this test, and no host that answers."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(weights, "WAITS_S", (0.01, 0.01))
    monkeypatch.setattr(fitting, "KIN", 1)  # and one curated network: to build them all takes most of a minute
    monkeypatch.setattr(fitting, "CURATED", [card for card in CURATED if card.name == "mobilenetv2_100"])
    return tmp_path


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small steps are quicker on one core than on several that wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(seed: int = 0, name: str = NAME, **options: int) -> nn.Module:
    torch.manual_seed(seed)
    net: nn.Module = timm.create_model(name, pretrained=False, **options).eval()
    return net


def quiet(fraction: float, doing: str, left: float | None) -> None:
    pass


X = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_local_file_becomes_a_backbone_with_its_classifier(home: Path, tmp_path: Path, suffix: str) -> None:
    net = network()
    file = tmp_path / f"mine{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": net.state_dict()}, file)
    else:
        save_file(net.state_dict(), file)
    told: list[str] = []
    added = add(NAME, home, file, lambda fraction, doing, left: told.append(doing))
    assert added["source"] == "file" and "Reading the weights of test_resnet" in told
    backbone = build(NAME, 3, home=home).eval()
    assert backbone.weights_id == added["weights_id"]
    classifier = backbone.classifier()
    assert classifier is not None
    with torch.no_grad():
        features = backbone.below(X, backbone.head_index)
        assert torch.equal(features, stages.features(net, X))
        assert torch.equal(classifier(features), net(X))
    assert not any(p is classifier.weight for p in backbone.parameters())
    torch.save(network(seed=1).state_dict(), tmp_path / "other.pth")
    assert add(NAME, home, tmp_path / "other.pth", quiet)["weights_id"] != added["weights_id"]


def test_its_card_is_known_from_then_on_and_only_in_this_home(home: Path, tmp_path: Path) -> None:
    torch.save(network().state_dict(), tmp_path / "mine.pth")
    add(NAME, home, tmp_path / "mine.pth", quiet)
    catalog.load_cards(home)
    card = catalog.backbone(NAME)
    width = stages.features(network(num_classes=0), X).shape[1]
    assert (card.feature_width, card.image_px, card.imagenet_top1) == (width, 160, None)
    assert card.timm == "test_resnet.r160_in1k" and card.hub == "timm/test_resnet.r160_in1k"
    assert card.body_params == sum(p.numel() for p in network(num_classes=0).parameters())
    (home / "backbones" / "broken.json").write_text("{")
    catalog.load_cards(home)
    assert catalog.known("broken") is None and catalog.known(NAME) == card
    catalog.load_cards(tmp_path / "elsewhere")
    assert catalog.known(NAME) is None
    with pytest.raises(PlanError, match="python -m training backbone add test_resnet"):
        catalog.backbone(NAME)


def test_what_an_earlier_version_added_is_planned_with_once_it_is_added_again(home: Path, tmp_path: Path) -> None:
    torch.save(network().state_dict(), tmp_path / "mine.pth")
    add(NAME, home, tmp_path / "mine.pth", quiet)
    path = home / "backbones" / f"{NAME}.json"
    old = {key: value for key, value in json.loads(path.read_text()).items() if key != "tried"}
    path.write_text(json.dumps({**old, "stages": old["stages"][:1]}))
    catalog.load_cards(home)
    with pytest.raises(PlanError, match=rf"an earlier version.* Add it again, .*training backbone add {NAME}$"):
        plan("full", catalog.backbone(NAME), train_images=100, classes=2)
    assert add(NAME, home, None, quiet)["source"] == "home"
    catalog.load_cards(home)
    assert plan("full", catalog.backbone(NAME), train_images=100, classes=2).backbone == NAME
    assert build(NAME, 3, home=home).head_index == 5


def test_bundled_weights_bring_their_classifier() -> None:
    """Backbone and classifier together are the published 1,000-class network."""
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    file = weights.bundled_file("efficientnet_lite0")
    assert file is not None
    stored = torch.load(file, weights_only=True)
    net.load_state_dict(dict(zip(net.state_dict(), stored.values(), strict=True)))
    backbone = build("efficientnet_lite0", 3).eval()
    classifier = backbone.classifier()
    assert classifier is not None and build("efficientnet_lite0", 3, pretrained=False).classifier() is None
    with torch.no_grad():
        assert torch.allclose(classifier(backbone.below(X, backbone.head_index)), net(X), atol=1e-5)


def test_a_file_without_a_classifier_is_a_backbone_without_one(home: Path, tmp_path: Path) -> None:
    net = network(num_classes=0)
    save_file(net.state_dict(), tmp_path / "body.safetensors")
    add(NAME, home, tmp_path / "body.safetensors", quiet)
    backbone = build(NAME, 3, home=home).eval()
    assert backbone.classifier() is None
    with torch.no_grad():
        assert torch.equal(backbone.below(X, backbone.head_index), net(X))


class Trap:
    """What a hostile .pth would do when unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path(Trap.where),))

    where = ""


def refused(home: Path, file: Path, name: str = NAME) -> str:
    with pytest.raises(WeightsError) as caught:
        add(name, home, file, quiet)
    assert not list((home / "backbones").glob("*")) if (home / "backbones").exists() else True
    return str(caught.value)


def test_nothing_in_a_file_is_run(home: Path, tmp_path: Path) -> None:
    Trap.where = str(tmp_path / "run")
    torch.save({"layer": Trap()}, tmp_path / "trap.pth")
    assert "trap.pth holds more than tensors (" in refused(home, tmp_path / "trap.pth")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("first", range(0, 256, 8))
def test_a_file_of_safetensors_is_known_whatever_the_length_of_its_header(first: int, tmp_path: Path) -> None:
    """The file begins with that length, which the writer rounds up to eights: 0x80 would be a pickle's first byte."""
    state = network().state_dict()
    written = save(state)
    length = int.from_bytes(written[:8], "little")
    more = (first - length) % 256
    file = tmp_path / "model.safetensors"
    header, tensors = written[8 : 8 + length] + b" " * more, written[8 + length :]
    file.write_bytes((length + more).to_bytes(8, "little") + header + tensors)
    assert file.read_bytes()[0] == first and kind_of(file) == "safetensors"
    assert set(load_file(file)) == set(state)


def test_what_does_not_fit_is_refused_with_both_values(home: Path, tmp_path: Path) -> None:
    state = network().state_dict()
    state[next(iter(state))] = torch.zeros(3, 3)
    torch.save(state, tmp_path / "shape.pth")
    assert "is (3, 3) in the file and (" in refused(home, tmp_path / "shape.pth")
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    assert "does not fit test_resnet: 0 of the " in refused(home, tmp_path / "other.pth")
    (tmp_path / "garbage.pth").write_bytes(b"no pickle at all")
    assert "is a text (\u201cno pickle at all\u201d), not weights" in refused(home, tmp_path / "garbage.pth")
    (tmp_path / "torn.safetensors").write_bytes(b"\x10")
    assert "The header of torn.safetensors" in refused(home, tmp_path / "torn.safetensors")
    (tmp_path / "list.txt").write_text("no weights")
    assert "is a text (\u201cno weights\u201d), not weights" in refused(home, tmp_path / "list.txt")
    assert "There is no file" in refused(home, tmp_path / "nothing.pth")


def test_recorded_preprocessing_that_differs_is_refused_with_both_values(home: Path, tmp_path: Path) -> None:
    cfg = pretrained.config(NAME)
    own = {key: cfg[key] for key in ("input_size", "mean", "std", "crop_pct", "interpolation")}
    save_file(network().state_dict(), tmp_path / "model.safetensors")
    beside = tmp_path / "config.json"
    beside.write_text(json.dumps({"architecture": NAME, "pretrained_cfg": {**own, "mean": [0.1, 0.2, 0.3]}}))
    said = refused(home, tmp_path / "model.safetensors")
    assert "it records the mean 0.1 / 0.2 / 0.3, and test_resnet has " in said
    beside.write_text(json.dumps({"architecture": "resnet18", "pretrained_cfg": own}))
    assert "the architecture resnet18, and test_resnet has test_resnet" in refused(home, tmp_path / "model.safetensors")
    beside.write_text(json.dumps({"architecture": NAME, "pretrained_cfg": own}))
    assert add(NAME, home, tmp_path / "model.safetensors", quiet)["source"] == "file"


def test_what_thaw_wrote_is_held_to_its_record_when_it_is_read(home: Path) -> None:
    wanted = pretrained.expected(pretrained.config(NAME))
    place = weights.file_in(home, NAME)
    place.parent.mkdir()
    torch.save(network().state_dict(), home / "mine.pth")
    add(NAME, home, home / "mine.pth", quiet)
    record = json.dumps({**wanted, "image side": 96})
    save_file(network().state_dict(), place, metadata={pretrained.RECORD: record})
    with pytest.raises(WeightsError, match="records the image side 96, and test_resnet has 160"):
        build(NAME, 3, home=home)


def test_a_transformers_positions_are_resized_for_another_side(home: Path, tmp_path: Path) -> None:
    torch.save(network(name="test_vit").state_dict(), tmp_path / "vit.pth")
    add("test_vit", home, tmp_path / "vit.pth", quiet)
    backbone = build("test_vit", 3, home=home, image_px=96).eval()
    with torch.no_grad():
        assert backbone(X).shape == (2, 3)
    with pytest.raises(PlanError, match="reads images of 160 px and cannot be built for 100 px"):
        build("test_vit", 3, home=home, image_px=100)


@pytest.mark.parametrize("name", ["../resnet50", "hf-hub:timm/resnet50", "a.b.c", ".hidden", "", "x" * 101])
def test_a_name_that_is_no_file_name_is_refused(home: Path, name: str) -> None:
    with pytest.raises(PlanError, match="is no backbone's name"):
        add(name, home, None, quiet)


def test_names_that_timm_does_not_know_and_weights_that_need_no_adding(home: Path) -> None:
    with pytest.raises(PlanError, match="knows no model called 'resnet9000'"):
        add("resnet9000", home, None, quiet)
    with pytest.raises(PlanError, match="knows no model called 'resnet18.nobody'"):
        add("resnet18.nobody", home, None, quiet)
    with pytest.raises(PlanError, match="come with the package of the requirements"):
        add("efficientnet_lite0", home, None, quiet)
    with pytest.raises(PlanError, match="starts at random"):
        add("mlp", home, None, quiet)


def test_weights_that_are_not_here_are_refused_before_any_work(home: Path) -> None:
    with pytest.raises(WeightsError, match=r"not on this machine; download them \(102 MB\): python -m training backb"):
        build("resnet50", 3, home=home)
    assert build("mobilenetv2_100", 3, pretrained=False, home=home).weights_id == "random"


def test_the_hubs_cache_is_used_without_a_network(home: Path, tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--timm--mobilenetv2_100.ra_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True)
    net = network(name="mobilenetv2_100")
    save_file(net.state_dict(), repository / "snapshots" / "abc" / "model.safetensors")
    backbone = build("mobilenetv2_100", 3, home=home).eval()
    with torch.no_grad():
        assert torch.equal(backbone.below(X, backbone.head_index), stages.features(net, X))
    assert not (home / "backbones").exists()


@pytest.mark.parametrize("kind", weight_files.kinds(), ids=lambda kind: kind.name)
def test_other_peoples_files_are_taken_whole_or_refused_by_name(kind: weight_files.Kind, tmp_path: Path) -> None:
    name = {"plain": NAME, "vit": "test_vit", "convnext": "test_convnext"}[kind.network]
    net = network(name=name)
    weight_files.Own.trace = str(tmp_path / "was run")
    path = kind.write(tmp_path, net)
    if kind.outcome == "refused":
        with pytest.raises(WeightsError) as refusal:
            pretrained.load(name, name, path)
        assert kind.words in str(refusal.value)
    else:
        filled = pretrained.fill(name, name, path)
        filled.net.eval()
        assert kind.words in " ".join(filled.said) and bool(kind.words) == bool(filled.said)
        if kind.words != weight_files.RESIZED and "16" not in kind.name:
            with torch.no_grad():
                assert torch.equal(stages.features(filled.net, X), stages.features(net, X))
    assert not (tmp_path / "was run").exists()


def test_of_a_file_with_another_classifier_the_body_is_kept_and_the_rest_is_told(
    home: Path, tmp_path: Path
) -> None:
    net = network(num_classes=5)
    state = {f"module.{key}": value for key, value in net.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "five.pth")
    added = add(NAME, home, tmp_path / "five.pth", quiet)
    assert added["said"] == [
        "Its weights stand under 'state_dict.module'.",
        "Its classifier ('fc', 5 classes) is not test_resnet's own and is left out.",
    ]
    backbone = build(NAME, 3, home=home).eval()
    assert backbone.classifier() is None
    with torch.no_grad():
        assert torch.equal(backbone.below(X, backbone.head_index), stages.features(net, X))


def test_weights_that_are_no_numbers_are_refused(home: Path, tmp_path: Path) -> None:
    state = {key: value * float("nan") for key, value in network().state_dict().items()}
    torch.save(state, tmp_path / "nan.pth")
    assert "no finite numbers" in refused(home, tmp_path / "nan.pth")


# -- downloads --------------------------------------------------------------------------------------


def test_without_a_network_three_tries_and_a_plain_sentence(home: Path) -> None:
    told: list[str] = []
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1:9 could not be reached.*Nothing was lost.*--weights FILE"):
        add("resnet50", home, None, lambda fraction, doing, left: told.append(doing))
    assert sum(text.startswith("Downloading ResNet-50") for text in told) == 3
    assert not weights.file_in(home, "resnet50").exists()


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a download needs."""

    files: dict[str, bytes] = {}  # noqa: RUF012
    asked: list[str] = []  # noqa: RUF012

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        type(self).asked.append(f"{self.command} {self.path}")
        data = self.files.get(self.path)
        if data is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if body:
            self.wfile.write(data[start:])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Hub.files, Hub.asked = {}, []
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    yield Hub
    server.shutdown()
    thread.join(timeout=5)


def file_of(state: dict[str, Tensor]) -> bytes:
    return save({key: value.contiguous() for key, value in state.items()})


def test_a_download_tells_its_bytes_and_leaves_weights_and_card(home: Path, hub: type[Hub]) -> None:
    net = network()
    hub.files["/timm/test_resnet.r160_in1k/resolve/main/model.safetensors"] = file_of(net.state_dict())
    told: list[tuple[float, str]] = []
    added = add(NAME, home, None, lambda fraction, doing, left: told.append((fraction, doing)))
    assert added["source"] == "download"
    assert any("of 2 MB" in text and fraction > 0 for fraction, text in told)
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert sorted(path.name for path in (home / "backbones").iterdir()) == [f"{NAME}.json", f"{NAME}.safetensors"]
    with torch.no_grad():
        backbone = build(NAME, 3, home=home).eval()
        assert torch.equal(backbone.below(X, backbone.head_index), stages.features(net, X))


def test_a_repository_without_weights_is_said_at_once(home: Path, hub: type[Hub]) -> None:
    with pytest.raises(WeightsError, match=r"timm/test_resnet\.r160_in1k on 127\.0\.0\.1:\d+ holds none of"):
        add(NAME, home, None, quiet)


def test_a_download_can_be_cancelled(home: Path, hub: type[Hub]) -> None:
    class Cancelled(Exception):
        pass

    def tell(fraction: float, doing: str, left: float | None) -> None:
        if fraction > 0:
            raise Cancelled

    hub.files["/timm/test_resnet.r160_in1k/resolve/main/model.safetensors"] = file_of(network().state_dict())
    with pytest.raises(Cancelled):
        add(NAME, home, None, tell)
    assert not weights.file_in(home, NAME).exists()


# -- the terminal -----------------------------------------------------------------------------------


def test_the_terminal_adds_a_file_through_a_worker_and_lists_it(home: Path, tmp_path: Path) -> None:
    torch.save(network().state_dict(), tmp_path / "mine.pth")
    assert say("backbone", "add", NAME, "--weights", tmp_path / "mine.pth", "--json").json["source"] == "file"
    listed = {one["name"]: one for one in say("backbones", "--json").json}
    assert listed[NAME]["here"] == "home"
    assert listed["efficientnet_lite0"]["here"] == "bundled"
    assert listed["resnet50"]["here"] is None and listed["resnet50"]["download_bytes"] == 102_441_032
    assert "81.2% at 288 px" in say("backbones").out
    refused = say("fit", "sample:digits", "--strategy", "partial", "--backbone", "vgg16")
    assert refused.code == 2 and "not on this machine" in refused.err


def test_a_card_is_the_model_it_was_made_from() -> None:
    card = add_backbone.new_card("test_convnext")
    net = network(name="test_convnext", num_classes=0)
    assert card.body_params == sum(p.numel() for p in net.parameters())
    assert card.stage_names[0] == "stem" and card.stage_names[-1] == "head"
