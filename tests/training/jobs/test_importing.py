"""Imports as jobs: beside training, followed, cancelled, killed; in workers of their own that never load torch."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from benchmarks.kill_import import make_archive, point, right, undisturbed
from core.errors import DataError, NotFound
from core.plans import RunConfig, to_json
from core.types import DatasetRef
from core.zoo import catalog
from dataset.folder import list_datasets, load_dataset
from dataset.ingest import targets
from dataset.ingest.sources import import_path
from dataset.readings import ReadAs
from tests.conftest import write_images
from tests.dataset.ingest.test_uploads import as_files, sent
from training.jobs.deleting import forget
from training.jobs.executor import executor
from training.requests.imports import ImportImages
from training.requests.registry import submit
from training.store.records import Job
from training.store.store import Store


def start(home: Path, asked: ImportImages) -> Job:
    return executor(home).submit(submit(Store(home), asked).id)


def ended(home: Path, job: Job, until: Callable[[Job], bool] = lambda job: not job.active) -> Job:
    moved, deadline = "", time.monotonic() + 60
    while not until(now := executor(home).status(job.id)):
        if moved != (moved := f"{now.state} {now.doing} {now.progress}"):
            deadline = time.monotonic() + 60
        assert now.active, f"it ended before the moment that was waited for: {now}"
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    return now


def imported(home: Path, asked: ImportImages) -> DatasetRef:
    job = ended(home, start(home, asked))
    assert job.state == "finished" and job.result, job.error
    return load_dataset(home, job.result["dataset_id"])


def nothing_left(home: Path) -> bool:
    return not list_datasets(home) and not any(home.glob("datasets/*"))


def checking(job: Job) -> bool:
    return "files checked" in job.doing


def test_a_folder_comes_in_and_the_note_of_it_goes(home: Path, tmp_path: Path) -> None:
    asked = ImportImages(str(write_images(tmp_path / "leaves")), name="My leaves")
    assert asked.title == "Importing My leaves"
    job = ended(home, start(home, asked))
    ref = imported(home, asked)
    assert job.result == {"dataset_id": ref.id, "images": 12, "classes": 2} and ref.name == "My leaves"
    forget(Store(home), job)
    assert [known.id for known in list_datasets(home)] == [ref.id]
    assert not (home / "logs" / f"{job.id}.log").exists()
    with pytest.raises(NotFound):
        Store(home).job(job.id)


def test_an_import_ends_while_a_run_trains(home: Path, tmp_path: Path) -> None:
    ref = import_path(write_images(tmp_path / "shapes", classes=("round", "square"), per_class=20), home)
    strategy = plan(
        "scratch", catalog.backbone("mlp"), train_images=32, classes=2, options=Options(epochs=100_000)
    )
    store, jobs = Store(home), executor(home)
    run = jobs.submit(store.create_job("train", ref.id, to_json(RunConfig(ref.id, strategy))).id)
    ended(home, run, lambda now: now.doing.startswith("Epoch"))
    waits = jobs.submit(store.create_job("profile", ref.id, {"backbone": "mlp", "seed": 0}).id)
    assert imported(home, ImportImages(str(write_images(tmp_path / "leaves", seed=1)))).images == 12
    assert [jobs.status(job.id).state for job in (run, waits)] == ["running", "queued"]
    jobs.stop(waits.id)
    jobs.stop(run.id)
    assert ended(home, run).state == "stopped"


def test_an_upload_a_sample_and_a_target(home: Path, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "p")
    both = (ImportImages(f"upload:{sent(home, as_files(folder, 'p'))}"), ImportImages("sample:shapes"))
    assert [asked.title for asked in both] == ["Importing images", "Importing shapes"]
    started = [start(home, asked) for asked in both]
    assert [job.state for job in started] == ["running", "running"]  # several at a time
    first, sample = (load_dataset(home, (ended(home, job).result or {})["dataset_id"]) for job in started)
    assert (first.source, sample.source) == ("browser upload", "sample: shapes")
    other = ImportImages(str(write_images(tmp_path / "other", seed=3)), target_of=first.id)
    assert other.dataset_id == first.id
    target = imported(home, other)
    assert target.target and targets.target_of(home, first) == target


def test_an_import_needs_no_torch(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it wait for it: a second or two, and some 200 MB, at each import."""
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("torch", "timm", "torchvision", "streamlit"):
        (broken / f"{name}.py").write_text("raise RuntimeError('loaded by an import')")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    assert imported(home, ImportImages(str(write_images(tmp_path / "leaves")))).images == 12


