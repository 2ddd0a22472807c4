"""Exports of labelling tools, first part: Label Studio, Roboflow, CVAT, FiftyOne, DIGITS."""

from __future__ import annotations

from benchmarks.layouts.case import Asked, Draft, Read, Refused, Said, layout, mixed, side_of

STUDIO = "Label Studio, Export annotations, https://labelstud.io/guide/export.html"
DATUMARO = "CVAT, Datumaro, https://docs.cvat.ai/docs/dataset_management/formats/format-datumaro"
NAMES = ("crack", "dent", "fine")


def upload(number: int, ending: str = "jpg") -> str:
    """A file name as Label Studio stores it: eight hexadecimal digits before the user's own."""
    return f"{(number * 2654435761 + 4000000007) % 16**8:08x}-photo_{number:03d}.{ending}"


def task(number: int, image: str, annotations: list[object], predictions: list[object]) -> dict[str, object]:
    return {
        "id": 400 + number, "annotations": annotations, "file_upload": image.rsplit("/", 1)[1], "drafts": [],
        "predictions": predictions, "data": {"image": image}, "meta": {}, "inner_id": number + 1, "project": 7,
    }  # fmt: skip


def answer(number: int, choice: str, skipped: bool = False) -> dict[str, object]:
    result = {
        "value": {"choices": [choice]}, "id": f"r{number}", "from_name": "choice", "to_name": "image",
        "type": "choices", "origin": "manual",
    }  # fmt: skip
    return {
        "id": 900 + number, "completed_by": 1 + number % 2, "result": [] if skipped else [result],
        "was_cancelled": skipped, "ground_truth": False, "lead_time": 2.4,
    }  # fmt: skip


@layout(f"{STUDIO} (CSV)")
def label_studio_csv(at: Draft) -> Said:
    head = "image", "id", "choice", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"
    rows: list[list[object]] = [list(head)]
    for number, name in mixed(NAMES):
        file, when = upload(number), f"2024-03-0{1 + number % 9}T10:00:00.000000Z"
        at.picture(f"upload/7/{file}", name)
        rows.append([f"/data/upload/7/{file}", number + 1, name, 1 + number % 2, number + 50, when, when, 1.5 + number])
    at.table("project-7-at-2024-03-11-08-00-1a2b3c4d.csv", rows)
    return at.read()


@layout(f"{STUDIO} (CSV, columns named in the labelling interface, several choices allowed)")
def label_studio_csv_own_names_and_json_cells(at: Draft) -> Said:
    rows: list[list[object]] = [["annotation_id", "annotator", "photo", "lead_time", "verdict"]]
    for number, name in mixed(NAMES):
        file = upload(number, "png")
        at.picture(f"images/{file}", name)
        rows.append([number + 50, 1, f"/data/local-files/?d=images/{file}", 2.5, f'{{"choices": ["{name}"]}}'])
    at.table("project-8-at-2024-03-11-08-00-aa00bb11.csv", rows)
    return at.read()


@layout(f"{STUDIO} (JSON-MIN)")
def label_studio_json_min(at: Draft) -> Said:
    said = []
    for number, name in mixed(NAMES):
        file = upload(number)
        at.picture(f"upload/9/{file}", name)
        said.append({"image": f"/data/upload/9/{file}", "id": number + 1, "choice": name, "annotator": 1 + number % 2,
                     "annotation_id": number + 70, "lead_time": 3.25})  # fmt: skip
    at.json("project-9-at-2024-04-01-12-00-5e6f7a8b.json", said)
    return at.read()


@layout(f"{STUDIO} (JSON; skipped tasks and predictions, https://labelstud.io/guide/predictions.html)")
def label_studio_json_with_skipped_and_predicted(at: Draft) -> Said:
    tasks = []
    for number, name in mixed(NAMES):
        path = f"upload/10/{upload(number)}"
        guess = {"model_version": "v1", "score": 0.6, "result": answer(number, "fine")["result"]}
        if number < 3:
            said, guessed = [answer(number, name, skipped=True)], [guess]
        elif number < 6:
            said, guessed = [], [guess]
        else:
            said, guessed = [answer(number, name)], [guess] if number % 2 else []
        at.picture(path, None if number < 6 else name)
        tasks.append(task(number, f"/data/{path}", list(said), list(guessed)))
    at.json("project-10-at-2024-04-02-12-00-0c1d2e3f.json", tasks)
    return at.read()


