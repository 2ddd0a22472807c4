"""What belongs together, read from the names of files: `P012_L_3.jpg` is of patient P012. Pure.

A group (a patient, a lesion, a scene) on two sides of a split flatters every accuracy: the model has seen the patient.
But a wrong group costs test images and says what is not so. Hence the rules, from what names look like in practice:

- **A word says it**: `patient07-slice3`, `scene_12_frame_0007`, or a folder `subject_3` inside a class. A word of
  `WORDS` with a number behind it in every name is *sure*. Of several the coarsest counts, as a patient has lesions.
- **A number says it, without a word** (`00013_005.png`, `P012_L_3.jpg`, `IMG_3-crop2.jpg`): one part with a number in
  every name, and another behind it that begins anew within each group and counts through. That is *sure* from
  `ENOUGH` groups on, where no other part does the same (in `tile_3_7.jpg` nothing says which of the two binds), and
  where it does not look like the number of a subclass (`7_0012.jpg`): it has letters or `WIDE` digits, or what counts
  is called a part (`INNER`).
- **Roboflow's copies**, `IMG_3_jpg.rf.<32 hex digits>.jpg`, are of what stands before `.rf.`: *sure*.
- **Never a group**: what has one value a class (a class's name or number); what numbers the pictures of a folder, one
  each (`cat001.jpg`, and `person1.jpg` in two class folders: two counters); what names a part of a picture or a class
  (`INNER`); what leaves fewer than two groups, more than half as many as pictures, or most of them with one picture.

What is nearly so is *likely*: offered, never taken. So is a word for people (`PEOPLE`) that numbers the pictures of
each folder, or where few have several pictures. Everything else is nothing.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.words import counted

GroupsFrom = Literal["auto", "names", "none"]
"""Which groups an import takes where its source names none: those that are sure, likely ones as well, or none."""

PEOPLE = ("patient", "paciente", "pat", "pid", "subject", "subj", "sub", "sujet", "sujeto", "proband", "person",
          "participant", "volunteer", "speaker", "spk", "donor", "animal")  # fmt: skip
WORDS = (*PEOPLE, "study", "case", "session", "sess", "ses", "film", "movie", "video", "vid", "sequence", "seq",
         "scene", "szene", "clip", "specimen", "slide", "lesion")  # fmt: skip
"""The coarsest first."""
INNER = frozenset(("c", "class", "cls", "label", "category", "fold", "split", "aug", "crop", "copy", "frame", "slice",
                   "tile", "patch", "view", "page", "channel", "mag", "x", "y", "z", "t"))  # fmt: skip
"""Words for a class, or for a part of what was photographed."""
ENOUGH = 10
"""Groups from which a part without a word is taken: fewer would make a coarse split of what may be a subclass."""
WIDE = 3
"""Digits, as many in every name, of a number that is nobody's index of a class."""
FEWEST = 3
"""Groups from which it is offered."""
MOST = 0.9
"""Share of the groups in which another part counts through, and of the pictures that a counter of a folder numbers."""
HALF = 0.5
"""Share of the groups in which another part begins anew, from which the first is offered: a set may have lost some."""
SHARED = 0.1
"""Share of the pictures that are of a group with others, from which a word for people is offered all the same."""
SIDES = ((0.2, "test"), (0.36, "val"), (1.0, "train"))
"""Where a split by pictures puts them: a fifth for the test, a fifth of the rest for validation."""

_WORD = re.compile(
    rf"(?<![^\W\d_])({'|'.join(WORDS)})(?:s|id|no|nr)?(?![^\W\d_])"  # the word alone, or 'patientid'
    r"(?:[^\w/]|_)*(?:(?:id|no|nr|num|number)(?:[^\w/]|_)*)?"
    r"([^\W\d_]{0,3}?\d+|[^\W\d_](?![^\W_]))"  # 07, A12, or a single letter
)
_COPY = re.compile(r"(.+)\.rf\.[0-9a-f]{32}")
_PART = re.compile(r"([^\W\d_]*)(\d+)|[^\W\d_]+")


