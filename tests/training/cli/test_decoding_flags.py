"""How a terminal says which reading is meant, which values become black and white, and which page is taken."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import DataError, Decoding
from dataset import list_datasets
from dataset.readings import ReadAs
from tests.support.seeding import picture_folder
from tests.support.terminal import say
from training.cli.commands.check import check
from training.cli.shared import HowRead


def typed(*flags: str) -> HowRead:
    params = check.make_context("check", ["photos", *flags]).params
    return HowRead(**{field.name: params[field.name] for field in fields(HowRead)})


def asked(*flags: str) -> Decoding:
    return typed(*flags).decoding()


def test_flags_change_of_a_dataset_what_they_name_alone() -> None:
    usual = Decoding((100, 900), (3,))
    assert typed().decoding(usual) == usual
    assert typed("--value-range", "0,2000").decoding(usual) == Decoding((0, 2000), (3,))
    assert typed("--page", "1").decoding(usual) == Decoding((100, 900), (1,))
    assert typed("--pages-as-channels").decoding(usual) == Decoding((100, 900), (1, 2, 3))


def test_a_sample_is_read_as_it_is(home: Path) -> None:
    said = say("check", "sample:shapes", "--quick", "--page", "2")
    assert said.code == 2 and "A sample is read in one way only: leave out the options" in said.err


@pytest.mark.parametrize(
    ("flags", "decoding"),
    [
        ((), Decoding()),
        (("--value-range", "0,4095"), Decoding((0, 4095))),
        (("--value-range=-1000,3000",), Decoding((-1000, 3000))),
        (("--window", "40,400"), Decoding((-160, 239))),
        (("--page", "3"), Decoding(pages=(3,))),
        (("--pages-as-channels", "--value-range", "0,1"), Decoding((0, 1), (1, 2, 3))),
    ],
)
def test_flags_say_how_files_are_decoded(flags: tuple[str, ...], decoding: Decoding) -> None:
    assert asked(*flags) == decoding


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("--value-range", "9,3"), "A value range goes from a lower to a higher value, not from 9 to 3"),
        (("--value-range", "0,9", "--window", "4,8"), "--value-range and --window say the same thing: give one"),
        (("--page", "2", "--pages-as-channels"), "--page takes one page and --pages-as-channels three"),
        (("--page", "0"), "One page is taken, counted from 1"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(flags: tuple[str, ...], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        asked(*flags)


def test_a_range_that_is_no_pair_is_said(home: Path) -> None:
    said = say("check", "photos", "--value-range", "wide")
    assert said.code == 2 and "'wide' is not two numbers like 0,4095" in said.err


def test_a_range_for_a_dataset_by_its_id_makes_another_one(home: Path, tmp_path: Path) -> None:
    for label, seed in (("a", 0), ("b", 9)):
        (tmp_path / "deep" / label).mkdir(parents=True)
        for number in range(2):
            values = np.random.default_rng(seed + number).integers(0, 4096, (24, 24)).astype(np.uint16)
            Image.fromarray(values).save(tmp_path / "deep" / label / f"{number}.png")
    first = say("check", tmp_path / "deep", "--quick")
    assert first.code == 0 and "12 bits in 16: values 0 to 4,095 become black to white" in first.err
    (ref,) = list_datasets(home)
    other = say("check", ref.id, "--quick", "--value-range", "0,2000")
    assert other.code == 0 and "As asked: values 0 to 2,000 become black to white" in other.err
    assert say("check", ref.id, "--quick", "--value-range", "0,4095").code == 0
    assert len(list_datasets(home)) == 2


@pytest.mark.parametrize(
    ("flags", "key"),
    [
        ((), ""),
        (("--classes-from", "2"), "folders:2"),
        (("--read-as", "folders", "--classes-from", "2"), "folders:2"),
        (("--read-as", "labels.csv"), "labels.csv"),
    ],
)
def test_flags_say_which_reading_is_meant(flags: tuple[str, ...], key: str) -> None:
    assert typed(*flags).reading() == ReadAs(key)


def test_two_readings_at_once_are_refused() -> None:
    with pytest.raises(DataError, match="--classes-from reads the folders, and --read-as something else: give one"):
        typed("--read-as", "labels.csv", "--classes-from", "2").reading()


def test_a_dataset_by_its_id_is_grouped_anew_and_never_read_otherwise(home: Path, tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "moles", {"benign": 4, "malign": 4})
    for path in sorted(folder.rglob("*.*")):
        path.rename(path.with_name(f"patient{path.parent.name[0]}_{path.name}"))
    assert say("check", folder, "--quick").code == 0
    (ref,) = list_datasets(home)
    refused = say("check", ref.id, "--quick", "--read-as", "folders")
    assert refused.code == 2 and f"{ref.id} is imported already; to read it in another way, give its" in refused.err
    table = folder / "groups.csv"
    table.write_text("path,label,group\n" + "\n".join(
        f"{path.relative_to(folder)},{path.parent.name},{number // 2}"
        for number, path in enumerate(sorted(folder.rglob("*.png")))), encoding="utf-8")  # fmt: skip
    assert say("check", table, "--quick").code == 0
    (grouped,) = [one for one in list_datasets(home) if one.groups]
    assert grouped.groups == 4
    assert say("check", grouped.id, "--quick", "--groups", "none").code == 0
    assert len(list_datasets(home)) == 2, "without its groups it is the first one again"
    assert say("check", table, "--quick", "--groups", "none").code == 0
    assert len(list_datasets(home)) == 2
