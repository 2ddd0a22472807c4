"""One broken file stops nothing: empty, as a power cut leaves it, or cut off in the middle.

Each kind of file that a home keeps is written as Thaw writes it, then broken. What reads it goes on without it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from advisor.advice import learned_rules
from core.plans import Phase, RunConfig, Strategy, to_json
from core.types import DatasetRef
from core.zoo import catalog
from dataset import folder, revisions
from dataset.audit import feature_check as label_check
from dataset.ingest import targets
from dataset.ingest.sources import import_path
from tests.conftest import write_images
from tests.support import wrong
from training import requests
from training.caches import arithmetic, pixels
from training.caches.bench import Bench
from training.export import contents
from training.profile import maps, moments
from training.record import tally
from training.store import lineage
from training.store.run_folder import RunFolder
from training.store.store import Store
from training.understand import findings


def changed(whole: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A document with its values changed; of a list, those of its entries."""
    found = json.loads(whole)
    return [change(one) for one in found] if isinstance(found, list) else change(found)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut off": lambda whole: whole[: len(whole) // 2],
    "another document": lambda whole: b"[1]",
}
OF_DOCUMENTS: dict[str, Callable[[bytes], bytes]] = {
    "other types": lambda whole: json.dumps(changed(whole, lambda values: {name: [["?"]] for name in values})).encode(),
    "a strange field": lambda whole: json.dumps(changed(whole, lambda values: {**values, "strange": [1]})).encode(),
    "fields gone": lambda whole: json.dumps(changed(whole, lambda values: {})).encode(),
}


def dataset(home: Path, name: str = "photos", seed: int = 0) -> DatasetRef:
    return import_path(write_images(home.parent / name, per_class=3, px=16, seed=seed), home, name=name)


def advice_of_sets(home: Path) -> Path:
    for group in ("set-1", "set-2"):
        tally.write(home, tally.Advised(group, "d", "partial", "measured", 10.0))
    return home / "advised" / "set-1.json"


def the_other_set_is_read(home: Path) -> None:
    assert [advised.group for advised in tally.read(home)] == ["set-2"]
    assert tally.judged(home, Store(home)) == []


def written(name: str, content: Any) -> Callable[[Path], Path]:
    """A JSON document of this name in the home."""

    def make(home: Path) -> Path:
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
        return file

    return make


def own_rules(home: Path) -> Path:
    known = learned_rules.learned()
    assert known is not None
    return written(learned_rules.LOCAL_RULES, learned_rules.to_json(known))(home)


def the_committed_rules_hold(home: Path) -> None:
    assert learned_rules.learned(home) == learned_rules.learned()


def moments_of_photos(home: Path) -> Path:
    return moments.save(home, "w", moments.of([np.random.default_rng(0).random((4, 3))], 32))


def map_of(name: str) -> Callable[[Path], Path]:
    def make(home: Path) -> Path:
        ref = dataset(home)
        rows = np.arange(ref.images)
        features = np.random.default_rng(0).normal(size=(ref.images, 8)).astype(np.float32)
        maps.make_pca(home, ref.id, "b", lambda some: features[some], rows)
        return maps.folder(home, ref.id, "b") / name

    return make


def there_is_no_map(home: Path) -> None:
    (ref,) = folder.list_datasets(home)
    assert maps.load(home, ref.id, "b", "pca") is None or maps.about(home, ref.id, "b") == maps.About()


def nothing_is_near(home: Path) -> None:
    (ref,) = folder.list_datasets(home)
    assert maps.alike(home, ref.id, "b", 0, 3) == []


def feature_check(home: Path) -> Path:
    rows, shares = np.zeros(2, np.int64), np.zeros(2, np.float32)
    label_check.save(home, label_check.FeatureCheck("d", "b", rows, shares, rows, shares, "probe"))
    return label_check.path_of(home, "d", "b")


def two_datasets(name: str) -> Callable[[Path], Path]:
    def make(home: Path) -> Path:
        first, _ = dataset(home), dataset(home, "others", seed=1)
        return Path(first.root) / name

    return make


def the_other_dataset_is_listed(home: Path) -> None:
    assert [ref.name for ref in folder.list_datasets(home)] == ["others"]
    assert [ref.name for ref in revisions.list_current(home)] == ["others"]


def both_are_listed_without_looks(home: Path) -> None:
    refs = {ref.name: ref for ref in folder.list_datasets(home)}
    assert set(refs) == {"photos", "others"}
    thumbnails = folder.read_thumbnails(refs["photos"])
    assert thumbnails is None or folder.read_alike(refs["photos"]).shape[1:] == (2,)
    assert folder.read_alike(refs["photos"]).shape[1:] == (2,)


def link_to_a_target(home: Path) -> Path:
    ref, target = dataset(home), dataset(home, "others", seed=1)
    targets.link(home, ref, target)
    return home / "targets" / f"{ref.id}.json"


def there_is_no_target(home: Path) -> None:
    ref = next(ref for ref in folder.list_datasets(home) if ref.name == "photos")
    assert targets.target_of(home, ref) is None


def link_to_a_revision(home: Path) -> Path:
    ref = revisions.make_current(home, dataset(home))
    return home / "current" / ref.images_id


def a_card(home: Path) -> Path:
    card = catalog.backbone(catalog.DEFAULT_BACKBONE)
    return written("backbones/own.json", to_json(card) | {"name": "own"})(home)


def the_curated_ones_are_known(home: Path) -> None:
    catalog.load_cards(home)
    assert "own" not in catalog.BACKBONES and catalog.DEFAULT_BACKBONE in catalog.BACKBONES


