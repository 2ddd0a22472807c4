"""Confusion, reliability, and runs before and after an edit: the pure rules behind the page of one run."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import CompareError
from core.plans import Phase, RunConfig, Strategy, to_json
from core.types import DatasetRef
from dataset.edits import Edit
from dataset.ingest.sources import import_path
from dataset.revisions import revise
from training.compare.before_after import before_after, group_of, run_before
from training.evaluation.answers import Answers
from training.evaluation.confusion import cell, matrix, most_confused, most_mistaken
from training.evaluation.reliability import bins
from training.store.records import Job
from training.store.store import Store


def answers() -> Answers:
    truth, predicted = np.array(list("00011122")), np.array(list("01111120"))
    confidence = np.array([0.9, 0.6, 0.8, 0.9, 0.9, 0.9, 0.5, 0.7])
    return Answers(tuple(f"{i}.png" for i in range(8)), truth, predicted, confidence)


def test_the_matrix_counts_labels_against_answers() -> None:
    counts = matrix(answers(), 3)
    assert counts.tolist() == [[1, 2, 0], [0, 3, 0], [1, 0, 1]]
    assert counts.sum() == 8
    assert matrix(answers(), 2).sum() == 6  # what is no class of this dataset is left out


def test_a_cell_lists_its_images_surest_first() -> None:
    assert cell(answers(), 0, 1).tolist() == [2, 1]
    assert cell(answers(), 2, 1).tolist() == []


def test_the_commonest_mistakes_come_first() -> None:
    first, second = most_confused(matrix(answers(), 3), 5)
    assert (first.truth, first.predicted, first.count, first.images) == (0, 1, 2, 3)
    assert (second.truth, second.predicted, second.count) == (2, 0, 1)
    assert most_mistaken(matrix(answers(), 3), 2) == [0, 1]


def test_reliability_bins_hold_what_their_confidence_says() -> None:
    found = bins(np.array([0.95, 0.97, 1.0, 0.52, 0.55]), np.array([True, True, False, True, False]))
    assert [(one.low, one.images) for one in found] == [(0.5, 2), (0.9, 3)]
    assert found[0].accuracy.value == 0.5
    assert found[1].accuracy.value == pytest.approx(2 / 3)
    assert found[1].confidence == pytest.approx((0.95 + 0.97 + 1.0) / 3)


# -- before and after ------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def pets(tmp_path: Path, store: Store) -> DatasetRef:
    for part, images in (("train", 6), ("test", 10)):
        for label, name in enumerate(("cats", "dogs")):
            folder = tmp_path / "pets" / part / name
            folder.mkdir(parents=True)
            for i in range(images):
                colour = (9 * i, 100 * label, 40 * len(part))
                Image.new("RGB", (12, 12), colour).save(folder / f"{part}{i}.png")
    return import_path(tmp_path / "pets", store.home)


def judged(store: Store, ref: DatasetRef, said: Sequence[tuple[str, str, str]], group: str = "", seed: int = 0) -> Job:
    """A finished run; said: (path, label, answer) by class name."""
    strategy = Strategy("partial", "mlp", (Phase(1, 2, 1e-3),))
    config = RunConfig(ref.id, strategy, split_seed=seed, group=group)
    job = store.create_job("train", ref.id, to_json(config), group=group)
    store.claim_next()
    path = store.home / "runs" / job.id / "test_predictions.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "predicted", "confidence"])
        table.writerows([p, ref.classes.index(label), ref.classes.index(answer), 0.9] for p, label, answer in said)
    right = sum(label == answer for _, label, answer in said)
    result = {"test_total": len(said), "test_correct": right, "predictions": f"runs/{job.id}/test_predictions.csv"}
    return store.finish(store.job(job.id), result)


def paths(ref: DatasetRef) -> list[tuple[str, str]]:
    """(path, class) of the test images."""
    return [(f"test/{name}/test{i}.png", name) for name in ref.classes for i in range(10)]


def test_two_revisions_are_compared_over_what_both_have_by_todays_labels(store: Store, pets: DatasetRef) -> None:
    images = paths(pets)
    # Before: five cats are answered dogs; two of those really are dogs, and one image should not be there at all.
    wrong = {path for path, name in images[:5]}
    before = judged(store, pets, [(p, name, "dogs" if p in wrong else name) for p, name in images])
    now = revise(store.home, pets, [Edit("relabel", (images[0][0], images[1][0]), to="dogs"),
                                    Edit("exclude", (images[2][0],))])  # fmt: skip
    label = dict(images) | {images[0][0]: "dogs", images[1][0]: "dogs"}
    left = [path for path, _ in images if path != images[2][0]]
    after = judged(store, now, [(p, label[p], label[p]) for p in left], group_of(before.id))
    found = before_after(store, before, after)
    assert (found.images, found.relabelled, found.only_before, found.only_after) == (19, 2, 1, 0)
    assert found.by_old_labels.value == pytest.approx(15 / 19)
    assert found.before.value == pytest.approx(17 / 19)  # the two relabelled ones count as right now
    assert found.after.value == 1.0
    assert found.verdict == "no difference shown"
    assert found.fixed == (images[3][0], images[4][0]) and found.broken == ()
    assert "the 19 test images that both revisions share, 2 of them under their new label" in found.sentence()
    assert "1 image tested only before the edit left out" in found.sentence()
    assert run_before(after.group) == before.id and run_before(before.group) is None


def test_a_merge_gives_classes_other_numbers_and_is_matched_by_name(store: Store, pets: DatasetRef) -> None:
    images = paths(pets)
    before = judged(store, pets, [(p, name, name) for p, name in images])
    now = revise(store.home, pets, [Edit("merge", classes=("cats",), to="zebras")])
    after = judged(store, now, [(p, n.replace("cats", "zebras"), n.replace("cats", "zebras")) for p, n in images])
    found = before_after(store, before, after)
    assert found.images == 20 and found.relabelled == 10
    assert found.before.value == 0.5  # it says 'cats', a class that is gone
    assert found.verdict == "better"


def test_other_images_or_splits_are_refused(store: Store, pets: DatasetRef, tmp_path: Path) -> None:
    said = [(p, name, name) for p, name in paths(pets)]
    one, other = judged(store, pets, said), judged(store, pets, said, seed=3)
    with pytest.raises(CompareError, match="their split seed differs"):
        before_after(store, one, other)
    waiting = store.create_job("train", pets.id, one.config)
    with pytest.raises(CompareError, match=f"Run '{waiting.id}' has no answers"):
        before_after(store, one, waiting)