@dataclass(frozen=True)
class Grouping:
    """What belongs together among images."""

    groups: tuple[str, ...]
    """The group of each image, in the order given."""
    by: str
    """What says so, in words: "'patient' in the names"."""
    example: str
    """A name and the group it is of: "'P012_L_3.jpg' is of 'P012'"."""
    sure: bool
    """Whether it is taken unasked."""

    @property
    def line(self) -> str:
        """What is made of it while no split is given, or what it offers: a sentence or two."""
        none = [""] * len(self.groups)
        return f"{in_words(self.groups, none, self.by)}." if self.sure else self.offer(none)

    def offer(self, sides: Sequence[str]) -> str:
        """The question, with what is at stake. sides: the given split of each image, '' where there is none."""
        split, apart = torn(self.groups, sides)
        stake = (
            f"The given split tears {split:,} of them ({counted(apart, 'image')} apart from most of the same group)."
            if any(sides)
            else f"A split by them would put about {self.moved:,} of {len(self.groups):,} images on another side."
        )
        return (
            f"The names may say what belongs together: {self.example}, {len(set(self.groups)):,} groups in all. "
            f"{stake} If they do, import again with groups by name (--groups names)."
        )

    @property
    def moved(self) -> int:
        """Images that a split by pictures takes away from most of their group: an estimate, by one draw."""
        draw = random.Random(0)
        sides = [next(side for share, side in SIDES if at < share) for at in (draw.random() for _ in self.groups)]
        return torn(self.groups, sides)[1]


def from_names(paths: Sequence[str], labels: Sequence[int]) -> Grouping | None:
    """What the names of these files say; None where they say nothing. paths: relative, with forward slashes. labels:
    the class of each, in the same order.
    """
    if not paths:
        return None
    folders = [path.rpartition("/")[0] for path in paths]
    stems = [path.rpartition("/")[2].rpartition(".")[0] or path.rpartition("/")[2] for path in paths]
    return (
        _by_copy(paths, stems, labels)
        or _by_word(paths, stems, folders, labels)
        or _by_number(paths, stems, folders, labels)
    )


def in_words(groups: Iterable[str], sides: Iterable[str], by: str) -> str:
    """'50 groups (column 'lesion_id'), kept on one side', or how many a given split tears.

    groups, sides: of each image, '' where it has none; a side that is not given keeps groups whole. by: what says so.
    """
    pairs = [(group, side) for group, side in zip(groups, sides, strict=True) if group]
    told = f"{counted(len({group for group, _ in pairs}), 'group')} ({by})"
    given = [pair for pair in pairs if pair[1]]
    split, apart = torn((group for group, _ in given), (side for _, side in given))
    if not split:
        return f"{told}, kept on one side"
    return (
        f"{told}; the given split tears {split:,} of them, and {counted(apart, 'image')} "
        f"{'stands' if apart == 1 else 'stand'} on another side than most of {'its' if apart == 1 else 'their'} group"
    )


def torn(groups: Iterable[str], sides: Iterable[str]) -> tuple[int, int]:
    """(groups on more than one side, images that do not stand where most of their group does). '' is no group."""
    where: dict[str, Counter[str]] = defaultdict(Counter)
    for group, side in zip(groups, sides, strict=True):
        if group:
            where[group][side] += 1
    apart = [counts.total() - max(counts.values()) for counts in where.values() if len(counts) > 1]
    return len(apart), sum(apart)


def _by_copy(paths: Sequence[str], stems: Sequence[str], labels: Sequence[int]) -> Grouping | None:
    found = [_COPY.fullmatch(stem) for stem in stems]
    groups = tuple(one[1] for one in found if one)
    if len(groups) < len(stems) or not _binds(groups, labels):
        return None
    return Grouping(groups, "Roboflow's copies of one image, by their names", _example(paths, groups), sure=True)


def _by_word(
    paths: Sequence[str], stems: Sequence[str], folders: Sequence[str], labels: Sequence[int]
) -> Grouping | None:
    places = [[_words(text) for text in texts] for texts in (stems, folders)]
    for word in WORDS:
        for place in places:
            if not all(word in found for found in place):
                continue
            groups = tuple(f"{word} {found[word]}" for found in place)
            counter, binds = _numbers_a_folder(groups, folders), _binds(groups, labels)
            if (binds and not counter) or (word in PEOPLE and _tells(groups, labels, SHARED)):
                return Grouping(groups, f"'{word}' in the names", _example(paths, groups), binds and not counter)
    return None


def _words(text: str) -> dict[str, str]:
    """Each word of `WORDS` in a text, with what is numbered by it."""
    return {word: value.lstrip("0") or "0" for word, value in reversed(_WORD.findall(text.casefold()))}


@dataclass(frozen=True)
class _Part:
    """A number in a name, with the letters in front of it, or letters alone."""

    text: str
    letters: str
    number: int | None


def _parts(stem: str) -> list[_Part]:
    return [
        _Part(one[0], (one[1] if one[2] else one[0]).casefold(), int(one[2]) if one[2] else None)
        for one in _PART.finditer(stem)
    ]


