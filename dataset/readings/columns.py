"""What the columns of a table are, by their cells first and their names second. Pure; the tables know nothing of images
but what a `Finder` answers.

The column whose cells name most images names the images; a cell with the ending of an image beats a bare number, as a
row number fits `1.jpg` too. A class is one of a few values; a side is one of the words for train, val and test.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from core import DataError, Split
from dataset.documents import Grid
from dataset.readings.finder import Clues, Finder, names_image
from dataset.split_words import sides_of

LOOKED_AT = 400
"""Rows, spread over a table, by which its column of images is chosen."""
MOST_SIDES = 8
MOST_BESIDE = 5
"""Columns of 0 and 1 at the ends of a run that need not be of it."""
MOST_NUMBERS = 10
"""Different numbers that codes of classes may be, however few images each has."""
FEW_EACH = 5

_PATHS = ("path", "file", "filename", "filepath", "image", "imagename", "imagepath", "imagefile", "img", "imgname",
          "imgpath", "imagefilename", "fname", "photo", "picture", "sourceref", "imagegcsuri", "uri",
          "url")  # fmt: skip
_LABELS = frozenset((
    "label", "labels", "class", "classes", "classname", "category", "categories", "categoryname", "target",
    "targets", "y", "choice", "choices", "groundtruth", "gt", "truth", "classlabel", "labelname", "displayname",
    "classification", "annotation", "annotations", "klasse", "classe", "clase", "etikett", "etiqueta", "categoria",
    "kategorie", "kategori", "rotulo", "etiquette", "метка", "класс", "标签", "类别", "ラベル", "クラス", "라벨",
))  # fmt: skip
_DOMAIN = frozenset((
    "species", "breed", "diagnosis", "dx", "disease", "variety", "cultivar", "genus", "family", "order", "type",
    "kind", "finding", "findings", "emotion", "expression", "gesture", "letter", "digit", "character", "plant",
    "crop", "animal", "object", "item", "product", "grade", "severity", "level", "stage", "quality", "defect",
    "material", "style", "artist", "genre", "scene", "celltype", "tissue", "histology", "pathology", "condition",
    "verdict", "tag", "landmark", "art", "weather", "malignancy", "benignmalignant", "landuse", "landcover",
    "value", "room", "dish", "food", "fruit", "flower", "bird", "insect", "vehicle", "sign",
))  # fmt: skip
_ATTRIBUTES = frozenset((
    "sex", "gender", "age", "width", "height", "w", "h", "size", "bytes", "camera", "device", "make", "model",
    "date", "year", "month", "day", "time", "lat", "lon", "latitude", "longitude", "site", "source", "country",
    "location", "localization", "region", "eye", "side", "view", "laterality", "orientation", "format", "mode",
    "channels", "depth", "weight", "length", "count", "index", "ethnicity", "race", "skintone", "fitzpatrick",
    "dataset", "station", "plot", "trap", "transect", "deployment", "operator", "photographer", "batch",
))  # fmt: skip
"""May be what somebody wants to learn, but only when there is nothing else."""
_NEVER = frozenset((
    "annotator", "annotatorid", "user", "createdat", "updatedat", "timestamp", "datetime", "created", "updated",
    "leadtime", "license", "licence", "author", "confidence", "score", "prob", "probability", "md", "sha", "hash",
    "checksum", "comment", "comments", "note", "notes", "completedby", "xmin", "ymin", "xmax", "ymax", "x", "bbox",
    "bboxx", "bboxy", "bboxw", "bboxh", "area", "iscrowd", "attribution", "rights", "observer", "metadata", "task",
    "annotationid",
))  # fmt: skip
_TEXTS = frozenset((
    "text", "caption", "captions", "description", "report", "sentence", "question", "answer", "prompt", "title",
    "comment",
))  # fmt: skip
_GROUPS = ("patient", "lesion", "subject", "participant", "speaker", "group", "video", "film", "movie", "clip", "study",
           "slide", "wsi", "session", "burst", "sequence", "scene", "case", "series", "person", "individual", "animal",
           "specimen", "plant")  # fmt: skip
SURE_GROUPS = _GROUPS.index("scene")
"""From there on a name may be that of a class as well, and needs an 'id' with it."""
_SPLITS = frozenset((
    "split", "set", "subset", "partition", "phase", "fold", "usage", "mluse", "tvt", "datasplit", "traintest",
    "traintestsplit", "part", "stage", "mode", "dataset", "datatype", "partitionname", "splitname", "trainvaltest",
    "aufteilung", "particion",
))  # fmt: skip
_FLAGS: dict[str, Split] = {
    "isvalid": "val", "isval": "val", "valid": "val", "isvalidation": "val", "validation": "val", "val": "val",
    "istest": "test", "test": "test", "isholdout": "test", "holdout": "test", "istesting": "test",
    "istrain": "train", "train": "train", "istraining": "train", "istrainingimage": "train", "training": "train",
    "traintestsplit": "train",
}  # fmt: skip
_GUESSED = frozenset((
    "prediction", "predictions", "predicted", "predict", "pred", "preds", "submission", "confidence", "probability",
    "probabilities", "prob", "score", "scores", "logit", "logits", "inference",
))  # fmt: skip
_TRUE, _FALSE = frozenset(("true", "1", "yes", "y", "t", "x")), frozenset(("false", "0", "no", "n", "f", ""))
_UNSAID = frozenset(("unassigned", "unknown", "none", "-", "na", "unlabeled", "unlabelled", "extra"))
_SERIAL = ("id", "ids", "idx", "index", "code", "num", "number", "no", "nr", "name", "names", "text", "str", "encoded",
           "uid", "key")  # fmt: skip


@lru_cache(4096)
def words(name: str) -> tuple[str, ...]:
    """'data.classLabel_id' -> ('class', 'label', 'id'): the last part of a dotted name, in words."""
    last = re.split(r"[./](?=[^./]*[A-Za-z])", name)[-1]
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", last)
    bare = (re.sub(r"\d+", "", word) for word in re.split(r"[\W_]+", parted.casefold()))
    return tuple(word for word in bare if word)


def _base(name: str) -> str:
    """The words without 'id', 'name' and their like, joined: 'class_id' and 'className' are both 'class'."""
    there = words(name)
    kept = [word for word in there if word not in _SERIAL] or list(there)
    return "".join(kept)


def label_rank(name: str, beside: Sequence[str] = ()) -> float:
    """How much a column's name speaks for its being the class: 1 = called so, 3 = no word of it, 4 = only for want of
    others, 9 = never."""
    base, there = _base(name), words(name)
    if guessed(name):
        return 9
    if base == "y" and any(_base(one) == "x" for one in beside):
        return 9
    if base in _LABELS:
        return 1
    if there and there[-1] in _LABELS:
        return 1.5
    if base in _DOMAIN:
        return 2.4 if {"id", "uid"} & set(there) else 2  # 'bird_id' beside 'species' tells birds apart, not their kinds
    if base in _NEVER or base in _PATHS:
        return 9
    if [word for word in there if word not in _SERIAL][-1:] and [w for w in there if w not in _SERIAL][-1] in _DOMAIN:
        return 2.5
    return 4 if base in _ATTRIBUTES else 3


def guessed(name: str, *, table: bool = False) -> bool:
    """Whether a column or a table is named like what a model answered."""
    there = set(re.split(r"[\W_\d]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()))
    return bool(there & _GUESSED) or (table and bool(there & {"result", "results", "output", "outputs"}))


def is_text(name: str) -> bool:
    return _base(name) in _TEXTS


def group_rank(name: str) -> int | None:
    """Place among the names of what belongs together, None when it is none of them."""
    base = _base(name)
    return _GROUPS.index(base) if base in _GROUPS else None


def called_group(name: str) -> bool:
    return _base(name) == "group"


def is_serial(name: str) -> bool:
    """Whether a name ends in 'id' or its like: 'lesion_id'."""
    return bool(words(name)) and words(name)[-1] in _SERIAL


def with_names(grid: Grid, finder: Finder) -> Grid:
    """The grid with the names of its columns: those above the first row that names an image; numbers when that is the
    first of all."""
    if grid.headed or not grid.rows:
        return grid
    for at, row in enumerate(grid.rows[:LOOKED_AT]):
        if any(names_image(one) or finder(one, Clues(grid.folder)) != "" for one in row if one):
            if at == 0:
                return grid
            return grid.with_header(max(range(at), key=lambda n: sum(map(bool, grid.rows[n]))))
    return grid if grid.kind == "list" else grid.with_header(0)


def at_column(grid: Grid, name: str, flag: str) -> int:
    """Where a column that somebody named is. Raises DataError, naming those that are there."""
    lower = [one.strip().casefold() for one in grid.columns]
    if name.strip().casefold() in lower:
        return lower.index(name.strip().casefold())
    there = ", ".join(f"'{one}'" for one in grid.columns[:20])
    raise DataError(f"'{grid.name}' has no column '{name}' ({flag}); its columns: {there}.")


def path_columns(grid: Grid, finder: Finder) -> list[int]:
    """The columns that name images, the best first: by ending, by images found, by name."""
    step = max(1, len(grid.rows) // LOOKED_AT)
    some = grid.rows[::step]
    ranked = []
    for at, name in enumerate(grid.columns):
        cells = [(row[at], row) for row in some if row[at]]
        found = [finder(one, Clues(grid.folder, grid.name, row, once=True)) for one, row in cells if len(one) < 1024]
        hits = {image for image in found if image}
        there = sum(bool(image) for image in found)
        ended = sum(names_image(one) or "/" in one for one, _ in cells) > 0.5 * len(cells)
        if not hits or len(hits) < (0.3 if ended else 0.5) * there:
            continue
        named = _base(name) in _PATHS or words(name)[-1:] in (("path",), ("file",), ("filename",), ("image",))
        serial = is_serial(name)
        bare_numbers = all(one.isdigit() for one, _ in cells)
        if bare_numbers and not (named or serial) and len(hits) < 0.9 * len(cells):
            continue  # an age, a count: numbers that happen to be names of images
        share = len(hits) / len(cells)
        rank = 0 if named and "url" not in words(name) else 1 if serial else 2
        ranked.append((not ended, -round(share, 1) if ended else -round(share, 2), rank, at))
    return [at for *_, at in sorted(ranked)]


def side_column(grid: Grid, at: int, *, asked: bool = False) -> list[Split | None] | None:
    """The side that each row of a column says; None when it says none. Raises DataError when it is half a split."""
    name = _base(grid.columns[at])
    named = name in _SPLITS or bool(set(words(grid.columns[at])) & {"split", "subset"})
    cells = grid.column(at)
    values = {one for one in cells if one and one.casefold() not in _UNSAID}
    if len(values) > (20 if asked else MOST_SIDES):
        return None
    if flag := _flag(grid, at):
        return _by_flag(grid, at, flag) if asked or not other_flag(grid, at) else None
    sides = sides_of(_lists(values))
    if values and len(sides) == len(_lists(values)) and (named or asked or len(set(sides.values())) > 1):
        return [sides.get(_bare(one)) for one in cells]
    if asked and len(values) > 1:
        last = max(values, key=lambda one: (float(one) if re.fullmatch(r"-?\d+(\.\d+)?", one) else 0.0, one))
        return ["test" if one == last else "train" for one in cells]
    if named and sides:
        unknown = next(one for one in sorted(values) if _bare(one) not in sides)
        raise DataError(
            f"Column '{grid.columns[at]}' of {grid.name} has the split '{unknown[:60]}', which is no word for train, "
            "val or test. Change it, or leave the column out."
        )
    return None


def _flag(grid: Grid, at: int) -> Split | None:
    """The side that the rows with a 1 are on, where a column of 0 and 1 is named like one."""
    side = _FLAGS.get("".join(words(grid.columns[at])))
    if side is None:  # before a million cells are looked at
        return None
    values = {_bit(one) for one in set(grid.column(at))}
    return side if 1 in values and None not in values else None


def flags_of(grid: Grid) -> dict[int, Split]:
    """Columns of 0 and 1 that are named like a side, with it."""
    return {at: side for at in range(len(grid.columns)) if (side := _flag(grid, at))}


def _by_flag(grid: Grid, at: int, flag: Split) -> list[Split | None]:
    """Its sides; where there is a column for each side, of all of them."""
    other: Split = "test" if flag == "train" else "train"
    flags = flags_of(grid)
    if len(flags) == len(set(flags.values())) > 1 and _one_each(grid, list(flags)):
        return [next(side for one, side in flags.items() if _bit(row[one])) for row in grid.rows]
    return [flag if _bit(one) else other for one in grid.column(at)]


def other_flag(grid: Grid, at: int) -> str:
    """Why a column named like a flag of a split is none: 'valid' may say that a picture can be used, and 'train' be a
    class among others; '' = it is one."""
    name, flag = "".join(words(grid.columns[at])), _flag(grid, at)
    if flag is None or (name.startswith("is") and name != "isvalid"):
        return ""
    run = alone(grid, one_hot(grid, set()))
    if at in run and _one_each(grid, run) and not all(_flag(grid, one) for one in run):
        return "each row has a 1 in it or in a column beside it, as for classes"
    share = sum(_bit(one) == 1 for one in grid.column(at)) / len(grid.rows)
    if len(flags_of(grid)) == 1 and (share > 0.5) != (flag == "train"):
        return f"{share:.0%} of its rows have a 1".replace("%", " %")
    return ""


def _one_each(grid: Grid, run: Sequence[int]) -> bool:
    return bool(run) and all(sum(_bit(row[one]) == 1 for one in run) == 1 for row in grid.rows)


def named_like_split(name: str) -> bool:
    return _base(name) in _SPLITS


def _lists(values: set[str]) -> set[str]:
    return {_bare(one) for one in values}


def _bare(one: str) -> str:
    """'["train"]' -> 'train': tags of one."""
    return re.sub(r'^\["?|"?\]$', "", one)


def one_hot(grid: Grid, leave_out: set[int]) -> list[int]:
    """The longest run of columns of 0 and 1 (or yes and no); [] when there are fewer than two."""
    runs: list[list[int]] = [[]]
    for at in range(len(grid.columns)):
        values = {_bit(row[at]) for row in grid.rows}
        fits = at not in leave_out and None not in values and values != {0}
        if fits or (runs[-1] and at not in leave_out and values == {0}):
            runs[-1].append(at)
        else:
            runs.append([])
    best = max(runs, key=len)
    return best if len(best) > 1 else []


def alone(grid: Grid, run: list[int]) -> list[int]:
    """The columns of a run that hold exactly one 1 in every row, where a few at its ends (`is_night`) break that; else
    the run. They are three at least and most of it: two attributes of many may be each other's opposite."""
    for length in range(len(run), max(2, len(run) // 2, len(run) - MOST_BESIDE - 1), -1):
        for at in range(len(run) - length + 1):
            if _one_each(grid, run[at : at + length]):
                return run[at : at + length]
    return run


def _bit(text: str) -> int | None:
    folded = text.casefold().removesuffix(".0")
    return 1 if folded in _TRUE else 0 if folded in _FALSE else None


def bits(grid: Grid, columns: Sequence[int]) -> list[tuple[str, ...]]:
    """For each row the names of the columns that are 1."""
    names = [grid.columns[at] for at in columns]
    return [tuple(name for name, at in zip(names, columns, strict=True) if _bit(row[at]) == 1) for row in grid.rows]


def probabilities(grid: Grid, leave_out: set[int]) -> bool:
    """Whether all other columns are numbers from 0 to 1 that are no plain yes or no, as models answer."""
    others = [at for at in range(len(grid.columns)) if at not in leave_out]
    cells = [row[at] for row in grid.rows[:LOOKED_AT] for at in others if row[at]]
    if not cells or not others:
        return False
    numbers = [_number(one) for one in cells]
    fits = all(number is not None and 0 <= number <= 1 for number in numbers)
    return fits and any(number not in (0, 1) for number in numbers)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def measured(values: Counter[str]) -> bool:
    """Whether values are numbers of a scale, not of classes: parts of one, or very many of them."""
    numbers = [_number(one) for one in values]
    if any(number is None for number in numbers):
        return False
    broken = sum(number is not None and not float(number).is_integer() for number in numbers)
    return (broken > 0.2 * len(numbers) and len(numbers) > 5) or len(numbers) > 0.5 * sum(values.values()) > 10


def scale(values: Counter[str], *, attribute: bool) -> bool:
    """Whether values are many whole numbers with few images each, as counts are; of an attribute (age), many."""
    numbers = [_number(one) for one in values]
    if len(numbers) <= MOST_NUMBERS or any(number is None or not number.is_integer() for number in numbers):
        return False
    return attribute or sum(values.values()) < FEW_EACH * len(numbers)


def sentences(values: Counter[str]) -> bool:
    """Whether values read like texts: mostly different, of many words."""
    many = sum(len(one.split()) >= 4 or len(one) > 60 for one in values)
    return len(values) > 2 and many > 0.5 * len(values) and len(values) > 0.3 * sum(values.values())
