"""What the names of folders say: parts of a heap, variants of pictures, patients and days, or classes. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from dataset import sides_of, split_of

DOCUMENTS = frozenset((
    "txt", "md", "rst", "json", "jsonl", "ndjson", "manifest", "xml", "csv", "tsv", "xlsx", "xls", "ods", "parquet",
    "yaml", "yml", "toml", "py", "ipynb", "pdf", "html", "htm", "npy", "npz", "mat", "h5", "hdf5", "pkl", "log",
    "names", "data", "cfg", "ini", "tex", "doc", "docx", "lst", "list", "db", "sqlite",
))  # fmt: skip
"""A folder of nothing but these is no class without images."""
PRIMARY = ("color", "colour", "rgb", "original", "originals", "raw", "images", "image", "imgs", "img", "photos")
SECONDARY = (
    "grayscale", "greyscale", "gray", "grey", "bw", "segmented", "segmentation", "segmentations", "seg", "mask",
    "masks", "edges", "edge", "annotations", "ground_truth", "groundtruth", "gt", "depth", "thumbnails", "thumbs",
    "heatmaps",
)  # fmt: skip
NEUTRAL = frozenset((*PRIMARY, "data", "dataset", "pictures", "jpg", "jpeg", "jpegimages", "png", "files", "classes"))
PART = re.compile(
    r"(?i)(.*?)[\W_]*(part|parts|batch|chunk|fold|shard|disk|disc|archive|folder|dir|images?|imgs?|data|zip|volume|vol|"
    r"piece|section|pack|package|block|run|box|tray|plate|roll|site|hospital|clinic|cent(?:er|re)|lab|farm|field|plot|"
    r"station|source|cv)[\W_]*(\d+[a-z]?|(?<=[\W_])[a-z])"
)
_GROUP = re.compile(
    r"(?i)(patient|pat|subject|subj|sub|case|scan|slide|session|camera|cam|video|vid|scene|clip|day|visit|study|series|"
    r"sequence|seq)[\W_]*\d+"
)
_WORD = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+")
_MASKS = frozenset((
    "mask", "masks", "segmentation", "segmentations", "seg", "label", "labels", "annotation", "annotations", "gt",
    "truth", "groundtruth", "trimap", "trimaps", "depth", "edge", "edges", "target", "targets", "heatmap", "heatmaps",
))  # fmt: skip
_PICTURES = frozenset((*PRIMARY, "input", "inputs", "photo", "picture", "pictures", "frames", "jpegimages"))
_NUMBERED = re.compile(r"([^\W\d_]+)[\W_]*\d+")
_GRADES = frozenset((
    "class", "classe", "klasse", "category", "cat", "type", "kind", "grade", "level", "stage", "label", "group",
    "target", "species", "cluster", "score", "degree", "severity", "state",
))  # fmt: skip
"""Words whose number says a class: the folders in `grade1` and `grade2` do not make these two parts of a whole."""
_CODE = re.compile(r"(?i)(?=.*\d)[0-9a-f]{8,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}[-_.]\d{2}[-_.]\d{2}")
UNLABELLED = re.compile(r"(?i)[\W_]*un[\W_]?(label|sort|annotat|classif)\w*|(no|without|to)[\W_]?labels?|to[\W_]?sort")


def telling(names: tuple[str, ...]) -> bool:
    """Whether folder names can be classes: not all of them parts, patients, dates, codes or 'images'."""
    return not all(_says_nothing(name) for name in names)


def short(names: tuple[str, ...]) -> bool:
    """Whether folder names are numbers or letters: classes when nothing else is there, parts beside a table."""
    return all(len(name) <= 2 or name.isdigit() for name in names)


def numbered(names: tuple[str, ...], inner: tuple[str, ...]) -> bool:
    """Whether names are one word with a number each, as `cv1`, and it is no word for classes, but `inner` are names of
    such."""
    found = [_NUMBERED.fullmatch(name) for name in names]
    stems = {one[1].casefold() for one in found if one}
    outer = all(found) and len(stems) == 1 and not stems & _GRADES
    return outer and telling(inner) and not short(inner) and not sides_of(inner)


def masks_of(files: Mapping[str, Collection[str]]) -> tuple[str, str] | None:
    """(folder of images, folder of their masks): the names of both say so, and each mask has an image of its name.

    files: folder -> names of its files, without their endings.
    """
    said = {name: {word.casefold() for word in _WORD.findall(name)} for name in files}
    masks = [name for name, words in said.items() if words & _MASKS]
    for name, words in said.items():
        if name not in masks and (words & _PICTURES or name.casefold() in _PICTURES):
            for mask in masks:
                if files[mask] and set(files[mask]) <= set(files[name]):
                    return name, mask
    return None


def _says_nothing(name: str) -> bool:
    patterns = any(pattern.fullmatch(name) for pattern in (PART, _GROUP, _CODE))
    return patterns or name.casefold() in (*NEUTRAL, *SECONDARY) or split_of(name) is not None
