"""Layouts in which a plausible reading is wrong, or two are right, or none is."""

from __future__ import annotations

from benchmarks.layouts.case import Asked, Draft, Read, Refused, Said, layout, mixed, sorted_out

NAMES = ("ash", "beech", "elm")


def heap(at: Draft, labelled: bool = True) -> list[tuple[str, str]]:
    """(file name, class) of shuffled pictures in `images/`."""
    rows = []
    for number, name in mixed(NAMES):
        at.picture(f"images/leaf_{number:03d}.jpg", name if labelled else None)
        rows.append((f"leaf_{number:03d}.jpg", name))
    return rows


def folders(at: Draft) -> list[tuple[str, str]]:
    """(path, class) of pictures in class folders."""
    return [(at.picture(f"{name}/{number:03d}.jpg", name), name) for name, number in sorted_out(NAMES)]


@layout("A model's answers saved beside the data, as predict scripts do")
def predictions_beside_class_folders(at: Draft) -> Said:
    rows = [
        [path, NAMES[(NAMES.index(name) + (number % 4 == 0)) % 3], 0.4 + number % 6 / 10]
        for number, (path, name) in enumerate(folders(at))
    ]
    at.table("predictions.csv", [["path", "class", "confidence"], *rows])
    return at.read()


@layout("A model's probabilities beside a heap with labels: a column each, as in a submission")
def probabilities_beside_a_table_of_labels(at: Draft) -> Said:
    rows = heap(at)
    at.table("labels.csv", [["file", "label"], *rows])
    guessed = [
        [file, *[0.7 if name == NAMES[(NAMES.index(label) + number % 2) % 3] else 0.15 for name in NAMES]]
        for number, (file, label) in enumerate(rows)
    ]
    at.table("output.csv", [["file", *NAMES], *guessed])
    return at.read()


@layout("Labels corrected in a table over the old folders, as Confident Learning leaves them, https://docs.cleanlab.ai")
def corrected_labels_over_class_folders(at: Draft) -> Said:
    rows = [
        (path, NAMES[(NAMES.index(name) + 1) % 3] if number % 5 == 2 else name)
        for number, (path, name) in enumerate(folders(at))
    ]
    at.table("labels.csv", [["path", "label"], *rows])
    return Asked((at.read(), Read(dict(rows))))


@layout("ExifTool, -csv, beside class folders, https://exiftool.org/exiftool_pod.html")
def camera_data_beside_class_folders(at: Draft) -> Said:
    rows = [
        [f"./{path}", ("Canon EOS 80D", "NIKON D750")[number % 2], 24, 24, ("1/60", "1/125", "1/250")[number % 3]]
        for number, (path, _) in enumerate(folders(at))
    ]
    at.table("exif.csv", [["SourceFile", "Model", "ImageWidth", "ImageHeight", "ExposureTime"], *rows])
    return at.read()


