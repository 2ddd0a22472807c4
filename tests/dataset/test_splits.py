"""The split: stratified, deterministic, copies on one side, given splits kept."""

from __future__ import annotations

import hashlib
from functools import partial

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from advisor.planning.strategies import plan
from core.errors import DataError
from core.plans import RunConfig, run_config_from_json, to_json
from core.zoo.catalog import backbone
from dataset.edits import Edit
from dataset.folder import read_alike, read_manifest
from dataset.ingest.sources import import_path
from dataset.revisions import revise
from dataset.splits import make_split, revised_split, same_pictures, sides
from tests.support.clocks import times_as_long


def table(
    labels: list[int], splits: list[str] | None = None, digests: list[str] | None = None,
    groups: list[str] | None = None,
) -> pd.DataFrame:
    rows = range(len(labels))
    return pd.DataFrame(
        {
            "path": [f"class{label}/{row}.png" for row, label in zip(rows, labels, strict=True)],
            "label": labels,
            "split": splits or [""] * len(labels),
            "digest": digests or [f"{row:032x}" for row in rows],
            "group": groups or [""] * len(labels),
        }
    )


def per_class(manifest: pd.DataFrame, split: np.ndarray) -> dict[tuple[int, str], int]:
    return pd.Series(1, index=range(len(split))).groupby([manifest["label"], split]).sum().to_dict()


def test_each_class_gives_a_fifth_to_test_and_a_fifth_of_the_rest_to_validation():
    manifest = table([0] * 100 + [1] * 50 + [2] * 10)
    counts = per_class(manifest, make_split(manifest, "abc", 0))
    assert counts == {
        (0, "train"): 64, (0, "val"): 16, (0, "test"): 20,
        (1, "train"): 32, (1, "val"): 8, (1, "test"): 10,
        (2, "train"): 6, (2, "val"): 2, (2, "test"): 2,
    }  # fmt: skip


def test_same_id_and_seed_same_split_whatever_the_order_of_rows():
    manifest = table([0, 1, 2] * 40)
    first = make_split(manifest, "abc", 7)
    assert (first == make_split(manifest.copy(), "abc", 7)).all()
    shuffled = manifest.sample(frac=1, random_state=1)
    assert (make_split(shuffled, "abc", 7) == first[shuffled.index]).all()
    assert (first != make_split(manifest, "abc", 8)).any()
    assert (first != make_split(manifest, "abd", 7)).any()


def test_the_split_of_a_dataset_never_changes_between_versions():
    split = make_split(table([0] * 6 + [1] * 6), "0123456789abcdef", 0)
    assert "".join(name[1] for name in split) == "rarerraerrrr"  # t(r)ain, v(a)l, t(e)st


@pytest.mark.parametrize("seed", range(20))
def test_copies_stay_on_one_side(seed):
    rng = np.random.default_rng(seed)
    digests = [f"{number:032x}" for number in rng.integers(0, 60, 200)]
    manifest = table(rng.integers(0, 3, 200).tolist(), digests=digests)
    split = make_split(manifest, "abc", seed)
    assert pd.Series(split).groupby(manifest["digest"]).nunique().max() == 1
    assert set(split) == {"train", "val", "test"}


@pytest.mark.parametrize("seed", range(20))
def test_pictures_that_look_alike_stay_on_one_side(seed):
    rng = np.random.default_rng(seed)
    pairs = np.sort(rng.integers(0, 200, (40, 2)), axis=1)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    manifest = table(rng.integers(0, 3, 200).tolist())
    split = make_split(manifest, "abc", seed, pairs)
    assert (split[pairs[:, 0]] == split[pairs[:, 1]]).all()
    assert set(split) == {"train", "val", "test"} and 25 <= (split == "test").sum() <= 45
    assert (split != make_split(manifest, "abc", seed)).any()


def test_given_sides_stay_whatever_looks_alike():
    given = ["train"] * 20 + ["val"] * 4 + ["test"] * 6
    pairs = np.array([[0, 20], [1, 25], [22, 26]])
    assert make_split(table([0, 1] * 15, given), "abc", 0, pairs).tolist() == given


