"""Looking through many images: columns, search, filters, pages, sizes. From files of made-up manifests."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import NotFound
from core.types import DatasetRef
from dataset.image_table import (
    ImageTable,
    Query,
    by_class,
    matching,
    page_of,
    pages,
    read_table,
    sizes,
    spread,
)

CLASSES = ("daisy", "Rose", "شقائق")


def dataset(place: Path, rows: list[tuple[str, int, str, int, int, str]]) -> DatasetRef:
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "manifest.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split", "digest", "width", "height", "traits"])
        writer.writerows([path, label, split, "0", w, h, traits] for path, label, split, w, h, traits in rows)
    counts = {"": tuple(sum(row[1] == label for row in rows) for label in range(3))}
    return DatasetRef("0" * 16, "some", str(place), CLASSES, counts, "some", 0.0)


@pytest.fixture
def table(tmp_path: Path) -> ImageTable:
    return read_table(
        dataset(
            tmp_path,
            [
                ("daisy/A 1.jpg", 0, "train", 640, 480, ""),
                ("daisy/b.jpg", 0, "test", 640, 480, "cmyk grey"),
                ("Rose/a.jpg", 1, "train", 100, 100, "grey"),
                ("Rose/Straße.jpg", 1, "excluded", 100, 100, ""),
                ('شقائق/"1, 2".png', 2, "val", 30, 60, ""),
            ],
        )
    )


def found(table: ImageTable, **asked: object) -> list[int]:
    return matching(table, Query(**asked)).tolist()  # type: ignore[arg-type]


def test_excluded_images_are_shown_only_when_asked_for(table: ImageTable) -> None:
    assert found(table) == [0, 1, 2, 4]
    assert found(table, split="excluded") == [3]
    assert found(table, split="nothing of this name") == []


def test_words_are_looked_for_in_paths_and_class_names_whatever_their_case(table: ImageTable) -> None:
    assert found(table, words="A.JPG") == [2]
    assert found(table, words="rose") == [2]
    assert found(table, words="daisy 1") == [0], "every word must occur"
    assert found(table, words="STRASSE", split="excluded") == [3]
    assert found(table, words="شقائق") == [4]
    assert found(table, words="*") == []


def test_filters_add_up(table: ImageTable) -> None:
    assert found(table, label=0, split="test") == [1]
    assert found(table, trait="grey") == [1, 2]
    assert found(table, trait="grey", label=1) == [2]


def test_images_of_a_finding_keep_its_order(table: ImageTable) -> None:
    assert matching(table, Query(), [4, 0, 3]).tolist() == [4, 0], "and excluded ones are left out"
    assert matching(table, Query(), []).tolist() == []


def test_pages_hold_everything_once_and_end() -> None:
    import numpy as np

    rows = np.arange(145)
    assert pages(145, 72) == 3 and pages(144, 72) == 2 and pages(0, 72) == 1
    assert [row for page in (1, 2, 3) for row in page_of(rows, page, 72)] == list(range(145))
    assert page_of(rows, 99, 72).tolist() == [144], "a page beyond the end is the last one"
    assert page_of(rows, -1, 72)[0] == 0


def test_a_class_is_shown_by_images_from_all_over_it() -> None:
    import numpy as np

    assert spread(np.arange(100, 200), 3).tolist() == [100, 150, 199]
    assert spread(np.arange(2), 12).tolist() == [0, 1]
    assert spread(np.arange(0), 12).tolist() == []


def test_classes_without_images_have_no_group(table: ImageTable) -> None:
    groups = by_class(table, matching(table, Query(split="train")))
    assert {label: rows.tolist() for label, rows in groups.items()} == {0: [0], 1: [2]}
    assert by_class(table, matching(table, Query(words="nothing"))) == {}


def test_sizes_are_counted_and_never_too_many(table: ImageTable, tmp_path: Path) -> None:
    assert sizes(table) == [(640.0, 480.0, 2), (30.0, 60.0, 1), (100.0, 100.0, 1)]
    many = read_table(
        dataset(tmp_path / "many", [(f"a/{i}", 0, "", 200 + i % 97, 150 + i % 89, "") for i in range(4000)])
    )
    counted = sizes(many, most=300)
    assert len(counted) <= 300 and sum(images for _, _, images in counted) == 4000
    assert all(200 <= width < 297 and 150 <= height < 239 for width, height, _ in counted)


def test_an_older_manifest_without_traits_can_be_read(tmp_path: Path) -> None:
    ref = dataset(tmp_path, [("daisy/1.jpg", 0, "", 10, 10, "")])
    lines = (tmp_path / "manifest.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "manifest.csv").write_text("\n".join(line.rsplit(",", 1)[0] for line in lines), encoding="utf-8")
    assert read_table(ref).traits == ("",)


def test_a_lost_manifest_is_a_sentence(tmp_path: Path) -> None:
    ref = dataset(tmp_path, [("daisy/1.jpg", 0, "", 10, 10, "")])
    (tmp_path / "manifest.csv").unlink()
    with pytest.raises(NotFound, match="The list of images of 'some' is missing. Import its images again."):
        read_table(ref)


def test_looking_through_images_needs_no_pandas(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from dataset.image_table import *; from core.types import DatasetRef\n"
        f"ref = DatasetRef('0' * 16, 'some', {str(tmp_path)!r}, ('a', 'b', 'c'), {{'': (1, 0, 0)}}, '', 0.0)\n"
        "assert matching(read_table(ref), Query(words='1')).tolist() == [0]\n"
        "assert 'pandas' not in sys.modules"
    )
    dataset(tmp_path, [("daisy/1.jpg", 0, "", 10, 10, "")])
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
