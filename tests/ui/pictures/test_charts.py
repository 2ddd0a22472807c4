"""The plotly figures of the Data page: what they plot, and that long and foreign names stay apart."""

from __future__ import annotations

from core.types import DatasetRef
from ui.pictures import charts


def dataset(classes: tuple[str, ...], counts: dict[str, tuple[int, ...]]) -> DatasetRef:
    return DatasetRef("0" * 16, "name", "/nowhere", classes, counts, "test", 0.0)


def test_class_balance_sorts_and_keeps_long_and_foreign_names_apart():
    twins = ("a" * 60 + "1", "a" * 60 + "2", "שלום")
    figure = charts.class_balance(dataset(twins, {"train": (5, 9, 2), "test": (1, 2, 1)}))
    assert [trace.name for trace in figure.data[:2]] == ["training", "test"]
    assert list(figure.data[0].x) == [9, 5, 2]
    assert list(figure.data[0].y) == [0, 1, 2]
    assert figure.data[0].customdata[0].endswith("2")
    assert figure.layout.showlegend


def test_class_balance_of_200_classes_stays_readable_and_says_what_is_missing():
    figure = charts.class_balance(dataset(tuple(f"c{i}" for i in range(200)), {"": tuple(range(1, 201))}))
    assert len(figure.data[0].x) == charts.MOST_CLASSES
    assert "160 classes" in figure.layout.xaxis.title.text
    assert figure.data[0].x[0] == 200
    assert figure.data[0].x[-1] == 1
    assert not figure.layout.showlegend
