"""Exports of labelling tools, public sets and competitions, as their documentation shows them: labels as drawn, given
splits kept, nothing asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dataset.readings import ReadAs
from tests.dataset.readings.sources import CLASSES, HEAP, LABELS, Document, csv, names, read_source, rows, sides

THREE = ("train", "val", "test")
BY_SIDE = {f"{'train' if n % 12 < 9 else 'test'}/{n:04d}.png": label for n, label in enumerate(LABELS)}
HEX = [f"{n * 2654435761 % 2**32:08x}-IMG_{n:03d}.jpg" for n in range(36)]
UPLOADED = [f"/data/upload/3/{name}" for name in HEX]
NUMBERS = [CLASSES.index(label) for label in LABELS]
HOT = [[int(label == name) for label in LABELS] for name in CLASSES]


def coco(part: Iterable[tuple[str, str]]) -> str:
    each = list(enumerate(part))
    return json.dumps({
        "images": [{"id": n, "file_name": path.rpartition("/")[2], "width": 3} for n, (path, _) in each],
        "annotations": [{"image_id": n, "category_id": CLASSES.index(label) + 1} for n, (_, label) in each * 2],
        "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES, 1)],
    })  # fmt: skip


def datumaro(part: Iterable[tuple[str, str]]) -> str:
    items = [
        {"id": path.rpartition("/")[2][:-4], "image": {"path": path.rpartition("/")[2]},
         "annotations": [{"type": "label", "label_id": CLASSES.index(label)}]}
        for path, label in part
    ]  # fmt: skip
    return json.dumps({"categories": {"label": {"labels": [{"name": name} for name in CLASSES]}}, "items": items})


def label_studio(record: Any) -> str:
    return json.dumps([record(n, path, label) for n, (path, label) in enumerate(zip(UPLOADED, LABELS, strict=True))])


def task(number: int, path: str, label: str) -> dict[str, Any]:
    def answer(choice: str, cancelled: bool) -> dict[str, Any]:
        return {"was_cancelled": cancelled, "result": [{"type": "choices", "value": {"choices": [choice]}}]}

    return {"id": number, "data": {"photo": path}, "annotations": [answer(label, False), answer("fox", True)]}


def half(side: str) -> list[tuple[str, str]]:
    return [one for one in BY_SIDE.items() if one[0].startswith(side)]


CASES: dict[str, tuple[Mapping[str, Document], Mapping[str, str], dict[str, int]]] = {
    "Label Studio CSV": (
        {"p.csv": rows(range(36), UPLOADED, LABELS, ["7"] * 36, header=("id", "image", "choice", "lead_time"))},
        HEAP, {}),
    "Label Studio CSV, own names and cells of JSON": (
        {"p.csv": rows(range(36), UPLOADED, [f'"{{""choices"": [""{one}""]}}"' for one in LABELS],
                       header=("id", "photo", "animal"))}, HEAP, {}),
    "Label Studio JSON": ({"p.json": label_studio(task)}, HEAP, {}),
    "Label Studio JSON-MIN": (
        {"p.json": label_studio(lambda n, path, label: {"image": path, "id": n, "choice": label})}, HEAP, {}),
    "Label Studio, files of its own disk": (
        {"p.csv": rows([f"/data/local-files/?d=pets/{one}" for one in names()], LABELS, header=("image", "choice"))},
        HEAP, {}),
    "Roboflow, one column a class": (
        {"_classes.csv": rows(names(), *HOT, header=("filename", " cat", " dog", " fox"))}, HEAP, {}),
    "Vertex without a header": (
        {"i.csv": rows([THREE[n % 3].upper() for n in range(36)], [f"gs://b/x/{one}" for one in names()], LABELS)},
        HEAP, dict.fromkeys(THREE, 12)),
    "Vertex, nothing assigned": (
        {"i.csv": rows(["UNASSIGNED"] * 36, [f"gs://b/x/{one}" for one in names()], LABELS)}, HEAP, {}),
    "Vertex JSON lines": (
        {"i.jsonl": "\n".join(json.dumps({
            "imageGcsUri": f"gs://b/{name}", "classificationAnnotation": {"displayName": label},
            "dataItemResourceLabels": {"aiplatform.googleapis.com/ml_use": ("training", "test")[n % 2]},
        }) for n, (name, label) in enumerate(zip(names(), LABELS, strict=True)))}, HEAP, {"train": 18, "test": 18}),
    "SageMaker manifest": (
        {"o.manifest": "\n".join(json.dumps({"source-ref": f"s3://b/{name}", "job": CLASSES.index(label),
                                             "job-metadata": {"class-name": label, "confidence": 0.9}})
                                 for name, label in zip(names(), LABELS, strict=True))}, HEAP, {}),
    "Hugging Face metadata.csv in the root": (
        {"metadata.csv": csv(("file_name", "label"), *BY_SIDE.items())}, BY_SIDE, {"train": 27, "test": 9}),
    "Hugging Face metadata.jsonl per side": (
        {f"{side}/metadata.jsonl": "\n".join(json.dumps({"file_name": path[len(side) + 1:], "label": label})
                                             for path, label in half(side)) for side in ("train", "test")},
        BY_SIDE, {"train": 27, "test": 9}),
    "FiftyOne samples": (
        {"samples.json": json.dumps({"name": "x", "samples": [
            {"filepath": f"/home/me/{name}", "tags": ["train"] if n % 2 else ["test"],
             "ground_truth": {"_cls": "Classification", "label": label}}
            for n, (name, label) in enumerate(zip(names(), LABELS, strict=True))]})}, HEAP, {"train": 18, "test": 18}),
    "FiftyOne labels.json": (
        {"labels.json": json.dumps({"classes": CLASSES, "labels": {name[:-4]: number for name, number
                                                                   in zip(names(), NUMBERS, strict=True)}})}, HEAP, {}),
    "DIGITS lists": (
        {"train.txt": rows([f"/home/me/my jobs/{one}" for one in names()[::2]], NUMBERS[::2], sep=" "),
         "val.txt": rows([f"/home/me/my jobs/{one}" for one in names()[1::2]], NUMBERS[1::2], sep=" "),
         "labels.txt": "cat\ndog\nfox\n"}, HEAP, {"train": 18, "val": 18}),
    "COCO, one category an image, per side": (
        {f"{side}/_annotations.coco.json": coco(half(side)) for side in ("train", "test")},
        BY_SIDE, {"train": 27, "test": 9}),
    "Datumaro": (
        {f"annotations/{side}.json": datumaro(half(side)) for side in ("train", "test")},
        BY_SIDE, {"train": 27, "test": 9}),
    "file -> label": ({"l.json": json.dumps(dict(zip(names(), LABELS, strict=True)))}, HEAP, {}),
    "label -> files": (
        {"l.json": json.dumps({one: [name for name, label in zip(names(), LABELS, strict=True) if label == one]
                               for one in CLASSES})}, HEAP, {}),
    "boxes of one class an image": (
        {"b.csv": rows(names() * 2, LABELS * 2, range(72), range(72), header=("filename", "class", "xmin", "ymin"))},
        HEAP, {}),
    "a number and a name for each class": (
        {"l.csv": rows(names(), NUMBERS, LABELS, header=("file", "class_id", "class_name"))}, HEAP, {}),
    "numbers named in a JSON": (
        {"train.csv": rows(names(), NUMBERS, header=("image_id", "label")),
         "label_num_to_disease_map.json": json.dumps({str(n): name for n, name in enumerate(CLASSES)})}, HEAP, {}),
    "ones and zeros with a point": (
        {"truth.csv": rows([one[:-4] for one in names()], *[map(float, one) for one in HOT],
                           header=("image", *CLASSES))},
        HEAP, {}),
    "paths of Windows": (
        {"l.csv": rows([f"C:\\Users\\me\\{one}" for one in names()], LABELS, header=("Bild", "Klasse"), sep=";")},
        HEAP, {}),
    "addresses": (
        {"l.csv": rows([f"https://x.org/a/{one}?v=1" for one in names()], LABELS, header=("url", "label"))}, HEAP, {}),
    "words of another language": (
        {"l.csv": rows(names(), LABELS, ["entrenamiento", "validación", "prueba"] * 12,
                       header=("archivo", "clase", "conjunto"))}, HEAP, dict.fromkeys(THREE, 12)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_layout_is_read_as_it_was_drawn(case: str, tmp_path: Path) -> None:
    documents, truth, split = CASES[case]
    choice = read_source(tmp_path, truth, documents, folders=["annotations"])
    assert choice.reading.labels == truth
    assert sides(choice) == (split or {"": 36})
    assert choice.reading.line.startswith("Classes from ") and "36 of 36 images" in choice.reading.line


def test_a_row_number_beside_the_name_of_the_file_is_no_name(tmp_path: Path) -> None:
    images = {f"images/{(n * 7) % 36 + 1}.jpg": label for n, label in enumerate(LABELS)}
    table = rows(range(1, 37), [path[7:] for path in images], LABELS, header=("id", "image_name", "label"))
    assert read_source(tmp_path, images, {"labels.csv": table}).reading.labels == images


def test_a_competition_leaves_its_test_images_without_a_label(tmp_path: Path) -> None:
    images = {f"train/{n}.jpg": label for n, label in enumerate(LABELS)}
    test = [f"test/{n}.jpg" for n in range(14)]  # the same numbers
    documents = {
        "labels.csv": csv(("id", "breed"), *enumerate(LABELS)),
        "sample_submission.csv": csv(("id", *CLASSES), *((n, 0.33, 0.33, 0.34) for n in range(14))),
    }
    choice = read_source(tmp_path, [*images, *test], documents)
    assert choice.reading.labels == images
    assert "14 images without a label in labels.csv: left out, and usable as a target." in choice.reading.layout.notes
    assert any("sample_submission.csv gives no class: its columns hold probabilities" in note for note in choice.notes)


def test_predictions_beside_class_folders_are_offered_and_not_taken(tmp_path: Path) -> None:
    images = {f"{label}/{n}.jpg": label for n, label in enumerate(LABELS)}
    guesses = csv(("path", "class", "confidence"), *((path, CLASSES[n % 3], 0.7) for n, path in enumerate(images)))
    choice = read_source(tmp_path, images, {"predictions.csv": guesses})
    assert choice.reading.labels == images and choice.reading.key == "folders"
    assert [one.key for one in choice.others] == ["predictions.csv:class"]
    assert "--read-as 'predictions.csv:class'" in choice.notes[-1]


def test_lists_of_paths_give_class_folders_their_split(tmp_path: Path) -> None:
    images = [f"images/{label}/{n}.jpg" for n, label in enumerate(LABELS)]
    named = [f"{path[7:-4]}\n" for path in images]
    test = named[::4]
    lists = {"meta/test.txt": "".join(test), "meta/train.txt": "".join(one for one in named if one not in test)}
    choice = read_source(tmp_path, images, lists, folders=["meta"])
    assert choice.reading.classes == CLASSES and sides(choice) == {"train": 27, "test": 9}
    assert choice.reading.line.endswith("split from test.txt and train.txt")


def test_an_image_in_two_lists_counts_to_the_one_that_is_held_out(tmp_path: Path) -> None:
    images = [f"images/{label}/{n}.jpg" for n, label in enumerate(LABELS)]
    named = [f"{path[7:-4]}\n" for path in images]
    lists = {"train.txt": "".join(named[:25]), "test.txt": "".join(named[24:])}
    for order in (lists, dict(reversed(lists.items()))):
        choice = read_source(tmp_path, images, order)
        assert sides(choice) == {"train": 24, "test": 12}
        said = "1 image ('images/fox/24.jpg') stood in the lists of both train and test, and now only in the test."
        assert said in choice.reading.layout.notes
    lists = {"trainval.txt": "".join(named[:30]), "val.txt": "".join(named[20:30]), "test.txt": "".join(named[30:])}
    choice = read_source(tmp_path, images, lists)
    assert sides(choice) == {"train": 20, "val": 10, "test": 6}
    assert not any("stood in the lists" in note for note in choice.reading.layout.notes)


def test_a_table_in_a_folder_called_folders_is_a_table(tmp_path: Path) -> None:
    table = rows(names()[:30], LABELS[:30], header=("file", "label"))
    choice = read_source(tmp_path, HEAP, {"folders/labels.csv": table})
    assert choice.reading.key == "folders/labels.csv:label" and choice.reading.named == 30
    assert ("images/IMG_030.jpg", "is not listed in labels.csv") in choice.reading.layout.set_aside
    asked = ReadAs("folders/labels.csv", label_column="label")
    assert read_source(tmp_path, HEAP, {"folders/labels.csv": table}, asked).reading.labels == choice.reading.labels


def test_what_belongs_together_is_carried_with_the_reading(tmp_path: Path) -> None:
    table = rows([n // 2 for n in range(36)], names(), LABELS, header=("lesion_id", "image_id", "dx"))
    reading = read_source(tmp_path, HEAP, {"metadata.csv": table}).reading
    assert reading.groups_from == "column 'lesion_id'" and len(set(reading.groups.values())) == 18


def test_the_beginning_of_file_names_is_read_where_nothing_else_is_there(tmp_path: Path) -> None:
    images = {f"train/{label}.{n}.jpg": label for n, label in enumerate(LABELS)}
    choice = read_source(tmp_path, [*images, "test1/1.jpg", "test1/2.jpg"])
    assert choice.reading.labels == images and choice.reading.key == "names"
