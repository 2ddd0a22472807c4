"""Layouts whose classes stand beside the pictures in tables and lists of several kinds at once."""

from __future__ import annotations

from benchmarks.layouts.case import Asked, Draft, Read, Refused, Said, layout, mixed, side_of, sorted_out

WORDS = {"n01443537": "goldfish", "n01629819": "salamander", "n02124075": "Egyptian cat"}


@layout("Tiny ImageNet, wnids.txt, words.txt and val_annotations.txt, http://cs231n.stanford.edu/tiny-imagenet-200.zip")
def tiny_imagenet_with_a_list_for_val(at: Draft) -> Said:
    for wnid, nth in sorted_out(tuple(WORDS), 8):
        at.picture(f"tiny-imagenet-200/train/{wnid}/images/{wnid}_{nth}.JPEG", wnid, "train")
    for wnid in WORDS:
        boxes = "".join(f"{wnid}_{nth}.JPEG\t0\t10\t63\t58\n" for nth in range(8))
        at.file(f"tiny-imagenet-200/train/{wnid}/{wnid}_boxes.txt", boxes)
    said = []
    for number, wnid in mixed(tuple(WORDS), 4):
        at.picture(f"tiny-imagenet-200/val/images/val_{number}.JPEG", wnid, "val")
        said.append(f"val_{number}.JPEG\t{wnid}\t0\t32\t44\t62\n")
    at.file("tiny-imagenet-200/val/val_annotations.txt", "".join(said))
    for number in range(6):
        at.picture(f"tiny-imagenet-200/test/images/test_{number}.JPEG", None)
    at.file("tiny-imagenet-200/wnids.txt", "\n".join(WORDS) + "\n")
    at.file("tiny-imagenet-200/words.txt", "".join(f"{wnid}\t{word}\n" for wnid, word in WORDS.items()))
    return at.read(aka={word: wnid for wnid, word in WORDS.items()})


@layout("EuroSAT with train.csv, validation.csv, test.csv, https://www.kaggle.com/datasets/apollo2506/eurosat-dataset")
def eurosat_tables_over_class_folders(at: Draft) -> Said:
    names = ("AnnualCrop", "Forest", "SeaLake")
    tables: dict[str, list[list[object]]] = {
        table: [["", "Filename", "Label", "ClassName"]] for table in ("train", "validation", "test")
    }
    for name, nth in sorted_out(names, 10):
        side = side_of(nth, {"train": 6, "val": 2, "test": 2})
        rows = tables["validation" if side == "val" else side]
        path = at.picture(f"EuroSAT/{name}/{name}_{nth + 1}.jpg", name, side)
        rows.append([len(rows) - 1, path.removeprefix("EuroSAT/"), names.index(name), name])
    for table, rows in tables.items():
        at.table(f"EuroSAT/{table}.csv", rows)
    at.json("EuroSAT/label_map.json", {name: number for number, name in enumerate(names)})
    return at.read()


@layout("Plant Seedlings Classification, https://www.kaggle.com/c/plant-seedlings-classification/data")
def class_folders_beside_a_heap_and_a_submission(at: Draft) -> Said:
    asked: list[list[object]] = [["file", "species"]]
    for name, nth in sorted_out(("Black-grass", "Charlock", "Sugar beet"), 9):
        at.picture(f"train/{name}/{nth * 7919 + 16**8:09x}.png", name)
    for number in range(8):
        asked.append([f"{number * 104729 + 7 * 16**8:09x}.png", "Sugar beet"])
        at.picture(f"test/{asked[-1][0]}", None)
    at.table("sample_submission.csv", asked)
    return at.read()


@layout("Fashion Product Images, styles.csv, https://www.kaggle.com/datasets/paramaggarwal/fashion-product-images-small")
def styles_with_many_columns_to_choose_from(at: Draft) -> Said:
    kinds = (
        ("Apparel", "Topwear", "Shirts"), ("Apparel", "Topwear", "Tops"), ("Apparel", "Bottomwear", "Jeans"),
        ("Footwear", "Shoes", "Heels"), ("Footwear", "Sandal", "Sandals"),
    )  # fmt: skip
    rows: list[list[object]] = [
        ["id", "gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "productDisplayName"]
    ]
    for number in range(50):
        kind, colour = kinds[number * 7 // 3 % 5], ("Black", "Navy Blue", "Red")[number * 5 // 3 % 3]
        at.picture(f"images/{15970 + 13 * number}.jpg", kind[2])
        gender, season = ("Men", "Women")[number % 2], ("Fall", "Summer")[number * 3 // 4 % 2]
        rows.append([15970 + 13 * number, gender, *kind, colour, season, f"Item {number} {colour}"])
    at.table("styles.csv", rows)
    paths = [f"images/{row[0]}.jpg" for row in rows[1:]]
    return Asked(
        tuple(Read({path: str(row[at_]) for path, row in zip(paths, rows[1:], strict=True)}) for at_ in (2, 3, 4))
    )


@layout("FER2013: pixels in cells, https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge")
def pictures_as_numbers_in_a_table(at: Draft) -> Said:
    pixels = [" ".join(str((number * 37 + at_ * 11) % 256) for at_ in range(144)) for number in range(20)]
    rows = [[number % 3, text, "Training" if number < 15 else "PublicTest"] for number, text in enumerate(pixels)]
    at.table("fer2013.csv", [["emotion", "pixels", "Usage"], *rows])
    return Refused(("fer2013.csv", "pixels"))


@layout("102 Flowers with cat_to_name.json, https://github.com/udacity/aipnd-project")
def numbered_folders_and_a_json_of_their_names(at: Draft) -> Said:
    names = {"1": "pink primrose", "10": "globe thistle", "102": "blackberry lily"}
    for key, nth in sorted_out(tuple(names), 10):
        side = side_of(nth, {"train": 6, "val": 2, "test": 2})
        at.picture(f"flowers/{'valid' if side == 'val' else side}/{key}/image_{len(at.labels):05d}.jpg", key, side)
    at.json("cat_to_name.json", names)
    return at.read(aka={name: key for key, name in names.items()})


@layout("UTKFace: [age]_[gender]_[race]_[date&time].jpg, https://susanqq.github.io/UTKFace/")
def three_numbers_in_the_names_of_files(at: Draft) -> Said:
    for number in range(36):
        at.picture(f"UTKFace/{18 + number % 9}_{number % 2}_{number % 5}_{20170109150557335 + number}.jpg", None)
    return Refused(("folder", "class")), Asked((), every=False)


@layout("A heap beside its masks, as in Carvana, https://www.kaggle.com/c/carvana-image-masking-challenge/data")
def pictures_and_their_masks(at: Draft) -> Said:
    for number in range(10):
        at.picture(f"images/{number:04d}.jpg", None)
        at.picture(f"masks/{number:04d}_mask.png", None)
    return Refused(("masks",)), Asked((), every=False)


@layout("Ultralytics, object detection: images and labels, https://docs.ultralytics.com/datasets/detect/")
def boxes_for_detection(at: Draft) -> Said:
    for side, each in (("train", 10), ("val", 4)):
        for number in range(each):
            at.picture(f"images/{side}/{number:06d}.jpg", None)
            at.file(f"labels/{side}/{number:06d}.txt", f"{number % 2} 0.5 0.5 0.3 0.4\n0 0.2 0.3 0.1 0.1\n")
    at.file("data.yaml", "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: person\n  1: bicycle\n")
    return Refused(("labels",))
