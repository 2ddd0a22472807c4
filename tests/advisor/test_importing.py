"""Imports in a process of their own: followed, cancelled, killed."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor import importing, targets
from advisor.errors import DataError, NotFound
from advisor.files import read_json
from advisor.importing import Import, Order
from advisor.ingest import import_path, list_datasets
from benchmarks.kill_import import make_archive, point, right, undisturbed
from tests.advisor.test_uploads import as_files, sent
from tests.conftest import write_images


def ended(home: Path, import_id: str, until: Callable[[Import], bool] = lambda one: one.state != "running") -> Import:
    deadline = time.monotonic() + 60
    while not until(one := importing.look(home, import_id)):
        assert time.monotonic() < deadline, one
        time.sleep(0.02)
    return one


def nothing_left(home: Path) -> bool:
    return not list_datasets(home) and not any(home.glob("datasets/*"))


def test_a_folder_comes_in_and_the_note_of_it_goes(home: Path, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "leaves")
    one = ended(home, importing.start(home, Order(str(folder), name="My leaves")))
    assert one.state == "finished", one
    ref = one.result(home)
    assert (ref.name, ref.images) == ("My leaves", 12)
    assert [other.id for other in importing.all_imports(home)] == [one.id]
    importing.forget(home, one.id)
    assert importing.all_imports(home) == [] and [known.id for known in list_datasets(home)] == [ref.id]
    with pytest.raises(NotFound, match="not known any more"):
        importing.look(home, one.id)


def test_an_upload_a_sample_and_a_target(home: Path, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "p")
    upload = sent(home, as_files(folder, "p"))
    ids = [importing.start(home, Order(f"upload:{upload}")), importing.start(home, Order("sample:shapes"))]
    first, sample = (ended(home, one).result(home) for one in ids)
    assert (first.source, sample.source) == ("browser upload", "sample: shapes")
    order = Order(str(write_images(tmp_path / "other", seed=3)), target_of=first.id)
    target = ended(home, importing.start(home, order)).result(home)
    assert target.target and targets.target_of(home, first) == target


def test_an_error_is_told_with_all_its_problems(home: Path, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "p", classes=("one",))
    one = ended(home, importing.start(home, Order(str(folder))))
    assert one.state == "failed" and one.problems == ("'one' has 6 readable images.",)
    with pytest.raises(DataError, match="Only one class folder was found"):
        one.result(home)
    assert nothing_left(home)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A folder whose import takes a while: every image many times, under different names."""
    folder = write_images(tmp_path / "large", per_class=3)
    for name in ("ants", "bees"):
        for number in range(3, 500):
            os.link(folder / name / f"{number % 3:03d}.png", folder / name / f"{number:04d}.png")
    return folder


def test_a_cancelled_import_leaves_nothing(home: Path, large: Path) -> None:
    import_id = importing.start(home, Order(str(large)))
    under_way = ended(home, import_id, lambda one: one.done > 0)
    assert under_way.state == "running" and under_way.total == 1000
    importing.cancel(home, import_id)
    one = ended(home, import_id)
    assert (one.state, one.error) == ("cancelled", "The import was cancelled; nothing of it was kept.")
    assert nothing_left(home)


def test_a_killed_import_is_lost_and_can_be_repeated(home: Path, large: Path) -> None:
    archive = Path(shutil.make_archive(str(large), "zip", large))
    import_id = importing.start(home, Order(str(archive)))
    ended(home, import_id, lambda one: one.done > 0)
    os.kill(read_json(home / "imports" / import_id / importing.PROGRESS)["pid"], signal.SIGKILL)
    one = ended(home, import_id)
    assert one.state == "lost" and "ended without a word" in one.error
    assert list_datasets(home) == []
    assert import_path(archive, home).images == 1000
    assert not any(folder.name.startswith(".") for folder in (home / "datasets").iterdir())


def test_the_own_images_of_a_dataset_are_read_again_without_a_second_copy(home: Path, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "zoo" / "pets", classes=("cat", "dog")).parent
    write_images(folder / "plants", classes=("oak", "elm"), seed=1)
    ref = import_path(folder, home)
    order = Order(f"{ref.root}/images", ref.name, "innermost", said=ref.source)
    again = ended(home, importing.start(home, order)).result(home)
    assert again.classes == ("cat", "dog", "elm", "oak") and again.source == ref.source
    both = [Path(one.root) / "images/pets/cat/000.png" for one in (ref, again)]
    assert both[0].samefile(both[1])


def test_an_order_for_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="Nothing to import was named"):
        Order("")


def test_killed_at_a_few_random_moments_it_is_whole_or_not_there(tmp_path: Path) -> None:
    """A slice of `benchmarks.kill_import`."""
    order = Order(str(make_archive(tmp_path, 90)))
    like, seconds = undisturbed(tmp_path / "home", order)
    for share in (0.15, 0.45, 0.7, 0.95):
        one = point(tmp_path / "home", order, like, share * seconds)
        assert right(one), one
