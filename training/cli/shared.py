"""What verbs share: the home they work in, and the arguments and options that several of them take. No torch."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click
from click.shell_completion import CompletionItem

from core import USUAL_DECODING, DataError, Decoding, Similarity
from core.disk import disk_errors
from core.home import home as find_home
from core.home import where
from core.zoo import DEFAULT_BACKBONE, catalog
from dataset import GroupsFrom
from training.cli.follow import follow, to_stderr
from training.cli.terminal import everywhere
from training.jobs import executor as executors
from training.jobs import leftovers
from training.jobs.executor import Executor
from training.requests import Request, submit
from training.store import Job, Store

if TYPE_CHECKING:
    from dataset.readings import ReadAs

Run = TypeVar("Run", bound=Callable[..., Any])
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
FILE = click.Path(readable=False, path_type=Path)


@dataclass(frozen=True)
class Answer:
    """What a verb hands back: a JSON document, the same as lines to read, and how it went."""

    document: Any
    lines: list[str]
    code: int = 0
    error: str = ""
    """One sentence for standard error besides the answer."""


def side_answer(job: Job, lines: list[str]) -> Answer:
    """Of a job that is no run: what came of it, and why nothing did."""
    document = {"job_id": job.id, "state": job.state, "error": job.error, **(job.result or {})}
    failed = job.state in ("failed", "lost")
    return Answer(document, lines, int(failed), job.error or "" if failed else "")


@dataclass(frozen=True)
class Place:
    """One home, with its store and executor; nothing is opened or made before it is asked for."""

    asked: str | None
    """--home as it was typed."""

    @property
    def home(self) -> Path:
        return self.store.home

    @cached_property
    def store(self) -> Store:
        return Store(find_home(self.asked))

    @cached_property
    def executor(self) -> Executor:
        leftovers.sweep_hourly(self.store)
        return executors.executor(self.home)

    def follow(self, job: Job) -> Job:
        """The job as it ended."""
        return follow(self.store, self.executor, job.id)

    def carry_out(self, request: Request, doing: str = "") -> Job:
        """Ask for work, say what is being done, and follow it to its end."""
        job = submit(self.store, request)
        if doing:
            to_stderr(f"{doing} (job {job.id}).")
        return self.follow(job)


def verb(run: Callable[..., Answer], cls: type[click.Command] = click.Command) -> click.Command:
    """The verb that a function is: of its name, with its docstring as help, given the place and what was typed."""

    @functools.wraps(run)
    def command(**typed: Any) -> Answer:
        place = Place(click.get_current_context().meta.get("home"))
        with disk_errors(where(place.asked)):
            return run(place, **typed)

    return everywhere(click.command(cls=cls)(command))


# -- completion -------------------------------------------------------------------------------------


def among(names: Callable[[Path], Iterable[str]], *, files: bool = False) -> Complete:
    """Completes to what `names` finds in the home, with `files` to files too (in bash where no name fits)."""

    def complete(ctx: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
        found = [CompletionItem(name) for name in names(where(ctx.meta.get("home"))) if name.startswith(begun)]
        return [CompletionItem(begun, type="file"), *found] if files else found

    return complete


def _runs(home: Path) -> list[str]:
    return [job.id for job in Store(home).jobs(kind="train")] if home.is_dir() else []


def _datasets(home: Path) -> list[str]:
    from dataset import list_current

    return [ref.id for ref in list_current(home)]


def _backbones(home: Path) -> list[str]:
    catalog.load_cards(home)
    return list(catalog.BACKBONES)


BACKBONES = among(_backbones)
RUNS = among(_runs)
RUNS_AND_FILES = among(_runs, files=True)
DATASETS = among(_datasets, files=True)
RUNS_AND_DATASETS = among(lambda home: [*_runs(home), *_datasets(home)])

# -- arguments and options --------------------------------------------------------------------------

run_argument = click.argument("run_id", metavar="RUN", shell_complete=RUNS)
runs_argument = click.argument("run_ids", metavar="RUN...", nargs=-1, required=True, shell_complete=RUNS)


def dataset_argument(help: str = "its id, or as for profile") -> Callable[[Run], Run]:
    return click.argument("path", metavar="DATASET", help=help, shell_complete=DATASETS)


COLUMNS = {
    "label": "that holds the class",
    "path": "that names the images",
    "split": "that says train, val or test",
    "group": "that says what belongs together",
}
"""What `--label-column` and its like name."""


@dataclass(frozen=True)
class HowRead:
    """What the options say about how images are to be read."""

    classes_from: str = "1"
    groups: GroupsFrom = "auto"
    read_as: str = ""
    label_column: str = ""
    path_column: str = ""
    split_column: str = ""
    group_column: str = ""
    value_range: tuple[float, float] | None = None
    window: tuple[float, float] | None = None
    page: int | None = None
    pages_as_channels: bool = False

    def decoding(self, usual: Decoding = USUAL_DECODING) -> Decoding:
        """`usual`, but for what the options say. Raises DataError where they contradict each other or make no sense."""
        if self.value_range and self.window:
            raise DataError("--value-range and --window say the same thing: give one of them.")
        if self.page and self.pages_as_channels:
            raise DataError("--page takes one page and --pages-as-channels three: give one of them.")
        value_range = self.value_range
        if self.window:
            centre, width = self.window
            if width <= 1:
                raise DataError(f"A window {width:g} wide makes black and white without a grey: give a wider one.")
            # The last value is white: DICOM PS3.3 C.11.2.1.2.
            value_range = (centre - width / 2, centre + width / 2 - 1)
        pages = usual.pages if self.page is None else (self.page,)
        return Decoding(value_range or usual.value_range, (1, 2, 3) if self.pages_as_channels else pages)

    def reading(self) -> ReadAs:
        """Which reading is meant. Raises DataError for a level of folders that there cannot be, or for two readings."""
        from dataset import class_from
        from dataset.readings import ReadAs

        class_from(self.classes_from)
        as_folders = f"folders:{self.classes_from.strip().lower()}" if self.classes_from != "1" else ""
        if as_folders and self.read_as not in ("", "folders", as_folders):
            raise DataError("--classes-from reads the folders, and --read-as something else: give one of them.")
        columns = (self.label_column, self.path_column, self.split_column, self.group_column)
        return ReadAs(as_folders or self.read_as, *columns)


AS_USUAL = HowRead()


def on_data(run: Callable[..., Answer], *, required: bool = True) -> Callable[..., Answer]:
    """What a verb takes that begins with images: the images, how to read them, and the backbone to see them with.

    required: whether it cannot do without images."""
    of_reading = [one.name for one in fields(HowRead)]

    @functools.wraps(run)
    def command(place: Place, **typed: Any) -> Answer:
        how = HowRead(**{name: typed.pop(name) for name in of_reading})
        return run(place, how=how, **typed)

    for add in (
        click.option("--pages-as-channels", is_flag=True, help="the first three pages as red, green and blue"),
        click.option("--page", type=int, metavar="N", help="the page to take of files with several (1)"),
        click.option("--window", type=pair, metavar="CENTRE,WIDTH", help="the same, as CT viewers name it: 40,400"),
        click.option("--value-range", type=pair, metavar="LOW,HIGH",
                     help="of files of more than 8 bits: these become black and white; a negative LOW after '='"),
        click.option("--groups", type=click.Choice(get_args(GroupsFrom)), default="auto",
                     help="images that belong together by name: clear ones, likely ones too, none"),
        *(click.option(f"--{what}-column", default="", metavar="NAME", help=f"the column of a table {text}")
          for what, text in reversed(COLUMNS.items())),
        click.option("--read-as", default="", metavar="KEY", help="which reading, where there are several"),
        click.option("--classes-from", default="1", metavar="LEVEL",
                     help="of folders in folders: a level (1, the outermost), 'innermost' or 'path'"),
        click.option("--backbone", default=DEFAULT_BACKBONE, metavar="NAME", shell_complete=BACKBONES),
        click.argument("path", metavar="PATH" if required else "[PATH]", shell_complete=DATASETS, required=required,
                       help="a folder, an archive, a table of labels, 'sample:digits' or a dataset's id"),
    ):  # fmt: skip
        command = add(command)
    return command


def out_option(metavar: str, help: str | None = None) -> Callable[[Run], Run]:
    return click.option("--out", required=True, type=FILE, metavar=metavar, help=help)


def pair(text: str) -> tuple[float, float]:
    """Option type. Raises BadParameter for anything but two numbers with a comma between."""
    try:
        first, second = map(float, text.split(","))
    except ValueError:
        raise click.BadParameter(f"'{text}' is not two numbers like 0,4095.") from None
    return first, second


class SimilarityChoice(click.Choice[str]):
    """'high', 'medium' or 'low'; 'near' and 'far' mean the first and the last."""

    def __init__(self) -> None:
        super().__init__(get_args(Similarity))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert({"near": "high", "far": "low"}.get(value, value), param, ctx)


def positive_minutes(text: str) -> float:
    """Option type. Raises BadParameter for anything but a number of minutes above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0 < value < math.inf):
        raise click.BadParameter(f"'{text}' is not a number of minutes above 0.")
    return value


def at_least(low: int) -> Callable[[str], int]:
    """Option type: a whole number from `low` up."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) < 2**32):
            raise click.BadParameter(f"'{text}' is not a whole number from {low} up.")
        return int(text)

    return number
