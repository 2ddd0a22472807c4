import pytest

from core.measures import CurvePoint, fit_curve, percentile


def points(*values: tuple[int, float]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(images, value, value - 0.02, value + 0.02) for images, value in values)


def test_a_percentile_runs_through_the_reference_sets() -> None:
    reference = (0.1, 0.2, 0.4, 0.8, 1.6)
    assert percentile(0.4, reference) == pytest.approx(50)
    assert percentile(0.1, reference) == pytest.approx(10)
    assert percentile(1.6, reference) == pytest.approx(90)
    assert percentile(0.3, reference) == pytest.approx(40)  # half way from the second (30) to the third (50)
    assert percentile(0.05, reference) == pytest.approx(5)
    assert percentile(3.2, reference) == pytest.approx(95)
    assert percentile(0.0, reference) == 0


def test_percentiles_rise_with_the_value() -> None:
    reference = (0.1, 0.2, 0.4, 0.8, 1.6)
    values = [percentile(0.01 * i, reference) for i in range(400)]
    assert values == sorted(values) and values[0] >= 0 and values[-1] < 100


def test_a_percentile_needs_references() -> None:
    with pytest.raises(ValueError, match="at least two reference values"):
        percentile(1.0, (1.0,))


def test_a_power_law_is_found_again() -> None:
    def accuracy(n: float) -> float:
        return 1 - (2.0 * n**-0.5 + 0.0)

    curve = fit_curve(points(*((n, accuracy(n)) for n in (50, 100, 200, 400))))
    assert curve is not None
    assert curve.accuracy(800) == pytest.approx(accuracy(800), abs=0.005)


def test_a_floor_under_the_error_is_found() -> None:
    def accuracy(n: float) -> float:
        return 1 - (3.0 * n**-0.8 + 0.1)

    curve = fit_curve(points(*((n, accuracy(n)) for n in (50, 100, 200, 400))))
    assert curve is not None
    assert curve.accuracy(1_600) == pytest.approx(accuracy(1_600), abs=0.01)


def test_a_curve_is_not_continued_for_ever() -> None:
    curve = fit_curve(points((50, 0.6), (100, 0.7), (200, 0.78)))
    assert curve is not None
    assert curve.accuracy(10**9) == curve.accuracy(800) < 1


@pytest.mark.parametrize("measured", [((50, 0.6), (100, 0.7)), ((50, 0.9), (100, 0.9), (200, 0.88))])
def test_what_does_not_rise_has_no_curve(measured: tuple[tuple[int, float], ...]) -> None:
    assert fit_curve(points(*measured)) is None
