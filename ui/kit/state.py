"""Where a page finds its dataset, its runs, the store and the executor.

Ids live in the URL (and, as ids, in session_state); everything else is read from disk on every script run, so that
a reload, a second tab and a restarted server show the same truth. May not draw anything and never imports torch.
"""

from __future__ import annotations

import atexit
import functools
from collections.abc import Sequence
from pathlib import Path

from core import DatasetFacts, DatasetRef, NotFound
from core.home import home as find_home
from core.zoo import DEFAULT_BACKBONE
from dataset import THUMBNAILS, Grouping, ImageTable, from_names, list_current, load_dataset, nested_levels, read_table
from dataset.audit import AuditReport, audit, feature_check
from dataset.ingest import SEVERAL
from training.jobs.executor import Executor, executor
from training.playground.client import Pool
from training.store import Job, Store
from ui.kit import ids

HERE = Path(__file__).parents[1]
DATA_PAGE = str(HERE / "data" / "data_page.py")
ADVICE_PAGE = str(HERE / "advice" / "advice_page.py")
TRAIN_PAGE = str(HERE / "train" / "train_page.py")
COMPARE_PAGE = str(HERE / "compare" / "compare_page.py")
RUN_PAGE = str(HERE / "understand" / "understand_page.py")
PREDICT_PAGE = str(HERE / "predict" / "predict_page.py")
PLAYGROUND_PAGE = str(HERE / "playground" / "playground_page.py")
LEARN_PAGE = str(HERE / "learn" / "learn_page.py")
PAGES = (
    DATA_PAGE, ADVICE_PAGE, TRAIN_PAGE, COMPARE_PAGE, RUN_PAGE, PREDICT_PAGE, PLAYGROUND_PAGE, LEARN_PAGE,
)  # fmt: skip

ACTIVE = ("queued", "running")


def home() -> Path:
    """Where datasets and runs lie: THAW_HOME or ~/.thaw."""
    return find_home()


@functools.cache
def _store(place: Path) -> Store:
    return Store(place)


@functools.cache
def _executor(place: Path) -> Executor:
    # One per process: it keeps the Popen objects of its workers, so that none becomes a zombie.
    return executor(place)


@functools.cache
def live_pool() -> Pool:
    """The processes that answer the Playground and the lessons. They start when first asked or warmed up."""
    pool = Pool()
    atexit.register(pool.close)
    return pool


def store() -> Store:
    return _store(home())


def jobs_executor() -> Executor:
    return _executor(home())


def pump() -> None:
    """Notice dead workers and start the next queued job. Cheap enough for every script run."""
    if store().queue():
        jobs_executor().pump()


def prepare() -> None:
    """Have a worker load while the user still reads or waits: the next click on "Train" then starts at once."""
    if not store().queue("train"):
        jobs_executor().prepare()


def current_dataset(*, newest: bool = True) -> DatasetRef | None:
    """The dataset of this view: the URL's, else (with `newest`) the latest import. NotFound for a deleted one."""
    chosen = ids.current("dataset")
    if chosen:
        return load_dataset(home(), chosen)
    if not newest:
        return None
    imported = list_current(home())
    if imported:
        ids.remember("dataset", imported[0].id)
        return imported[0]
    return None


def choose_dataset(dataset_id: str | None) -> None:
    """Make `dataset_id` the current one (None = none) and drop run ids that belong to another dataset."""
    if dataset_id != ids.current("dataset"):
        ids.remember("run", None)
        ids.remember("runs", None)
    ids.remember("dataset", dataset_id)


def existing_runs(wanted: Sequence[str]) -> tuple[list[Job], list[str]]:
    """The jobs of these ids, and the ids that this home does not hold."""
    found, missing = [], []
    for run_id in wanted:
        try:
            found.append(store().job(run_id))
        except NotFound:
            missing.append(run_id)
    return found, missing


@functools.lru_cache(maxsize=4)
def _images(place: Path, dataset_id: str) -> ImageTable:
    return read_table(load_dataset(place, dataset_id))


@functools.lru_cache(maxsize=8)
def _audit(place: Path, dataset_id: str, checked: Path | None, written: float, compared: bool) -> AuditReport:
    return audit(load_dataset(place, dataset_id), feature_check.load(checked))


