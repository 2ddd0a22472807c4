import pytest

from core import words
from core.types import Estimate


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "unknown"),
        (float("nan"), "unknown"),
        (-1, "unknown"),
        (0, "0 s"),
        (0.01, "under 0.1 s"),
        (0.42, "0.4 s"),
        (0.97, "1 s"),
        (9, "9 s"),
        (59.6, "1 min"),
        (160, "2 min 40 s"),
        (65, "1 min 05 s"),
        (3599.7, "1 h"),
        (3900, "1 h 05 min"),
        (24 * 3600, "1 d"),
        (51 * 3600, "2 d 03 h"),
    ],
)
def test_duration(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(1e-4, "1e-4"), (7.5e-4, "7.5e-4"), (0.01, "1e-2"), (1.0, "1"), (0.0, "0"), (0.75**8 * 1e-3, "1e-4")],
)
def test_lr(value: float, said: str) -> None:
    assert words.lr(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "unknown"),
        (0.94, "94%"),
        (0.997, "99.7%"),
        (1.0, "100%"),
        (0.0, "0%"),
        (0.0038, "0.4%"),
        (Estimate(0.94, 0.9, 0.97), "94% (90-97)"),
        (Estimate(0.997, 0.981, 1.0), "99.7% (98-100)"),
        (Estimate(float("nan"), 0.9, 1.0), "unknown"),
    ],
)
def test_percent(value: Estimate | float | None, said: str) -> None:
    assert words.percent(value) == said


def test_counts_and_lists() -> None:
    assert words.count(1439) == "1,439"
    assert words.counted(1, "epoch") == "1 epoch"
    assert words.counted(1439, "class", "classes") == "1,439 classes"
    assert words.minutes(0.5) == "30 s"
    assert words.minutes(90) == "1 h 30 min"
    assert [words.listing(list("abc"[:n])) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (40, 60, ("40", "60")), (99.98, 99.996, ("99.98", "100.00")), (99.6, 100, ("99.6", "100.0")),
        (99.99999, 100.0, ("99.99999", "100.00000")),
    ],
)  # fmt: skip
def test_two_numbers_are_said_so_that_they_differ(a: float, b: float, said: tuple[str, str]) -> None:
    assert words.unlike(a, b) == said