def test_an_import_loads_nothing_that_only_other_work_needs(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each import would wait for it."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import atexit, pathlib, sys\n"
        "if 'training.jobs.worker' in sys.orig_argv:\n"
        f"    atexit.register(lambda: pathlib.Path({str(tmp_path / 'modules')!r}).write_text(' '.join(sys.modules)))"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    job = ended(home, start(home, ImportImages(str(write_images(tmp_path / "leaves")))))
    deadline = time.monotonic() + 30
    while not (tmp_path / "modules").exists() or not (tmp_path / "modules").read_text():
        assert time.monotonic() < deadline, "the worker does not end"
        time.sleep(0.02)
    loaded = set((tmp_path / "modules").read_text().split())
    assert job.state == "finished" and "dataset.ingest.sources" in loaded
    assert {name for name in loaded if name.startswith("training.requests.")} == {
        f"training.requests.{name}" for name in ("base", "imports", "registry")
    }
    heavy = ("advisor", "training.backbones", "training.compare", "pandas", "scipy", "sklearn", "jinja2")
    assert not {name for name in loaded if name.startswith(heavy)}


def test_an_error_is_told_with_all_its_problems(home: Path, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "p", classes=("one",))
    job = ended(home, start(home, ImportImages(str(folder))))
    assert job.state == "failed" and job.error
    said, *problems = job.error.splitlines()
    assert "Only one class folder was found" in said and problems == ["'one' has 6 readable images."]
    assert nothing_left(home)


def large(tmp_path: Path, images: int) -> Path:
    """A folder whose import takes a while: every image many times, under different names."""
    folder = write_images(tmp_path / "large", per_class=3)
    for name in ("ants", "bees"):
        for number in range(3, images // 2):
            os.link(folder / name / f"{number % 3:03d}.png", folder / name / f"{number:04d}.png")
    return folder


def test_a_cancelled_import_leaves_nothing(home: Path, tmp_path: Path) -> None:
    job = start(home, ImportImages(str(large(tmp_path, 6000))))
    under_way = ended(home, job, checking)
    assert under_way.state == "running" and "of 6,000 files checked" in under_way.doing and under_way.progress > 0
    executor(home).stop(job.id)
    assert ended(home, job).state == "stopped"
    assert nothing_left(home)


@pytest.mark.fault
def test_a_killed_import_is_lost_and_can_be_repeated(home: Path, tmp_path: Path) -> None:
    folder = large(tmp_path, 1000)
    archive = Path(shutil.make_archive(str(folder), "zip", folder))
    job = start(home, ImportImages(str(archive)))
    # As soon as there is a process: a thousand files can be checked between two looks.
    os.kill(ended(home, job, lambda now: now.pid is not None).pid or 0, signal.SIGKILL)
    lost = ended(home, job)
    assert lost.state == "lost" and "Nothing of it was kept: start it again." in str(lost.error)
    assert list_datasets(home) == []
    assert import_path(archive, home).images == 1000
    assert not any(folder.name.startswith(".") for folder in (home / "datasets").iterdir())


INNERMOST = ReadAs("folders:innermost")


def test_the_own_images_of_a_dataset_are_read_again_without_a_second_copy(home: Path, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "zoo" / "pets", classes=("cat", "dog")).parent
    write_images(folder / "plants", classes=("oak", "elm"), seed=1)
    ref = import_path(folder, home, read_as=ReadAs("folders"))
    again = imported(home, ImportImages(f"{ref.root}/images", ref.name, said=ref.source, read_as=INNERMOST))
    assert again.classes == ("cat", "dog", "elm", "oak") and again.source == ref.source
    both = [Path(one.root) / "images/pets/cat/000.png" for one in (ref, again)]
    assert both[0].samefile(both[1])


def test_an_import_of_nothing_or_for_a_dataset_that_is_gone_is_refused(home: Path) -> None:
    with pytest.raises(DataError, match="Nothing to import was named"):
        ImportImages("")
    with pytest.raises(NotFound):
        submit(Store(home), ImportImages("sample:shapes", target_of="0" * 16))


def test_killed_at_a_few_random_moments_it_is_whole_or_not_there(tmp_path: Path) -> None:
    """A slice of `benchmarks.kill_import`."""
    asked = ImportImages(str(make_archive(tmp_path, 90)))
    like, seconds = undisturbed(tmp_path / "home", asked)
    for share in (0.15, 0.45, 0.7, 0.95):
        one = point(tmp_path / "home", asked, like, share * seconds)
        assert right(one), one
