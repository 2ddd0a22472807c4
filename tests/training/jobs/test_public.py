"""Public image sets: fetched through torchvision where there is a network, said plainly where there is none."""

from __future__ import annotations

import http.server
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import DataError, NotFound
from dataset.folder import list_datasets, read_manifest
from dataset.ingest.public_sets import PUBLIC_SETS, PublicSet
from tests.conftest import write_images
from training.jobs import fetch_public
from training.jobs.context import StopRequested

Told = list[tuple[float, str]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def tell(told: Told) -> Any:
    return lambda fraction, doing, eta: told.append((fraction, doing))


def files(where: Path) -> list[tuple[str, int]]:
    folder = write_images(where, classes=("rose", "daisy/ox-eye"), per_class=4)
    return [(str(path), int("rose" not in str(path))) for path in sorted(folder.rglob("*.png"))]


def kinds(where: Path) -> dict[str, Any]:
    """Sets as torchvision keeps them: four ways."""
    pairs = files(where)
    paths, labels = [Path(path) for path, _ in pairs], [label for _, label in pairs]
    arrays = np.stack([np.asarray(Image.open(path)) for path in paths])
    classes = ["rose", "daisy/ox-eye"]
    return {
        "folders": SimpleNamespace(samples=pairs, classes=classes),
        "Imagenette": SimpleNamespace(_samples=pairs, classes=[("rose", "a flower"), ("daisy/ox-eye",)]),
        "Flowers102": SimpleNamespace(_image_files=paths, _labels=labels, classes=classes),
        "OxfordIIITPet": SimpleNamespace(_images=paths, _labels=labels, classes=classes),
        "CIFAR10": SimpleNamespace(data=arrays, targets=labels, classes=classes),
        "SVHN": SimpleNamespace(data=arrays.transpose(0, 3, 1, 2), labels=np.array(labels), classes=classes),
    }


@pytest.mark.parametrize("kind", ["folders", "Imagenette", "Flowers102", "OxfordIIITPet", "CIFAR10", "SVHN"])
def test_every_way_of_keeping_images_becomes_class_folders(home: Path, tell, told: Told, kind: str) -> None:
    def open_set(card: PublicSet, arguments: dict[str, Any], folder: Path) -> Any:
        assert folder.parent == home / "public"
        return kinds(folder / "set")[kind]

    ref = fetch_public.bring("eurosat", home, tell, open_set)
    assert ref.classes == ("daisy-ox-eye", "rose") and ref.counts == {"": (4, 4)}
    assert (ref.name, ref.source) == ("EuroSAT", "public set: eurosat")
    assert not list((home / "public").iterdir()), "the download is not kept beside the import"
    first = np.asarray(Image.open(Path(ref.root) / "images" / read_manifest(ref)["path"][4]))
    assert first.shape == (32, 32, 3)
    assert told[-1][0] > 0.9 and "Checking" in told[-1][1]


def test_splits_are_kept(home: Path, tell) -> None:
    def open_set(card: PublicSet, arguments: dict[str, Any], folder: Path) -> Any:
        place = folder / str(arguments["train"])
        write_images(place, seed=int(arguments["train"]))
        return SimpleNamespace(samples=[(str(path), int("bees" in str(path))) for path in place.rglob("*.png")],
                               classes=["ants", "bees"])  # fmt: skip

    ref = fetch_public.bring("cifar10", home, tell, open_set)
    assert ref.counts == {"train": (6, 6), "test": (6, 6)}


def test_without_a_network_it_says_so_and_leaves_nothing(home: Path, tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through torchvision itself; the connection is refused here, whatever network this machine has."""
    import urllib.request

    def refuse(*_: object, **__: object) -> None:
        raise urllib.request.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    for name in ("flowers102", "eurosat", "cifar10"):
        with pytest.raises(DataError, match=r"cannot be downloaded: .*Is this machine connected to the network\?"):
            fetch_public.bring(name, home, tell)
    assert not any((home / "public").iterdir()) and list_datasets(home) == []


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(address, folder) of a server on this machine."""
    folder = tmp_path / "published"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()


def test_torchvision_downloads_and_its_images_are_taken(
    home: Path, tmp_path: Path, publisher, tell, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small set in the form of DTD, published on this machine, fetched by torchvision's own code."""
    from torchvision.datasets import DTD
    from torchvision.datasets.utils import calculate_md5

    url, folder = publisher
    made = write_images(tmp_path / "dtd/images", classes=("bumpy", "veined"), per_class=6)
    labels = tmp_path / "dtd/labels"
    labels.mkdir()
    for number, split in enumerate(("train", "val", "test")):
        lines = [f"{name}/{index:03d}.png" for name in ("bumpy", "veined") for index in (2 * number, 2 * number + 1)]
        (labels / f"{split}1.txt").write_text("\n".join(lines) + "\n")
    assert made.is_dir()
    with tarfile.open(folder / "dtd-r1.0.1.tar.gz", "w:gz") as tape:
        tape.add(tmp_path / "dtd", "dtd")
    shutil.rmtree(tmp_path / "dtd")
    monkeypatch.setattr(DTD, "_URL", f"{url}/dtd-r1.0.1.tar.gz")
    monkeypatch.setattr(DTD, "_MD5", calculate_md5(folder / "dtd-r1.0.1.tar.gz"))
    ref = fetch_public.bring("dtd", home, tell)
    assert ref.counts == dict.fromkeys(("train", "val", "test"), (2, 2))
    assert any("Downloading Describable Textures" in doing for _, doing in told)


def test_a_stop_does_not_wait_for_the_network(home: Path) -> None:
    waits = threading.Event()

    def tell(*_: object) -> None:
        raise StopRequested

    with pytest.raises(StopRequested):
        fetch_public.bring("dtd", home, tell, lambda *_: waits.wait(60))
    waits.set()
    assert list_datasets(home) == []


def test_a_name_that_is_none_lists_those_that_are(home: Path, tell) -> None:
    with pytest.raises(NotFound, match=r"no public set called 'imagenet'; choose one of flowers102, "):
        fetch_public.bring("imagenet", home, tell)


def test_every_set_names_a_class_of_torchvision() -> None:
    from torchvision import datasets

    for card in PUBLIC_SETS.values():
        assert hasattr(datasets, card.torchvision)
        assert card.licence and card.detail.endswith(".")
