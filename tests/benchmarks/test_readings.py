"""The judge of layouts: what is silently wrong, what is told, what was asked, and whether a refusal helps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import readings
from benchmarks.layouts import CASES, Asked, Case, Draft, Expected, Read, Refused
from benchmarks.layouts.judge import CAREFUL, RIGHT, SILENT, Judged, judge
from core import DatasetRef, ReadingAsked
from dataset import read_alike
from dataset.ingest import import_path
from dataset.readings import ReadAs

FIRST = "train/ants/0.png"


def drawn() -> Draft:
    """Two class folders inside train and test, and a picture beside them."""
    draft = Draft()
    for side in ("train", "test"):
        for name in ("ants", "bees"):
            for number in range(3):
                draft.picture(f"{side}/{name}/{number}.png", name, side)
    return draft


def judged(tmp_path: Path, *expected: Expected, draft: Draft | None = None) -> Judged:
    draft = draft or drawn()
    draft.write(tmp_path / "data")
    return judge(Case("made up", "here", draft.write, expected[0], expected[1:]), tmp_path / "data")


def test_class_folders_in_splits_are_right(tmp_path: Path) -> None:
    found = judged(tmp_path, drawn().read())
    assert (found.stated, found.got, found.verdict, found.why) == ("read", "read", RIGHT, "")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"labels": {**drawn().labels, FIRST: "bees"}}, f"'{FIRST}' is 'bees' and was given 'ants'"),
        ({"labels": {**drawn().labels, FIRST: "wasps"}}, "classes ants, bees instead of ants, bees, wasps"),
        ({"sides": {**drawn().sides, FIRST: "val"}}, f"'{FIRST}' is of val and stands in 'train'"),
        ({"sides": {}}, "a split was made of something that is none"),
    ],
)
def test_what_is_wrong_without_a_word(tmp_path: Path, more: dict[str, dict[str, str]], why: str) -> None:
    found = judged(tmp_path, drawn().read(**more))
    assert found.verdict == SILENT and why in found.why


def test_a_picture_without_label_is_in_no_class(tmp_path: Path) -> None:
    draft = drawn()
    draft.picture("train/bees/unsorted.png", None)
    found = judged(tmp_path, draft.read(), draft=draft)
    assert found.verdict == SILENT and found.why == "'train/bees/unsorted.png' has no label and was given 'bees'"


def test_a_picture_that_was_left_out_and_told_is_a_lesser_fault(tmp_path: Path) -> None:
    draft = drawn()
    draft.picture("stray.png", "ants")
    found = judged(tmp_path, draft.read(), draft=draft)
    assert (found.verdict, found.why) == ("left out", "'stray.png' was left out")
    draft = drawn()
    draft.picture("stray.png", None)
    assert judged(tmp_path / "other", draft.read(), draft=draft).verdict == RIGHT


def test_other_names_and_copies_may_be_stated(tmp_path: Path) -> None:
    draft = drawn()
    for path, label in draft.labels.items():
        draft.labels[path] = label.upper()
    assert judged(tmp_path, draft.read(aka={"ants": "ANTS", "bees": "BEES"}), draft=draft).verdict == RIGHT
    assert judged(tmp_path, draft.read(named=False), draft=draft).verdict == RIGHT


def test_taking_one_of_two_readings_is_silent_and_reading_nothing_too(tmp_path: Path) -> None:
    found = judged(tmp_path, Asked((drawn().read(),)))
    assert (found.stated, found.verdict, found.why) == ("asked", SILENT, "taken without asking: classes ants, bees")
    assert judged(tmp_path, Refused(("bees",))).verdict == SILENT
    assert judged(tmp_path, Refused(("bees",)), drawn().read()).verdict == CAREFUL


def test_a_refusal_has_to_hold_the_words(tmp_path: Path) -> None:
    draft = Draft()
    draft.picture("heap/0.png", None)
    draft.picture("heap/1.png", None)
    assert judged(tmp_path, Refused(("HEAP", "2 readable")), draft=draft).verdict == RIGHT
    found = judged(tmp_path, Refused(("heap", "labels.csv")), draft=draft)
    assert (found.got, found.verdict, found.why) == ("refused", "does not help", "does not name labels.csv")
    assert judged(tmp_path, drawn().read(), draft=draft).verdict == "refused needlessly"
    assert judged(tmp_path, Asked(()), draft=draft).verdict == "not asked"


def test_a_question_must_offer_what_is_right_when_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = [SimpleNamespace(key=key, line=f"Classes from {key}.", examples={}) for key in ("folders", "labels.csv")]

    def answered(folder: Path, home: Path, read_as: ReadAs) -> DatasetRef:
        if not read_as:
            raise ReadingAsked("Which of these?", ways)
        return import_path(folder, home)

    monkeypatch.setattr("benchmarks.layouts.judge.import_path", answered)
    right, wrong = drawn().read(), drawn().read(labels={**drawn().labels, FIRST: "bees"})
    found = judged(tmp_path, Asked((right,)))
    assert (found.got, found.verdict) == ("asked", RIGHT)
    assert found.said == "Which of these? Classes from folders.; Classes from labels.csv."
    assert judged(tmp_path, Asked((right, wrong))).why == "none gives ants, bees"
    assert judged(tmp_path, Asked((wrong, right), every=False)).verdict == RIGHT
    assert judged(tmp_path, right).verdict == "needless question"
    assert judged(tmp_path, Refused(("bees",))).verdict == "asked where nothing fits"


def test_a_fault_of_the_program_is_a_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("label")

    monkeypatch.setattr("benchmarks.layouts.judge.import_path", broken)
    found = judged(tmp_path, drawn().read())
    assert (found.got, found.verdict, found.said) == ("crashed", "crashed", "KeyError: 'label'")


def test_the_layouts_are_as_many_as_promised_and_each_names_its_source() -> None:
    stated = [type(case.expect) for case in CASES]
    assert stated.count(Read) >= 55 and 0 < stated.count(Asked) <= 10 and stated.count(Refused) > 0
    assert len({case.name for case in CASES}) == len(CASES) and all(case.source for case in CASES)


def test_no_two_pictures_of_a_layout_look_alike(tmp_path: Path) -> None:
    draft = Draft()
    for name in ("ants", "bees"):
        for number in range(40):
            draft.picture(f"{name}/{number}.jpg", name)
    draft.write(tmp_path / "data")
    assert len(read_alike(import_path(tmp_path / "data", tmp_path / "home"))) == 0


def test_the_report_counts_and_quotes(tmp_path: Path) -> None:
    told = [
        Judged("one", "read", "read", RIGHT, said="Classes from | folders.", groups="kept"),
        Judged("two", "asked", "read", SILENT, "taken without asking"),
        Judged("three", "refused", "refused", CAREFUL),
    ]
    text = readings.report([], told, 1.0)
    assert "| stated | 1 | 1 | 1 | 0 |" in text and "| got, and as stated | 1 | 0 | 1 | 0 |" in text
    assert "Verdicts: right 1, as careful 1, silently wrong 1." in text
    assert "| two | asked | read | **silently wrong** |  | taken without asking |  |" in text
    assert "Classes from \\| folders." in text and "kept 1, missed 0" in text
