"""A test set that mixes the classes differently is told when it matters and is no chance; the size of a set proves
nothing by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import pytest

from core.types import DatasetRef
from dataset.audit.balance import MIX_P, class_mix
from dataset.audit.findings import Finding


def mixed(train: Mapping[str, int], test: Mapping[str, int], val: Mapping[str, int] | None = None) -> list[Finding]:
    """What is said of a set with so many images of each class."""
    classes = tuple(sorted({*train, *test}))
    sides = {"train": train, "val": val or {}, "test": test}
    rows = [
        (classes.index(name), split)
        for split, counts in sides.items() for name, count in counts.items() for _ in range(count)
    ]  # fmt: skip
    manifest = pd.DataFrame(rows, columns=["label", "split"])
    total = tuple(sum(counts.get(name, 0) for counts in sides.values()) for name in classes)
    ref = DatasetRef("0" * 16, "set", "/nowhere", classes, {"train": total}, "a folder", 0.0)
    return list(class_mix(ref, manifest))


def test_a_test_set_of_another_mix_is_told_with_both_shares():
    (found,) = mixed({"ant": 300, "bee": 300, "wasp": 400}, {"ant": 30, "bee": 100, "wasp": 70})
    assert (found.kind, found.severity) == ("class_mix", "caution")
    assert found.detail.startswith(
        "'bee' is 30% of the other images and 50% of the test set; 'ant' is 30% of the other images and 15% of the "
        "test set. For one mix 20% of the test images would have to be of other classes."
    )
    assert "balanced accuracy" in found.remedy and "2,000 random splits" in found.how and "none was" in found.how


def test_a_large_set_with_a_tiny_difference_is_left_in_peace():
    """51 against 49 % is beyond all chance in 200,000 images, and moves no accuracy."""
    assert mixed({"ant": 80_000, "bee": 80_000}, {"ant": 20_400, "bee": 19_600}) == []


def test_a_small_test_set_differs_by_chance():
    """12 against 8 images: a fifth of them from one mix, as one split in three or so is."""
    assert mixed({"ant": 100, "bee": 100}, {"ant": 12, "bee": 8}) == []


def test_validation_images_count_to_the_others():
    train, val = {"ant": 100, "bee": 300}, {"ant": 200, "bee": 0}
    assert mixed(train, {"ant": 100, "bee": 100}, val) == []
    assert mixed(train, {"ant": 100, "bee": 100}) != []


def test_what_one_side_lacks_is_another_finding():
    assert mixed({"ant": 100, "bee": 100, "wasp": 100}, {"ant": 50, "bee": 50}) == []
    assert mixed({"ant": 100, "bee": 100}, {}) == []


def test_a_split_drawn_at_random_is_called_different_no_more_often_than_promised(monkeypatch: pytest.MonkeyPatch):
    """300 images of 12 classes, a tenth of them the test set: by chance alone the mix differs by a fifth or so."""
    import numpy as np

    from dataset.audit import balance

    source, told = np.random.default_rng(1), 0
    monkeypatch.setattr(balance, "MIX_DRAWS", 500)
    totals = np.full(12, 25)
    for _ in range(200):
        test = source.multivariate_hypergeometric(totals, 30)
        names = [f"class {number:02d}" for number in range(12)]
        told += len(mixed(dict(zip(names, totals - test, strict=True)), dict(zip(names, test, strict=True))))
    assert told <= 6, f"{told} of 200 where {200 * MIX_P:.0f} are to be expected"


def test_a_folder_is_told_by_the_report(home, tmp_path, image_folder: Callable[..., object]):
    from dataset.audit.report import audit
    from dataset.ingest.sources import import_path

    image_folder(tmp_path / "p", classes=("ants",), split={"train": 30, "test": 5})
    image_folder(tmp_path / "p", classes=("bees",), split={"train": 30, "test": 25}, seed=1)
    kinds = [one.kind for one in audit(import_path(tmp_path / "p", home)).findings]
    assert "class_mix" in kinds
