"""A run leaves one home as a zip and is shown, and trained again to the same bits, in another."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import DataError, NotFound, UnsafeArchive
from dataset.folder import load_dataset, read_rows
from dataset.groups import GroupsFrom
from dataset.ingest.sources import import_path
from dataset.readings import ReadAs
from tests.conftest import write_images
from tests.support.terminal import say
from tests.training.bundles.conftest import Made
from training.bundles import reading, writing
from training.cli.commands.bundle import _differing
from training.store.records import Label
from training.store.run_result import RunResult
from training.store.store import Store


def change(bundle: Path, target: Path, edit: Callable[[str, bytes], bytes | None]) -> Path:
    """A copy of a bundle, each member as `edit(name, content)` gives it back (None: left out)."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = edit(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def test_a_bundle_is_read_trained_again_and_ends_in_the_same_bits(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, revision, run = made
    file = tmp_path / "run.zip"
    label = Store(home).describe(run.id, Label("Baseline", ("paper",), "As it was.")).label
    assert say("bundle", run.id, "--out", file, "--home", home).code == 0
    with zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        index = json.loads(archive.read("bundle.json"))
        sides = archive.read("split.csv").decode().splitlines()
    assert {"README.txt", "report.html", "metrics.csv", "best.safetensors", "runtime.json"} <= names
    assert index["reproduce"] == "python -m training reproduce run.zip" and len(sides) == 31
    assert index["run"]["result"]["versions"]["torch"]
    assert not any(name.endswith((".pkl", ".pt", ".pth", ".py")) for name in names)

    elsewhere = tmp_path / "elsewhere"
    answer = say("reproduce", file, "--home", elsewhere, "--json").json
    assert answer["same_weights"] and answer["same_test_accuracy"] and answer["differs"] == []
    assert answer["repeats"] == run.id
    store, first = Store(elsewhere), Store(home)
    there = store.job(run.id)
    assert there.state == "finished" and there.config == run.config and there.label == label
    assert store.metrics(run.id) == first.metrics(run.id)
    assert [e["text"] for e in store.events(run.id)] == [e["text"] for e in first.events(run.id)]
    brought = load_dataset(elsewhere, revision.id)
    assert brought.edit == revision.edit and brought.decoding == revision.decoding
    again = store.job(answer["run_id"])
    assert again.config["repeats"] == run.id and again.config["minutes"] is None
    assert (again.result or {})["weights_sha256"] == (run.result or {})["weights_sha256"]
    # Reading it once more changes nothing.
    assert reading.read(file, store).id == run.id and len(store.jobs(kind="train")) == 2


def test_a_bundle_without_images_asks_for_them_and_checks_them(made: Made, tmp_path: Path) -> None:
    home, _, run = made
    file = tmp_path / "run.zip"
    assert writing.write(Store(home), run.id, file, images=False) is False
    store = Store(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"holds no images, and those of 'shapes' are not here: give .* \(--data PATH"):
        reading.read(file, store)
    other = write_images(tmp_path / "other", classes=("round", "square"), per_class=15, seed=1)
    with pytest.raises(DataError, match="These are other images than the run saw: 30 of its 30 are not among them"):
        reading.read(file, store, data=other)
    assert store.jobs() == []
    shapes = Path(load_dataset(home, made[1].base).source)
    assert reading.read(file, store, data=shapes).id == run.id


def test_a_damaged_or_hostile_bundle_leaves_nothing_behind(made: Made, tmp_path: Path) -> None:
    home, _, run = made
    file = tmp_path / "run.zip"
    writing.write(Store(home), run.id, file)

    def swapped(name: str, content: bytes) -> bytes:
        return b"other" + content if name == "images/square/003.png" else content

    def other_weights(name: str, content: bytes) -> bytes:
        return content + b"\0" if name == "best.safetensors" else content

    def missing(name: str, content: bytes) -> bytes | None:
        return None if name == "images/round/001.png" else content

    def climbing(name: str, content: bytes) -> bytes:
        return content.replace(b"round/002.png", b"../../../up.png") if name.endswith("manifest.csv") else content

    def newer(name: str, content: bytes) -> bytes:
        return content.replace(b'"format": 1', b'"format": 9') if name == "bundle.json" else content

    def index(change: Callable[[dict[str, Any]], object]) -> Callable[[str, bytes], bytes]:
        def edit(name: str, content: bytes) -> bytes:
            if name != "bundle.json":
                return content
            found = json.loads(content)
            change(found)
            return json.dumps(found).encode()

        return edit

    for edit, said in (
        (index(lambda found: found.update(events="none")), "damaged. .* at 'events': expected array, got str"),
        (index(lambda found: found.update(extra=1)), "damaged. .* at 'extra': no such field is known"),
        (index(lambda found: found["run"].pop("state")), "damaged. .* at 'run.state': it is missing"),
        (index(lambda found: found["run"].update(id="../up")), "damaged. .* '../up' cannot be the id of a run"),
        (index(lambda found: found.update(datasets=[])), "damaged. .* other images than those that are listed"),
        (index(lambda found: found["run"]["result"].update(seconds="1")), "damaged. The result of its run .*'seconds'"),
        (index(lambda found: found["run"]["config"].update(seed="1")), "cannot read. The plan of its run .* at 'seed'"),
        (swapped, "square/003.png is not the image that the run saw"),
        (other_weights, "its weights are not those of the run"),
        (missing, "round/001.png is missing"),
        (climbing, "The list of images in this bundle is damaged"),
        (newer, "written by another version of Thaw"),
        (lambda name, content: None if name == "bundle.json" else content, "is no run bundle of Thaw"),
    ):
        store = Store(tmp_path / said.replace("/", " ")[:20])
        with pytest.raises(DataError, match=said):
            reading.read(change(file, tmp_path / "bad.zip", edit), store)
        assert store.jobs() == []
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr("../outside.txt", "x")
    with pytest.raises(UnsafeArchive):
        reading.read(tmp_path / "slip.zip", Store(tmp_path / "new"))
    assert not (tmp_path / "outside.txt").exists() and not (tmp_path / "up.png").exists()


