"""The check on the Data page: cards with pictures, clicks that mend, and labels ticked one by one."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from core.types import DatasetRef
from dataset.audit import feature_check
from dataset.audit.feature_check import FeatureCheck
from dataset.audit.findings import Finding, Remedy, Shown
from dataset.folder import load_dataset, read_manifest
from dataset.ingest.sources import import_path
from tests.support.seeding import button, facts_of, param, picture_folder, words
from tests.ui.conftest import Open
from training.store.store import Store
from ui.data import finding_card, findings


@pytest.fixture
def faulty(home: Path, tmp_path: Path, store: Store) -> DatasetRef:
    """Two classes, one copy, measured."""
    folder = picture_folder(tmp_path / "leaves", {"oak": 12, "elm": 12}, size=40)
    shutil.copy(folder / "oak/000.png", folder / "oak/copy.png")
    ref = import_path(folder, home)
    store.save_facts(facts_of(ref))
    return ref


def doubt(home: Path, ref: DatasetRef, rows: list[int]) -> None:
    """As a profile would leave it: these labels look wrong."""
    labels = read_manifest(ref)["label"].to_numpy()
    own, favoured = np.full(len(labels), 0.9, np.float32), labels.copy()
    own[rows], favoured[rows] = 0.02, 1 - labels[rows]
    sure = np.full(len(labels), 0.97, np.float32)
    feature_check.save(home, FeatureCheck(ref.id, "efficientnet_lite0", labels, own, favoured, sure, "5-fold"))


def test_a_card_shows_pairs_side_by_side_with_their_words():
    finding = Finding("leak", "bad", "2 images <leak>", "Why.", "Do.", shown=(Shown((3, 7), ("a & b, train", "test")),))
    html = finding_card.finding_card(finding, "0" * 16)
    assert html.count("<img") == 2 and "/thaw/thumb/0000000000000000/7.jpg" in html
    assert "a &amp; b, train" in html and "2 images &lt;leak&gt;" in html and 'aria-label="Problem"' in html


def test_relabelling_groups_the_images_by_class():
    remedy = Remedy("Relabel", "relabel", ("p", "q", "r"), ("elm", "oak", "elm"), each=True)
    assert [(one.paths, one.to) for one in findings.edits(remedy, [0, 2])] == [(("p", "r"), "elm")]
    assert len(findings.edits(remedy)) == 2


def test_copies_are_excluded_with_one_click(open_page: Open, faulty: DatasetRef, home: Path) -> None:
    at = open_page("data", dataset=faulty.id, view="check")
    assert "1 copy of other images" in words(at)
    button(at, "Exclude the 1 copy").click().run()
    new = load_dataset(home, str(param(at, "dataset")))
    assert (new.parent, new.excluded) == (faulty.id, 1)
    assert "1 copy of other images" not in words(at)
    button(at, "Undo").click().run()
    assert param(at, "dataset") == faulty.id and "1 copy of other images" in words(at)


def test_labels_that_look_wrong_are_ticked_and_relabelled(open_page: Open, faulty: DatasetRef, home: Path) -> None:
    at = open_page("data", dataset=faulty.id, view="check")
    assert "labels look wrong" not in words(at)
    button(at, "Judge the labels")
    doubt(home, faulty, [1, 14])
    at.run()
    assert "2 labels look wrong" in words(at)
    button(at, "Look at all 2 pictures").click().run()
    assert button(at, "Relabel as suggested").disabled, "nothing is ticked yet"
    next(one for one in at.checkbox if one.label == "Wrong").check()
    button(at, "Look at all 2 pictures").click().run()  # AppTest runs the whole page, which closes the dialog
    button(at, "Relabel as suggested").click().run()
    new = load_dataset(home, str(param(at, "dataset")))
    before, after = read_manifest(faulty)["label"].to_numpy(), read_manifest(new)["label"].to_numpy()
    assert (before != after).sum() == 1
