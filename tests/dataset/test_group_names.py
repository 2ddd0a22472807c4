"""Groups read from names: what is taken, what is offered, and the many names that say nothing. No image is made."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from dataset.groups import Grouping, from_names, torn

Names = Iterator[tuple[str, int]]
"""(path, class)."""


def read(names: Names) -> Grouping | None:
    pairs = list(names)
    random.Random(0).shuffle(pairs)
    return from_names([path for path, _ in pairs], [label for _, label in pairs])


def each(template: str, groups: int, images: int, *, classes: int = 3, first: int = 0, step: int = 1) -> Names:
    """Every group is of one class; `template` takes g (group), n (image in it), c (class) and a (image in all)."""
    for g in range(groups):
        for n in range(images):
            c = g % classes
            yield f"class{c}/" + template.format(g=g, n=first + step * n, c=c, a=g * images + n), c


def crossed(template: str, groups: int, classes: int = 4, times: int = 1) -> Names:
    """Every group has images of every class."""
    for g in range(groups):
        for c in range(classes):
            for n in range(times):
                yield f"class{c}/" + template.format(g=g, c=c, n=n, a=(g * classes + c) * times + n), c


WORDED = [
    "patient{g:03}-slice{n}.png", "scene_{g}_frame_{a:04}.png", "Subject {g} ({n}).jpg", "sub-{g:02}_run-{a}.png",
    "patient_id_{g}_{a}.jpg", "PatientID{g}_img{a}.png", "lesion{g}.{a}.jpg", "case-A{g}_{a}.tif", "video_{g}/{a}.jpg",
    "speaker{g:02}_{a}.png", "xray-patients_{g}_{a}.png", "film {g} scene {n} {a}.jpg", "clip_{g}_f{a:05}.jpg",
    "session{g}/IMG_{a:04}.jpg", "2021-03-01_person_{g}_{a}.jpg",
]  # fmt: skip


@pytest.mark.parametrize("template", WORDED)
@pytest.mark.parametrize(("groups", "images"), [(4, 2), (12, 5), (40, 3)])
def test_a_word_with_a_number_in_every_name_is_taken(template: str, groups: int, images: int) -> None:
    found = read(each(template, groups, images, classes=2))
    assert found is not None and found.sure
    assert len(set(found.groups)) == groups and found.line == f"{groups} groups ({found.by}), kept on one side."
    assert found.by.endswith("' in the names")


def test_the_coarsest_word_counts_and_leading_zeros_do_not() -> None:
    found = read(each("patient_{g:02}_lesion_{n}_{a}.jpg", 12, 4))
    assert found is not None and found.by == "'patient' in the names" and len(set(found.groups)) == 12
    mixed = [(f"a/patient{'0' * (n % 2)}{g}_{n}.png", g % 2) for g in range(1, 9) for n in range(4)]
    found = read(iter(mixed))
    assert found is not None and sorted(set(found.groups))[0] == "patient 1" and len(set(found.groups)) == 8


NUMBERED = [
    "P{g:03}_{n}.jpg", "{g:08}_{n:03}.png", "IMG_{g}-crop{n}.jpg", "L{g} ({n}).png", "s{g}_{n}.pgm", "{g:04}-{n}.png",
    "img{g:05}_aug_{n}.jpg", "A{g}_left_{n}.png", "dermo_{g:06}_{n:02}.jpg",
]  # fmt: skip


@pytest.mark.parametrize("template", NUMBERED)
@pytest.mark.parametrize(("groups", "images", "first"), [(12, 3, 0), (30, 5, 1), (50, 4, 1)])
def test_a_part_behind_which_another_counts_anew_is_taken(template: str, groups: int, images: int, first: int) -> None:
    found = read(each(template, groups, images, first=first))
    assert found is not None and found.sure and len(set(found.groups)) == groups
    assert "the part '" in found.by and found.example.startswith("'")


@pytest.mark.parametrize("template", NUMBERED)
def test_images_of_a_group_in_several_class_folders_are_still_one_group(template: str) -> None:
    source = random.Random(0)
    pairs = [(f"class{c}/" + template.format(g=g, n=n), c)
             for g in range(40) for n in range(source.randrange(2, 8)) for c in [source.randrange(3)]]  # fmt: skip
    found = read(iter(pairs))
    assert found is not None and found.sure and len(set(found.groups)) == 40


def test_a_series_of_a_patient_is_inside_the_patient() -> None:
    pairs = [(f"class{g % 2}/P{g:02}_S{s}_{n:04}.png", g % 2) for g in range(20) for s in range(2) for n in range(6)]
    found = read(iter(pairs))
    assert found is not None and found.sure and len(set(found.groups)) == 20


def test_copies_that_roboflow_made_of_one_image_are_taken() -> None:
    source = random.Random(0)
    copies = [(f"class{g % 2}/IMG_{g:04}_jpg.rf.{source.getrandbits(128):032x}.jpg", g % 2) for g in range(9)
              for _ in range(3)]  # fmt: skip
    found = read(iter(copies))
    assert found is not None and found.sure and len(set(found.groups)) == 9
    assert read(iter(copies[::3])) is None, "without augmentation every image is its own"


OFFERED: dict[str, Callable[[], Names]] = {
    "rows and columns": lambda: iter([(f"class{r * c % 3}/tile_{r:03}_{c:03}.png", r * c % 3) for r in range(16)
                                      for c in range(16)]),
    "few groups without a word": lambda: each("P{g}_{n}.jpg", 6, 10),
    "numbers with gaps": lambda: each("P{g:03}_{n}.jpg", 20, 4, first=1, step=2),
    "crops of one photograph, some sorted out": lambda: iter(
        [(f"class{n % 3}/BloodImage_{g:05}_{n}.jpg", n % 3) for g in range(30) for n in range(3 * (g % 3 // 2), 12)]),
    "subclasses perhaps": lambda: each("{g}_{n:04}.png", 12, 20),
    "one picture of a person in each class": lambda: crossed("person{g}_gesture{c}.jpg", 20),
    "persons, or two counters": lambda: crossed("person{g}.jpg", 20),
    "few patients have a second picture": lambda: iter(
        [*each("patient_{g}_{n}.png", 40, 1), *each("patient_{g}_9{n}.png", 6, 1)]),
}  # fmt: skip


@pytest.mark.parametrize("case", OFFERED)
def test_what_is_not_clear_is_offered_with_the_images_it_would_move(case: str) -> None:
    found = read(OFFERED[case]())
    assert found is not None and not found.sure
    assert found.line.startswith(f"The names may say what belongs together: {found.example}, ")
    assert f"would put about {found.moved:,} of {len(found.groups):,} images on another side." in found.line
    assert 0 < found.moved < len(found.groups) / 2


NOTHING: dict[str, Callable[[], Names]] = {
    "a counter": lambda: each("{a:05}.jpg", 50, 4),
    "a counter a class": lambda: crossed("{g}.png", 60),
    "a counter a class with its name": lambda: crossed("cat{c}{g:03}.jpg", 60),
    "as in dogs and cats": lambda: crossed("cat.{g}.jpg", 60),
    "a camera's numbers": lambda: each("DSC_{a:04}.JPG", 50, 4),
    "a counter called scene": lambda: crossed("scene_{g}.jpg", 60),
    "the class's number": lambda: each("{c}_{a}.png", 50, 4),
    "the class's number, padded": lambda: each("{c:03}_{a:05}.png", 50, 4),
    "a class called class": lambda: each("class{c}_{a}.png", 50, 4),
    "subclasses called class": lambda: each("class{g}_{n}.png", 20, 20),
    "subclasses called c": lambda: each("c{g}_{n}.png", 20, 20),
    "a synset": lambda: each("n0208{c}620_{a}.JPEG", 60, 5),
    "hashes": lambda: iter([(f"class{i % 3}/{random.Random(i).getrandbits(96):024x}.png", i % 3) for i in range(300)]),
    "hashes, augmented unevenly": lambda: iter(
        [(f"class{i % 3}/{random.Random(i).getrandbits(40):010x}{end}.jpg", i % 3) for i in range(200)
         for end in ("", "_n", "_m")]),
    "sizes": lambda: each("img_{a:05}_640x480.jpg", 50, 4),
    "coordinates": lambda: iter([(f"class{i % 3}/x{random.Random(i).randrange(40) * 50}_y{i * 50}.png", i % 3)
                                 for i in range(300)]),
    "every group of one picture": lambda: each("P{g:03}_{n}.jpg", 80, 1),
    "one group": lambda: each("patient1_{a}.png", 50, 4),
    "a word without a number": lambda: each("video_frame_{a:05}.jpg", 50, 4),
    "a word in some names": lambda: iter([*each("person{g}_bacteria_{a}.jpeg", 20, 4, classes=1),
                                          *[(f"class1/IM-{i:04}-0001.jpeg", 1) for i in range(60)]]),
    "no digits": lambda: iter([(f"class{i % 2}/{'abcdefghij'[i % 10] * (1 + i // 10)}.png", i % 2) for i in range(60)]),
    "names without an ending": lambda: crossed("{a}", 30),
    "frames of nothing": lambda: each("frame{g:03}_{n}.png", 20, 4),
    "words within words": lambda: each("subset{g}_showcase{g}_{a}.png", 20, 4),
}  # fmt: skip


@pytest.mark.parametrize("case", NOTHING)
def test_what_says_nothing_is_left(case: str) -> None:
    assert read(NOTHING[case]()) is None


@pytest.mark.parametrize("seed", range(100))
def test_names_by_chance_say_nothing(seed: int) -> None:
    """Letters and numbers of random lengths, joined at random: what is taken unasked must be there by intent."""
    source = random.Random(seed)
    signs = source.choice("_-. ")
    kinds = [source.choice(("word", "number", "mixed")) for _ in range(source.randrange(1, 5))]

    def part(kind: str) -> str:
        number = str(source.randrange(10 ** source.randrange(1, 5)))
        return {"word": source.choice(("red", "blue", "img", "left")), "number": number, "mixed": f"k{number}"}[kind]

    names = {signs.join(part(kind) for kind in kinds) for _ in range(source.randrange(2, 300))}
    found = read((f"class{number % 3}/{name}.jpg", number % 3) for number, name in enumerate(sorted(names)))
    assert found is None or not found.sure


def test_what_a_given_split_tears_is_told_with_the_offer() -> None:
    found = read(each("P{g}_{n}.jpg", 6, 10))
    assert found is not None and not found.sure
    sides = ["test" if number % 10 == 0 else "train" for number in range(60)]
    split, apart = torn(found.groups, sides)
    assert f"The given split tears {split} of them ({apart} images apart from most of the same group)." in found.offer(
        sides
    )


def test_no_names_say_nothing() -> None:
    assert from_names([], []) is None


def test_what_a_split_tears() -> None:
    assert torn(["a", "a", "a", "b", "b", "", ""], ["train", "train", "test", "val", "val", "train", "test"]) == (1, 1)
    assert torn([], []) == (0, 0)
