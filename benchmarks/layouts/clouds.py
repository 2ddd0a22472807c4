"""Exports of labelling tools, second part: Hugging Face, and the clouds of Google, Microsoft and Amazon."""

from __future__ import annotations

from benchmarks.layouts.case import Draft, Refused, Said, layout, mixed, side_of

FACE = "Hugging Face, Create an image dataset, https://huggingface.co/docs/datasets/image_dataset"
VERTEX = "Vertex AI, Prepare image training data, https://cloud.google.com/vertex-ai/docs/image-data/classification/prepare-data"
NAMES = ("oak", "pine", "willow")
THIRDS = {"train": 6, "val": 2, "test": 2}
USE = {"train": "training", "val": "validation", "test": "test"}


@layout(f"{FACE} (metadata.csv in each split)")
def hugging_face_csv_per_split(at: Draft) -> Said:
    tables: dict[str, list[list[object]]] = {"train": [["file_name", "label"]], "test": [["file_name", "label"]]}
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 3, "test": 1})
        at.picture(f"{side}/{number:04d}.png", name, side)
        tables[side].append([f"{number:04d}.png", name])
    for side, rows in tables.items():
        at.table(f"{side}/metadata.csv", rows)
    return at.read()


@layout(f"{FACE} (metadata.jsonl in each split, names that come twice)")
def hugging_face_jsonl_with_the_same_names_in_both(at: Draft) -> Said:
    lines: dict[str, list[dict[str, str]]] = {"train": [], "validation": []}
    for number, name in mixed(NAMES):
        top = "train" if number % 3 else "validation"
        file = f"{len(lines[top]):04d}.jpg"
        at.picture(f"{top}/{file}", name, "train" if number % 3 else "val")
        lines[top].append({"file_name": file, "label": name})
    for top, said in lines.items():
        at.lines(f"{top}/metadata.jsonl", said)
    return at.read()


@layout(f"{FACE} (one metadata.csv at the root, names with their split)")
def hugging_face_csv_at_the_root(at: Draft) -> Said:
    rows: list[list[object]] = [["file_name", "label", "additional_feature"]]
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 3, "test": 1})
        path = at.picture(f"{side}/{number:04d}.png", name, side)
        rows.append([path, name, f"This is picture number {number}, taken of a {name} on a fine day"])
    at.table("metadata.csv", rows)
    return at.read()


@layout(f"{FACE} (metadata.parquet at the root)")
def hugging_face_parquet_at_the_root(at: Draft) -> Said:
    files, labels = [], []
    for number, name in mixed(NAMES):
        at.picture(f"images/{number:04d}.png", name)
        files.append(f"images/{number:04d}.png")
        labels.append(name)
    at.parquet("metadata.parquet", {"file_name": files, "label": labels})
    return at.read()


@layout(f"{FACE} (class folders in splits, and a README.md with its card)")
def hugging_face_class_folders(at: Draft) -> Said:
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 3, "test": 1})
        at.picture(f"data/{side}/{name}/{number:04d}.png", name, side)
    at.file("README.md", "---\ntask_categories:\n- image-classification\n---\n# Trees\n")
    at.file(".gitattributes", "*.parquet filter=lfs diff=lfs merge=lfs -text\n")
    return at.read()


@layout(f"{FACE} (metadata.jsonl for captioning: text, no class)")
def hugging_face_captions(at: Draft) -> Said:
    lines = []
    for number, name in mixed(NAMES):
        at.picture(f"{number:04d}.png", None)
        lines.append({"file_name": f"{number:04d}.png", "text": f"a {name} on hill {number}, seen from the river"})
    at.lines("metadata.jsonl", lines)
    return Refused(("metadata.jsonl", "text"))


@layout("Hugging Face Hub, Parquet with the pictures inside, https://huggingface.co/docs/hub/datasets-image")
def hugging_face_parquet_holding_the_pictures(at: Draft) -> Said:
    cells = [{"bytes": b"\x89PNG\r\n\x1a\n" + bytes([number]) * 50, "path": f"{number}.png"} for number in range(12)]
    at.parquet("data/train-00000-of-00001.parquet", {"image": cells, "label": [number % 3 for number in range(12)]})
    return Refused(("train-00000-of-00001.parquet",))


