"""What a profile thinks of the labels: kept as numbers, ranked, and silent where a label was changed since."""

from __future__ import annotations

import numpy as np

from core.types import Estimate
from dataset.audit import feature_check
from dataset.audit.feature_check import FeatureCheck, Shift
from dataset.audit.report import audit
from dataset.ingest.sources import import_path


def check_of(dataset_id: str, labels: list[int], own: list[float], favoured: list[int], p: list[float], **more):
    return FeatureCheck(
        dataset_id, "efficientnet_lite0", np.array(labels), np.array(own, np.float32), np.array(favoured),
        np.array(p, np.float32), "5-fold", **more,
    )  # fmt: skip


def test_it_is_read_as_it_was_written_and_an_absent_or_damaged_one_is_none(home):
    shift = Shift(Estimate(0.8, 0.7, 0.9, "5-fold"), 1e-9, 200)
    check = check_of("0" * 16, [0, 1], [0.9, np.nan], [0, -1], [0.9, np.nan], shift=shift)
    feature_check.save(home, check)
    path = feature_check.path_of(home, check.dataset_id, check.backbone)
    again = feature_check.load(path)
    assert again is not None and (again.shift, again.how, again.backbone) == (shift, "5-fold", check.backbone)
    for name in feature_check.ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(check, name))
    path.write_bytes(path.read_bytes()[:100])
    assert feature_check.load(path) is None
    assert feature_check.load(None) is None


def test_the_most_doubtful_come_first_and_changed_labels_are_left_alone():
    own, sure = [0.1, 0.9, 0.02, 0.3, 0.0], [0.8, 0.9, 0.95, 0.4, 1.0]
    check = check_of("0" * 16, [0, 0, 1, 1, -1], own, [1, 0, 0, 0, 1], sure)
    assert check.suspects(np.array([0, 0, 1, 1, -1])).tolist() == [2, 0]
    assert check.suspects(np.array([0, 0, 0, 1, -1])).tolist() == [0], "row 2 was relabelled since"


def test_doubtful_labels_and_a_shifted_test_set_become_findings(home, tmp_path, image_folder):
    folder = image_folder(tmp_path / "p", split={"train": 12, "test": 10})
    ref = import_path(folder, home)
    labels = [0] * 10 + [1] * 10 + [0] * 12 + [1] * 12
    own, favoured = [0.9] * len(labels), list(labels)
    for row in (2, 20):
        own[row], favoured[row] = 0.03, 1 - labels[row]
    shift = Shift(Estimate(0.83, 0.76, 0.88, "5-fold"), 1e-9, 20)
    check = check_of(ref.id, labels, own, favoured, [0.97] * 44, shift=shift)
    found = {one.kind: one for one in audit(ref, check).findings}
    doubts = found["mislabelled"]
    assert doubts.title == "2 labels look wrong" and "1 image of them is in the test set" in doubts.detail
    assert doubts.shown[0].words[0].endswith("bees 97%")
    relabel, aside = doubts.remedies
    assert relabel.each and relabel.to == ("bees", "bees") and aside.action == "exclude"
    assert found["shift"].severity == "bad" and "in 83% of cases" in found["shift"].detail
    assert "mislabelled" not in {one.kind for one in audit(ref).findings}
