"""From folders, archives and uploads to a checked dataset; what is wrong is told in sentences."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from core.errors import DataError, NotFound, TooFewImages
from core.home import home as find_home
from dataset import folder as datasets
from dataset.folder import list_datasets, load_dataset, read_manifest
from dataset.ingest import decoding, sources
from dataset.ingest.sources import import_path
from dataset.layout import class_from, find_layout
from dataset.readings import ReadAs

ROOT = Path(__file__).resolve().parents[3]


def zip_of(folder: Path, archive: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(archive, "w") as box:
        for path in sorted(folder.rglob("*")):
            box.write(path, prefix + path.relative_to(folder).as_posix())
    return archive


def nothing_left(home: Path) -> bool:
    return not list((home / "datasets").iterdir())


# --- what works --------------------------------------------------------------------------------------------


def test_a_folder_of_class_folders(home, image_folder, tmp_path):
    ref = import_path(image_folder(tmp_path / "photos", per_class=4), home)
    assert (ref.name, ref.classes, ref.counts) == ("photos", ("ants", "bees"), {"": (4, 4)})
    assert (ref.images, ref.set_aside, ref.notes) == (8, (), ())
    assert ref.root == str(home / "datasets" / ref.id)
    manifest = read_manifest(ref)
    assert list(manifest.columns) == ["path", "label", "split", "digest", "width", "height", "traits", "group"]
    first = manifest.iloc[0]
    data = (Path(ref.root) / "images" / first["path"]).read_bytes()
    assert first["path"] == "ants/000.png"
    assert data == (tmp_path / "photos/ants/000.png").read_bytes()
    assert first["digest"] == hashlib.sha256(data).hexdigest()[:32]
    assert (first["label"], first["split"], first["width"], first["height"]) == (0, "", 32, 32)


@pytest.mark.parametrize("pack", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_every_archive_gives_the_same_dataset_as_the_folder(home, image_folder, tmp_path, pack):
    folder = image_folder(tmp_path / "photos", split=("train", "test"), per_class=2)
    first = import_path(folder, home)
    if pack == "zip":
        archive = zip_of(folder, tmp_path / "p.zip", "deep/wrapped/")
    else:
        archive = tmp_path / f"p.{pack}"
        with tarfile.open(archive, f"w:{pack[4:]}") as tape:
            tape.add(folder, "deep/wrapped")
    second = import_path(archive, home, name="again")
    assert second == first, "importing the same again returns the first import"
    shutil.rmtree(first.root)
    third = import_path(archive, home, name="again")
    assert (third.id, third.name, third.source) == (first.id, "again", archive.name)
    assert third.notes == ("The folder 'deep/wrapped' around the data was skipped.",)
    assert (read_manifest(third) == read_manifest(load_dataset(home, first.id))).all(axis=None)


def test_the_id_depends_on_path_class_split_and_content_only():
    rows = [datasets.Row("b", 1, "", "d2", 1, 1), datasets.Row("a", 0, "", "d1", 9, 9)]
    first = datasets.content_id(rows, ["x", "y"])
    assert first == datasets.content_id([rows[1], rows[0]._replace(width=7)], ["x", "y"])
    assert first == hashlib.sha256(b'["a", "x", "", "d1"]\n["b", "y", "", "d2"]\n').hexdigest()[:16]
    assert first != datasets.content_id(rows, ["x", "z"])


def test_splits_in_any_spelling_and_case(home, image_folder, tmp_path):
    parts = {"Train": 4, "VALID": 2, "validation": 1, "TEST": 3}
    ref = import_path(image_folder(tmp_path / "p", split=parts), home)
    assert ref.counts == {"train": (4, 4), "val": (3, 3), "test": (3, 3)}
    assert ref.notes == ("'VALID' and 'validation' were joined as one split.",)
    assert ref.per_class == (10, 10)


def test_a_class_may_be_missing_in_a_split(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p", split=("train", "test"))
    shutil.rmtree(folder / "test" / "bees")
    ref = import_path(folder, home)
    assert ref.counts == {"train": (6, 6), "test": (6, 0)}


def test_litter_is_ignored_and_other_files_are_listed(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p")
    for name in ("__MACOSX/ants/._0.png", ".DS_Store", "ants/Thumbs.db", ".git/x.png", "bees/._1.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    (folder / "ants/more.zip").write_bytes(b"x")
    (folder / "ants/empty.jpg").touch()
    (folder / "ants/text.jpg").write_text("not an image")
    shutil.copy(folder / "ants/000.png", folder / "loose.png")
    ref = import_path(folder, home)
    assert ref.images == 12
    assert dict(ref.set_aside) == {
        "notes.txt": "not an image file",
        "ants/more.zip": "an archive inside: unpack it first",
        "ants/empty.jpg": "empty file (0 bytes)",
        "ants/text.jpg": "no image inside (or a format that is not read)",
        "loose.png": "lies in no class folder",
    }
    assert "1 archive inside was not unpacked" in ref.notes[0]
    assert load_dataset(home, ref.id) == ref


def test_folders_inside_a_class_folder_belong_to_the_class(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p")
    image_folder(folder / "ants", classes=("train", "red/big"), per_class=2, seed=1)
    ref = import_path(folder, home)
    assert (ref.classes, ref.counts) == (("ants", "bees"), {"": (10, 6)})
    assert "4 images lie in folders inside a class folder" in ref.notes[0]
    assert "They were not read as splits" in ref.notes[1]


def test_names_in_any_script(home, image_folder, tmp_path):
    classes = ("חתולים", "كلاب", "花の写真", "Bäume, große", 'say "hi"', "NA")
    folder = image_folder(tmp_path / "תמונות", classes=classes, per_class=2)
    ref = import_path(zip_of(folder, tmp_path / "מאגר.zip"), home)
    assert set(ref.classes) == set(classes)
    assert ref.name == "מאגר"
    assert all((Path(ref.root) / "images" / path).is_file() for path in read_manifest(ref)["path"])
    assert import_path(folder, home) == ref


def test_names_that_are_no_text_are_set_aside(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p")
    try:
        (folder / "ants" / "line\nbreak.png").write_bytes(b"x")
        Path(os.fsdecode(os.fsencode(folder) + b"/ants/\xff.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system refuses such names")
    ref = import_path(folder, home)
    assert [path for path, _ in ref.set_aside] == ["ants/\\udcff.png", "ants/line\\nbreak.png"]


def test_every_format_and_exif_rotation(home, tmp_path):
    image = Image.effect_noise((40, 20), 50).convert("RGB")
    for name in ("a", "b"):
        (tmp_path / "p" / name).mkdir(parents=True)
        for suffix in ("jpg", "JPEG", "png", "bmp", "gif", "webp", "tif", "tiff"):
            image.save(tmp_path / "p" / name / f"{suffix}.{suffix}")
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix in ("jpg", "png", "tif", "webp"):
        image.save(tmp_path / "p" / "a" / f"turned.{suffix}", exif=exif)
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I;16"):
        image.convert("L" if mode == "I;16" else mode).convert(mode).save(
            tmp_path / "p" / "b" / f"{mode}.tif"
        )
    ref = import_path(tmp_path / "p", home)
    assert (ref.set_aside, ref.images) == ((), 27)
    manifest = read_manifest(ref)
    turned = manifest["path"].str.contains("turned")
    assert set(zip(manifest[turned]["width"], manifest[turned]["height"], strict=True)) == {(20, 40)}
    assert set(zip(manifest[~turned]["width"], manifest[~turned]["height"], strict=True)) == {(40, 20)}


@pytest.mark.parametrize("suffix", ["jpg", "progressive.jpg", "png", "bmp", "gif", "webp", "tif"])
def test_cut_off_images_are_set_aside(tmp_path, suffix):
    decoding.load_decoders()
    path = tmp_path / f"x.{suffix}"
    Image.effect_noise((200, 200), 80).save(path, progressive="progressive" in suffix)
    assert isinstance(decoding.decode(path), decoding.Decoded)
    data = path.read_bytes()
    for share in (0.02, 0.5, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        assert isinstance(decoding.decode(path), str), share


def test_mutated_images_never_crash(tmp_path):
    import random

    decoding.load_decoders()
    rng = random.Random(0)
    for suffix in ("jpg", "png", "bmp", "gif", "webp", "tif"):
        path = tmp_path / f"x.{suffix}"
        Image.effect_noise((24, 24), 80).save(path)
        whole = path.read_bytes()
        for _ in range(40):
            data = bytearray(whole)
            for _ in range(rng.randint(1, 8)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            path.write_bytes(data)
            assert isinstance(decoding.decode(path), (str, decoding.Decoded))


def test_images_above_the_pixel_limit_are_set_aside_by_name(home, image_folder, tmp_path, monkeypatch):
    folder = image_folder(tmp_path / "p")
    Image.new("1", (9000, 10000)).save(folder / "ants/huge.png")
    Image.new("1", (20000, 20000)).save(folder / "ants/bomb.png")
    Image.MAX_IMAGE_PIXELS, before = 89_478_485, Image.MAX_IMAGE_PIXELS
    try:
        ref = import_path(folder, home)
    finally:
        Image.MAX_IMAGE_PIXELS = before
    reasons = dict(ref.set_aside)
    assert reasons["ants/huge.png"] == "9,000 x 10,000 pixels: above the limit of 89 million"
    assert "above the limit" in reasons["ants/bomb.png"]


def test_progress_counts_up_to_all_and_may_cancel(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p", per_class=5)
    seen = []
    import_path(folder, home, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 10) for number in range(1, 11)]
    shutil.rmtree(home / "datasets")

    def cancel(done, total):
        raise KeyboardInterrupt

    for source in (folder, zip_of(folder, tmp_path / "p.zip")):
        with pytest.raises(KeyboardInterrupt):
            import_path(source, home, progress=cancel)
        assert nothing_left(home)


def test_links_in_a_folder_are_followed_once(home, image_folder, tmp_path):
    image_folder(tmp_path / "store")
    folder = tmp_path / "p"
    folder.mkdir()
    for name in ("ants", "bees"):
        (folder / name).symlink_to(tmp_path / "store" / name)
    (tmp_path / "store/ants/loop").symlink_to(folder)
    (folder / "bees/gone.png").symlink_to("nowhere.png")
    os.mkfifo(folder / "bees/pipe.png")
    ref = import_path(folder, home)
    assert ref.counts == {"": (6, 6)}
    assert dict(ref.set_aside) == {
        "ants/loop": "a link to a folder that was read already",
        "bees/gone.png": "a broken link or a special file",
        "bees/pipe.png": "a broken link or a special file",
    }


def test_a_folder_that_holds_the_home_imports_no_copies_of_itself(tmp_path, image_folder):
    image_folder(tmp_path / "all")
    home = tmp_path / "all" / "home"
    (tmp_path / "all" / "ants" / "linked").symlink_to(home)
    first = import_path(tmp_path / "all", home)
    again = import_path(tmp_path / "all", home, name="again")
    assert again.id == first.id
    assert (first.classes, first.images) == (("ants", "bees"), 12)
    copies = "the home of Thaw itself, which holds copies of what was imported"
    assert dict(first.set_aside) == {"home": copies, "ants/linked": copies}


# --- what is refused ---------------------------------------------------------------------------------------


def test_one_class_is_too_few(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p", classes=("ants",))
    with pytest.raises(TooFewImages, match="Only one class folder was found: 'ants' has 6 readable images"):
        import_path(folder, home)
    assert nothing_left(home)


def test_classes_with_too_few_readable_images_are_all_named(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p", classes=("ants", "bees", "wasps"), per_class=3)
    (folder / "empty").mkdir()
    for number in (0, 1):
        (folder / f"wasps/00{number}.png").write_bytes(b"broken")
    with pytest.raises(TooFewImages) as caught:
        import_path(zip_of(folder, tmp_path / "p.zip"), home)
    assert str(caught.value) == (
        "2 classes need more images (at least 2 readable ones in each class): 'empty' has 0; "
        "'wasps' has 1 (2 cannot be read). Add images, or remove the folder, and import again. "
        "What most often cannot be read (2 images, as 'wasps/000.png'): no image inside (or a format that is not read)."
    )
    assert len(caught.value.problems) == 2
    assert nothing_left(home)


def test_training_images_of_one_class_only(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p", split=("train", "test"))
    shutil.rmtree(folder / "train" / "bees")
    with pytest.raises(
        TooFewImages, match="The train folder holds readable images of only 1 of the 2 classes"
    ):
        import_path(folder, home)


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (["1.png", "2.png"], "All images lie in one folder.*Thaw expects one folder for each class"),
        (["train/1.png", "test/2.png"], "The folder 'train' holds no class folders"),
        (["test/a/1.png", "val/a/2.png"], "There is 'test' and 'val', but no 'train' folder"),
        ([], "No images were found"),
    ],
)
def test_folders_that_show_no_layout(images, match):
    with pytest.raises(DataError, match=match):
        find_layout(images, [])


def test_layouts_that_are_easily_confused():
    unlabelled = find_layout(["train/a/1.png", "train/b/1.png", "test/1.png"], [])
    assert (unlabelled.classes, unlabelled.set_aside) == (
        ("a", "b"),
        (("test/1.png", "lies in no class folder"),),
    )
    assert "No test images were given" in unlabelled.notes[0]
    medical = find_layout(["control/1.png", "test/1.png"], [])
    assert medical.classes == ("control", "test")
    beside = find_layout(["train/a/1.png", "train/b/1.png", "extra/a/1.png"], [])
    assert beside.set_aside == (("extra/a/1.png", "lies outside 'train'"),)
    accents = find_layout(["train/caf\u00e9/1.png", "train/x/1.png", "test/cafe\u0301/1.png"], [])
    assert accents.classes == ("caf\u00e9", "x")
    cases = find_layout(["train/Cat/1.png", "test/cat/1.png"], [])
    assert "differ only in case and are separate classes" in cases.notes[0]
    alone = find_layout(["data/ants/1.png"], [])
    assert alone.classes == ("ants",)


def test_paths_that_cannot_be_imported(home, tmp_path):
    with pytest.raises(DataError, match="There is no file or folder at '/no/such/place'"):
        import_path("/no/such/place", home)
    (tmp_path / "x.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"'x\.png' is not a zip or tar archive"):
        import_path(tmp_path / "x.png", home)
    (tmp_path / "void").mkdir()
    with pytest.raises(DataError, match=r"No images were found in .*void.* \(read are jpg, jpeg, "):
        import_path(tmp_path / "void", home)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as box:
        box.writestr("inner.zip", b"x")
    with pytest.raises(DataError, match=r"no images, only another archive: 'inner\.zip'"):
        import_path(tmp_path / "outer.zip", home)
    assert nothing_left(home)


def test_a_full_disk_is_a_sentence(home, image_folder, tmp_path, monkeypatch):
    folder = image_folder(tmp_path / "p")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(DataError, match=r"The images need 0\.0 MB, but the disk of .* has 0\.0 MB free"):
        import_path(folder, home)
    monkeypatch.undo()

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(DataError, match=r"The disk of .* is full"):
        import_path(folder, home)
    assert nothing_left(home)


# --- on disk -----------------------------------------------------------------------------------------------


def test_datasets_are_listed_newest_first_and_survive_a_move(home, image_folder, tmp_path):
    first = import_path(image_folder(tmp_path / "a", seed=1), home)
    second = import_path(image_folder(tmp_path / "b", seed=2), home)
    (home / "datasets" / "0123456789abcdef").mkdir()
    assert list_datasets(home) == [second, first]
    home.rename(tmp_path / "moved")
    moved = load_dataset(tmp_path / "moved", first.id)
    assert moved.root == str(tmp_path / "moved" / "datasets" / first.id)
    assert len(read_manifest(moved)) == 12
    for bad in ("ffffffffffffffff", "../datasets", "", "x" * 200):
        with pytest.raises(NotFound, match="There is no dataset"):
            load_dataset(tmp_path / "moved", bad)


def test_importing_again_repairs_a_damaged_dataset(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "a")
    ref = import_path(folder, home)
    (Path(ref.root) / "images/ants/000.png").unlink()
    assert import_path(folder, home).id == ref.id
    assert (Path(ref.root) / "images/ants/000.png").is_file()
    (Path(ref.root) / "dataset.json").write_text("{")
    assert list_datasets(home) == []
    import_path(folder, home)
    assert [one.id for one in list_datasets(home)] == [ref.id]


def test_an_archive_given_again_is_not_unpacked_again(home, image_folder, tmp_path, monkeypatch):
    archive = zip_of(image_folder(tmp_path / "a"), tmp_path / "a.zip")
    ref = import_path(archive, home)
    with monkeypatch.context() as patch:
        patch.setattr(sources, "unpack", None)
        seen = []
        assert import_path(archive, home, progress=lambda *counts: seen.append(counts)) == ref
        assert seen == [(12, 12)]
        archive.rename(tmp_path / "b.zip")
        assert import_path(tmp_path / "b.zip", home) == ref
    (Path(ref.root) / "images/ants/000.png").unlink()
    assert import_path(tmp_path / "b.zip", home).id == ref.id
    assert (Path(ref.root) / "images/ants/000.png").is_file()


@pytest.mark.fault
def test_a_killed_import_leaves_only_a_staging_folder_which_the_next_removes(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "a", per_class=100)
    code = (
        "import sys, time; from pathlib import Path; from dataset.ingest.sources import import_path\n"
        "def slow(done, total):\n    print(done, flush=True); time.sleep(0.01)\n"
        "import_path(sys.argv[1], Path(sys.argv[2]), progress=slow)"
    )
    for at in (1, 90):
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(folder), str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for line in child.stdout:
            if int(line) >= at:
                break
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        left = list((home / "datasets").iterdir())
        assert [entry.name.startswith(f".staging-{child.pid}-") for entry in left] == [True]
        assert list_datasets(home) == []
    ours = home / "datasets" / f".staging-{os.getpid()}-0abc"  # of a process that had our pid before us
    alive = home / "datasets" / f".staging-{os.getppid()}-0abc"
    ours.mkdir()
    alive.mkdir()
    ref = import_path(folder, home)
    assert {entry.name for entry in (home / "datasets").iterdir()} == {ref.id, alive.name}


def test_the_record_on_disk_is_plain_json_with_all_fields(home, image_folder, tmp_path):
    before = time.time()
    ref = import_path(image_folder(tmp_path / "a"), home)
    data = json.loads((Path(ref.root) / "dataset.json").read_text(encoding="utf-8"))
    assert set(data) == set(ref.__dataclass_fields__)
    assert before <= data["created"] <= time.time()


def test_home_comes_from_option_environment_or_user(tmp_path, monkeypatch):
    monkeypatch.setenv("THAW_HOME", str(tmp_path / "env"))
    assert find_home(str(tmp_path / "x/y")) == tmp_path / "x/y"
    assert find_home() == tmp_path / "env"
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv("THAW_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_home() == tmp_path / ".thaw"
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="Thaw cannot keep its files in .*file"):
        find_home(str(tmp_path / "file"))


def test_importing_the_module_loads_nothing_heavy():
    heavy = "{'PIL', 'numpy', 'pandas', 'sklearn', 'torch'}"
    load = "import sys, dataset.ingest.sources, dataset.audit.report, dataset.ingest.samples"
    code = f"{load}; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "set()"


NESTED = ["pets/cats/tabby/1.png", "pets/cats/siamese/2.png", "pets/dogs/3.png", "pets/dogs/pug/4.png",
          "zoo/tabby/5.png"]  # fmt: skip
PATHS = ("pets/cats/siamese", "pets/cats/tabby", "pets/dogs", "pets/dogs/pug", "zoo/tabby")


@pytest.mark.parametrize(
    ("classes_from", "classes", "labels", "set_aside"),
    [
        (1, ("pets", "zoo"), [0, 0, 0, 0, 1], []),
        (2, ("cats", "dogs", "tabby"), [0, 0, 1, 1, 2], []),
        (3, ("pug", "siamese", "tabby"), [1, 2, 0], ["pets/dogs/3.png", "zoo/tabby/5.png"]),
        ("innermost", ("dogs", "pug", "siamese", "tabby"), [2, 3, 0, 1, 3], []),
        ("path", PATHS, [0, 1, 2, 3, 4], []),
    ],
)
@pytest.mark.parametrize("split", ["", "Train/"])
def test_nested_folders_are_read_as_asked(split, classes_from, classes, labels, set_aside):
    layout = find_layout([split + path for path in NESTED], [], classes_from)
    assert layout.classes == classes
    assert [one.label for one in layout.placed] == labels
    assert [path.removeprefix(split) for path, _ in layout.set_aside] == set_aside
    assert all(reason == "lies above level 3" for _, reason in layout.set_aside)


def test_what_was_made_of_nested_folders_is_said():
    def notes(classes_from):
        return " ".join(find_layout(NESTED, [], classes_from).notes)

    assert "5 images lie in folders inside a class folder; they were counted to that class." in notes(1)
    assert "with the innermost folder, a level or the whole path as class" in notes(1)
    assert "The folders at level 2 were read as classes; 3 images lie deeper and were counted to theirs." in notes(2)
    inner = "the innermost one was read as the class. In more than one place, and joined: 'tabby'."
    assert inner in notes("innermost")
    assert "each whole path was read as one class" in notes("path")
    with pytest.raises(DataError, match="No folder lies at level 4: the class folders go 3 deep"):
        find_layout(NESTED, [], 4)


@pytest.mark.parametrize("text", ["0", "-1", "2.5", "all", ""])
def test_a_level_that_is_none_is_refused(text):
    with pytest.raises(DataError, match="names no class folder"):
        class_from(text)


@pytest.mark.parametrize("name", ["train", "TRAIN", "Train"])
@pytest.mark.parametrize("other", ["val", "Valid", "VALIDATION", "test", "Test"])
def test_splits_are_known_in_any_case(name, other):
    layout = find_layout([f"{name}/a/1.png", f"{name}/b/1.png", f"{other}/a/1.png"], [])
    assert {one.split for one in layout.placed} == {"train", "test" if other.lower() == "test" else "val"}


def test_the_same_archive_read_in_two_ways_is_two_datasets(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p" / "pets", classes=("cat", "dog"))
    image_folder(tmp_path / "p" / "zoo", classes=("ape", "bear"), seed=1)
    archive = zip_of(folder.parent, tmp_path / "p.zip")
    assert import_path(archive, home, read_as=ReadAs("folders")).classes == ("pets", "zoo")
    assert import_path(archive, home, read_as=ReadAs("folders:2")).classes == ("ape", "bear", "cat", "dog")
    assert import_path(archive, home, read_as=ReadAs("folders")).classes == ("pets", "zoo")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_importing_again_adds_the_small_pictures_that_an_older_version_did_not_keep(home, image_folder, tmp_path, kind):
    from dataset.audit.report import audit
    from dataset.folder import ALIKE, THUMBNAILS, read_thumbnails

    source = image_folder(tmp_path / "photos", per_class=12)
    shutil.copy(source / "ants/000.png", source / "ants/copy.png")
    if kind == "zip":
        source = shutil.make_archive(str(source), "zip", source)
    ref = import_path(source, home)
    for name in (THUMBNAILS, ALIKE):
        (home / "datasets" / ref.id / name).unlink()
    old = [one for one in audit(ref).findings if one.kind == "not_compared"]
    assert len(old) == 1 and "Import the same images again" in old[0].remedy
    assert import_path(source, home) == ref
    assert read_thumbnails(ref) is not None
    assert [one.kind for one in audit(ref).findings] == ["duplicate"]