def _by_number(
    paths: Sequence[str], stems: Sequence[str], folders: Sequence[str], labels: Sequence[int]
) -> Grouping | None:
    names = [_parts(stem) for stem in stems]
    shared = range(min(map(len, names)))
    numbered = [at for at in shared if all(parts[at].number is not None for parts in names)]
    found: list[Grouping] = []
    for at in numbered[:-1]:
        groups = tuple(parts[at].text for parts in names)
        if any(parts[at].letters in INNER for parts in names) or _numbers_a_folder(groups, folders):
            continue
        if not _binds(groups, labels) or len(set(groups)) < FEWEST:
            continue
        behind = [_counts(names, folders, at, other) for other in numbered if other > at]
        if max(begins for begins, _ in behind) >= HALF:
            sure = max(through for _, through in behind) >= MOST and len(set(groups)) >= ENOUGH and _named(names, at)
            sure = sure and not any(_either(names, folders, labels, at, other) for other in numbered if other > at)
            by = f"the part '{groups[0]}' of names like '{stems[0]}'"
            found.append(Grouping(groups, by, _example(paths, groups), sure))
    taken = [one for one in found if one.sure]
    if len(taken) == 1:
        return taken[0]
    return replace(found[0], sure=False) if found else None


def _named(names: Sequence[Sequence[_Part]], at: int) -> bool:
    """Whether this part is more than a bare small number, as those of classes are."""
    widths = {len(parts[at].text) for parts in names}
    inner = all(parts[at + 1].letters in INNER for parts in names)
    return inner or names[0][at].letters != "" or (len(widths) == 1 and min(widths) >= WIDE)


def _counts(names: Sequence[Sequence[_Part]], folders: Sequence[str], at: int, other: int) -> tuple[float, float]:
    """Of the sets of pictures that have all parts from `at` up to `other` in common: (share in which `other` begins
    anew, at 0 or 1, without repeating itself; share in which it also leaves none out). In each folder by itself or over
    all of them, whichever is more; (0, 0) where less than half of the pictures are in sets of two or more."""
    found = [(0.0, 0.0)]
    for places in (folders, [""] * len(folders)):
        sets: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for parts, place in zip(names, places, strict=True):
            sets[place, *(part.text for part in parts[at:other])].append(parts[other].number or 0)
        several = [sorted(numbers) for numbers in sets.values() if len(numbers) > 1]
        if 2 * sum(map(len, several)) >= len(names):
            anew = [numbers for numbers in several if numbers[0] <= 1 and len(set(numbers)) == len(numbers)]
            through = [numbers for numbers in anew if numbers[-1] - numbers[0] == len(numbers) - 1]
            found.append((len(anew) / len(several), len(through) / len(several)))
    return max(found)


def _either(
    names: Sequence[Sequence[_Part]], folders: Sequence[str], labels: Sequence[int], at: int, other: int
) -> bool:
    """Whether the part `other` would bind as well as `at` does, with `at` counting through it: as rows and columns do.
    Not where each group of `at` is of one class and those of `other` are not."""
    groups, turned = ([parts[place].text for parts in names] for place in (at, other))
    if len(set(turned)) < ENOUGH or not _binds(turned, labels):
        return False
    pure = [len(set(zip(some, labels, strict=True))) == len(set(some)) for some in (groups, turned)]
    behind = [[parts[other], parts[at]] for parts in names]
    return pure != [True, False] and _counts(behind, folders, 0, 1)[1] >= MOST


def _binds(groups: Sequence[str], labels: Sequence[int]) -> bool:
    """Whether these can be groups: from two to half as many as pictures, most of them with several, none with most of
    the pictures, and more than another name for the classes."""
    sizes = Counter(groups)
    several = sum(size > 1 for size in sizes.values())
    return (
        2 <= len(sizes) <= len(groups) / 2
        and 2 * several > len(sizes)
        and 2 * max(sizes.values()) <= len(groups)
        and _tells(groups, labels, 0.0)
    )


def _tells(groups: Sequence[str], labels: Sequence[int], shared: float) -> bool:
    """Whether at least every second class has several groups, and such a share of the pictures is of a group with
    others."""
    of_class: dict[int, set[str]] = defaultdict(set)
    for group, label in zip(groups, labels, strict=True):
        of_class[label].add(group)
    sizes = Counter(groups)
    with_others = sum(size for size in sizes.values() if size > 1)
    return 2 * sum(len(own) > 1 for own in of_class.values()) >= len(of_class) and with_others >= shared * len(groups)


def _numbers_a_folder(groups: Sequence[str], folders: Sequence[str]) -> bool:
    """Whether these are numbers of the pictures in a folder, one each."""
    return len(set(zip(folders, groups, strict=True))) >= MOST * len(groups)


def _example(paths: Sequence[str], groups: Sequence[str]) -> str:
    return f"'{paths[0].rpartition('/')[2]}' is of '{groups[0]}'"