@layout(f"{STUDIO} (CSV, two annotators who agree)")
def label_studio_two_annotators_agree(at: Draft) -> Said:
    rows: list[list[object]] = [["annotation_id", "annotator", "choice", "id", "image", "lead_time"]]
    for number, name in mixed(NAMES):
        file = upload(number)
        at.picture(f"upload/11/{file}", name)
        for person in (1, 2) if number % 3 == 0 else (1,):
            rows.append([len(rows), person, name, number + 1, f"/data/upload/11/{file}", 2.0 + person])
    at.table("project-11.csv", rows)
    return at.read()


@layout(f"{STUDIO} (CSV, two annotators who differ on one picture in five)")
def label_studio_two_annotators_differ(at: Draft) -> Said:
    rows: list[list[object]] = [["annotation_id", "annotator", "choice", "id", "image", "lead_time"]]
    ways: list[dict[str, str]] = [{}, {}]
    for number, name in mixed(NAMES):
        file = upload(number)
        path = at.picture(f"upload/12/{file}", name)
        for person in (1, 2):
            choice = NAMES[(NAMES.index(name) + 1) % 3] if person == 2 and number % 5 == 0 else name
            ways[person - 1][path] = choice
            rows.append([len(rows), person, choice, number + 1, f"/data/upload/12/{file}", 2.0 + person])
    at.table("project-12.csv", rows)
    return Refused(("project-12.csv", "choice")), Asked((Read(ways[0]), Read(ways[1])), every=False)


@layout("Roboflow, Multiclass Classification CSV, https://roboflow.com/formats/multiclass-classification-csv")
def roboflow_one_hot(at: Draft) -> Said:
    tables: dict[str, list[list[object]]] = {
        top: [["filename", *[f" {name}" for name in NAMES]]] for top in ("train", "valid", "test")
    }
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 6, "val": 2, "test": 2})
        top = "valid" if side == "val" else side
        file = f"photo_{number}_jpg.rf.{number * 7919 + 16**31:032x}.jpg"
        at.picture(f"{top}/{file}", name, side)
        tables[top].append([file, *[f" {int(name == one)}" for one in NAMES]])
    for top, rows in tables.items():
        at.table(f"{top}/_classes.csv", rows)
    at.file("README.roboflow.txt", "dents - v2\n")
    return at.read()


@layout("Roboflow, COCO JSON, with its category 0 that no picture has, https://roboflow.com/formats/coco-json")
def roboflow_coco_with_one_box_a_picture(at: Draft) -> Said:
    kinds = [{"id": 0, "name": "damage", "supercategory": "none"}]
    kinds += [{"id": number, "name": name, "supercategory": "damage"} for number, name in enumerate(NAMES, 1)]
    files: dict[str, dict[str, list[object]]] = {
        top: {"categories": list(kinds), "images": [], "annotations": []} for top in ("train", "valid", "test")
    }
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 6, "val": 2, "test": 2})
        top = "valid" if side == "val" else side
        file, said = f"photo_{number}_jpg.rf.{number * 7919 + 16**31:032x}.jpg", files[top]
        at.picture(f"{top}/{file}", name, side)
        key = len(said["images"])
        said["images"].append({"id": key, "license": 1, "file_name": file, "height": 24, "width": 24})
        said["annotations"].append({"id": key, "image_id": key, "category_id": NAMES.index(name) + 1,
                                    "bbox": [2, 3, 18, 17], "area": 306, "segmentation": [], "iscrowd": 0})  # fmt: skip
    for top, said in files.items():
        at.json(f"{top}/_annotations.coco.json", {"info": {"year": "2024"}, "licenses": [], **said})
    return at.read()


