"""Derived sets, the order of the new grid, and its lines of evidence."""

from __future__ import annotations

import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from advisor.advice.evidence import family_of, read, tasks
from benchmarks import derived_sets, grid
from benchmarks.derived_sets import RECIPES, Recipe, chosen, make


def names(**counts: int) -> derived_sets.Found:
    """{side__class: images} as an archive lists them."""
    found = {}
    for key, count in counts.items():
        side, label = key.split("__")
        found[side, label] = [f"p/{side}/{label}/{number:03d}.jpg" for number in range(count)]
    return found


PARENT = names(train__a=40, train__b=30, train__c=20, test__a=20, test__b=10, test__c=10)


def sizes(recipe: Recipe) -> dict[tuple[str, str], int]:
    return {key: len(kept) for key, kept in chosen(recipe, PARENT).items()}


def test_a_derived_set_is_left_out_with_its_parent() -> None:
    assert family_of("pacs_photo+five") == family_of("pacs_sketch") == "pacs"
    assert {family_of(recipe.name) for recipe in RECIPES} <= {family_of(recipe.parent) for recipe in RECIPES}
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES) >= 15


def test_recipes_draw_what_they_say() -> None:
    assert sizes(Recipe("p", "few", per_class=5))["train", "a"] == 5
    tail = sizes(Recipe("p", "tail", tail=0.1))
    assert [tail["train", label] for label in "abc"] == [20, 6, 2]
    two = sizes(Recipe("p", "two", merged={"a": "x"}, rest="y"))
    assert two == {("train", "x"): 40, ("train", "y"): 50, ("test", "x"): 20, ("test", "y"): 20}
    assert sum(n for (side, _), n in sizes(Recipe("p", "few tests", most_test=20)).items() if side == "test") == 20


def test_wrong_labels_are_wrong_in_training_alone() -> None:
    kept = chosen(Recipe("p", "wrong", wrong=0.2), PARENT)
    moved = Counter(side for (side, label), own in kept.items() for name in own if f"/{label}/" not in name)
    assert moved == {"train": 18}
    assert sum(len(own) for (side, _), own in kept.items() if side == "train") == 90


def test_the_same_archive_gives_the_same_set_once(tmp_path: Path) -> None:
    archive = tmp_path / "p.zip"
    with zipfile.ZipFile(archive, "w") as file:
        listed = names(train__a=4, train__b=4, test__a=2).values()
        for number, name in enumerate(name for own in listed for name in own):
            content = BytesIO()
            Image.new("RGB", (40, 20), (number, 0, 0)).save(content, "JPEG")
            file.writestr(name, content.getvalue())
    turned = make(Recipe("p", "turned", turned=True), archive, tmp_path)
    assert turned.name == "p+turned" and sorted(path.name for path in (turned / "train").iterdir()) == [
        "0", "180", "270", "90",
    ]  # fmt: skip
    with Image.open(next((turned / "train" / "90").iterdir())) as image:
        assert image.size == (20, 40)
    before = sorted((path, path.stat().st_mtime_ns) for path in turned.rglob("*.png"))
    make(Recipe("p", "turned"), archive, tmp_path)
    assert sorted((path, path.stat().st_mtime_ns) for path in turned.rglob("*.png")) == before


def test_wherever_it_stops_each_budget_and_family_has_had_its_share() -> None:
    sets = [f"{parent}.zip" for parent in ("pacs_photo", "pacs_sketch", "smiles", "digits", "sign_digits")]
    sets += [f"{recipe.name}" for recipe in RECIPES]
    order = grid.in_turn(sets)
    assert len(order) == len(set(order)) == len(sets) + grid.OF_A_MINUTE + grid.OF_FIVE
    whole = Counter(minutes for _, minutes in order)
    for end in range(10, len(order)):
        part = Counter(minutes for _, minutes in order[:end])
        for minutes, count in whole.items():
            assert abs(part[minutes] / count - end / len(order)) < 0.2
    first = [family_of(Path(path).stem) for path, minutes in order if minutes == 0.25][:4]
    assert len(set(first)) == 4


def run(arm: str, accuracy: float | None, minutes: float = 0.25) -> dict[str, Any]:
    facts = {"classes": 2, "train_images": 40, "affordable_epochs": 3.0, "ready_made": 0.8, "probe_accuracy": 0.8,
             "domain_gap_raw": None, "depth_gap": 0.01}  # fmt: skip
    return {"data": "bees+five", "minutes": minutes, "arm": arm, "seed": 0, "test_accuracy": accuracy, "seconds": 14.0,
            "facts": facts, "took_s": 20.0, "error": None if accuracy else "No memory."}  # fmt: skip


def test_whole_tasks_become_evidence_and_failures_stay_in_the_table(tmp_path: Path) -> None:
    runs = [run(arm, 0.5 + 0.05 * place) for place, arm in enumerate(grid.ARMS[:-1])] + [run("full", None)]
    grid.write(tmp_path / "evidence.csv", grid.lines([*runs, run("partial", 0.9, minutes=1.0)]))
    (task,) = tasks(read(tmp_path / "evidence.csv"))
    assert task.family == "bees" and task.budget == "15 s" and "full" not in task.scores and "race" not in task.scores
    assert task.scores["linear_probe"] == pytest.approx(0.55)
    assert grid.ALL_STAGES not in task.scores, "no rule chooses it"
    runs[0]["left_at_most"] = 0.1
    text = grid.table(runs)
    assert "- race: regret 30.00 points raw, 30.00 clipped at zero, mean of families; within 1 point in 0 of 1" in text
    assert "- lp_ft: regret 0.00 points raw" in text and "at most ...' held in 0 of 1 races" in text
    assert "1 whole tasks on 1 sets of 1 families; 1 of 8 runs failed." in text
    assert "the race less" not in text, "one family has no interval"
    other = [{**one, "data": "cats"} for one in runs]
    other[0] = {**other[0], "test_accuracy": 0.7}
    assert "- the race less prototype: -5.00 points, 95 % interval -132.06 to +122.06, over 2 families" in grid.table(
        [*runs, *other]
    )
    assert "| bees+five | 15 s | 0 | 40 | 2 | 3.0 | 50.0 |" in text and "- bees+five, 15 s, full: No memory." in text