@functools.lru_cache(maxsize=4)
def _row_numbers(place: Path, dataset_id: str) -> dict[str, int]:
    return {path: number for number, path in enumerate(_images(place, dataset_id).paths)}


def row_numbers(ref: DatasetRef) -> dict[str, int]:
    """Path -> row of the manifest, which thumbnails and activation maps are served by."""
    return _row_numbers(home(), ref.id)


def images(ref: DatasetRef) -> ImageTable:
    """The images by columns. Cached: a dataset's id is the hash of its content, so it never changes."""
    return _images(home(), ref.id)


def dataset(dataset_id: str) -> DatasetRef:
    """For fragments, which may run long after the page did. Raises NotFound."""
    return load_dataset(home(), dataset_id)


def findings_with_images(ref: DatasetRef) -> dict[str, list[int]]:
    """Rows of the images of each kind of finding of the audit, in its order; kinds without images are left out."""
    found: dict[str, dict[int, None]] = {}
    for one in audited(ref).findings:
        places = row_numbers(ref) if one.paths else {}
        rows = [row for shown in one.shown for row in shown.rows]
        rows = rows or [places[path] for path in one.paths if path in places]
        if rows:
            found.setdefault(one.kind, {}).update(dict.fromkeys(rows))
    return {kind: list(rows) for kind, rows in found.items()}


def was_audited(ref: DatasetRef) -> bool:
    """Whether this process has checked the dataset already, so that asking again takes no time."""
    return ref.id in _audited


def _by_folder(table: ImageTable) -> bool:
    some = range(0, len(table), max(1, len(table) // 200))
    return all("/" in (name := table.classes[table.labels[row]]) or name in table.paths[row].split("/")[:-1]
               for row in some)  # fmt: skip


@functools.lru_cache(maxsize=8)
def _nested(place: Path, dataset_id: str) -> bool:
    table = _images(place, dataset_id)
    return _by_folder(table) and nested_levels(table.paths) > 1


@functools.lru_cache(maxsize=8)
def _named(place: Path, dataset_id: str) -> Grouping | None:
    table = _images(place, dataset_id)
    return from_names(table.paths, table.labels.tolist())


@functools.lru_cache(maxsize=8)
def _several(place: Path, dataset_id: str) -> bool:
    return any(not SEVERAL.isdisjoint(traits.split()) for traits in set(_images(place, dataset_id).traits))


def several_pages(ref: DatasetRef) -> bool:
    """Whether some files hold several pages or pictures, of which not all are taken."""
    return _several(home(), ref.id)


def nested(ref: DatasetRef) -> bool:
    """Whether class folders lie inside folders, so that other ones could be the classes."""
    return _nested(home(), ref.id)


def named_groups(ref: DatasetRef) -> Grouping | None:
    """What the names say of what belongs together."""
    return _named(home(), ref.id)


def labels_checked(ref: DatasetRef) -> Path | None:
    """Where a profile left what it thinks of the labels; None before it has run."""
    return feature_check.find(home(), ref, DEFAULT_BACKBONE)


_audited: set[str] = set()


def audited(ref: DatasetRef) -> AuditReport:
    """What the checks found. Cached until a profile has judged the labels anew, or small pictures were added."""
    checked, compared = labels_checked(ref), ref.images_root.with_name(THUMBNAILS).exists()
    report = _audit(home(), ref.id, checked, checked.stat().st_mtime if checked else 0.0, compared)
    _audited.add(ref.id)
    return report


def facts_or_counts(ref: DatasetRef, backbone: str) -> DatasetFacts:
    """What was measured with this backbone; before the profile has ended, what the counts alone tell."""
    return store().facts(ref.id, backbone) or counts_only(ref, backbone)


def counts_only(ref: DatasetRef, backbone: str) -> DatasetFacts:
    """Facts without any measurement: the given test split, or the 20 % that will be held out, set apart."""
    given_test = ref.counts.get("test")
    test = given_test or tuple(round(0.2 * total) for total in ref.per_class)
    rest = tuple(total - held for total, held in zip(ref.per_class, test, strict=True))
    return DatasetFacts(
        dataset_id=ref.id,
        backbone=backbone,
        classes=ref.classes,
        train_images=sum(rest),
        test_images=sum(test),
        per_class=rest,
        chance=1 / len(ref.classes),
    )
