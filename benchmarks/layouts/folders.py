"""Layouts whose classes stand in the names of folders: public sets as they are downloaded, split words, wrappers."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.layouts.case import Asked, Draft, Read, Refused, Said, layout, sorted_out

FRUIT = ("apricot", "lemon", "plum")


def tree(at: Draft, tops: Mapping[str, tuple[str, int]], classes: tuple[str, ...], ending: str = "jpg") -> None:
    """Class folders inside each top folder; tops: its path -> (side, pictures a class)."""
    for top, (side, each) in tops.items():
        for name, number in sorted_out(classes, each):
            at.picture(f"{top}/{name}/{name[:3]}_{len(at.labels):04d}_{number}.{ending}", name, side)


@layout("TensorFlow, Load images: flower_photos, https://www.tensorflow.org/tutorials/load_data/images")
def flower_photos_in_a_wrapper(at: Draft) -> Said:
    tree(at, {"flower_photos": ("", 10)}, ("daisy", "roses", "tulips"))
    at.file("flower_photos/LICENSE.txt", "All images in this archive are licensed under CC-BY.\n")
    return at.read()


@layout("fastai, imagenette: noisy_imagenette.csv, https://github.com/fastai/imagenette")
def imagenette_and_its_table_of_noisy_labels(at: Draft) -> Said:
    names = ("n01440764", "n02102040", "n03888257")
    tree(at, {"imagenette2/train": ("train", 10), "imagenette2/val": ("val", 4)}, names, "JPEG")
    rows: list[list[object]] = [["path", *[f"noisy_labels_{share}" for share in (0, 1, 5, 25, 50)], "is_valid"]]
    for number, (path, label) in enumerate(at.labels.items()):
        other = names[(names.index(label) + 1) % 3]
        noisy = [other if number % every == 0 else label for every in (40, 20, 4, 2)]
        rows.append([path.removeprefix("imagenette2/"), label, *noisy, at.sides[path] == "val"])
    at.table("imagenette2/noisy_imagenette.csv", rows)
    return at.read()


@layout("Intel Image Classification, https://www.kaggle.com/datasets/puneetbansal/intel-image-classification")
def seg_train_seg_test_and_seg_pred(at: Draft) -> Said:
    tops = {"seg_train/seg_train": ("train", 9), "seg_test/seg_test": ("test", 4)}
    tree(at, tops, ("buildings", "glacier", "street"))
    for number in range(7):
        at.picture(f"seg_pred/seg_pred/{number + 5}.jpg", None)
    return at.read()


@layout("Chest X-Ray Images (Pneumonia), https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia")
def chest_xray_packed_twice_with_mac_litter(at: Draft) -> Said:
    tops = {"chest_xray/train": ("train", 8), "chest_xray/val": ("val", 2), "chest_xray/test": ("test", 4)}
    tree(at, tops, ("NORMAL", "PNEUMONIA"), "jpeg")
    for path in list(at.labels):
        at.picture(path.replace("chest_xray/", "chest_xray/chest_xray/", 1), at.labels[path], at.sides[path], like=path)
        inside, name = path.removeprefix("chest_xray/").rsplit("/", 1)
        at.file(f"chest_xray/__MACOSX/chest_xray/{inside}/._{name}", b"\0\5\x16\7Mac OS X")
    at.file("chest_xray/train/.DS_Store", b"\0\0\0\1Bud1")
    return at.read(optional=frozenset(path for path in at.labels if path.count("chest_xray/") == 2))


@layout("Brain Tumor MRI Dataset, https://www.kaggle.com/datasets/masoudnickparvar/brain-tumor-mri-dataset")
def capital_training_and_testing(at: Draft) -> Said:
    tree(at, {"Training": ("train", 9), "Testing": ("test", 4)}, ("glioma", "meningioma", "notumor", "pituitary"))
    return at.read()


@layout("Dogs & Cats Images, https://www.kaggle.com/datasets/chetankv/dogs-cats-images")
def training_set_nested_in_itself(at: Draft) -> Said:
    tops = {"training_set/training_set": ("train", 10), "test_set/test_set": ("test", 4)}
    tree(at, tops, ("cats", "dogs"))
    return at.read()


@layout("Malaria cell images, https://www.kaggle.com/datasets/iarunava/cell-images-for-detecting-malaria")
def cell_images_packed_twice(at: Draft) -> Said:
    tree(at, {"cell_images": ("", 12)}, ("Parasitized", "Uninfected"), "png")
    for path in list(at.labels):
        at.picture(f"cell_images/{path}", at.labels[path], like=path)
    return at.read(optional=frozenset(path for path in at.labels if path.count("cell_images/") == 2))


@layout("PlantVillage, color / grayscale / segmented, https://www.kaggle.com/datasets/abdallahalidev/plantvillage-dataset")
def variants_in_colour_grey_and_segmented(at: Draft) -> Said:
    names = ("Apple___Apple_scab", "Apple___healthy", "Grape___Black_rot")
    for variant in ("color", "grayscale", "segmented"):
        for name, number in sorted_out(names, 6):
            more = "_final_masked" if variant == "segmented" else ""
            at.picture(f"plantvillage dataset/{variant}/{name}/{name[6:9]}{number:03d}{more}.jpg", name)
    spare = frozenset(path for path in at.labels if "/color/" not in path)
    return at.read(optional=spare)


@layout("EuroSAT RGB, https://github.com/phelber/EuroSAT")
def wrapper_in_wrapper(at: Draft) -> Said:
    tree(at, {"EuroSAT/2750": ("", 10)}, ("AnnualCrop", "Forest", "River"))
    return at.read()


@layout("Caltech 101, https://data.caltech.edu/records/mzrjq-6wc02")
def caltech_with_same_names_in_every_class(at: Draft) -> Said:
    for name, number in sorted_out(("BACKGROUND_Google", "accordion", "wild_cat"), 9):
        at.picture(f"caltech-101/101_ObjectCategories/{name}/image_{number + 1:04d}.jpg", name)
        at.file(f"caltech-101/Annotations/{name}/annotation_{number + 1:04d}.mat", b"MATLAB 5.0 MAT-file")
    return at.read()


@layout("Split words in German; Keras image_dataset_from_directory takes any, https://keras.io/api/data_loading/image/")
def german_split_words(at: Draft) -> Said:
    tree(at, {"Training": ("train", 8), "Validierung": ("val", 3), "Test": ("test", 3)}, ("Birke", "Eiche", "Linde"))
    return at.read()


@layout("Split words in Spanish; Keras image_dataset_from_directory takes any, https://keras.io/api/data_loading/image/")
def spanish_split_words(at: Draft) -> Said:
    tops = {"entrenamiento": ("train", 8), "validacion": ("val", 3), "prueba": ("test", 3)}
    tree(at, tops, ("gato", "perro", "zorro"))
    return at.read()


@layout("Hugging Face, File names and splits: keywords, https://huggingface.co/docs/hub/datasets-file-names-and-splits")
def train_dev_and_eval(at: Draft) -> Said:
    tree(at, {"train": ("train", 8), "dev": ("val", 3), "eval": ("val|test", 3)}, FRUIT)
    return at.read()


@layout("DIGITS, Image Folder Specification, https://github.com/NVIDIA/DIGITS/blob/master/docs/ImageFolderFormat.md")
def train_images_and_val_images(at: Draft) -> Said:
    tree(at, {"train-images": ("train", 9), "val-images": ("val", 4)}, ("cat", "dog"))
    return at.read()


@layout("Holdout method: TRAIN and HOLDOUT, https://scikit-learn.org/stable/modules/cross_validation.html")
def upper_case_train_and_holdout(at: Draft) -> Said:
    tree(at, {"TRAIN": ("train", 9), "HOLDOUT": ("val|test", 4)}, FRUIT)
    return at.read()


@layout("Hugging Face, keywords within names, https://huggingface.co/docs/hub/datasets-file-names-and-splits")
def split_words_behind_an_underscore(at: Draft) -> Said:
    tree(at, {"birds_train": ("train", 9), "birds_valid": ("val", 3), "birds_test": ("test", 3)}, ("coot", "gull"))
    return at.read()


@layout("Predefined folds in folders, as UrbanSound8K has them, https://urbansounddataset.weebly.com/urbansound8k.html")
def folds_over_class_folders(at: Draft) -> Said:
    tree(at, {f"fold_{fold}": ("", 4) for fold in range(5)}, FRUIT, "png")
    return at.read(folds={path: path[:6] for path in at.labels})


@layout("Cross-validation written into folders: cv1 to cv5, https://scikit-learn.org/stable/modules/cross_validation.html")
def cross_validation_over_class_folders(at: Draft) -> Said:
    tree(at, {f"cv{fold}": ("", 4) for fold in range(1, 6)}, FRUIT)
    return at.read(folds={path: path[:3] for path in at.labels})


@layout("MVTec AD: splits inside each class, https://www.mvtec.com/company/research/datasets/mvtec-ad")
def splits_inside_the_classes(at: Draft) -> Said:
    for name in FRUIT:
        for side, each in (("train", 8), ("test", 4)):
            for number in range(each):
                at.picture(f"{name}/{side}/{number:03d}.png", name, side)
    return at.read()


@layout("Nested taxonomy, pytorch/vision ImageFolder takes the outer one, https://docs.pytorch.org/vision/stable/datasets.html")
def two_levels_that_could_both_be_the_class(at: Draft) -> Said:
    inner = {"bird": ("duck", "owl"), "mammal": ("fox", "hare")}
    for outer, names in inner.items():
        for name, number in sorted_out(names, 8):
            at.picture(f"{outer}/{name}/{number:03d}.jpg", name)
    outside = Read({path: path.split("/")[0] for path in at.labels})
    return Asked((at.read(aka={f"{outer}/{name}": name for outer in inner for name in inner[outer]}), outside))


@layout("DIGITS, Subfolders are flattened, https://github.com/NVIDIA/DIGITS/blob/master/docs/ImageFolderFormat.md")
def some_pictures_deeper_than_others(at: Draft) -> Said:
    for number in range(12):
        at.picture(f"cat/{('', 'siamese/', 'tabby/')[number % 3]}{number}.jpg", "cat")
        at.picture(f"dog/{('', 'big/great-dane/', 'small/')[number % 3]}{number}.jpg", "dog")
    return at.read()


@layout("Sessions of recording over class folders, WILDS-like, https://wilds.stanford.edu/get_started/")
def the_same_classes_in_every_session(at: Draft) -> Said:
    tree(at, {f"session_{day}": ("", 4) for day in (1, 2, 3)}, ("damaged", "intact"))
    return at.read()


@layout("Vehicle types, where 'train' is a thing: COCO's categories, https://cocodataset.org/#explore")
def a_class_that_is_called_train(at: Draft) -> Said:
    for name, number in sorted_out(("boat", "bus", "train"), 9):
        at.picture(f"vehicles/{name}/{number:03d}.jpg", name)
    return at.read()


@layout("MNIST as PNG, https://github.com/myleott/mnist_png")
def numbers_as_class_folders(at: Draft) -> Said:
    tree(at, {"mnist_png/training": ("train", 6), "mnist_png/testing": ("test", 3)}, ("0", "1", "2", "3"), "png")
    return at.read()


@layout("pytorch/vision ImageFolder takes .ipynb_checkpoints for a class, https://docs.pytorch.org/vision/stable/datasets.html")
def what_systems_and_notebooks_leave(at: Draft) -> Said:
    for name, number in sorted_out(FRUIT, 8):
        at.picture(f"fruit/{name}/{number}.png", name)
    at.file("fruit/.ipynb_checkpoints/lemon-checkpoint.png", b"")
    at.file("fruit/lemon/Thumbs.db", b"\xd0\xcf\x11\xe0")
    at.file("fruit/lemon/desktop.ini", "[.ShellClassInfo]\n")
    at.file("fruit/._plum", b"\0\5\x16\7")
    at.file("__MACOSX/fruit/plum/._1.png", b"\0\5\x16\7")
    return at.read()


@layout("FiftyOne, ImageClassificationDirectoryTree: _unlabeled, https://docs.voxel51.com/user_guide/export_datasets.html")
def fiftyone_directory_tree(at: Draft) -> Said:
    for name, number in sorted_out(FRUIT, 8):
        at.picture(f"{name}/{number:06d}.jpg", name)
    for number in range(5):
        at.picture(f"_unlabeled/{900 + number:06d}.jpg", None)
    return at.read()


@layout("Roboflow, Folder Structure for classification, https://roboflow.com/formats/classification-folder-structure")
def roboflow_folders(at: Draft) -> Said:
    for side, top, each in (("train", "train", 9), ("val", "valid", 3), ("test", "test", 3)):
        for name, number in sorted_out(("Ripe", "Unripe"), each):
            at.picture(f"{top}/{name}/{name}-{number}_jpg.rf.{len(at.labels) * 7919 + 10**31:032x}.jpg", name, side)
    at.file("README.roboflow.txt", "ripeness - v1\nThis dataset was exported via roboflow.com\n")
    at.file("README.dataset.txt", "# ripeness > 2024-02-01\nProvided by a Roboflow user\nLicense: CC BY 4.0\n")
    return at.read()


@layout("One folder that is called like a class: no second one to tell it from")
def one_class_folder_only(at: Draft) -> Said:
    for number in range(12):
        at.picture(f"rust/{number:03d}.jpg", "rust")
    return Refused(("one class", "rust"))


@layout("A camera's folder, Design rule for Camera File system: DCIM/100CANON, IMG_0001.JPG")
def photographs_that_nothing_labels(at: Draft) -> Said:
    for number in range(12):
        at.picture(f"DCIM/{'IMG' if number % 2 else 'DSC'}_{number:04d}.JPG", None)
    return Refused(("folder", "class"))


@layout("Dogs vs. Cats, https://www.kaggle.com/c/dogs-vs-cats/data")
def classes_in_the_names_of_files(at: Draft) -> Said:
    for name, number in sorted_out(("cat", "dog"), 12):
        at.picture(f"train/{name}.{number}.jpg", name)
    for number in range(6):
        at.picture(f"test1/{number + 1}.jpg", None)
    return Asked((at.read(),), every=False), Refused(("folder", "class")), at.read()


@layout("A trap camera's station before the number: camtrapR, file naming, https://jniedballa.github.io/camtrapR/")
def stations_in_the_names_of_files(at: Draft) -> Said:
    for number in range(30):
        at.picture(f"photos/cam{1 + number % 3}_2024-05-{1 + number // 2:02d}_{number:03d}.jpg", None)
    return Refused(("folder", "class")), Asked((), every=False)
