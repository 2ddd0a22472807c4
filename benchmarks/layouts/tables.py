"""Tables that people write themselves: encodings, headers, workbooks, Parquet, splits, names of other machines."""

from __future__ import annotations

from benchmarks.layouts.case import Draft, Said, layout, mixed, side_of

CSV = "RFC 4180, https://www.rfc-editor.org/rfc/rfc4180"
EXCEL = "Excel, Save a workbook in another file format, https://support.microsoft.com/office/6a16c862-4a36-48f9-a300-c2ca0065286e"
PARQUET = "pandas, DataFrame.to_parquet, https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.to_parquet.html"
FASTAI = "fastai, ImageDataLoaders.from_df, https://docs.fast.ai/vision.data.html"
NAMES = ("cup", "fork", "plate")


def heap(at: Draft, pattern: str = "images/{}.jpg", classes: tuple[str, ...] = NAMES) -> list[list[object]]:
    """[file name, class] of shuffled pictures in one folder."""
    rows: list[list[object]] = []
    for number, name in mixed(classes):
        path = at.picture(pattern.format(f"photo_{number:03d}"), name)
        rows.append([path.rsplit("/", 1)[-1], name])
    return rows


@layout(f"{EXCEL} (CSV of a German Windows: semicolons, cp1252)")
def excel_cp1252_with_semicolons(at: Draft) -> Said:
    rows = heap(at, classes=("Löffel", "Schüssel", "Glas"))
    at.table("Etiketten.csv", [["Datei", "Klasse"], *rows], encoding="cp1252", delimiter=";", end="\r\n")
    return at.read()


@layout(f"{EXCEL} (Unicode Text: UTF-16, tabs)")
def excel_utf16_with_tabs(at: Draft) -> Said:
    rows = heap(at, classes=("чашка", "вилка", "皿"))
    at.table("labels.csv", [["file", "label"], *rows], encoding="utf-16", delimiter="\t", end="\r\n")
    return at.read()


@layout(f"{EXCEL} (CSV UTF-8 with its byte order mark)")
def excel_utf8_with_bom_and_semicolons(at: Draft) -> Said:
    rows = heap(at, classes=("tasse", "fourchette", "théière"))
    at.table("etiquettes.csv", [["fichier", "classe"], *rows], encoding="utf-8-sig", delimiter=";", end="\r\n")
    return at.read()


@layout(f"{CSV} (the header is optional)")
def two_columns_without_header(at: Draft) -> Said:
    at.table("labels.csv", heap(at))
    return at.read()


@layout("Office Open XML workbook, ECMA-376, https://ecma-international.org/publications-and-standards/standards/ecma-376/")
def excel_workbook(at: Draft) -> Said:
    rows = [[number + 1, name, label, "" if number % 4 else "checked"] for number, (name, label) in enumerate(heap(at))]
    at.workbook("Labels.xlsx", [["No.", "Photo", "Kind", "Remark"], *rows])
    return at.read()


@layout("Workbook of numbers: Excel keeps a class as a number, ECMA-376, 18.3.1.4")
def excel_workbook_with_numbers_as_classes(at: Draft) -> Said:
    rows = heap(at, classes=("1", "2", "3"))
    at.workbook("grades.xlsx", [["image", "grade"], *[[name, int(str(grade))] for name, grade in rows]])
    return at.read()


@layout(f"{PARQUET} (categories)")
def parquet_with_categories(at: Draft) -> Said:
    import pyarrow

    rows = heap(at, "images/{}.png")
    labels = pyarrow.array([row[1] for row in rows]).dictionary_encode()
    index = list(range(len(rows)))
    at.parquet("labels.parquet", {"image": [row[0] for row in rows], "kind": labels, "__index_level_0__": index})
    return at.read()


@layout(f"{PARQUET} (missing labels make numbers floats)")
def parquet_with_missing_labels(at: Draft) -> Said:
    files, labels = [], []
    for number, name in mixed(("0", "1"), 14):
        missing = number % 7 == 2
        at.picture(f"images/{number}.png", None if missing else name)
        files.append(f"{number}.png")
        labels.append(None if missing else float(name))
    at.parquet("labels.parquet", {"file": files, "label": labels})
    return at.read()


@layout(f"{PARQUET} (NaN, as pandas writes what is missing)")
def parquet_with_nan_and_bytes(at: Draft) -> Said:
    files, labels, weights = [], [], []
    for number, name in mixed(NAMES):
        at.picture(f"images/{number}.png", name)
        files.append(f"images/{number}.png".encode())
        labels.append(name.encode())
        weights.append(float("nan") if number % 5 else 0.5)
    at.parquet("labels.parquet", {"path": files, "label": labels, "weight": weights})
    return at.read()


