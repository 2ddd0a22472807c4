"""JSON that says what images show, as grids: exports of labelling tools, records a line, and dictionaries.

What is known by its shape: COCO and its like (images, annotations, categories), Datumaro (items with annotations),
`{file: label}`, `{label: [files]}`, `{train: [...], test: [...]}`, lists in columns. All else is a list of records,
whose nested fields become columns under dotted names (`data.image`, `annotations.result.value.choices`): which column
means what is found as for any table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from core import DataError
from core.names import is_image_name
from dataset.documents.grid import Grid, cell, check_size, of_records, several
from dataset.split_words import split_of

MOST_BYTES = 128 * 1024**2
"""Of one JSON document, which has to be held as a whole."""
DEEPEST = 8
LONGEST_LINE = 1_000_000
_LEFT_OUT = ("was_cancelled", "ignored", "skipped")
"""What an annotator took back."""


def document(path: Path, file: str) -> list[Grid]:
    """The grids of a JSON document; [] when it holds no records. Raises DataError."""
    short = file.rpartition("/")[2]
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"'{short}' is larger than {MOST_BYTES // 1024**2} MB: keep only images and labels in it.")
    try:
        text = path.read_bytes()
        check_size(file, text.count(b"{"), 0, 0)  # of what is no table, a million records take a gigabyte
        found = json.loads(text)
    except RecursionError as error:
        raise DataError(f"'{short}' is nested too deeply to be a list of labels.") from error
    except ValueError as error:
        if "Extra data" in str(error):
            return lines(path, file)  # records a line under the wrong name
        raise DataError(f"'{short}' is no JSON that can be read: {error}.") from error
    return [grid for records in _records(found) if (grid := of_records(records, file, kind="json")).rows]


def lines(path: Path, file: str) -> list[Grid]:
    """The grid of a file with one record a line. Raises DataError."""
    return [of_records(map(flat, _each_line(path, file)), file, kind="json")]


def _each_line(path: Path, file: str) -> Iterator[Any]:
    short = file.rpartition("/")[2]
    with open(path, "rb") as bytes_in:
        number = 0
        while line := bytes_in.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                raise DataError(f"Line {number:,} of '{short}' has more than {LONGEST_LINE:,} bytes: it is no record.")
            if line.strip():
                try:
                    yield json.loads(line.removeprefix(b"\xef\xbb\xbf"))
                except (ValueError, RecursionError) as error:
                    raise DataError(f"Line {number:,} of '{short}' is no JSON that can be read.") from error


def flat(value: Any) -> dict[str, str]:
    """One record as cells under dotted names; of lists of records, what they say under the same name, together."""
    found: dict[str, list[str]] = {}

    def walk(item: Any, at: str, depth: int) -> None:
        if isinstance(item, dict) and depth < DEEPEST:
            if not any(item.get(name) is True for name in _LEFT_OUT):
                for name, inner in item.items():
                    walk(inner, f"{at}.{name}" if at else str(name), depth + 1)
        elif isinstance(item, list) and depth < DEEPEST:
            for inner in item[:1000]:
                walk(inner, at, depth + 1)
        else:
            found.setdefault(at or "value", []).append(cell(item))

    walk(value, "", 0)
    return {name: several(texts) for name, texts in found.items()}


def _records(value: Any) -> Iterator[Iterable[dict[str, str]]]:
    """The lists of records in a document, each as cells."""
    if isinstance(value, list):
        yield map(flat, value)
    elif isinstance(value, dict):
        if _is_list(value, "images") and _is_list(value, "annotations"):
            yield _coco(value)
        elif _is_list(value, "items") and isinstance(value.get("categories"), dict):
            yield _datumaro(value)
        elif isinstance(value.get("labels"), dict) and isinstance(value.get("classes"), list):
            names = value["classes"]
            yield (
                {"path": key, "label": cell(_named(one, names))} for key, one in value["labels"].items()
            )
        else:
            yield from _of_dictionary(value)


def _is_list(value: dict[str, Any], name: str) -> bool:
    return isinstance(value.get(name), list)


def _named(number: Any, names: list[Any]) -> Any:
    fits = isinstance(number, int) and 0 <= number < len(names)
    return names[number] if fits else number


def _coco(value: dict[str, Any]) -> Iterator[dict[str, str]]:
    """An image a row, with all its categories in one cell."""
    categories = {one.get("id"): one.get("name") for one in value.get("categories") or [] if isinstance(one, dict)}
    said: dict[Any, list[str]] = {}
    for one in value["annotations"]:
        if isinstance(one, dict):
            number = one.get("category_id", one.get("label", one.get("category")))
            said.setdefault(one.get("image_id"), []).append(cell(categories.get(number, number)))
    for one in value["images"]:
        if isinstance(one, dict):
            row = flat({name: inner for name, inner in one.items() if name != "license"})
            yield {**row, "category": several(said.get(one.get("id"), []))}


def _datumaro(value: dict[str, Any]) -> Iterator[dict[str, str]]:
    labels = value["categories"].get("label") or {}
    names = [one.get("name") if isinstance(one, dict) else one for one in labels.get("labels") or []]
    for one in value["items"]:
        if isinstance(one, dict):
            said = [cell(_named(mark.get("label_id"), names)) for mark in one.get("annotations") or []
                    if isinstance(mark, dict) and mark.get("label_id") is not None]  # fmt: skip
            image = one.get("image") or {}
            path = image.get("path") if isinstance(image, dict) else None
            about = {name: cell(one.get(name)) for name in ("id", "subset")}
            yield {**about, "path": cell(path), "label": several(said)}


def _of_dictionary(value: dict[str, Any]) -> Iterator[Iterable[dict[str, str]]]:
    if not value:
        return
    items = list(value.items())
    if all(split_of(name) for name, _ in items) and all(isinstance(one, (list, dict)) for _, one in items):
        yield (
            {**record, "split": name} for name, one in items for records in _records(one) for record in records
        )
    elif all(_are_files(one) for _, one in items):
        yield ({"path": text, "label": name} for name, one in items for text in one)
    elif _in_columns(items):
        yield _columns(items)
    elif all(isinstance(one, dict) for _, one in items):
        keys = [set(one) for _, one in items]
        if len(items) > 1 and all(one == keys[0] for one in keys) and all(name.isdigit() for name in keys[0]):
            yield _columns([(name, list(one.values())) for name, one in items])  # as pandas writes a table
        else:
            yield ({"key": name, **flat(one)} for name, one in items)
    elif not any(isinstance(one, (list, dict)) and one and isinstance(_first(one), dict) for _, one in items):
        yield ({"key": name, "value": cell(one)} for name, one in items)
    else:
        for _, one in items:
            if isinstance(one, (list, dict)) and one:
                yield from _records(one)


def _first(value: list[Any] | dict[str, Any]) -> Any:
    return next(iter(value.values() if isinstance(value, dict) else value))


def _are_files(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and is_image_name(one) for one in value)


def _in_columns(items: list[tuple[str, Any]]) -> bool:
    lists = [one for _, one in items if isinstance(one, list)]
    return len(lists) == len(items) > 1 and len({len(one) for one in lists}) == 1 and len(lists[0]) > 1


def _columns(items: list[tuple[str, Any]]) -> Iterator[dict[str, str]]:
    names = [name for name, _ in items]
    for row in zip(*(one for _, one in items), strict=False):
        yield {name: cell(one) for name, one in zip(names, row, strict=True)}