def a_finished_run(home: Path) -> str:
    """One job with id in the database; its files are the test's."""
    store = Store(home)
    job = store.create_job("train", "d", {"strategy": {"kind": "partial"}})
    store.claim_next()
    store.finish(store.job(job.id), {"weights_sha256": "0"})
    return job.id


def of_a_run(name: str, content: Any) -> Callable[[Path], Path]:
    return lambda home: written(f"runs/{a_finished_run(home)}/{name}", content)(home)


def the_run(home: Path) -> Any:
    (job,) = Store(home).jobs()
    return job


def the_price_is_measured_again(home: Path) -> None:
    assert arithmetic.remembered(home, "k", lambda: "fp32") == "fp32"
    assert arithmetic.remembered(home, "k", lambda: "bf16") == "fp32"


def nobody_knows_of_a_forecast(home: Path) -> None:
    said = requests.forecast_in(RunFolder(home, the_run(home).id))
    assert said == requests.NotForeseen("Nothing was written down before this run began.")


def the_choices_are_made_again(home: Path) -> None:
    strategy = Strategy("scratch", "mlp", (Phase(0, 1, 1e-2),), pretrained=False)
    bench = Bench.of_run(the_run(home).id, RunConfig(dataset(home).id, strategy), home)
    assert bench.runtime.keep("frozen", lambda: "fp32-nchw") == "fp32-nchw"


class Kept(NamedTuple):
    make: Callable[[Path], Path]
    """Writes the file, whole; returns its path."""
    goes_on: Callable[[Path], object]
    """What reads it, without it."""


def nothing(read: Callable[[Path], object]) -> Callable[[Path], object]:
    """`read` finds nothing."""

    def check(home: Path) -> None:
        assert not read(home)

    return check


KEPT: dict[str, Kept] = {
    "advice of a set": Kept(advice_of_sets, the_other_set_is_read),
    "forecast of a run": Kept(of_a_run("foreseen.json", {"reason": "Not measured."}), nobody_knows_of_a_forecast),
    "learned rules": Kept(own_rules, the_committed_rules_hold),
    "moments of photos": Kept(moments_of_photos, nothing(lambda home: moments.load(home, "w"))),
    "price of decoding": Kept(
        written("cache/d/pixels-32/meta.json", {"seconds_per_image": 0.1}),
        nothing(lambda home: pixels.decode_seconds(home / "cache" / "d", 32)),
    ),
    "arithmetic of this machine": Kept(written("machine.json", {"k": "bf16"}), the_price_is_measured_again),
    "arithmetic of a run": Kept(of_a_run("runtime.json", {"frozen": "bf16-nhwc"}), the_choices_are_made_again),
    "map": Kept(map_of("pca.npy"), there_is_no_map),
    "about a map": Kept(map_of("about.json"), there_is_no_map),
    "components of a map": Kept(map_of("components.npy"), nothing_is_near),
    "check by features": Kept(
        feature_check, nothing(lambda home: label_check.load(label_check.path_of(home, "d", "b")))
    ),
    "record of a dataset": Kept(two_datasets(folder.RECORD), the_other_dataset_is_listed),
    "thumbnails": Kept(two_datasets(folder.THUMBNAILS), both_are_listed_without_looks),
    "pairs that look alike": Kept(two_datasets(folder.ALIKE), both_are_listed_without_looks),
    "target of a dataset": Kept(link_to_a_target, there_is_no_target),
    "revision worked with": Kept(link_to_a_revision, lambda home: revisions.list_current(home)),
    "card of a backbone": Kept(a_card, the_curated_ones_are_known),
    "chain of runs": Kept(
        of_a_run("lineage.json", [{"run_id": "", "dataset": "ImageNet"}]),
        nothing(lambda home: lineage.stages_of(home, the_run(home).id)),
    ),
    "facts of an export": Kept(
        of_a_run("export/export.json", {}), nothing(lambda home: contents.find(home, the_run(home)))
    ),
    "classes added to a run": Kept(
        of_a_run("extended.json", {"added": {"new": {}}}), nothing(lambda home: contents.left_out(home, the_run(home)))
    ),
    "findings about a run": Kept(
        of_a_run("explained/explained.json", {"version": 1}),
        nothing(lambda home: findings.read(home, the_run(home).id)),
    ),
}  # fmt: skip


@pytest.fixture
def home(home: Path) -> Path:
    """With cards looked up afresh: another test's home may have been as new."""
    catalog.load_cards(home)
    return home


NO_DOCUMENTS = {
    "map", "components of a map", "check by features", "thumbnails", "pairs that look alike", "revision worked with",
}  # fmt: skip
CASES = [
    (kept, damage) for kept in KEPT for damage in [*DAMAGES, *([] if kept in NO_DOCUMENTS else OF_DOCUMENTS)]
]


@pytest.mark.parametrize(("kept", "damage"), CASES)
def test_what_reads_a_broken_file_goes_on(home: Path, kept: str, damage: str) -> None:
    file = KEPT[kept].make(home)
    whole = file.read_bytes()
    file.write_bytes((DAMAGES | OF_DOCUMENTS)[damage](whole))
    os.utime(file, (1, 1))
    KEPT[kept].goes_on(home)


@pytest.mark.parametrize("kept", [name for name in KEPT if name not in NO_DOCUMENTS])
def test_what_reads_a_file_with_a_wrong_value_goes_on(home: Path, kept: str) -> None:
    """Each field, each kind of wrong value. One that could be right is taken; nothing raises anything."""
    file = KEPT[kept].make(home)
    for number, (_, document) in enumerate(wrong.variants(json.loads(file.read_bytes()))):
        file.write_text(json.dumps(document))
        os.utime(file, (number, number))
        with suppress(AssertionError):
            KEPT[kept].goes_on(home)