@layout(f"{VERTEX} (CSV, no header)")
def vertex_csv(at: Draft) -> Said:
    rows: list[list[object]] = []
    for number, name in mixed(NAMES):
        side = side_of(number, THIRDS)
        at.picture(f"photos/{name}_{number:03d}.jpg", name, side)
        rows.append([USE[side], f"gs://trees-bucket/2024/{name}_{number:03d}.jpg", name])
    at.table("import.csv", rows)
    return at.read()


@layout(f"{VERTEX} (JSONL)")
def vertex_jsonl(at: Draft) -> Said:
    lines = []
    for number, name in mixed(NAMES):
        side = side_of(number, THIRDS)
        at.picture(f"photos/{number:03d}.jpg", name, side)
        lines.append({"imageGcsUri": f"gs://trees-bucket/photos/{number:03d}.jpg",
                      "classificationAnnotation": {"displayName": name, "annotationResourceLabels": {
                          "aiplatform.googleapis.com/annotation_set_name": "trees-1"}},
                      "dataItemResourceLabels": {"aiplatform.googleapis.com/ml_use": USE[side]}})  # fmt: skip
    at.lines("data_items.jsonl", lines)
    return at.read()


@layout("AutoML Vision, Preparing your images, https://cloud.google.com/vision/automl/docs/prepare")
def automl_csv_in_capitals(at: Draft) -> Said:
    words = {"train": "TRAIN", "val": "VALIDATION", "test": "TEST"}
    rows: list[list[object]] = []
    for number, name in mixed(NAMES):
        side = side_of(number, THIRDS)
        at.picture(f"img/{number:03d}.png", name, side)
        rows.append([words[side], f"gs://vcm/img/{number:03d}.png", name])
    at.table("all_data.csv", rows)
    return at.read()


@layout("AI Platform Data Labeling, Exporting, https://cloud.google.com/ai-platform/data-labeling/docs/export")
def google_unassigned_csv(at: Draft) -> Said:
    rows: list[list[object]] = []
    for number, name in mixed(NAMES):
        at.picture(f"img/{number:03d}.png", name)
        rows.append(["UNASSIGNED", f"gs://sample_bucket/img/{number:03d}.png", name])
    at.table("export.csv", rows)
    return at.read()


@layout("Azure Machine Learning, JSONL schema, https://learn.microsoft.com/azure/machine-learning/reference-automl-images-schema")
def azure_jsonl_for_training_and_validation(at: Draft) -> Said:
    lines: dict[str, list[object]] = {"train": [], "val": []}
    store = "azureml://subscriptions/s/resourcegroups/r/workspaces/w/datastores/workspaceblobstore/paths/trees"
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 4, "val": 1})
        at.picture(f"trees/{name}/{number}.jpg", name, side)
        details = {"format": "jpg", "width": "24px", "height": "24px"}
        lines[side].append({"image_url": f"{store}/{name}/{number}.jpg", "image_details": details, "label": name})
    at.lines("train_annotations.jsonl", lines["train"])
    at.lines("validation_annotations.jsonl", lines["val"])
    return at.read()


@layout("SageMaker Ground Truth, output data, https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html")
def sagemaker_manifest(at: Draft) -> Said:
    lines = []
    for number, name in mixed(NAMES):
        at.picture(f"photos/{number:03d}.jpg", name)
        about = {"confidence": 0.9, "class-name": name, "human-annotated": "yes", "job-name": "labeling-job/trees",
                 "type": "groundtruth/image-classification", "creation-date": "2024-02-01T10:00:00.0000"}  # fmt: skip
        lines.append({"source-ref": f"s3://trees/photos/{number:03d}.jpg", "trees": NAMES.index(name),
                      "trees-metadata": about})  # fmt: skip
    at.lines("output.manifest", lines)
    return Refused(("output.manifest",)), at.read()
