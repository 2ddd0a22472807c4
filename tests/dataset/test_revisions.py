"""Revisions: what each edit does, what is refused and with which words, and that nothing is copied or lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import DataError, NotFound, TooFewImages
from core.types import DatasetRef
from dataset.edits import Edit, edited
from dataset.folder import Row, list_datasets, load_dataset, read_manifest, read_rows, read_thumbnails
from dataset.ingest.sources import import_path
from dataset.revisions import current, history, list_current, make_current, revise

CLASSES = ("ant", "bee", "fly")
Rows = list[Row]


def table(split: str = "", per_class: int = 4, copies: dict[str, str] | None = None) -> Rows:
    """ant/0.png, ant/1.png, ... ; `copies`: path -> the path that it is byte for byte the same as."""
    paths = [(f"{name}/{number}.png", label) for label, name in enumerate(CLASSES) for number in range(per_class)]
    same = copies or {}
    return [Row(path, label, split, f"digest of {same.get(path, path)}", 32, 32) for path, label in paths]


def given(**splits: int) -> Rows:
    """So many images of each class in each split: given(train=3, test=2)."""
    paths = [(f"{split}/{name}/{number}.png", label, split) for split, count in splits.items()
             for label, name in enumerate(CLASSES) for number in range(count)]  # fmt: skip
    return [Row(path, label, split, f"digest of {path}", 32, 32) for path, label, split in sorted(paths)]


def after(rows: Rows, *edits: Edit) -> tuple[dict[str, tuple[str, str]], tuple[str, ...], str]:
    """(path -> (class, split), classes, sentences) of an import with these rows after these edits."""
    new, classes, told = edited(rows, CLASSES, rows, CLASSES, edits)
    assert [row.path for row in new] == [row.path for row in rows], "row numbers mean the same images"
    assert [row[3:] for row in new] == [row[3:] for row in rows]
    return {row.path: (classes[row.label] if row.label >= 0 else "", row.split) for row in new}, classes, told


def relabel(*paths: str, to: str) -> Edit:
    return Edit("relabel", paths, to)


def exclude(*paths: str) -> Edit:
    return Edit("exclude", paths)


def restore(*paths: str) -> Edit:
    return Edit("restore", paths)


def merge(*classes: str, to: str) -> Edit:
    return Edit("merge", classes=classes, to=to)


def move(*paths: str, to: str) -> Edit:
    return Edit("split", paths, to)


def all_of(name: str, rows: Rows) -> tuple[str, ...]:
    return tuple(row.path for row in rows if CLASSES[row.label] == name)


# -- what each edit does ----------------------------------------------------------------------------------------------


def test_relabel():
    new, classes, told = after(table(), relabel("ant/1.png", to="bee"))
    assert new["ant/1.png"] == ("bee", "") and new["ant/0.png"] == ("ant", "")
    assert classes == CLASSES
    assert told == "Relabelled 'ant/1.png' from 'ant' to 'bee'."


def test_relabel_of_many_counts_those_that_change():
    told = after(table(), relabel("ant/1.png", "ant/2.png", "bee/0.png", to="bee"))[2]
    assert told == "Relabelled 2 images from 'ant' to 'bee'."
    assert after(table(), relabel("ant/1.png", "fly/2.png", to="bee"))[2] == "Relabelled 2 images to 'bee'."


def test_exclude_and_restore():
    new, _, told = after(table(), exclude("ant/1.png", "bee/0.png"))
    assert new["ant/1.png"] == ("ant", "excluded")
    assert told == "Excluded 2 images."
    back, _, told = after(table(), exclude("ant/1.png", "bee/0.png"), restore("ant/1.png"))
    assert back["ant/1.png"] == ("ant", "") and back["bee/0.png"] == ("bee", "excluded")
    assert told.endswith("Restored 'ant/1.png'.")


def test_restored_images_have_the_label_given_by_hand_and_the_split_of_the_import():
    edits = (relabel("train/ant/0.png", to="bee"), exclude("train/ant/0.png"), restore("train/ant/0.png"))
    assert after(given(train=3, test=2), *edits)[0]["train/ant/0.png"] == ("bee", "train")


def test_merge_into_one_of_them():
    new, classes, told = after(table(), merge("ant", "bee", to="bee"))
    assert classes == ("bee", "fly")
    assert {new[f"ant/{number}.png"] for number in range(4)} == {("bee", "")}
    assert told == "Merged 'ant' into 'bee' (4 images)."


def test_merge_into_a_new_class_and_rename():
    _, classes, told = after(table(), merge("fly", "ant", to="other"))
    assert classes == ("bee", "other") and told == "Merged 'ant' and 'fly' into 'other' (8 images)."
    _, classes, told = after(table(), merge("fly", to="a fly"))
    assert classes == ("a fly", "ant", "bee") and told == "Renamed 'fly' to 'a fly'."


def test_excluded_images_follow_their_class_into_the_merged_one():
    edits = (exclude("ant/0.png"), merge("ant", "bee", to="insect"), restore("ant/0.png"))
    assert after(table(), *edits)[0]["ant/0.png"] == ("insect", "")


def test_split():
    new, _, told = after(table(), move("ant/0.png", "bee/0.png", to="test"))
    assert new["ant/0.png"] == ("ant", "test") and new["ant/1.png"] == ("ant", "")
    assert told == "Moved 2 images to test."


def test_copies_move_to_the_same_side():
    rows = table(copies={"ant/3.png": "ant/0.png"})
    new, _, told = after(rows, move("ant/0.png", to="test"))
    assert new["ant/3.png"] == ("ant", "test")
    assert told == "Moved 'ant/0.png' to test, and 1 copy along with it."
    new = after(rows, exclude("ant/3.png"), move("ant/0.png", to="test"))[0]
    assert new["ant/3.png"] == ("ant", "excluded"), "an excluded copy stays out"


def test_what_belongs_together_moves_along() -> None:
    copied = table(copies={"fly/0.png": "ant/1.png"})
    rows = [row._replace(group=f"g{number // 2}") for number, row in enumerate(copied)]
    where, _, told = after(rows, move("ant/0.png", to="test"))
    assert told == "Moved 'ant/0.png' to test, and 1 copy and 1 image of the same group along with it."
    assert {path for path, (_, split) in where.items() if split} == {"ant/0.png", "ant/1.png", "fly/0.png"}
    _, _, told = after(rows, move("ant/2.png", "bee/0.png", to="val"))
    assert told == "Moved 2 images to validation, and 2 images of the same groups along with them."
    _, _, told = after(rows, exclude("ant/3.png"), move("ant/2.png", to="val"))
    assert told.endswith("Moved 'ant/2.png' to validation."), "an excluded image stays excluded"


def test_a_class_whose_last_image_is_excluded_is_gone_and_comes_back():
    ants = all_of("ant", table())
    new, classes, told = after(table(), exclude(*ants))
    assert classes == ("bee", "fly") and new["ant/0.png"] == ("", "excluded")
    assert new["bee/0.png"] == ("bee", "")
    assert told == "Excluded 4 images. No image is left in 'ant', so it is no class any more."
    new, classes, _ = after(table(), exclude(*ants), restore("ant/0.png", "ant/1.png"))
    assert classes == CLASSES
    assert [new[path] for path in ants] == [("ant", "")] * 2 + [("ant", "excluded")] * 2


def test_edits_are_judged_together():
    """Swapping two classes' images passes through a state that alone would be refused."""
    rows = table(per_class=2)
    edits = (relabel("ant/0.png", "ant/1.png", to="bee"), relabel("bee/0.png", "bee/1.png", to="ant"))
    new = after(rows, *edits)[0]
    assert new["ant/0.png"][0] == "bee" and new["bee/0.png"][0] == "ant"


