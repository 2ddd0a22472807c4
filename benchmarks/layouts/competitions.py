"""Layouts of competitions and public sets with tables: ids, submissions, part folders, text lists, attributes."""

from __future__ import annotations

from benchmarks.layouts.case import Asked, Draft, Read, Refused, Said, layout, mixed, side_of, sorted_out

BIRDS = ("001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross")


@layout("Dog Breed Identification, https://www.kaggle.com/c/dog-breed-identification/data")
def ids_without_ending_and_a_submission(at: Draft) -> Said:
    breeds = ("beagle", "boxer", "pug")
    rows: list[list[object]] = [["id", "breed"]]
    for number, breed in mixed(breeds):
        key = f"{number * 7919 + 16**31:032x}"
        at.picture(f"train/{key}.jpg", breed)
        rows.append([key, breed])
    asked: list[list[object]] = [["id", *breeds]]
    for number in range(9):
        key = f"{number * 104729 + 15 * 16**30:032x}"
        at.picture(f"test/{key}.jpg", None)
        asked.append([key, *[1 / 3] * 3])
    at.table("labels.csv", rows)
    at.table("sample_submission.csv", asked)
    return at.read()


@layout("APTOS 2019 Blindness Detection, https://www.kaggle.com/c/aptos2019-blindness-detection/data")
def id_code_and_a_number_as_diagnosis(at: Draft) -> Said:
    rows: list[list[object]] = [["id_code", "diagnosis"]]
    for number, grade in mixed(("0", "1", "2", "3")):
        key = f"{number * 6700417 + 16**11:012x}"
        at.picture(f"train_images/{key}.png", grade)
        rows.append([key, grade])
    asked: list[list[object]] = [["id_code"]]
    for number in range(8):
        key = f"{number * 104729 + 15 * 16**10:012x}"
        at.picture(f"test_images/{key}.png", None)
        asked.append([key])
    at.table("train.csv", rows)
    at.table("test.csv", asked)
    at.table("sample_submission.csv", [["id_code", "diagnosis"], *[[row[0], 0] for row in asked[1:]]])
    return at.read()


@layout("Cassava Leaf Disease, https://www.kaggle.com/c/cassava-leaf-disease-classification/data")
def a_submission_with_the_columns_of_the_labels(at: Draft) -> Said:
    names = {"0": "Bacterial Blight", "1": "Brown Streak", "2": "Healthy"}
    rows: list[list[object]] = [["image_id", "label"]]
    for number, label in mixed(tuple(names)):
        rows.append([f"{1000015157 + number * 977}.jpg", label])
        at.picture(f"train_images/{rows[-1][0]}", label)
    asked: list[list[object]] = [["image_id", "label"]]
    for number in range(4):
        asked.append([f"{2216849948 + number}.jpg", 4])
        at.picture(f"test_images/{asked[-1][0]}", None)
    at.table("train.csv", rows)
    at.table("sample_submission.csv", asked)
    at.json("label_num_to_disease_map.json", names)
    return at.read(aka={name: number for number, name in names.items()})


@layout("HAM10000, https://doi.org/10.7910/DVN/DBW86T")
def ham10000_with_lesions_and_part_folders(at: Draft) -> Said:
    rows: list[list[object]] = [["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"]]
    for number, dx in enumerate(name for name in ("bkl", "mel", "nv") for _ in range(12)):
        key, lesion = f"ISIC_{24306 + number:07d}", f"HAM_{number // 2:07d}"
        at.picture(f"HAM10000_images_part_{1 + number % 2}/{key}.jpg", dx, group=lesion)
        how, sex, where = ("histo", "follow_up"), ("male", "female"), ("back", "face", "trunk")
        about = how[number % 3 == 0], 5.0 * (8 + number % 9), sex[number % 4 < 2], where[number % 3]
        rows.append([lesion, key, dx, *about])
    at.table("HAM10000_metadata.csv", rows)
    return at.read()


