"""Pictures are drawn in processes of their own: what one file does to its process costs that picture alone."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from core.portable import pictures
from dataset.ingest import drawing
from dataset.ingest.drawing import Drawers, Look, Square

SMALL = Look((60, 30), (30, 60), 80)
DIES = (
    sys.executable, "-c",
    "import sys; print('ready', flush=True); line = sys.stdin.readline(); 'good' in line or sys.exit(1);"
    "print('{\"drawn\": \"aGVsbG8=\"}', flush=True); sys.stdin.readline()",
)  # fmt: skip
HANGS = (sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.readlines()")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture
def started() -> Callable[[], int]:
    """How many processes this test has running."""
    before = set(psutil.Process().children())
    return lambda: len(set(psutil.Process().children()) - before)


def test_a_picture_fits_its_box_and_a_square_is_what_training_sees(
    photo: Path, started: Callable[[], int]
) -> None:
    with Drawers(1) as drawers:
        drawn = drawers.jpeg(photo, SMALL)
        assert isinstance(drawn, bytes) and Image.open(io.BytesIO(drawn)).size == (40, 30)
        assert np.array_equal(drawers.square(photo, Square(48, "bicubic")), pictures.square(photo, 48))
        assert started() == 1
    assert started() == 0


def test_a_large_picture_is_drawn_alone_and_its_process_ends_with_it(
    photo: Path, started: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "LARGE_PIXELS", 10_000)
    with Drawers(2) as drawers:
        threads = [threading.Thread(target=drawers.jpeg, args=(photo, SMALL)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert isinstance(drawers.jpeg(photo, SMALL), bytes)
        assert started() <= 1, "one that only looked at a size"


def test_what_cannot_be_drawn_says_why(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    with Drawers(1) as drawers:
        assert "no image inside" in str(drawers.jpeg(tmp_path / "notes.png", SMALL))
        assert "No such file" in str(drawers.jpeg(tmp_path / "gone.png", SMALL))


def test_a_crash_costs_the_picture_in_hand_alone(tmp_path: Path) -> None:
    with Drawers(1, DIES) as drawers:
        assert drawers.jpeg(tmp_path / "bomb.png", SMALL) == "makes the decoder crash"
        assert drawers.jpeg(tmp_path / "good.png", SMALL) == b"hello"


def test_what_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MOST_SECONDS", 0.3)
    with Drawers(1, HANGS) as drawers:
        assert str(drawers.jpeg(tmp_path / "slow.png", SMALL)).startswith("takes longer than")