@layout("COCO, Data format, https://cocodataset.org/#format-data")
def coco_with_several_categories_a_picture(at: Draft) -> Said:
    kinds = [{"id": 7 * number, "name": name} for number, name in enumerate(("bicycle", "dog", "person"), 1)]
    images: list[dict[str, object]] = []
    boxes: list[dict[str, object]] = []
    for number in range(30):
        file = f"{number * 1001 + 139:012d}.jpg"
        at.picture(f"train2017/{file}", None)
        images.append({"id": number * 1001 + 139, "file_name": file, "width": 24, "height": 24})
        for nth in range(1 + number % 3):
            boxes.append({"id": len(boxes), "image_id": images[-1]["id"], "category_id": 7 * (1 + (number + nth) % 3),
                          "bbox": [nth, nth, 9, 9], "area": 81, "iscrowd": 0})  # fmt: skip
    at.json("annotations/instances_train2017.json", {"images": images, "annotations": boxes, "categories": kinds})
    return Refused(("instances_train2017.json",)), Asked((), every=False)


@layout("Datumaro, imagenet_txt, as CVAT's ImageNet 1.0, https://docs.cvat.ai/docs/dataset_management/formats/format-imagenet")
def cvat_imagenet_text_and_synsets(at: Draft) -> Said:
    listed: dict[str, list[str]] = {"train": [], "val": []}
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 4, "val": 1})
        at.picture(f"images/frame_{number:06d}.jpg", name, side)
        listed[side].append(f"frame_{number:06d} {NAMES.index(name)}")
    for side, said in listed.items():
        at.file(f"{side}.txt", "\n".join(said) + "\n")
    at.file("synsets.txt", "\n".join(NAMES) + "\n")
    return at.read()


@layout(DATUMARO)
def cvat_datumaro(at: Draft) -> Said:
    items: list[dict[str, object]] = []
    for number, name in mixed(NAMES):
        said = {"id": 0, "type": "label", "attributes": {}, "group": 0, "label_id": NAMES.index(name)}
        at.picture(f"images/default/frame_{number:06d}.png", None if number % 10 == 3 else name)
        items.append({"id": f"frame_{number:06d}", "annotations": [] if number % 10 == 3 else [said], "attr": {},
                      "image": {"path": f"frame_{number:06d}.png", "size": [24, 24]}})  # fmt: skip
    labels = [{"name": name, "parent": "", "attributes": []} for name in NAMES]
    at.json("annotations/default.json", {"info": {}, "categories": {"label": {"labels": labels, "attributes": []}},
                                         "items": items})  # fmt: skip
    return at.read()


@layout("FiftyOne, FiftyOneImageClassificationDataset, https://docs.voxel51.com/user_guide/export_datasets.html")
def fiftyone_labels_json(at: Draft) -> Said:
    labels: dict[str, int | None] = {}
    for number, name in mixed(NAMES):
        at.picture(f"data/{number + 1:06d}.jpg", None if number % 10 == 4 else name)
        labels[f"{number + 1:06d}"] = None if number % 10 == 4 else NAMES.index(name)
    at.json("labels.json", {"classes": list(NAMES), "labels": labels})
    return at.read()


@layout("DIGITS, text files train.txt, val.txt, labels.txt, https://docs.nvidia.com/deeplearning/digits/index.html")
def digits_text_lists(at: Draft) -> Said:
    listed: dict[str, list[str]] = {"train": [], "val": []}
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 3, "val": 1})
        at.picture(f"pictures/{number}.png", name, side)
        listed[side].append(f"/home/ada/digits/jobs/pictures/{number}.png {NAMES.index(name)}")
    for side, said in listed.items():
        at.file(f"{side}.txt", "\n".join(said) + "\n")
    at.file("labels.txt", "\n".join(NAMES) + "\n")
    return at.read()


@layout("CVAT for images 1.1: tags in XML, https://docs.cvat.ai/docs/dataset_management/formats/format-cvat")
def cvat_tags_in_xml(at: Draft) -> Said:
    said = []
    for number, name in mixed(NAMES):
        at.picture(f"images/frame_{number:06d}.jpg", name)
        said.append(f'<image id="{number}" name="frame_{number:06d}.jpg"><tag label="{name}" source="manual"/></image>')
    at.file("annotations.xml", "<annotations><version>1.1</version>" + "\n".join(said) + "</annotations>\n")
    return Refused(("annotations.xml",)), at.read()
