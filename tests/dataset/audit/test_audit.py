"""Each fault is found, named in a sentence and given a remedy; clean data gets one good word."""

from __future__ import annotations

import shutil

import pytest
from PIL import Image

from dataset.audit.findings import AuditReport
from dataset.audit.report import audit
from dataset.edits import Edit
from dataset.ingest.sources import import_path
from dataset.revisions import revise


@pytest.fixture
def check(home, tmp_path):
    def run() -> AuditReport:
        return audit(import_path(tmp_path / "p", home))

    return run


def only(report: AuditReport, kind: str):
    found = [finding for finding in report.findings if finding.kind == kind]
    assert len(found) == 1, [finding.kind for finding in report.findings]
    return found[0]


def test_clean_data(check, image_folder, tmp_path):
    image_folder(tmp_path / "p", per_class=12)
    report = check()
    assert [(one.kind, one.severity) for one in report.findings] == [("clean", "good")]
    assert report.findings[0].detail.startswith("24 images in 2 classes: all readable")
    assert report.worst == "good"


@pytest.mark.parametrize(("factor", "severity"), [(2, None), (3, "caution"), (10, "bad")])
def test_imbalance(check, image_folder, tmp_path, factor, severity):
    image_folder(tmp_path / "p", classes=("ants",), per_class=10 * factor)
    image_folder(tmp_path / "p", classes=("bees",), per_class=10, seed=1)
    report = check()
    if severity is None:
        assert report.findings[0].kind == "clean"
    else:
        found = only(report, "imbalance")
        assert (found.severity, found.title) == (severity, f"Classes differ {factor}.0 : 1 in size")
        assert f"Always answering 'ants' would already be right {factor / (factor + 1):.0%}" in found.detail


@pytest.mark.parametrize(("count", "severity"), [(9, "caution"), (3, "caution"), (2, "bad")])
def test_classes_too_small_to_split(check, image_folder, tmp_path, count, severity):
    image_folder(tmp_path / "p", classes=("ants", "bees"), per_class=count)
    found = only(check(), "tiny_class")
    assert (found.severity, found.title) == (severity, "2 classes with fewer than 10 images")
    assert f"ants ({count}), bees ({count})" in found.detail


