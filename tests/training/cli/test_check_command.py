"""`check` in a terminal: every finding with what to do, as sentences and as one document."""

from __future__ import annotations

import shutil

import numpy as np

from dataset import load_dataset
from dataset.audit import feature_check
from dataset.audit.feature_check import FeatureCheck
from dataset.ingest.sources import import_path
from tests.support.terminal import say


def test_findings_are_printed_and_labels_judged_before_are_among_them(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p", per_class=12)
    shutil.copy(folder / "ants/000.png", folder / "bees/torn.png")
    words = ("--home", home, "check", folder, "--quick")
    said = say(*words).out
    assert "PROBLEM: 1 image is in more than one class" in said and "-> Decide which class is meant" in said
    assert "bees/torn.png" in said
    ref = import_path(folder, home)
    labels = np.array([0] * 12 + [1] * 13)
    own, favoured = np.full(25, 0.9, np.float32), labels.copy()
    own[3], favoured[3] = 0.01, 1
    sure = np.full(25, 0.98, np.float32)
    feature_check.save(home, FeatureCheck(ref.id, "efficientnet_lite0", labels, own, favoured, sure, "5-fold"))
    document = say(*words, "--json").json
    assert document["worst"] == "bad" and document["labels_judged"]
    (doubt,) = [one for one in document["findings"] if one["kind"] == "mislabelled"]
    assert doubt["paths"] == ["ants/003.png"] and doubt["words"][0].endswith("bees 98%")


def test_folders_in_folders_are_read_as_asked(home, image_folder, tmp_path):
    image_folder(tmp_path / "zoo" / "wild")
    image_folder(tmp_path / "zoo" / "tame", seed=1)
    words = ("--home", home, "check", tmp_path / "zoo", "--quick", "--classes-from", "innermost", "--json")
    assert load_dataset(home, say(*words).json["dataset_id"]).classes == ("ants", "bees")