def test_runs_of_an_older_version_keep_their_split(home, tmp_path):
    """Their configuration names no rules: only copies byte for byte stayed together then."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "p" / name).mkdir(parents=True)
        for number in range(15):
            small = Image.fromarray(rng.integers(0, 255, (7, 9, 3), dtype=np.uint8))
            picture = small.resize((120, 90), Image.Resampling.BICUBIC)
            picture.save(tmp_path / "p" / name / f"{number}.png")
            picture.save(tmp_path / "p" / name / f"{number}-again.jpg", quality=80)
    ref = import_path(tmp_path / "p", home)
    pairs, manifest = read_alike(ref), read_manifest(ref)
    assert len(pairs) == 30
    now, before = sides(ref, 0), sides(ref, 0, rules=1)
    assert (now[pairs[:, 0]] == now[pairs[:, 1]]).all()
    assert (before == make_split(manifest, ref.id, 0)).all() and (before[pairs[:, 0]] != before[pairs[:, 1]]).any()
    config = to_json(RunConfig(ref.id, plan("linear_probe", backbone("mlp"), train_images=24, classes=2)))
    assert run_config_from_json(config).split_rules == 2
    del config["split_rules"]
    assert run_config_from_json(config).split_rules == 1


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (1, ["train"]),
        (2, ["train", "val"]),
        (3, ["test", "train", "val"]),
        (4, ["test", "train", "train", "val"]),
    ],
)
def test_small_classes_give_at_least_one_to_each_side_they_can(images, expected):
    manifest = table([0] * images + [1] * 50)
    assert sorted(make_split(manifest, "abc", 0)[:images]) == expected


def test_a_class_of_many_copies_keeps_them_in_training():
    manifest = table([0] * 52 + [1] * 50, digests=["f" * 32] * 50 + [f"{row:032x}" for row in range(52)])
    split = make_split(manifest, "abc", 0)
    assert set(split[:50]) == {"train"}
    assert sorted(split[50:52]) == ["test", "val"]


def test_given_test_and_validation_are_kept():
    given = ["train"] * 20 + ["val"] * 4 + ["test"] * 6
    split = make_split(table([0, 1] * 15, given), "abc", 0)
    assert split.tolist() == given


def test_a_picture_given_for_test_and_validation_is_for_test():
    digests = [f"{row:032x}" for row in range(20)] + ["a" * 32, "b" * 32, "a" * 32, "c" * 32]
    manifest = table([0, 1] * 12, ["train"] * 20 + ["val"] * 2 + ["test"] * 2, digests)
    assert make_split(manifest, "abc", 0)[20:].tolist() == ["test", "val", "test", "test"]
    assert split_of(manifest, manifest)[20:].tolist() == ["test", "val", "test", "test"]


@pytest.mark.parametrize("seed", range(5))
def test_copies_are_counted_when_a_fifth_is_held_out(seed):
    """Ten pictures, two of each: two of them are a fifth of the images, then one at most a fifth of the rest."""
    manifest = table([0] * 20 + [1] * 20, digests=[f"{row // 2:032x}" for row in range(40)])
    counts = per_class(manifest, make_split(manifest, "abc", seed))
    assert counts == {(label, side): n for label in (0, 1) for side, n in (("train", 14), ("val", 2), ("test", 4))}


@pytest.mark.parametrize("seed", range(5))
def test_copies_never_make_a_side_larger_than_a_fifth(seed):
    """Nine pictures, two of each, and one alone: 19 images, of which a fifth is four."""
    digests = [f"{row // 2:032x}" for row in range(19)] + [f"{row:032x}" for row in range(100, 150)]
    split = make_split(table([0] * 19 + [1] * 50, digests=digests), "abc", seed)
    assert (split[:19] == "test").sum() in (3, 4) and (split[:19] == "val").sum() in (2, 3)


def test_where_every_picture_has_too_many_copies_for_a_side_the_rarest_go():
    digests = ["a" * 32] * 4 + ["b" * 32] * 5 + ["c" * 32] * 6 + [f"{row:032x}" for row in range(50)]
    split = make_split(table([0] * 15 + [1] * 50, digests=digests), "abc", 0)
    assert split[:15].tolist() == ["test"] * 4 + ["val"] * 5 + ["train"] * 6


def test_of_two_pictures_none_is_for_test_however_many_copies_there_are():
    digests = ["a" * 32, "a" * 32, *(f"{row:032x}" for row in range(51))]
    split = make_split(table([0] * 3 + [1] * 50, digests=digests), "abc", 0)
    assert split[:3].tolist() == ["train", "train", "val"]


def test_only_what_is_missing_is_held_out():
    labels = [0, 1] * 15
    with_test = make_split(table(labels, ["train"] * 20 + ["test"] * 10), "abc", 0)
    assert set(with_test[20:]) == {"test"}
    assert sorted(with_test[:20]) == ["train"] * 16 + ["val"] * 4
    with_val = make_split(table(labels, ["train"] * 20 + ["val"] * 10), "abc", 0)
    assert set(with_val[20:]) == {"val"}
    assert sorted(with_val[:20]) == ["test"] * 4 + ["train"] * 16


def test_of_two_training_images_one_is_for_test_where_validation_images_are_given():
    split = make_split(table([0, 0] + [1] * 10 + [0, 1], ["train"] * 12 + ["val"] * 2), "abc", 0)
    assert sorted(split[:2]) == ["test", "train"]


def test_a_class_that_is_missing_in_a_given_split_is_fine():
    split = make_split(table([0] * 10 + [1] * 10 + [0] * 5, ["train"] * 20 + ["test"] * 5), "abc", 0)
    assert set(split[10:20]) == {"train", "val"}


def test_a_training_copy_of_a_test_image_counts_as_test():
    digests = [f"{row:032x}" for row in range(20)] + [f"{row:032x}" for row in range(3)]
    split = make_split(table([0, 1] * 11 + [0], ["train"] * 20 + ["test"] * 3, digests), "abc", 0)
    assert set(split[:3]) == set(split[20:]) == {"test"}
    assert set(split[3:20]) == {"train", "val"}


def test_a_training_folder_copied_as_test_is_refused():
    digests = [f"{row:032x}" for row in range(10)] * 2
    manifest = table([0, 1] * 10, ["train"] * 10 + ["test"] * 10, digests)
    with pytest.raises(DataError, match="Every training image in 'class0' is also in the test"):
        make_split(manifest, "abc", 0)


def sort_digests(manifest: pd.DataFrame) -> None:
    """The control for speed: what any split has to do."""
    np.unique(manifest["digest"].to_numpy(dtype=str), return_inverse=True)


def test_a_split_of_thousands_of_rows_costs_little_more_than_sorting_their_digests():
    manifest = table((np.arange(20_000) % 50).tolist())
    assert times_as_long(lambda: make_split(manifest, "abc", 0), lambda: sort_digests(manifest)) < 3.5  # 1.5


# -- revisions --------------------------------------------------------------------------------------------------------


def revised(manifest: pd.DataFrame, **columns: dict[int, object]) -> pd.DataFrame:
    """The manifest with some cells changed: revised(table, label={3: 1}, split={4: 'excluded'})."""
    new = manifest.copy()
    for name, cells in columns.items():
        new.loc[list(cells), name] = list(cells.values())
    return new


def split_of(new: pd.DataFrame, origin: pd.DataFrame, seed: int = 0) -> np.ndarray:
    return revised_split(new, origin, "abc", seed)


@pytest.mark.parametrize("seed", range(5))
def test_an_edit_moves_no_image_that_it_does_not_name(seed):
    origin = table([0] * 40 + [1] * 40)
    before = make_split(origin, "abc", seed)
    relabelled = revised(origin, label={0: 1, 1: 1, 50: 0})
    assert (split_of(relabelled, origin, seed) == before).all()
    excluded = split_of(revised(origin, split={0: "excluded", 41: "excluded"}), origin, seed)
    assert list(excluded[[0, 41]]) == ["excluded"] * 2
    kept = np.setdiff1d(np.arange(80), [0, 41])
    assert (excluded[kept] == before[kept]).all()
    merged = revised(origin, label=dict.fromkeys(range(80), 0))
    assert (split_of(merged, origin, seed) == before).all()
    moved = split_of(revised(origin, split={5: "test", 6: "train", 7: "val"}), origin, seed)
    assert list(moved[[5, 6, 7]]) == ["test", "train", "val"]
    kept = np.setdiff1d(np.arange(80), [5, 6, 7])
    assert (moved[kept] == before[kept]).all()


def test_given_splits_stay_given_in_a_revision():
    given = ["train"] * 20 + ["val"] * 4 + ["test"] * 6
    origin = table([0, 1] * 15, given)
    new = split_of(revised(origin, split={0: "test", 29: "train", 22: "excluded"}), origin)
    assert new.tolist() == ["test", *given[1:22], "excluded", *given[23:29], "train"]


def test_copies_stay_on_one_side_in_a_revision():
    digests = [f"{row // 2:032x}" for row in range(40)]
    origin = table([0] * 20 + [1] * 20, digests=digests)
    before = make_split(origin, "abc", 0)
    assert split_of(revised(origin, split={4: "excluded"}), origin)[5] == before[5]
    moved = split_of(revised(origin, split={4: "test"}), origin)
    assert moved[5] == "test"
    assert pd.Series(moved).groupby(origin["digest"]).nunique().max() == 1


def test_a_leaking_training_image_is_for_training_once_its_test_copy_is_excluded():
    digests = [f"{row:032x}" for row in range(20)] + [f"{row:032x}" for row in range(3)] + ["a" * 32] * 3
    origin = table([0, 1] * 13, ["train"] * 20 + ["test"] * 6, digests)
    assert set(make_split(origin, "abc", 0)[:3]) == {"test"}
    new = split_of(revised(origin, split={20: "excluded"}), origin)
    assert new[0] == "train" and set(new[1:3]) == {"test"}


@pytest.mark.parametrize("seed", range(20))
def test_a_class_that_loses_a_side_gets_one_image_there_and_no_other_moves(seed):
    origin = table([0] * 6 + [1] * 50)
    before = make_split(origin, "abc", seed)
    for name in ("test", "val", "train"):
        lost = np.flatnonzero(before[:6] == name)
        new = split_of(revised(origin, split=dict.fromkeys(lost.tolist(), "excluded")), origin, seed)
        alive = np.setdiff1d(np.arange(6), lost)
        expected = {"train", "val"} if len(alive) == 2 else {"train", "val", "test"}
        assert set(new[alive]) == expected, (name, before[:6], new[:6])
        assert (new[alive] != before[alive]).sum() == 1
        assert (new[6:] == before[6:]).all()


@pytest.mark.parametrize("seed", range(10))
def test_an_image_that_was_moved_by_hand_does_not_make_up_for_a_lost_side(seed):
    origin = table([0] * 6 + [1] * 50)
    before = make_split(origin, "abc", seed)
    (last,) = np.flatnonzero(before[:6] == "val")
    new = split_of(revised(origin, split={int(last): "train"}), origin, seed)
    assert new[last] == "train"
    assert sorted(new[:6]) == ["test", "train", "train", "train", "train", "val"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("alive", "expected"), [(1, ["train"]), (2, ["train", "val"]), (3, ["test", "train", "val"])])
def test_a_class_that_was_cut_down_fills_the_sides_that_it_can(seed, alive, expected):
    """Whatever sides those left were on: first the test image and the validation image, then two for training."""
    origin = table([0] * 6 + [1] * 50)
    before = make_split(origin, "abc", seed)[:6]
    left = sorted(range(6), key=lambda row: (before[row] == "train", before[row]))[:alive]
    new = split_of(revised(origin, split=dict.fromkeys(set(range(6)) - set(left), "excluded")), origin, seed)
    assert sorted(new[left]) == expected
    right = [row for row in range(6) if before[row] == "train"][:alive]
    new = split_of(revised(origin, split=dict.fromkeys(set(range(6)) - set(right), "excluded")), origin, seed)
    assert sorted(new[right]) == expected


def test_a_class_that_a_given_test_folder_leaves_out_gets_no_test_image_by_an_edit():
    origin = table([0] * 10 + [1] * 10 + [0] * 5, ["train"] * 20 + ["test"] * 5)
    new = split_of(revised(origin, split={3: "excluded"}), origin)
    assert set(new[10:20]) == {"train", "val"} and new.tolist().count("test") == 5


def test_a_class_without_training_images_gets_one_of_those_held_out():
    origin = table([0, 1] * 10 + [0, 1] * 5, ["train"] * 20 + ["test"] * 10)
    before = make_split(origin, "abc", 0)
    gone = np.flatnonzero((before == "train") & (origin["label"] == 0).to_numpy())
    new = split_of(revised(origin, split=dict.fromkeys(gone.tolist(), "excluded")), origin)
    held = np.flatnonzero((before == "val") & (origin["label"] == 0).to_numpy())
    assert sorted(new[held]) == ["train", "val"] and set(new[20:]) == {"test"}


def test_given_validation_images_stay_alone_when_test_images_are_drawn_anew():
    origin = table([0, 1] * 15, ["train"] * 20 + ["val"] * 4 + ["test"] * 6)
    new = split_of(revised(origin, split=dict.fromkeys(range(24, 30), "excluded")), origin)
    assert np.flatnonzero(new == "val").tolist() == [20, 21, 22, 23]
    assert set(new[:20]) == {"train", "test"}


def test_an_edit_that_leaves_a_class_only_copies_of_test_images_is_refused():
    digests = [f"{row:032x}" for row in range(20)] + [f"{row:032x}" for row in range(2)]
    origin = table([0] * 10 + [1] * 10 + [0] * 2, ["train"] * 20 + ["test"] * 2, digests)
    with pytest.raises(DataError, match="Every training image in 'class0' is also in the test"):
        split_of(revised(origin, split=dict.fromkeys(range(2, 10), "excluded")), origin)


def test_test_images_that_are_all_gone_are_drawn_anew():
    origin = table([0, 1] * 15, ["train"] * 20 + ["test"] * 10)
    new = split_of(revised(origin, split=dict.fromkeys(range(20, 30), "excluded")), origin)
    assert set(new[20:]) == {"excluded"} and sorted(set(new[:20])) == ["test", "train", "val"]
    assert (new[:20] == "test").sum() == 4


def test_what_a_run_sees_of_a_revision_on_disk(home, tmp_path, image_folder):
    ref = import_path(image_folder(tmp_path / "photos", per_class=20), home)
    before = sides(ref, 3)
    assert (before == make_split(read_manifest(ref), ref.id, 3)).all()
    new = revise(home, ref, [Edit("relabel", ("ants/000.png",), "bees"), Edit("exclude", ("bees/001.png",))])
    assert sides(new, 3).tolist() == [*before[:21], "excluded", *before[22:]]


def test_a_split_of_a_revision_costs_little_more_than_sorting_its_digests():
    origin = table((np.arange(20_000) % 50).tolist())
    new = revised(origin, split=dict.fromkeys(range(100), "excluded"), label={200: 3})
    assert times_as_long(lambda: split_of(new, origin), lambda: sort_digests(new)) < 5.5  # 3.8


# --- what belongs together -----------------------------------------------------------------------------------


def torn(names: object, split: np.ndarray) -> int:
    """How many groups stand on more than one side."""
    return int((pd.Series(split).groupby(np.asarray(names, str)).nunique() > 1).sum())


@pytest.mark.parametrize("seed", range(20))
def test_no_group_stands_on_two_sides(seed):
    rng = np.random.default_rng(seed)
    lesion = rng.integers(0, 50, 200)
    of_class = rng.integers(0, 3, 50)
    manifest = table(of_class[lesion].tolist(), groups=[f"L{one}" for one in lesion])
    split = make_split(manifest, "abc", seed)
    assert torn(manifest["group"], split) == 0
    assert 30 <= (split == "test").sum() <= 46 and 22 <= (split == "val").sum() <= 40
    counts = pd.Series(1, index=range(200)).groupby([manifest["label"], split]).sum().unstack()
    assert counts.notna().all(axis=None), "every class on every side"
    shuffled = manifest.sample(frac=1, random_state=1)
    assert (make_split(shuffled, "abc", seed) == split[shuffled.index]).all()


@pytest.mark.parametrize("seed", range(20))
def test_a_person_in_every_class_goes_to_one_side_with_all_of_them(seed):
    rng = np.random.default_rng(seed)
    person, label = np.repeat(np.arange(10), 20), np.tile(np.arange(4), 50)
    manifest = table(label.tolist(), groups=[f"person {one}" for one in rng.permutation(10)[person]])
    split = make_split(manifest, "abc", seed)
    assert torn(manifest["group"], split) == 0
    assert per_class(manifest, split) == {
        (one, side): images for one in range(4) for side, images in (("train", 35), ("val", 5), ("test", 10))
    }


def test_a_rare_class_in_few_groups_is_on_every_side():
    """Class 1 is in three of thirty groups, each of which holds the common class as well."""
    label = [0] * 8 + [0, 0, 0, 1] + [0] * 8
    names = [f"{number // 4}" for number in range(20)]
    manifest = table([*label * 6], groups=[f"{turn}-{one}" for turn in range(6) for one in names])
    for seed in range(20):
        split = make_split(manifest, "abc", seed)
        assert torn(manifest["group"], split) == 0
        assert set(split[manifest["label"] == 1]) == {"train", "val", "test"}


def test_a_class_of_two_groups_has_one_for_training_and_one_for_validation():
    manifest = table([0] * 40 + [1] * 8, groups=[f"{number // 4}" for number in range(48)])
    split = make_split(manifest, "abc", 0)
    assert set(split[manifest["label"] == 1]) == {"train", "val"} and torn(manifest["group"], split) == 0


def test_copies_and_pictures_that_look_alike_bind_groups_together():
    names = [f"{number // 2}" for number in range(60)]
    digests = [f"{0 if number in (0, 58) else number:032x}" for number in range(60)]
    manifest = table([0] * 30 + [1] * 30, digests=digests, groups=names)
    same = same_pictures(manifest, np.array([[2, 30]]))
    assert len(np.unique(same)) == 28
    assert same[0] == same[1] == same[58] == same[59] and same[2] == same[3] == same[30] == same[31]
    split = make_split(manifest, "abc", 0, np.array([[2, 30]]))
    assert torn(same, split) == 0


def test_a_given_split_stays_and_what_is_drawn_keeps_its_groups():
    given = ["test"] * 10 + [""] * 50
    names = [f"{number // 4}" for number in range(60)]  # the third group is half given
    manifest = table([0, 1] * 30, given, groups=names)
    split = make_split(manifest, "abc", 0)
    assert (split[:10] == "test").all() and set(split[10:]) == {"train", "val"}
    assert torn(names[10:], split[10:]) == 0


@pytest.mark.parametrize("seed", range(10))
def test_an_edit_tears_no_group(seed):
    rng = np.random.default_rng(seed)
    names = [f"{number // 4}" for number in range(120)]
    origin = table([number // 12 % 2 for number in range(120)], groups=names)
    first = make_split(origin, "abc", seed)
    edited = origin.copy()
    edited.loc[[4, 5, 6], "split"] = "test"  # 7 was excluded then, and is restored now
    gone = rng.permutation(30)[:10].tolist()
    edited.loc[np.isin(np.array(names), [str(one) for one in gone if one != 1]), "split"] = "excluded"
    edited.loc[rng.permutation(np.arange(8, 120))[:20], "split"] = "excluded"
    after = revised_split(edited, origin, "abc", seed)
    live = after != "excluded"
    assert torn(origin["group"][live], after[live]) == 0 and set(after[4:8]) == {"test"}
    stay = live & (np.arange(120) > 7)
    assert (after[stay] != first[stay]).sum() <= 8, "what is made up for is a group or two"


def test_a_dataset_without_groups_is_split_as_ever():
    """The sides of sixty random tables and of their revisions, as the version before groups drew them."""
    told = hashlib.sha256()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        count, classes = int(rng.integers(6, 300)), int(rng.integers(2, 7))
        labels = np.concatenate([np.repeat(np.arange(classes), 2), rng.integers(0, classes, count)])
        count = len(labels)
        numbers = rng.integers(0, 2 * count, count) if seed % 3 else np.arange(count)
        pairs = np.sort(rng.integers(0, count, (count // 5, 2)), axis=1)
        pairs = pairs[pairs[:, 0] < pairs[:, 1]] if seed % 2 else np.zeros((0, 2), np.int64)
        given = {1: ["train", "train", "train", "val"], 2: ["train", "train", "test"]}.get(seed % 5, [""])
        manifest = table(labels.tolist(), (given * count)[:count], [f"{number:032x}" for number in numbers])
        later, out = manifest.copy(), np.random.default_rng(seed).permutation(count)
        later.loc[out[: count // 4], "split"] = "excluded"
        later.loc[out[-3:], "split"] = "test"
        for draw in (partial(make_split, manifest), partial(revised_split, later, manifest)):
            try:
                told.update("".join(draw("abc", seed, pairs)).encode())
            except DataError as error:
                told.update(type(error).__name__.encode())
    assert told.hexdigest() == "20f268e1a81af1378dd80f45201fe6cfb21413b96ada217f6775f78d4fadb42b"