def test_copies_and_two_labels(check, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p", per_class=12)
    shutil.copy(folder / "ants/000.png", folder / "ants/copy.png")
    shutil.copy(folder / "bees/001.png", folder / "ants/torn.png")
    report = check()
    copies = only(report, "duplicate")
    assert (copies.severity, copies.title, copies.paths) == (
        "caution",
        "1 copy of other images",
        ("ants/copy.png",),
    )
    torn = only(report, "two_labels")
    assert (torn.severity, torn.title) == ("bad", "1 image is in more than one class")
    assert torn.paths == ("ants/torn.png", "bees/001.png")
    assert report.findings[0] is torn, "bad ones come first"


def test_leaks_across_given_splits(check, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p", split={"train": 12, "val": 10, "test": 10})
    shutil.copy(folder / "train/ants/000.png", folder / "test/ants/leak.png")
    shutil.copy(folder / "train/ants/001.png", folder / "val/ants/leak.png")
    found = [finding for finding in check().findings if finding.kind == "leak"]
    assert [(one.severity, one.paths) for one in found] == [
        ("bad", ("test/ants/leak.png",)),
        ("bad", ("val/ants/leak.png",)),
    ]
    assert found[0].title == "1 image of the test set is also outside it"


def test_classes_that_given_splits_leave_out(check, image_folder, tmp_path):
    folder = image_folder(
        tmp_path / "p", classes=("ants", "bees", "wasps"), split=("train", "test"), per_class=12
    )
    shutil.rmtree(folder / "train/wasps")
    shutil.rmtree(folder / "test/ants")
    report = check()
    assert "wasps: in the test or validation folder only" in only(report, "untaught_class").detail
    assert only(report, "missing_in_split").title == "1 class without test images"


def test_set_aside_tiny_and_mixed_sizes(check, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p", per_class=12)
    (folder / "ants/broken.png").write_bytes(b"x")
    (folder / "notes.txt").touch()
    for number in range(3):
        Image.effect_noise((20, 40), 50 + number).save(folder / f"ants/tiny{number}.png")
        Image.effect_noise((300, 200), 50 + number).save(folder / f"bees/large{number}.png")
    report = check()
    aside = only(report, "set_aside")
    assert (aside.title, aside.paths) == ("2 files were set aside", ("ants/broken.png", "notes.txt"))
    assert "1 x not an image file" in aside.detail
    tiny = only(report, "tiny_image")
    assert (tiny.title, len(tiny.paths)) == ("3 images smaller than 32 px", 3)
    assert only(report, "mixed_sizes").title == "Image sizes range from 32 to 300 px"
    assert all(finding.remedy and finding.detail.endswith(".") for finding in report.findings)


def blobs(seed: int) -> Image.Image:
    import numpy as np

    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (7, 9, 3), dtype=np.uint8))
    return small.resize((120, 90), Image.Resampling.BICUBIC)


def scenes(folder, split="", per_class=12, offset=0) -> None:
    for label, name in enumerate(("ants", "bees")):
        (folder / split / name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            blobs(offset + 100 * label + number).save(folder / split / name / f"{number}.png")


def test_near_duplicates_are_told_and_a_leak_is_bad(check, tmp_path):
    scenes(tmp_path / "p", "train")
    scenes(tmp_path / "p", "test", offset=1000)
    blobs(3).save(tmp_path / "p/test/ants/again.jpg", quality=70)  # a training image, saved again
    blobs(4).resize((240, 180)).save(tmp_path / "p/train/bees/again.png")  # with the other label
    blobs(105).save(tmp_path / "p/train/bees/twice.jpg", quality=60)
    report = check()
    leak, torn, same = (only(report, kind) for kind in ("near_leak", "near_labels", "near_duplicate"))
    assert (leak.severity, leak.title) == ("bad", "1 image of the test set looks like one outside it")
    assert set(leak.paths) == {"train/ants/3.png", "test/ants/again.jpg"}
    assert [sorted(one.words) for one in leak.shown] == [["ants, test", "ants, train"]]
    (remedy,) = leak.remedies
    assert (remedy.label, remedy.paths) == ("Exclude the 1 copy from training", ("train/ants/3.png",))
    assert (torn.severity, torn.title) == ("caution", "1 pair of pictures looks alike but has two labels")
    assert (same.title, same.remedies[0].label) == ("2 images look alike", "Keep one of each, exclude 1")
    assert len(same.remedies[0].paths) == 1


def test_copies_can_be_excluded_with_one_edit_and_are_then_no_finding(home, image_folder, tmp_path):
    folder = image_folder(tmp_path / "p", split={"train": 12, "test": 10})
    shutil.copy(folder / "train/ants/000.png", folder / "test/ants/leak.png")
    shutil.copy(folder / "train/ants/001.png", folder / "train/ants/copy.png")
    ref = import_path(folder, home)
    remedies = [remedy for one in audit(ref).findings if one.kind in ("leak", "duplicate") for remedy in one.remedies]
    assert [(one.label, one.paths) for one in remedies] == [
        ("Exclude the 1 copy from training", ("train/ants/000.png",)),
        ("Exclude the 1 copy", ("train/ants/copy.png",)),
    ]
    clean = revise(home, ref, [Edit("exclude", one.paths) for one in remedies])
    assert {one.kind for one in audit(clean).findings} & {"leak", "duplicate"} == set()


def test_long_pictures_are_told(check, tmp_path):
    scenes(tmp_path / "p")
    blobs(700).resize((400, 90)).save(tmp_path / "p/ants/long.png")
    finding = only(check(), "extreme_aspect")
    assert (finding.title, finding.paths) == ("1 image more than 4 times as long as wide", ("ants/long.png",))


def test_unusual_files_are_told_as_read(check, tmp_path):
    scenes(tmp_path / "p")
    blobs(500).convert("CMYK").save(tmp_path / "p/ants/print.jpg")
    blobs(501).convert("RGBA").save(tmp_path / "p/bees/clear.png")
    finding = only(check(), "handled")
    assert finding.severity == "good" and finding.title == "2 images read with a difference"
    assert "1 image is in printing colours (CMYK), converted" in finding.detail
    assert "partly transparent, laid over white" in finding.detail


def test_a_kind_of_file_that_gives_the_class_away(check, tmp_path):
    scenes(tmp_path / "p")
    for number in range(12):
        path = tmp_path / "p/bees" / f"{number}.png"
        Image.open(path).convert("L").save(path)
    finding = only(check(), "given_away")
    assert finding.title == "Files of 'bees' differ in kind"
    assert finding.detail.startswith("100% of 'bees' are grey, without colours, but 0% of 'ants'.")


def test_pictures_that_show_next_to_nothing_are_told(check, tmp_path):
    scenes(tmp_path / "p")
    blobs(600).point(lambda value: value // 16).save(tmp_path / "p/ants/night.png")
    Image.new("RGB", (90, 90), "teal").save(tmp_path / "p/bees/blank.jpg")
    blobs(601).point(lambda value: 200 + value // 16).save(tmp_path / "p/bees/only faint.png")
    blobs(602).point(lambda value: value // 4).save(tmp_path / "p/bees/only dark.png")
    finding = only(check(), "blank")
    assert (finding.severity, finding.title) == ("caution", "2 images show next to nothing")
    assert set(finding.paths) == {"ants/night.png", "bees/blank.jpg"}
    assert finding.remedies[0].label == "Set these 2 aside" and len(finding.shown) == 2
