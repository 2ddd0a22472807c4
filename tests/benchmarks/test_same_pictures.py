"""Pictures that `benchmarks.same_pictures` calls the same, and what it says of those that are not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from benchmarks.same_pictures import main


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (200, 100), "white").save(tmp_path / name / "data-light.png")
    return tmp_path / "before", tmp_path / "after"


def compare(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["same_pictures", *map(str, folders), *words])
    return main()


def test_a_shade_and_a_speck_are_no_difference(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = Image.new("RGB", (200, 100), (250, 250, 250))
    picture.putpixel((3, 3), (0, 0, 0))
    picture.save(folders[1] / "data-light.png")
    assert compare(folders, monkeypatch) == 0
    assert capsys.readouterr().out == "1 of 1 pictures are the same.\n"


def test_what_differs_is_named_with_its_share_its_place_and_its_size(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for folder, edge in zip(folders, (60, 70), strict=True):
        picture = Image.new("RGB", (200, 100), "white")
        ImageDraw.Draw(picture).rectangle((0, 50, 199, edge - 1), fill="black")
        picture.save(folder / "advice-dark.png")
    Image.new("RGB", (200, 120), "white").save(folders[1] / "data-light.png")
    Image.new("RGB", (20, 20), "white").save(folders[0] / "learn-dark.png")
    assert compare(folders, monkeypatch, "--out", str(tmp_path / "seen")) == 1
    assert capsys.readouterr().out.splitlines() == [
        "advice-dark.png: 10.00 % of the pixels, between 60 and 69 px from the top",
        "data-light.png: 200 x 100 px | 200 x 120 px",
        f"learn-dark.png: only in {folders[0]}",
        "0 of 3 pictures are the same.",
    ]
    with Image.open(tmp_path / "seen" / "advice-dark.png") as seen:
        assert seen.size == (600, 100)
        assert [seen.getpixel((x, 65)) for x in (10, 210, 410)] == [(255, 255, 255), (0, 0, 0), (214, 30, 30)]


def test_two_empty_folders_prove_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compare((tmp_path / "none", tmp_path / "nothing"), monkeypatch) == 1