@layout("ISIC 2019: GroundTruth and Metadata, https://challenge.isic-archive.com/data/#2019")
def isic_one_hot_beside_metadata(at: Draft) -> Said:
    names = ("MEL", "NV", "BCC", "UNK")
    truth: list[list[object]] = [["image", *names]]
    about: list[list[object]] = [["image", "age_approx", "anatom_site_general", "lesion_id", "sex"]]
    for number, name in mixed(names[:3], 12):
        key = f"ISIC_{number:07d}"
        lesion = f"BCN_{number // 3:07d}"
        at.picture(f"ISIC_2019_Training_Input/{key}.jpg", name, group=lesion)
        truth.append([key, *[float(name == column) for column in names]])
        site, sex = ("anterior torso", "head/neck")[number % 2], ("female", "male")[number % 5 > 2]
        about.append([key, 30 + 5 * (number % 8), site, lesion, sex])
    at.table("ISIC_2019_Training_GroundTruth.csv", truth)
    at.table("ISIC_2019_Training_Metadata.csv", about)
    return at.read()


@layout("CUB-200-2011, README, https://www.vision.caltech.edu/datasets/cub_200_2011/")
def cub_and_its_text_lists(at: Draft) -> Said:
    lists: dict[str, list[str]] = {"images": [], "image_class_labels": [], "train_test_split": [], "bounding_boxes": []}
    for number, (bird, nth) in enumerate(sorted_out(BIRDS), 1):
        path = f"{bird}/{bird[4:]}_{nth:04d}_{796111 + number}.jpg"
        side = side_of(nth, {"train": 2, "test": 1})
        at.picture(f"CUB_200_2011/images/{path}", bird, side)
        lists["images"].append(f"{number} {path}")
        lists["image_class_labels"].append(f"{number} {int(bird[:3])}")
        lists["train_test_split"].append(f"{number} {int(side == 'train')}")
        lists["bounding_boxes"].append(f"{number} 60.0 27.0 325.0 304.0")
    lists["classes"] = [f"{int(bird[:3])} {bird}" for bird in BIRDS]
    for name, said in lists.items():
        at.file(f"CUB_200_2011/{name}.txt", "\n".join(said) + "\n")
    return at.read(aka={bird[4:]: bird for bird in BIRDS})


@layout("Food-101, README, https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/")
def food_101_and_its_meta_lists(at: Draft) -> Said:
    names = {"apple_pie": "Apple pie", "baby_back_ribs": "Baby back ribs", "waffles": "Waffles"}
    listed: dict[str, dict[str, list[str]]] = {side: {name: [] for name in names} for side in ("train", "test")}
    for name, nth in sorted_out(tuple(names), 12):
        side, key = side_of(nth, {"train": 3, "test": 1}), f"{name}/{1005649 + 31 * nth}"
        at.picture(f"food-101/images/{key}.jpg", name, side)
        listed[side][name].append(key)
    for side, said in listed.items():
        at.file(f"food-101/meta/{side}.txt", "\n".join(key for keys in said.values() for key in keys) + "\n")
        at.json(f"food-101/meta/{side}.json", said)
    at.file("food-101/meta/classes.txt", "\n".join(names) + "\n")
    at.file("food-101/meta/labels.txt", "\n".join(names.values()) + "\n")
    return at.read(aka={said: name for name, said in names.items()})