def test_a_run_of_another_id_keeps_both(made: Made, tmp_path: Path) -> None:
    """An id that is taken by another run: the bundle's run gets a new one."""
    home, _, run = made
    file = tmp_path / "run.zip"
    writing.write(Store(home), run.id, file)
    store = Store(tmp_path / "elsewhere")
    first = reading.read(file, store)
    with store._write() as db:
        db.execute("UPDATE jobs SET result = '{}' WHERE id = ?", (first.id,))
    second = reading.read(file, store)
    assert second.id != first.id and len(store.jobs(kind="train")) == 2
    assert (store.home / (second.result or {})["weights"]).is_file()


def test_what_is_not_there_is_said(made: Made, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no run 'zzzz'"):
        writing.write(Store(made[0]), "zzzz", tmp_path / "x.zip")
    with pytest.raises(DataError, match="There is no bundle"):
        reading.read(tmp_path / "nothing.zip", Store(made[0]))


def test_a_repetition_elsewhere_says_what_was_different() -> None:
    before = RunResult(device="CPU, 2 cores", arithmetic={"threads": "2"}, versions={"torch": "2.14.1"})
    now = RunResult(device="CPU, 4 cores", arithmetic={"threads": "2"}, versions={"torch": "2.15.0"})
    assert _differing(before, now) == ["device CPU, 4 cores, CPU, 2 cores then", "torch 2.15.0, 2.14.1 then"]


@pytest.mark.parametrize("groups", ["none", "names"])
def test_data_given_to_a_bundle_is_grouped_as_the_run_saw_it(home: Path, tmp_path: Path, groups: GroupsFrom) -> None:
    """A run of before groups were read, or of one who wanted none, and one of likely groups."""
    folder = write_images(tmp_path / "moles", classes=("benign", "malign"), per_class=12)
    for name in ("benign", "malign"):
        for number, path in enumerate(sorted((folder / name).iterdir())):
            path.rename(path.with_name(f"P{name[0] == 'm':d}{number // 4}_{number % 4}.png"))
    ref = import_path(folder, home, groups=groups)
    assert ref.groups == (6 if groups == "names" else 0)
    reading._import_given(folder, ref, read_rows(ref), tmp_path / "elsewhere")
    assert load_dataset(tmp_path / "elsewhere", ref.id).groups == ref.groups


@pytest.mark.parametrize(
    "read_as",
    [ReadAs("labels.csv", "grade"), ReadAs("labels.csv", "kind", group_column="site"), ReadAs("folders:innermost")],
)
@pytest.mark.parametrize("packed", [False, True])
def test_data_given_to_a_bundle_is_known_by_its_bytes_however_it_was_read(
    home: Path, tmp_path: Path, read_as: ReadAs, packed: bool
) -> None:
    folder = write_images(tmp_path / "moles", classes=("left/old", "left/new", "right/old"), per_class=4)
    rows = ["path,kind,grade,site"]
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        rows.append(f"{path.relative_to(folder)},{'ab'[number % 2]},{number % 3},s{number // 3}")
    (folder / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    ref = import_path(folder, home, read_as=read_as)
    elsewhere, data = tmp_path / "elsewhere", tmp_path / "moved" / "again"
    shutil.copytree(folder, data / "inside")
    next(data.rglob("*.png")).rename(data / "renamed.png")
    given = Path(shutil.make_archive(str(tmp_path / "sent"), "zip", data)) if packed else data
    reading._import_given(given, ref, read_rows(ref), elsewhere)
    found = load_dataset(elsewhere, ref.id)
    assert (found.classes, found.counts, found.groups) == (ref.classes, ref.counts, ref.groups)
    assert read_rows(found) == read_rows(ref)
