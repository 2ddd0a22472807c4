"""200 pictures of 50 lesions: none of them on two sides, wherever something is learned here and judged there."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core import DatasetRef
from dataset import live, read_manifest, revise, sides
from dataset.edits import Edit
from dataset.ingest import import_path
from training.backbones import Preprocessing
from training.caches.bench import _fewer
from training.caches.image_data import ImageData
from training.engine import head_solver
from training.profile import cross_validation, out_of_fold, panel
from training.profile.feature_check import feature_check

ROOT = Path(__file__).resolve().parents[3]
JUDGES = {"cross_validate", "folds", "told_apart", "data_shift", "out_of_fold.judge", "panel.measure"}
"""What learns on some examples and judges on others."""


@pytest.fixture(scope="module")
def lesions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DatasetRef]:
    """In three classes, four pictures of each; the names say which. All pictures differ."""
    place = tmp_path_factory.mktemp("lesions")
    rng = np.random.default_rng(0)
    for lesion in range(50):
        folder = place / "photos" / "abc"[lesion % 3]
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, 5):
            array = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(array).save(folder / f"lesion{lesion:02}_{number}.png")
    return place / "home", import_path(place / "photos", place / "home")


def torn(groups: np.ndarray, side: np.ndarray) -> int:
    return sum(len(set(side[groups == one])) > 1 for one in np.unique(groups))


@pytest.mark.parametrize("seed", range(20))
def test_no_lesion_is_on_two_sides_of_a_split(lesions: tuple[Path, DatasetRef], seed: int) -> None:
    home, ref = lesions
    groups = read_manifest(ref)["group"].to_numpy(dtype=str)
    assert (ref.groups, len(groups)) == (50, 200)
    split = sides(ref, seed)
    assert torn(groups, split) == 0 and set(split) == {"train", "val", "test"}
    paths = read_manifest(ref)["path"].tolist()
    edits = [Edit("split", (paths[seed],), "test"), Edit("exclude", tuple(paths[seed + 20 : seed + 60 : 3])),
             Edit("relabel", (paths[seed + 100],), "a")]  # fmt: skip
    new = revise(home, ref, edits)
    rows = live(read_manifest(new)).index.to_numpy()
    after = sides(new, seed)
    assert torn(groups[rows], after[rows]) == 0 and after[seed] == "test"


Sides = list[tuple[np.ndarray, np.ndarray]]


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> Sides:
    """(rows learned from, rows judged) of every probe: the first feature is the row's number."""
    seen: Sides = []
    solve, judge_rest = head_solver.solve, out_of_fold._judge_rest

    def watched(train: head_solver.Labelled, held: head_solver.Labelled, *rest: Any) -> None:
        if held is not train:  # else solved for its weights
            seen.append((train[0][:, 0].astype(int), held[0][:, 0].astype(int)))
        solve(train, held, *rest)

    def beyond(result: Any, features: Any, labels: Any, classes: int, fit: Any, rest: Any, step: int) -> None:
        seen.append((fit, rest))
        judge_rest(result, features, labels, classes, fit, rest, step)

    for module in (cross_validation, out_of_fold):
        monkeypatch.setattr(module, "PATH_STEPS", 3)
    monkeypatch.setattr(head_solver, "solve", watched)
    monkeypatch.setattr(out_of_fold, "_judge_rest", beyond)
    return seen


def test_no_lesion_is_on_two_sides_of_a_fold_or_curve(
    lesions: tuple[Path, DatasetRef], probes: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probes of a profile: label check, ready-made accuracy, depth gap, data curve, shift of a given test set."""
    home, ref = lesions
    data = ImageData(ref, home / "cache", Preprocessing(size=8, resize=8, mean=(0.5,) * 3, std=(0.5,) * 3))
    manifest = read_manifest(ref)
    names, labels, every = manifest["group"].to_numpy(dtype=str), data.labels, np.arange(200)
    assert len(np.unique(data.groups)) == 50 and torn(names, data.groups) == 0
    draw = np.random.default_rng(0).normal(size=(200, 6))
    features = np.hstack([np.arange(200.0)[:, None], draw]).astype(np.float32)
    fit = np.sort(np.concatenate([data.rows["train"], data.rows["val"]]))
    for most in (4000, 60):  # all of the images, and some of each lesion
        monkeypatch.setattr(out_of_fold, "MOST_PROBED", most)
        judged = out_of_fold.judge(features, labels, 3, fit=fit, groups=data.groups)
        assert judged is not None and np.isfinite(judged.own).all()
    part = features[fit]
    found = panel.measure(part, [part, part], data.labels[fit], 3, groups=data.groups[fit])
    assert len(found.data_curve) >= 3 and found.depth_gap is not None
    given = manifest.assign(split=np.where(np.arange(200) % 2 == 0, "test", "train"))  # tears every lesion
    monkeypatch.setattr("training.profile.feature_check.read_manifest", lambda _: given)
    monkeypatch.setattr("training.profile.feature_check.LEAST_SHIFT", 5)
    assert feature_check(ref, "efficientnet_lite0", None, features, every, data.groups).shift is not None
    assert len(probes) > 30
    for learned, held in probes:
        assert not set(names[learned]) & set(names[held])


def test_few_images_a_class_are_of_the_training_side(lesions: tuple[Path, DatasetRef]) -> None:
    _, ref = lesions
    train = np.flatnonzero(sides(ref, 0) == "train")
    labels = read_manifest(ref)["label"].to_numpy()
    assert set(_fewer(train, labels, 5, 0)) < set(train)


def test_whatever_judges_on_what_it_has_not_learned_is_told_the_groups() -> None:
    calls = []
    for path in [*(ROOT / "training").rglob("*.py"), *(ROOT / "advisor").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert "model_selection" not in text, f"{path}: folds are made in training.evaluation.held_out"
        if any(f"{name}(" in text for name in JUDGES):
            calls += [ast.unparse(node) for node in ast.walk(ast.parse(text))
                      if isinstance(node, ast.Call) and ast.unparse(node.func) in JUDGES]  # fmt: skip
    assert len(calls) >= 9
    assert [call for call in calls if "groups" not in call and "mates" not in call] == []