@layout("Oxford-IIIT Pet, annotations/README, https://www.robots.ox.ac.uk/~vgg/data/pets/")
def pets_with_breed_and_species(at: Draft) -> Said:
    breeds = {"Abyssinian": (1, 1, 1), "american_bulldog": (2, 2, 1), "Bengal": (6, 1, 2), "beagle": (5, 2, 4)}
    listed: dict[str, list[str]] = {"trainval": [], "test": []}
    for breed, nth in sorted_out(tuple(breeds)):
        name, side = f"{breed}_{nth + 1}", side_of(nth, {"train": 1, "test": 1})
        at.picture(f"images/{name}.jpg", breed, side)
        listed["trainval" if side == "train" else "test"].append(" ".join(map(str, (name, *breeds[breed]))))
    for name, said in listed.items():
        at.file(f"annotations/{name}.txt", "\n".join(said) + "\n")
    head = "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n#SPECIES: 1:Cat 2:Dog\n"
    at.file("annotations/list.txt", head + "\n".join(sorted(listed["trainval"] + listed["test"])) + "\n")
    species = Read({path: str(breeds[label][1]) for path, label in at.labels.items()}, sides=at.sides, named=False)
    return Asked((at.read(named=False), species), every=False), Refused(("list.txt",))


@layout("GTSRB, https://www.kaggle.com/datasets/meowmeowmeowmeowmeow/gtsrb-german-traffic-sign")
def traffic_signs_with_paths_in_two_tables(at: Draft) -> Said:
    head: list[object] = ["Width", "Height", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId", "Path"]
    tables: dict[str, list[list[object]]] = {"Train": [head], "Test": [head]}
    for name, nth in sorted_out(("0", "1", "2"), 9):
        path = at.picture(f"Train/{name}/{int(name):05d}_{nth // 3:05d}_{nth % 3:05d}.png", name, "train")
        tables["Train"].append([27 + nth % 3, 26, 5, 5, 22, 20, name, path])
    for number, name in mixed(("0", "1", "2"), 4):
        path = at.picture(f"Test/{number:05d}.png", name, "test")
        tables["Test"].append([53, 54 + number % 2, 6, 5, 48, 49, name, path])
    for name, rows in tables.items():
        at.table(f"{name}.csv", rows)
    return at.read()


@layout("CelebA, Anno/list_attr_celeba, https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html")
def forty_attributes_of_a_face(at: Draft) -> Said:
    names = ("Bald", "Eyeglasses", "Male", "Smiling", "Young")
    rows: list[list[object]] = [["image_id", *names]]
    parts: list[list[object]] = [["image_id", "partition"]]
    for number in range(36):
        name = f"{number + 1:06d}.jpg"
        at.picture(f"img_align_celeba/img_align_celeba/{name}", None)
        rows.append([name, *[1 if (number * 7 + 3 * at_) % (at_ + 3) < 2 else -1 for at_ in range(len(names))]])
        parts.append([name, 0 if number < 24 else 1 if number < 30 else 2])
    at.table("list_attr_celeba.csv", rows)
    at.table("list_eval_partition.csv", parts)
    path = "img_align_celeba/img_align_celeba/"
    options = tuple(
        Read({path + str(row[0]): str(row[column]) for row in rows[1:]}, named=False) for column in range(1, 6)
    )
    return Refused(("list_attr_celeba.csv",)), Asked(options, every=False)


@layout("NIH ChestX-ray14, Data_Entry_2017, https://nihcc.app.box.com/v/ChestXray-NIHCC")
def several_findings_in_a_cell(at: Draft) -> Said:
    said = ("No Finding", "Effusion", "Mass", "Effusion|Mass", "No Finding", "Mass|Nodule|Effusion")
    head: list[object] = ["Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "View Position"]
    rows = [head]
    for number in range(36):
        name, finding = f"{number // 2 + 1:08d}_{number % 2:03d}.png", said[number * 5 % 6]
        at.picture(f"images_{1 + number % 2:03d}/images/{name}", finding)
        rows.append([name, finding, number % 2, number // 2 + 1, 40 + number % 30, ("PA", "AP")[number % 3 == 0]])
    at.table("Data_Entry_2017.csv", rows)
    options = tuple(
        Read({path: str(one in finding.split("|")) for path, finding in at.labels.items()}, named=False)
        for one in ("No Finding", "Effusion", "Mass", "Nodule")
    )
    return Asked(options, every=False), Refused(("Data_Entry_2017.csv", "Finding Labels"))


@layout("Planet: Understanding the Amazon, https://www.kaggle.com/c/planet-understanding-the-amazon-from-space/data")
def tags_with_blanks_between(at: Draft) -> Said:
    land = ("agriculture", "habitation", "primary", "road", "water")
    rows: list[list[object]] = [["image_name", "tags"]]
    for number in range(48):
        on_it = [one for bit, one in enumerate(land) if (number * 5 // 3) >> bit & 1]
        tags = " ".join([("clear", "haze", "partly_cloudy")[number % 3], *on_it])
        at.picture(f"train-jpg/train_{number}.jpg", tags)
        rows.append([f"train_{number}", tags])
    at.table("train_v2.csv", rows)
    options = tuple(
        Read({path: str(one in tags.split()) for path, tags in at.labels.items()}, named=False)
        for one in ("clear", "haze", "partly_cloudy", *land)
    )
    return Refused(("train_v2.csv", "tags")), Asked(options, every=False)


@layout("Histopathologic Cancer Detection, https://www.kaggle.com/c/histopathologic-cancer-detection/data")
def tiff_ids_with_labels_0_and_1(at: Draft) -> Said:
    rows: list[list[object]] = [["id", "label"]]
    for number, label in mixed(("0", "1"), 14):
        key = f"{number * 7919 + 11 * 16**39:040x}"
        at.picture(f"train/{key}.tif", label)
        rows.append([key, label])
    for number in range(6):
        at.picture(f"test/{number * 104729 + 3 * 16**39:040x}.tif", None)
    at.table("train_labels.csv", rows)
    return at.read()


@layout("Plant Pathology 2020, https://www.kaggle.com/c/plant-pathology-2020-fgvc7/data")
def one_hot_with_test_images_in_the_same_folder(at: Draft) -> Said:
    names = ("healthy", "multiple_diseases", "rust", "scab")
    rows: list[list[object]] = [["image_id", *names]]
    for number, name in mixed(names, 9):
        at.picture(f"images/Train_{number}.jpg", name)
        rows.append([f"Train_{number}", *[int(name == one) for one in names]])
    asked = [f"Test_{number}" for number in range(10)]
    for key in asked:
        at.picture(f"images/{key}.jpg", None)
    at.table("train.csv", rows)
    at.table("test.csv", [["image_id"], *[[key] for key in asked]])
    at.table("sample_submission.csv", [["image_id", *names], *[[key, 0.25, 0.25, 0.25, 0.25] for key in asked]])
    return at.read()


@layout("State Farm Distracted Driver Detection, https://www.kaggle.com/c/state-farm-distracted-driver-detection/data")
def drivers_in_a_table_beside_class_folders(at: Draft) -> Said:
    rows: list[list[object]] = [["subject", "classname", "img"]]
    for number, name in mixed(("c0", "c1", "c2"), 12):
        driver, file = f"p{number * 5 // 36:03d}", f"img_{44733 + 17 * number}.jpg"
        at.picture(f"imgs/train/{name}/{file}", name, group=driver)
        rows.append([driver, name, file])
    for number in range(6):
        at.picture(f"imgs/test/img_{number + 1}.jpg", None)
    at.table("driver_imgs_list.csv", rows)
    return at.read()


@layout("Humpback Whale Identification: Image,Id, https://www.kaggle.com/c/humpback-whale-identification/data")
def a_label_column_that_is_called_id(at: Draft) -> Said:
    rows: list[list[object]] = [["Image", "Id"]]
    for number, whale in mixed(("new_whale", "w_f48451c", "w_c3d896a"), 9):
        rows.append([f"{number * 7919 + 16**8:09x}.jpg", whale])
        at.picture(f"train/{rows[-1][0]}", whale)
    for number in range(5):
        at.picture(f"test/{number * 104729 + 5 * 16**8:09x}.jpg", None)
    at.table("train.csv", rows)
    return at.read()