@layout(f"{CSV} (cells left empty: not labelled yet)")
def csv_with_empty_labels(at: Draft) -> Said:
    rows: list[list[object]] = [["file", "label"]]
    for number, name in mixed(NAMES):
        missing = number % 6 == 1
        at.picture(f"images/{number}.png", None if missing else name)
        rows.append([f"{number}.png", "" if missing else name])
    at.table("labels.csv", rows)
    return at.read()


@layout(f"{FASTAI} (valid_col='is_valid')")
def is_valid_column(at: Draft) -> Said:
    rows: list[list[object]] = [["fname", "label", "is_valid"]]
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 4, "val": 1})
        rows.append([at.picture(f"img/{number}.jpg", name, side), name, side == "val"])
    at.table("labels.csv", rows)
    return at.read()


@layout("PyTorch, Transfer learning tutorial: phase in train, val, https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html")
def phase_column(at: Draft) -> Said:
    rows: list[list[object]] = [["file", "kind", "phase"]]
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 4, "val": 1})
        rows.append([at.picture(f"{number}.jpg", name, side), name, side])
    at.table("items.csv", rows)
    return at.read()


@layout("scikit-learn, KFold written into a column, https://scikit-learn.org/stable/modules/cross_validation.html")
def fold_column(at: Draft) -> Said:
    rows: list[list[object]] = [["filename", "fold", "category"]]
    for number, name in mixed(NAMES):
        rows.append([at.picture(f"{number}.png", name), 1 + number % 5, name])
    at.table("meta.csv", rows)
    return at.read(folds={str(row[0]): str(row[1]) for row in rows[1:]})


@layout("Split words as people write them: training, testing")
def split_column_in_words(at: Draft) -> Said:
    rows: list[list[object]] = [["path", "label", "usage"]]
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 6, "val": 2, "test": 2})
        word = {"train": "Training", "val": "Validation", "test": "Testing"}[side]
        rows.append([at.picture(f"images/{number}.jpg", name, side), name, word])
    at.table("labels.csv", rows)
    return at.read()


@layout("A split column over class folders, as wandb and timm users keep it")
def split_column_over_class_folders(at: Draft) -> Said:
    rows: list[list[object]] = [["path", "label", "split"]]
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 3, "test": 1})
        word = {"train": "training", "test": "testing"}[side]
        rows.append([at.picture(f"{name}/{number}.jpg", name, side), name, word])
    at.table("labels.csv", rows)
    return at.read()


@layout("pandas, factorize: a number beside each name, https://pandas.pydata.org/docs/reference/api/pandas.factorize.html")
def class_number_beside_class_name(at: Draft) -> Said:
    rows = [[name, NAMES.index(str(label)), label] for name, label in heap(at)]
    at.table("labels.csv", [["filename", "label", "label_name"], *rows])
    return at.read()


@layout("Windows: paths of the machine where the table was written, https://learn.microsoft.com/windows/win32/fileio/naming-a-file")
def windows_paths_of_another_machine(at: Draft) -> Said:
    rows = [[f"C:\\Users\\lab 3\\data\\images\\{str(name).upper()}", label] for name, label in heap(at)]
    at.table("labels.csv", [["FilePath", "Label"], *rows], end="\r\n")
    return at.read()


@layout("Amazon S3, presigned URLs, https://docs.aws.amazon.com/AmazonS3/latest/userguide/ShareObjectPreSignedURL.html")
def urls_with_a_query(at: Draft) -> Said:
    url = "https://lab.s3.eu-west-1.amazonaws.com/in/{}?X-Amz-Expires=3600&X-Amz-Signature=0a1b2c{:03d}"
    rows = [[url.format(name, number), label] for number, (name, label) in enumerate(heap(at))]
    at.table("export.csv", [["url", "answer"], *rows])
    return at.read()


@layout("pandas writes its index as a first column; files that are numbers, https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.to_csv.html")
def row_numbers_that_match_file_names(at: Draft) -> Said:
    rows: list[list[object]] = [["id", "image_name", "label"]]
    for number, name in mixed(NAMES):
        file = f"{(number * 7 + 3) % 30 + 1}.jpg"
        at.picture(f"images/{file}", name)
        rows.append([number + 1, file, name])
    at.table("labels.csv", rows)
    return at.read()


@layout("A column called image that holds numbers; the files stand in another")
def the_column_called_image_is_not_the_file(at: Draft) -> Said:
    rows = [[number, label, f"scan {number % 4}", name] for number, (name, label) in enumerate(heap(at), 7000)]
    at.table("list.csv", [["image", "label", "batch", "source_file"], *rows])
    return at.read()


@layout(f"{CSV} (rows for files that were never copied)")
def rows_of_files_that_are_missing(at: Draft) -> Said:
    rows = heap(at)
    gone = [[f"photo_{900 + number}.jpg", NAMES[number % 3]] for number in range(8)]
    at.table("labels.csv", [["file", "label"], *rows[:10], *gone, *rows[10:]])
    return at.read()


