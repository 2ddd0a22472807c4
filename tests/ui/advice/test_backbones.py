"""Choosing a backbone on the Advice page: what it is, whether its weights are here, and the two ways to get them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from core.files import write_whole
from core.plans import to_json
from core.types import DatasetFacts, DatasetRef
from core.zoo import catalog
from tests.support.seeding import NoWorkers, button, claim, param, words
from tests.ui.conftest import Open
from training.backbones import weights
from training.store.store import Store


@pytest.fixture(autouse=True)
def no_hub_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine that runs the tests has downloaded before must not matter."""
    monkeypatch.setattr(weights, "_in_hub_cache", lambda repository: None)


def test_a_backbone_says_what_it_is_and_what_is_missing(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts
) -> None:
    at = open_page("advice", dataset=dataset.id)
    box = at.selectbox(key="backbone")
    assert "EfficientNet-Lite0" in box.options and "ResNet-50 · not here yet" in box.options
    assert "3.37 M parameters · ImageNet 75.1% · 224 px · Apache-2.0" in words(at)
    assert not any("Download" in one.label for one in at.button)
    box.set_value("resnet50").run()
    text = words(at)
    assert "23.5 M parameters · ImageNet 81.2% (at 288 px) · 224 px · Apache-2.0" in text
    assert "Its weights are not on this machine. They come from huggingface.co" in text
    assert param(at, "backbone") == "resnet50"


def test_a_download_is_one_click_and_can_be_cancelled(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store, executor: NoWorkers
) -> None:
    at = open_page("advice", dataset=dataset.id, backbone="resnet50")
    button(at, "Download (102 MB)").click().run()
    (job,) = store.jobs(kind="backbone")
    assert job.config == {"name": "resnet50", "weights": None} and executor.submitted == [job.id]
    claim(store, job)
    store.beat(store.job(job.id), progress=0.4, doing="Downloading ResNet-50, 41 of 102 MB", eta_s=30.0)
    assert "Downloading ResNet-50, 41 of 102 MB, about 30 s left" in words(at.run())
    button(at, "Cancel").click().run()
    assert store.job(job.id).stop_requested


def test_an_offline_machine_is_told_plainly(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    job = store.create_job("backbone", "", {"name": "resnet50", "weights": None})
    store.claim_next()
    store.fail(store.job(job.id), "huggingface.co could not be reached. Nothing was lost.")
    text = words(open_page("advice", dataset=dataset.id, backbone="resnet50"))
    assert "ResNet-50 was not added" in text and "huggingface.co could not be reached. Nothing was lost." in text
    assert "Download (102 MB)" in text


def test_what_was_left_out_of_a_file_is_told(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store, home: Path
) -> None:
    said = ["Its weights stand under 'module'.", "Its classifier ('fc', 5 classes) is left out."]
    job = store.create_job("backbone", "", {"name": "resnet50", "weights": "/five.pth"})
    store.claim_next()
    store.finish(store.job(job.id), {"name": "resnet50", "source": "file", "said": said})
    weights.file_in(home, "resnet50").parent.mkdir(exist_ok=True)
    weights.file_in(home, "resnet50").write_bytes(b"weights")
    text = words(open_page("advice", dataset=dataset.id, backbone="resnet50"))
    assert "ResNet-50 was added" in text and " ".join(said) in text
    assert "was added" not in words(open_page("advice", dataset=dataset.id, backbone="vgg16"))


def test_a_file_or_another_model_is_added_by_name(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "mine.pth"
    save_file({"conv1.weight": np.zeros(3, np.float32)}, file)
    at = open_page("advice", dataset=dataset.id, backbone="resnet50")
    name, path = at.text_input
    assert name.value == "resnet50"
    path.set_value(str(tmp_path / "nothing.pth"))
    button(at, "Add").click().run()
    assert "There is no file" in words(at) and not store.jobs(kind="backbone")
    page = tmp_path / "page.pth"
    page.write_text("<!DOCTYPE html><html></html>")
    at.text_input[1].set_value(str(page))
    button(at, "Add").click().run()
    assert "page.pth is a web page, not weights" in words(at) and not store.jobs(kind="backbone")
    at.text_input[0].set_value("../regnety_032")
    button(at, "Add").click().run()
    assert "is no backbone's name" in words(at)
    at.text_input[0].set_value("regnety_032")
    at.text_input[1].set_value(str(file))
    button(at, "Add").click().run()
    (job,) = store.jobs(kind="backbone")
    assert job.config == {"name": "regnety_032", "weights": str(file)}


def test_an_added_model_can_be_chosen_and_advice_works_with_it(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, home: Path
) -> None:
    card = replace(catalog.backbone("resnet50"), name="regnety_032", title="regnety_032", imagenet_top1=None)
    write_whole(home / "backbones" / "regnety_032.json", json.dumps(to_json(card)).encode())
    weights.file_in(home, "regnety_032").write_bytes(b"weights")
    at = open_page("advice", dataset=dataset.id, backbone="regnety_032")
    assert at.selectbox(key="backbone").value == "regnety_032"
    text = words(at)
    assert "23.5 M parameters · 224 px" in text and "Not measured with regnety_032 yet" in text


def test_a_run_whose_weights_are_missing_is_not_queued(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id, backbone="vgg16")
    button(at, "Train this").click().run()
    assert not store.jobs(kind="train")
    assert "The weights of VGG16 are not on this machine" in words(at)