@pytest.mark.parametrize(
    "edit",
    [relabel("ant/0.png", to="ant"), restore("ant/0.png"), exclude("ant/0.png", "ant/0.png")],
    ids=["same label", "not excluded", "named twice"],
)
def test_what_is_so_already_changes_nothing(edit: Edit):
    rows = after(table(), edit)[0]
    if edit.action == "exclude":
        assert sum(split == "excluded" for _, split in rows.values()) == 1
    else:
        assert rows == after(table())[0] and after(table(), edit)[2] == ""


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: Edit("paint", ("a",)), "An edit is one of relabel, exclude, restore, merge, split, not 'paint'"),  # type: ignore[arg-type]
        (lambda: Edit("relabel", (), "bee"), "Choose at least one image to relabel"),
        (lambda: Edit("split", (), "test"), "Choose at least one image to move"),
        (lambda: Edit("relabel", ("a.png",)), "Choose the class that the images belong to"),
        (lambda: Edit("split", ("a.png",), "holdout"), "moved to train, val, test, not to 'holdout'"),
        (lambda: Edit("exclude", ("a.png",), "bee"), "'exclude' takes no target, so 'bee' means nothing"),
        (lambda: Edit("exclude", ("a.png",), classes=("bee",)), "'exclude' takes images, not classes"),
        (lambda: Edit("merge", ("a.png",), "bee", ("ant",)), "'merge' takes classes, not images"),
        (lambda: Edit("merge", to="bee"), "Choose the classes to merge"),
        (lambda: merge("ant", "bee", to=""), "Choose the class to merge into, or a name"),
        (lambda: merge("ant", to="ant"), "'ant' cannot be merged into itself"),
        (lambda: merge("ant", to=" new"), "cannot be the name of a class"),
        (lambda: merge("ant", to="two\nlines"), "cannot be the name of a class"),
        (lambda: merge("ant", to="x" * 256), "at most 255 bytes"),
    ],
)
def test_an_edit_that_contradicts_itself(wrong: Callable[[], Edit], words: str):
    with pytest.raises(DataError, match=words):
        wrong()


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([relabel("ant/0.png", to="wasp")], "There is no class 'wasp' in this dataset. Its classes: ant, bee, fly"),
        ([merge("wasp", "ant", to="ant")], "There is no class 'wasp'"),
        ([exclude("ant/9.png")], "'ant/9.png' is not among the images of this dataset"),
        ([exclude("a", "b", "c", "d", "e")], "'a', 'b', 'c' and 2 more are not among the images"),
        ([exclude("ant/0.png"), relabel("ant/0.png", to="bee")], "'ant/0.png' is excluded: restore it before"),
        ([exclude("ant/0.png"), move("ant/0.png", to="test")], "'ant/0.png' is excluded: restore it before"),
        ([merge("ant", "bee", to="bee"), relabel("fly/0.png", to="ant")], "There is no class 'ant'"),
        ([exclude("ant/0.png", "ant/1.png", "ant/2.png")], "at least 2 images: 'ant' would have 1"),
        ([relabel("ant/0.png", "ant/1.png", "ant/2.png", to="bee")], "'ant' would have 1"),
        ([merge("ant", "bee", "fly", to="all")], "Only one class would be left"),
        ([move(*(f"ant/{n}.png" for n in range(4)), to="test")], "'ant' would have no training image"),
        ([move(*(f"ant/{n}.png" for n in range(4)), to="val")], "'ant' would have no training image"),
    ],
)
def test_what_the_data_cannot_bear(edits: list[Edit], words: str):
    with pytest.raises(DataError, match=words):
        after(table(), *edits)


