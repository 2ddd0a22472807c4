"""After an edit nothing is decoded or computed again: caches, facts and runs of a revision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import CompareError, StateError
from core.plans import Phase, RunConfig, Strategy, to_json
from core.types import DatasetFacts, DatasetRef
from dataset.audit import feature_check
from dataset.edits import Edit
from dataset.ingest.sources import import_path
from dataset.revisions import revise
from training.backbones import Preprocessing, build
from training.caches import Bench, budget, frozen_pass, pixels
from training.caches.image_data import ImageData
from training.caches.prefix import PrefixCache
from training.compare.comparison import compare
from training.profile import profiling
from training.store.store import Store

PREP = Preprocessing(size=56, resize=64, mean=(0.5,) * 3, std=(0.5,) * 3)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On networks this small, threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def ref(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> DatasetRef:
    return import_path(image_folder(tmp_path / "insects", per_class=10, px=40), home, name="insects")


@pytest.fixture
def edited(home: Path, ref: DatasetRef) -> DatasetRef:
    return revise(home, ref, [Edit("relabel", ("ants/000.png",), "bees"), Edit("exclude", ("bees/003.png",))])


def images(home: Path, ref: DatasetRef, prep: Preprocessing = PREP) -> ImageData:
    return ImageData(ref, budget.folder_of(home, ref.images_id), prep)


def test_no_image_is_decoded_again(
    home: Path, ref: DatasetRef, edited: DatasetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = images(home, ref)

    def no_decoding(*_: object) -> None:
        raise AssertionError("an image was decoded again")

    monkeypatch.setattr(pixels, "square", no_decoding)
    again = images(home, edited)
    assert again.key == first.key and again.decode_s == first.decode_s
    rows = np.arange(20)
    assert torch.equal(first.batch(rows, 0), again.batch(rows, 0))
    assert torch.equal(first.batch(rows, 5), again.batch(rows, 5)), "the stored views are the same as well"
    assert len(list((home / "cache").iterdir())) == 1


def test_labels_and_sides_are_the_revisions_own(home: Path, ref: DatasetRef, edited: DatasetRef) -> None:
    before, after = images(home, ref), images(home, edited)
    changed = np.flatnonzero(before.labels != after.labels)
    assert [before.paths[row] for row in changed] == ["ants/000.png"]
    seen = np.concatenate(list(after.rows.values()))
    assert sorted(seen) == [row for row, path in enumerate(after.paths) if path != "bees/003.png"]


def test_no_feature_is_computed_again(home: Path, ref: DatasetRef, edited: DatasetRef) -> None:
    backbone = build("mlp", 2)
    assert backbone.preprocessing is not None
    everything = np.arange(20)

    def cache(of: DatasetRef) -> PrefixCache:
        assert backbone.preprocessing is not None
        data = images(home, of, backbone.preprocessing)
        return PrefixCache(backbone, data, CPU, "fp32", budget.folder_of(home, of.images_id))

    before = cache(ref)
    assert before.fill([1], everything, 0) == 20
    after = cache(edited)
    assert after.missing(1, everything, 0) == 0 and after.fill([1], everything, 0) == 0
    assert torch.equal(before.read(1, everything, 0), after.read(1, everything, 0))


def test_facts_are_the_revisions_own_and_costs_are_not_measured_twice(
    home: Path, ref: DatasetRef, edited: DatasetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    first: list[DatasetFacts] = []
    facts = profiling.profile(ref, "mlp", home, lambda *step: told.append(step[1]), None, first.append)
    assert [replace(one, costs=facts.costs, memory=facts.memory, seconds=facts.seconds) for one in first] == [
        replace(facts, forward_images_per_s=None, train_images_per_s=None, timed_at=None, others=None)
    ], "all but what training costs is known before it is timed"
    assert first[0].costs == () and first[0].ready_made is not None
    assert facts.train_images + facts.test_images == 20

    def not_again(*_: object) -> None:
        raise AssertionError("this was measured before")

    monkeypatch.setattr(pixels, "square", not_again)
    monkeypatch.setattr(profiling, "quietest", not_again)
    monkeypatch.setattr(frozen_pass, "taps", not_again)  # no pass through the frozen stages, pooled outputs included
    again = profiling.profile(edited, "mlp", home, lambda *step: None, facts)
    assert again.dataset_id == edited.id and again.ready_made is not None
    assert again.train_images + again.test_images == 19
    assert again.depth_gap is not None
    assert (again.costs, again.memory, again.decode_s) == (facts.costs, facts.memory, facts.decode_s)


def test_a_brief_profile_leaves_test_images_labels_and_the_map_for_a_whole_one(home: Path, ref: DatasetRef) -> None:
    brief = profiling.profile(ref, "mlp", home, lambda *step: None, brief=True)
    bench = Bench.of(ref, "mlp", home)
    head, tests = bench.backbone.head_index, bench.data.rows["test"]
    assert len(tests) and bench.prefix.missing(head, tests, 0) == len(tests)
    assert feature_check.find(home, ref, "mlp") is None
    whole = profiling.profile(ref, "mlp", home, lambda *step: None, brief)
    assert (whole.probe_accuracy, whole.ready_made) == (brief.probe_accuracy, brief.ready_made)
    assert whole.costs == brief.costs, "measured once"
    assert Bench.of(ref, "mlp", home).prefix.missing(head, tests, 0) == 0
    assert feature_check.find(home, ref, "mlp") is not None


def test_a_class_that_is_gone_leaves_training_whole(
    home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    """Excluded images of a class that is gone have the label -1, which no loss may ever see."""
    ref = import_path(image_folder(tmp_path / "three", classes=("ants", "bees", "flies"), per_class=8), home)
    new = revise(home, ref, [Edit("exclude", tuple(f"ants/{number:03d}.png" for number in range(8)))])
    facts = profiling.profile(new, "mlp", home, lambda *step: None)
    assert facts.classes == ("bees", "flies") and facts.train_images + facts.test_images == 16
    assert len(facts.per_class) == 2


def run_of(store: Store, ref: DatasetRef) -> str:
    strategy = Strategy("linear_probe", "efficientnet_lite0", (Phase(8, 2, 1e-3),))
    return store.create_job("train", ref.id, to_json(RunConfig(ref.id, strategy))).id


def test_runs_of_two_revisions_are_not_compared(home: Path, ref: DatasetRef, edited: DatasetRef) -> None:
    store = Store(home)
    mine, other = run_of(store, ref), run_of(store, edited)
    with pytest.raises(CompareError) as refused:
        compare(store, [mine, other])
    assert str(refused.value) == (
        f"Runs '{mine}' and '{other}' cannot be compared: their dataset's revision differs ({ref.id}, as imported and "
        f"{edited.id}, 'Relabelled 'ants/000.png' from 'ants' to 'bees'. Excluded 'bees/003.png'.')."
    )


def test_caches_are_not_cleared_under_a_run_of_a_revision(home: Path, ref: DatasetRef, edited: DatasetRef) -> None:
    images(home, ref)
    store = Store(home)
    run_of(store, edited)
    running = store.claim_next()
    assert running is not None
    with pytest.raises(StateError, match=running.id):
        budget.clear(home, ref.id)
    store.fail(store.job(running.id), "over")
    assert budget.clear(home, budget.import_of(home, edited.id)) > 0