@layout("Two columns of the same kind: colour and shape")
def two_label_columns_equally_good(at: Draft) -> Said:
    shapes = ("round", "square")
    rows = [[f"{n}.png", colour, shapes[n * 5 // 3 % 2]] for n, colour in mixed(("red", "green", "blue"))]
    for file, colour, _ in rows:
        at.picture(f"images/{file}", str(colour))
    at.table("items.csv", [["file", "colour", "shape"], *rows])
    return Asked((at.read(), Read({f"images/{file}": str(shape) for file, _, shape in rows})))


@layout("iNaturalist 2018: levels of a taxonomy, https://github.com/visipedia/inat_comp/tree/master/2018")
def genus_and_species(at: Draft) -> Said:
    species = {"Quercus robur": "Quercus", "Quercus rubra": "Quercus", "Acer rubrum": "Acer", "Acer negundo": "Acer"}
    rows = [[f"{number}.jpg", species[name], name] for number, name in mixed(tuple(species), 8)]
    for file, _, name in rows:
        at.picture(f"images/{file}", str(name))
    at.table("observations.csv", [["photo", "genus", "species"], *rows])
    return Asked((at.read(), Read({f"images/{file}": str(genus) for file, genus, _ in rows})))


@layout("A table that says two things of one picture")
def rows_that_contradict_one_another(at: Draft) -> Said:
    rows = heap(at)
    other = [(file, NAMES[(NAMES.index(label) + 1) % 3]) for file, label in rows[3:5]]
    at.table("labels.csv", [["file", "label"], *rows, *other])
    has = [Read({f"images/{file}": str((file, tag) in rows + other) for file, _ in rows}, named=False) for tag in NAMES]
    return Refused(("labels.csv", "leaf_003.jpg")), Asked(tuple(has), every=False)


@layout("PASCAL VOC, segmentation alone: an image and its mask, http://host.robots.ox.ac.uk/pascal/VOC/voc2012/")
def images_beside_their_masks(at: Draft) -> Said:
    for number in range(12):
        at.picture(f"VOC2012/JPEGImages/2007_{number:06d}.jpg", None)
        at.picture(f"VOC2012/SegmentationClass/2007_{number:06d}.png", None)
    return Refused(("SegmentationClass",)), Asked((), every=False)


@layout("scikit-multilearn and many others: one row a label, several a picture, http://scikit.ml/datasets.html")
def several_rows_a_picture(at: Draft) -> Said:
    rows = heap(at)
    more = [(file, NAMES[(NAMES.index(label) + 1) % 3]) for number, (file, label) in enumerate(rows) if number % 2]
    at.table("leaves.csv", [["file", "tag"], *sorted(rows + more)])
    has = [Read({f"images/{file}": str((file, tag) in rows + more) for file, _ in rows}, named=False) for tag in NAMES]
    return Refused(("leaves.csv", "tag")), Asked(tuple(has), every=False)


@layout("Roboflow, multi-label CSV: more than one 1 in a row, https://roboflow.com/formats/multiclass-classification-csv")
def one_hot_with_several_ones(at: Draft) -> Said:
    rows = heap(at)
    hot = [[file, *[int(name == label or (number % 3 == 0 and name == "elm")) for name in NAMES]]
           for number, (file, label) in enumerate(rows)]  # fmt: skip
    at.table("_classes.csv", [["filename", *NAMES], *hot])
    has = [Read({f"images/{row[0]}": str(row[column]) for row in hot}, named=False) for column in (1, 2, 3)]
    return Refused(("_classes.csv",)), Asked(tuple(has), every=False)


@layout("Reviews: a table of texts and their sentiment, https://ai.stanford.edu/~amaas/data/sentiment/")
def a_table_of_texts_beside_a_heap(at: Draft) -> Said:
    heap(at, labelled=False)
    said = ("the handle broke, and I would not buy it again.", "negative"), ("it holds, what a fine cup!", "positive")
    rows = [[f"Bought in week {number}: {said[number % 2][0]}", said[number % 2][1]] for number in range(40)]
    at.table("reviews.csv", [["review", "sentiment"], *rows])
    return Refused(("reviews.csv", "text"))


@layout("A number for each picture: regression, as in UTKFace's ages, https://susanqq.github.io/UTKFace/")
def a_measure_instead_of_a_class(at: Draft) -> Said:
    rows = heap(at, labelled=False)
    grams = [[file, 12.5 + 3.37 * number] for number, (file, _) in enumerate(rows)]
    at.table("weights.csv", [["file", "grams"], *grams])
    return Refused(("weights.csv", "grams"))


@layout("Whole numbers for each picture: the ages of faces, https://susanqq.github.io/UTKFace/")
def ages_instead_of_classes(at: Draft) -> Said:
    rows = heap(at, labelled=False)
    at.table("ages.csv", [["file", "age"], *[[file, 18 + number % 15] for number, (file, _) in enumerate(rows)]])
    return Refused(("ages.csv", "age")), Asked((), every=False)


@layout("Camera traps: where each picture was taken and by whom, https://jniedballa.github.io/camtrapR/")
def stations_and_observers_of_a_heap(at: Draft) -> Said:
    rows = heap(at, labelled=False)
    told = [[file, f"S{number % 5}", ("Ann", "Bo")[number % 2]] for number, (file, _) in enumerate(rows)]
    at.table("stations.csv", [["photo", "station", "observer"], *told])
    return Refused(("stations.csv",)), Asked((), every=False)


@layout("A table in which every picture is of the same class")
def one_class_in_the_table(at: Draft) -> Said:
    at.table("leaves.csv", [["file", "kind"], *[[file, "ash"] for file, _ in heap(at, labelled=False)]])
    return Refused(("leaves.csv", "kind"))


@layout("The wrong table: it names other pictures")
def a_table_of_other_pictures(at: Draft) -> Said:
    heap(at, labelled=False)
    at.table("labels.csv", [["file", "label"], *[[f"flower_{number}.jpg", NAMES[number % 3]] for number in range(30)]])
    return Refused(("labels.csv", "flower_0.jpg"))


@layout("A header and nothing below it")
def an_empty_table(at: Draft) -> Said:
    heap(at, labelled=False)
    at.table("labels.csv", [["file", "label"]])
    return Refused(("labels.csv",))


@layout("A web page saved under the name of a workbook")
def a_workbook_that_is_none(at: Draft) -> Said:
    heap(at, labelled=False)
    at.file("labels.xlsx", "<!DOCTYPE html><html><body>Sign in to continue</body></html>")
    return Refused(("labels.xlsx",))


@layout("JSON cut off in the middle of a download")
def a_json_cut_off(at: Draft) -> Said:
    rows = heap(at, labelled=False)
    at.file("labels.json", '{"' + '", "'.join(f'{file}": "{label}' for file, label in rows)[:400])
    return Refused(("labels.json",))


@layout("Two pictures of one name in two folders, and a table that names them without")
def names_that_two_pictures_share(at: Draft) -> Said:
    rows: list[list[object]] = [["file", "label"]]
    for number, name in mixed(NAMES):
        for camera in ("left", "right"):
            at.picture(f"{camera}/{number:03d}.jpg", name)
        rows.append([f"{number:03d}.jpg", name])
    at.table("labels.csv", rows)
    options = (at.read(), Read({path: path.split("/")[0] for path in at.labels}))
    return Refused(("labels.csv",)), at.read(), Asked(options, every=False)