def test_a_fault_that_the_import_has_does_not_stand_in_the_way_of_mending_it():
    """Two classes whose training images are all in test as well: each is repaired by an edit of its own."""
    rows = given(train=2, test=2)
    copies = {row.path: row.digest for row in rows if row.split == "train" and row.label < 2}
    leaking = [row._replace(digest=copies.get(row.path.replace("test", "train"), row.digest)) for row in rows]
    new = after(leaking, exclude("test/ant/0.png", "test/ant/1.png"))[0]
    assert new["train/ant/0.png"] == ("ant", "train")
    with pytest.raises(TooFewImages, match="'fly' would have no training image"):
        after(leaking, move("train/fly/0.png", "train/fly/1.png", to="test"))


# -- on disk ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ref(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> DatasetRef:
    return import_path(image_folder(tmp_path / "insects", classes=CLASSES, per_class=4), home, name="insects")


def files(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_a_revision_is_a_manifest_and_a_record_and_no_copy(home: Path, ref: DatasetRef):
    before = files(home)
    new = revise(home, ref, [relabel("ant/001.png", to="bee"), exclude("fly/000.png")])
    added = {path for path in files(home) if path.startswith("datasets/") and path not in before}
    assert added == {f"datasets/{new.id}/manifest.csv", f"datasets/{new.id}/dataset.json"}
    assert {path: data for path, data in files(home).items() if path in before} == before
    assert (new.base, new.parent, new.images_id) == (ref.id, ref.id, ref.id)
    assert new.edit == "Relabelled 'ant/001.png' from 'ant' to 'bee'. Excluded 'fly/000.png'."
    assert (new.images, new.excluded, new.counts) == (11, 1, {"": (3, 5, 3)})
    assert load_dataset(home, new.id) == new
    assert all((new.images_root / path).is_file() for path in read_manifest(new)["path"])
    thumbnails = read_thumbnails(new)
    assert thumbnails is not None and len(thumbnails) == 12


def test_the_same_content_by_another_way_is_the_same_revision(home: Path, ref: DatasetRef):
    one = revise(home, revise(home, ref, [exclude("ant/000.png")]), [relabel("bee/000.png", to="fly")])
    other = revise(home, revise(home, ref, [relabel("bee/000.png", to="fly")]), [exclude("ant/000.png")])
    assert one.id == other.id and other == one
    assert len(history(home, ref)) == 4


def test_an_edit_that_changes_nothing_and_one_that_undoes_all(home: Path, ref: DatasetRef):
    assert revise(home, ref, [relabel("ant/000.png", to="ant")]) == ref
    assert revise(home, ref, []) == ref
    new = revise(home, ref, [merge("ant", "bee", to="bee"), exclude("fly/000.png")])
    assert revise(home, new, [exclude("fly/000.png")]) == new
    back = revise(home, new, [restore("fly/000.png"), relabel("ant/000.png", to="fly")])
    assert back.id not in (ref.id, new.id)
    gone = revise(home, ref, [exclude(*(f"ant/00{number}.png" for number in range(4)))])
    assert gone.classes == ("bee", "fly") and set(read_manifest(gone)["label"]) == {-1, 0, 1}
    assert revise(home, gone, [restore(*(f"ant/00{number}.png" for number in range(4)))]) == ref


def test_a_revision_of_another_import_is_another_one(home: Path, ref: DatasetRef, tmp_path: Path):
    """The same images imported without the excluded one are an import: their id must not be the revision's."""
    new = revise(home, ref, [exclude("ant/000.png")])
    (tmp_path / "insects" / "ant" / "000.png").unlink()
    again = import_path(tmp_path / "insects", home)
    assert again.id not in (ref.id, new.id) and not again.base


def test_history_is_newest_first_and_ends_with_the_import(home: Path, ref: DatasetRef):
    first = revise(home, ref, [exclude("ant/000.png")])
    second = revise(home, first, [exclude("bee/000.png")])
    branch = revise(home, first, [exclude("fly/000.png")])
    for one in (ref, first, second, branch):
        assert history(home, one) == [branch, second, first, ref]
    assert branch.parent == second.parent == first.id and not ref.parent


def test_listed_is_the_import_and_what_was_worked_with_last_is_remembered(home: Path, ref: DatasetRef):
    assert list_current(home) == [ref]
    first = revise(home, ref, [exclude("ant/000.png")])
    second = revise(home, first, [exclude("bee/000.png")])
    assert list_datasets(home) == [ref]
    assert list_current(home) == [second] == [current(home, ref)]
    make_current(home, first)
    assert list_current(home) == [first]
    assert revise(home, first, [restore("ant/000.png")]) == ref
    assert list_current(home) == [ref]


def test_importing_the_source_again_gives_the_import(home: Path, tmp_path: Path, image_folder: Callable[..., Path]):
    folder = image_folder(tmp_path / "insects", classes=CLASSES, per_class=4)
    archive = Path(shutil.make_archive(str(tmp_path / "insects"), "zip", folder))
    ref = import_path(archive, home)
    new = revise(home, ref, [exclude("ant/000.png")])
    assert import_path(archive, home) == ref and import_path(folder, home) == ref
    assert current(home, ref) == new, "the edits are still there"


def test_a_refused_edit_writes_nothing(home: Path, ref: DatasetRef):
    before = files(home)
    with pytest.raises(DataError):
        revise(home, ref, [exclude("ant/000.png"), relabel("bee/000.png", to="wasp")])
    assert files(home) == before


def test_a_revision_whose_import_is_gone_is_not_there(home: Path, ref: DatasetRef):
    new = revise(home, ref, [exclude("ant/000.png")])
    shutil.rmtree(ref.root)
    with pytest.raises(NotFound, match="Import its images again"):
        load_dataset(home, new.id)
    assert list_datasets(home) == []


def test_rows_are_read_as_the_table_is(home: Path, ref: DatasetRef):
    new = revise(home, ref, [exclude("ant/000.png")])
    assert [tuple(row) for row in read_rows(new)] == list(read_manifest(new).itertuples(index=False, name=None))
