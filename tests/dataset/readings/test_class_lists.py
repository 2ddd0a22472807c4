"""Names for the numbers of classes, from a list beside the table: only where it is certain what each number means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.dataset.readings.sources import CLASSES, HEAP, LABELS, names, read_source, rows


def classes_of(where: Path, numbers: Sequence[object], lines: Sequence[str], file: str = "class_names.csv") -> set[str]:
    """The classes of HEAP with these labels, beside such a list."""
    table = rows(names(), numbers, header=("file", "label"))
    choice = read_source(where, HEAP, {"labels.csv": table, file: "".join(f"{line}\n" for line in lines)})
    true = dict(zip(HEAP, LABELS, strict=True))
    labels = choice.reading.labels
    assert len({(true[image], label) for image, label in labels.items()}) == len(set(labels.values()))
    wrong = {(true[image], label) for image, label in labels.items() if label in CLASSES and label != true[image]}
    assert not wrong
    return set(choice.reading.classes)


def counted_from(start: int) -> list[int]:
    return [CLASSES.index(label) + start for label in LABELS]


@pytest.mark.parametrize("file", ["class_names.csv", "classes.txt", "label_names.tsv"])
@pytest.mark.parametrize("heading", [[], ["class"], ["name"], ["Class Name"]])
@pytest.mark.parametrize("start", [0, 1])
def test_a_name_a_line_with_and_without_a_heading_counted_from_0_and_from_1(
    tmp_path: Path, file: str, heading: list[str], start: int
) -> None:
    assert classes_of(tmp_path, counted_from(start), [*heading, *CLASSES], file) == set(CLASSES)


def test_names_of_several_words_stay_whole(tmp_path: Path) -> None:
    lines = ["maine coon", "german shepherd dog", "fox"]
    assert classes_of(tmp_path, counted_from(0), lines, "classes.txt") == set(lines)


def test_numbers_with_leading_zeros_are_the_same_numbers(tmp_path: Path) -> None:
    assert classes_of(tmp_path, [f"{one:02d}" for one in counted_from(1)], CLASSES) == set(CLASSES)


@pytest.mark.parametrize(
    ("start", "lines"),
    [
        (1, [*CLASSES, "owl"]),  # the last one without an image, or counted from 0 without the first: nobody knows
        (0, ["animals", *CLASSES]),  # a heading that is no word for one
        (0, [*CLASSES, "owl"]),
        (2, CLASSES),
        (10, CLASSES),
    ],
)
def test_a_list_whose_lines_may_mean_other_numbers_names_nothing(
    tmp_path: Path, start: int, lines: Sequence[str]
) -> None:
    assert classes_of(tmp_path, counted_from(start), lines) == {str(start + at) for at in range(3)}


def test_a_list_with_numbers_may_name_more_than_there_are(tmp_path: Path) -> None:
    lines = ["number,name", "0,owl", "1,cat", "2,dog", "3,fox", "4,elk"]
    assert classes_of(tmp_path, counted_from(1), lines) == set(CLASSES)