@layout(f"{CSV} (rows written twice, word for word)")
def the_same_rows_twice(at: Draft) -> Said:
    rows = heap(at)
    at.table("labels.csv", [["file", "label"], *rows, *rows[4:14]])
    return at.read()


@layout(f"{CSV} (a list that is not finished)")
def pictures_that_no_row_lists(at: Draft) -> Said:
    rows = heap(at)
    for number in range(12):
        at.picture(f"images/photo_{500 + number}.jpg", None)
    at.table("labels.csv", [["file", "label"], *rows])
    return at.read()


@layout("Keras, flow_from_dataframe with a table for each directory, https://keras.io/api/data_loading/image/")
def train_and_test_tables_with_the_same_names(at: Draft) -> Said:
    for side, each in (("train", 8), ("test", 4)):
        rows: list[list[object]] = [["filename", "class"]]
        for number, name in mixed(NAMES, each, seed=each):
            at.picture(f"{side}/{number:04d}.png", name, side)
            rows.append([f"{number:04d}.png", name])
        at.table(f"{side}.csv", rows)
    return at.read()


@layout("One table over train/ and test/, without a column for it")
def one_table_over_train_and_test(at: Draft) -> Said:
    rows: list[list[object]] = [["name", "kind"]]
    for number, name in mixed(NAMES):
        side = side_of(number, {"train": 3, "test": 1})
        at.picture(f"{side}/{number:04d}.png", name, side)
        rows.append([f"{number:04d}.png", name])
    at.table("labels.csv", rows)
    return at.read()


@layout("Columns under the user's own names, with remarks in sentences")
def columns_under_names_of_ones_own(at: Draft) -> Said:
    rows = [
        [f"seen on day {number}, near the {number + 2}. shelf", label, name, "J. M."]
        for number, (name, label) in enumerate(heap(at))
    ]
    at.table("survey.csv", [["remarks", "what it is", "picture taken", "by"], *rows])
    return at.read()


@layout("Names in another case: Windows does not tell them apart, https://learn.microsoft.com/windows/win32/fileio/naming-a-file")
def names_in_another_case(at: Draft) -> Said:
    rows = [[str(name).capitalize(), label] for name, label in heap(at, "images/{}.JPG")]
    at.table("labels.csv", [["file", "label"], *rows])
    return at.read()


@layout(f"{CSV} (numbers as classes, a cell with a line break)")
def numbers_as_classes_and_cells_with_breaks(at: Draft) -> Said:
    rows = [
        [name, f'said "{number}",\nthen nothing', label]
        for number, (name, label) in enumerate(heap(at, classes=("1", "2", "10")))
    ]
    at.table("labels.csv", [["file", "note", "stage"], *rows])
    return at.read()


@layout("Tabs in a .txt with a header, as many statistics programs export")
def text_file_with_tabs_and_header(at: Draft) -> Said:
    at.table("labels.txt", [["file", "label"], *heap(at)], delimiter="\t", end="\r\n")
    return at.read()


@layout("JSON object of file -> class, as quick scripts write it, https://www.rfc-editor.org/rfc/rfc8259")
def json_object_of_files(at: Draft) -> Said:
    at.json("labels.json", {str(name): label for name, label in heap(at)})
    return at.read()


@layout("Patients in a column: scikit-learn, GroupKFold, https://scikit-learn.org/stable/modules/cross_validation.html")
def patients_in_a_column(at: Draft) -> Said:
    rows: list[list[object]] = [["patient_id", "file", "diagnosis"]]
    for number in range(36):
        patient, name = f"P{number // 4:03d}", ("benign", "malignant")[number // 4 % 2]
        rows.append([patient, f"{number:03d}.png", name])
        at.picture(f"scans/{number:03d}.png", name, group=patient)
    at.table("cases.csv", rows)
    return at.read()


@layout("Columns of 0 and 1, and one of them about the light: pandas.get_dummies, https://pandas.pydata.org/docs/reference/api/pandas.get_dummies.html")
def one_hot_beside_another_yes_or_no(at: Draft) -> Said:
    rows = [[number % 2, *[int(name == one) for one in NAMES], file] for number, (file, name) in enumerate(heap(at))]
    at.table("truth.csv", [["is_night", *NAMES, "photo"], *rows])
    return at.read()


@layout("Labels in one table and patients in another, as hospitals export them")
def patients_in_a_second_table(at: Draft) -> Said:
    labels: list[list[object]] = [["file", "finding"]]
    people: list[list[object]] = [["file", "patient_id", "ward"]]
    for number in range(36):
        patient, name = f"P{number // 4:03d}", ("benign", "malignant")[number // 4 % 2]
        at.picture(f"scans/{number:03d}.png", name, group=patient)
        labels.append([f"{number:03d}.png", name])
        people.append([f"{number:03d}.png", patient, "NS"[number % 2]])
    at.table("findings.csv", labels)
    at.table("patients.csv", people)
    return at.read()
