"""Which values become black and white: the rule, its edges, and what is told of it."""

from __future__ import annotations

import numpy as np
import pytest

from core import DataError, Decoding
from core.portable.pictures import reduce
from dataset.value_range import choose, in_words, seen


def image(low: float, high: float, kind: str, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).uniform(low, high, (60, 70))
    return (np.floor(values) if kind[0] in "iu" else values).astype(kind)


@pytest.mark.parametrize(
    ("low", "high", "kind", "value_range", "which"),
    [
        (100, 4000, "u2", (0, 4095), "12 bits in 16"),
        (100, 65_000, "u2", (0, 65_535), "16 bits"),
        (0, 250, "u2", (0, 255), "8 bits in 16"),
        (200, 1000, "i2", (0, 1023), "10 bits in 16"),
        (0, 4e9, "u4", (0, 2.0**32 - 1), "32 bits"),
        (-120, 120, "i1", (-128, 127), "Signed bytes"),
        (0.01, 0.9, "f4", (0, 1), "Floating-point numbers"),
        (-0.9, 0.9, "f4", (-1, 1), "Floating-point numbers"),
        (3, 250, "f4", (0, 255), "Floating-point numbers"),
    ],
)
def test_a_range_that_instruments_have_is_taken_when_it_is_used(
    low: float, high: float, kind: str, value_range: tuple[float, float], which: str
) -> None:
    assert choose([seen(image(low, high, kind, seed)) for seed in range(3)]) == (value_range, which)


SPREADS = [(-1000, 2000, "i2"), (200, 600, "u2"), (0.4, 0.5, "f4"), (-5, 9, "f4")]


@pytest.mark.parametrize(("low", "high", "kind"), SPREADS)
def test_another_one_cuts_a_thousandth_off_at_each_end(low: float, high: float, kind: str) -> None:
    found, which = choose([seen(image(low, high, kind, seed)) for seed in range(3)])
    assert found == pytest.approx((low, high), abs=0.01 * (high - low)) and which == "More than 8 bits"


def test_the_range_is_that_of_all_images_not_of_the_first() -> None:
    dark, bright = seen(image(-100, 0, "i2")), seen(image(900, 1000, "i2"))
    (low, high), _ = choose([dark, bright])
    assert low < -95 and high > 990


def test_a_few_glowing_pixels_and_holes_do_not_decide() -> None:
    dim = image(200, 900, "u2")
    dim[3, 4] = 65_535
    assert choose([seen(dim)])[0][1] < 910
    holes = image(0, 20, "f4")
    holes[0], holes[1] = np.nan, np.inf
    assert choose([seen(holes)])[0] == pytest.approx((0, 20), abs=0.3)


def test_rare_values_on_one_ground_are_seen() -> None:
    mask = np.zeros((300, 300), np.int32)
    mask[5, 5] = -7
    (low, high), _ = choose([seen(mask)])
    assert (low, high) == (-7, 0)


def test_images_without_any_number_get_a_range_too() -> None:
    assert choose([seen(np.full((4, 4), np.nan, np.float32))])[0] == (0, 1)
    assert choose([seen(np.full((4, 4), 40_000, np.uint16))])[0] == (0, 65_535)
    assert choose([seen(np.full((4, 4), -3, np.int16))])[0] == (-3, -2)


def test_alpha_does_not_count() -> None:
    clear = np.dstack([image(0, 4000, "u2"), np.full((60, 70), 65_535, np.uint16)])
    assert choose([seen(clear)])[0] == (0, 4095)


def test_pages_of_one_file_count_together() -> None:
    values = seen(image(900, 1000, "i2"), seen(image(-100, 0, "i2")))
    assert (values.low, values.high) == (-100, 999) and len(values.spread) == 4 * 256


def test_what_is_told_names_the_values_and_what_stays() -> None:
    assert in_words((0, 4095), "12 bits in 16", 5, 5) == (
        "12 bits in 16: values 0 to 4,095 become black to white (another range: --value-range LOW,HIGH)."
    )
    assert in_words((-1.5, 2), "More than 8 bits", 2, 5).startswith("More than 8 bits: values -1.5 to 2 become")
    assert in_words((0, 1), "Floating-point numbers", 2, 5).endswith("The 3 images of 8 bits stay as they are.")


def test_reducing_steps_evenly_and_clips() -> None:
    twelve = np.arange(4096, dtype=np.uint16)[:, None]
    assert np.array_equal(reduce(twelve, (0, 4095)), (twelve >> 4).astype(np.uint8))
    whole = np.array([[0, 255, 256, 65_535]], np.uint16)
    assert reduce(whole).tolist() == [[0, 0, 1, 255]], "as by its upper byte"
    exact = np.arange(256, dtype=np.float32)[None] / np.float32(255)
    assert np.array_equal(reduce(exact, (0, 1))[0], np.arange(256))
    odd = np.array([[np.nan, -np.inf, -9, 0.5, 9, np.inf]], np.float32)
    assert reduce(odd, (0, 1)).tolist() == [[0, 0, 0, 128, 255, 255]]
    assert reduce(np.array([[-1000, -160, 240, 3000]], np.int16), (-160, 240)).tolist() == [[0, 0, 255, 255]]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"value_range": (5.0, 5.0)}, "from a lower to a higher value, not from 5 to 5"),
        ({"value_range": (0.0, float("nan"))}, "from a lower to a higher value"),
        ({"pages": (0,)}, "One page is taken, counted from 1"),
        ({"pages": (1, 2)}, "or three as channels"),
    ],
)
def test_a_decoding_that_makes_no_sense_is_refused(asked: dict, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        Decoding(**asked)
