"""Sets made from others, so that size, similarity, depth, labels and balance vary: the more to learn advice from.

    python -m benchmarks.derived_sets OUT DATA.zip [DATA.zip ...]

Each archive holds NAME/train/CLASS and NAME/test/CLASS. For every recipe whose parent is among them a folder
OUT/PARENT+WHAT is made, with train/ and test/ as the parent has them, once: what is there is left alone. A derived set
is of its parent's family (`advisor.advice.evidence.family_of`): whoever leaves a family out leaves all of it out.
scikit-learn's digits become a folder too, a fifth of them for the test. Everything is drawn with one fixed seed, so the
same archives give the same sets.
"""

from __future__ import annotations

import argparse
import io
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from advisor.advice.evidence import DERIVED

SIDES = ("train", "test")
SHORTER = 300
"""Pixels of the shorter side that larger images are brought to first: as much as the bundled backbones read."""
QUARTERS = ("0", "90", "180", "270")
PEOPLE = ("smileys_emotion", "people_body")
ANIMALS = ("bird", "cat", "deer", "dog", "frog", "horse")

Found = dict[tuple[str, str], list[str]]
"""(side, class) -> names in the archive."""
Change = Callable[[Image.Image], Image.Image]


def as_it_is(image: Image.Image) -> Image.Image:
    return image


@dataclass(frozen=True)
class Recipe:
    """How a set is made from its parent."""

    parent: str
    what: str
    change: Change = as_it_is
    per_class: int | None = None
    """Training images of a class at most."""
    most_test: int | None = 400
    """Test images at most, every class in proportion: a minute's run must not be all judging."""
    merged: Mapping[str, str] = field(default_factory=dict)
    """class -> its new name."""
    rest: str = ""
    """Name of all other classes together; "" = they keep theirs."""
    wrong: float = 0.0
    """Share of the training images that are given another class."""
    tail: float | None = None
    """The smallest class over the largest, the others between them in even ratios."""
    turned: bool = False
    """The classes are the quarter turns by which an image is rotated."""

    @property
    def name(self) -> str:
        return f"{self.parent}{DERIVED}{self.what}"


def low(side: int) -> Change:
    """As a camera of so few pixels would give it."""
    return lambda image: ImageOps.fit(image, (side, side), Image.Resampling.BILINEAR)


def blurred(radius: float) -> Change:
    return lambda image: image.filter(ImageFilter.GaussianBlur(radius))


def grey(image: Image.Image) -> Image.Image:
    return image.convert("L").convert("RGB")


def close(image: Image.Image) -> Image.Image:
    """The middle, less than half as wide: texture and parts in place of things."""
    width, height = image.size
    return image.crop((round(0.3 * width), round(0.3 * height), round(0.7 * width), round(0.7 * height)))


def negative(image: Image.Image) -> Image.Image:
    return ImageOps.invert(image)


RECIPES = (
    Recipe("pacs_photo", "five", per_class=5),
    Recipe("sign_digits", "twenty", per_class=20),
    Recipe("cifar10_12k", "two hundred", per_class=200),
    Recipe("pacs_photo", "grey", grey),
    Recipe("pacs_sketch", "forty", per_class=40),
    Recipe("hymenoptera", "32 px", low(32)),
    Recipe("emoji_google", "two classes", merged=dict.fromkeys(PEOPLE, "people"), rest="other"),
    Recipe("sign_digits", "wrong labels", wrong=0.2),
    Recipe("pacs_sketch", "long tail", tail=0.05),
    Recipe("pacs_photo", "turned", turned=True),
    Recipe("smiles", "fifty", per_class=50),
    Recipe("pacs_photo", "blurred", blurred(5.0)),
    Recipe("spoken_digits_spec", "thirty", per_class=30),
    Recipe("cifar10_12k", "animals", per_class=100, merged=dict.fromkeys(ANIMALS, "animal"), rest="vehicle"),
    Recipe("blood_cells", "long tail", tail=0.05),
    Recipe("emoji_twitter", "negative", negative),
    Recipe("pacs_photo", "close", close),
)


def make(recipe: Recipe, archive: Path, out: Path) -> Path:
    """The folder of one derived set, made where it is not there yet."""
    folder = out / recipe.name
    if folder.exists():
        return folder
    stage = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(stage, ignore_errors=True)
    with zipfile.ZipFile(archive) as file:
        for (side, label), names in chosen(recipe, found_in(file.namelist())).items():
            for number, name in enumerate(names):
                image = _smaller(Image.open(io.BytesIO(file.read(name))).convert("RGB"))
                for turn in QUARTERS if recipe.turned else (None,):
                    own = label if turn is None else turn
                    to = stage / side / own / f"{number:05d}-{PurePosixPath(name).stem}.png"
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shown = image if turn is None else image.rotate(int(turn), expand=True)
                    recipe.change(shown).save(to)
    stage.rename(folder)
    return folder


def _smaller(image: Image.Image) -> Image.Image:
    if min(image.size) <= SHORTER:
        return image
    share = SHORTER / min(image.size)
    return image.resize((round(share * image.width), round(share * image.height)), Image.Resampling.BILINEAR)


def found_in(names: list[str]) -> Found:
    """Images of an archive by side and class, each in order."""
    found: Found = defaultdict(list)
    for name in sorted(names):
        parts = PurePosixPath(name).parts
        if len(parts) == 4 and parts[1] in SIDES and not name.endswith("/"):
            found[parts[1], parts[2]].append(name)
    return dict(found)


def chosen(recipe: Recipe, found: Found) -> Found:
    """Which images a recipe keeps, by side and new class."""
    rng = np.random.default_rng(0)
    named: Found = defaultdict(list)
    for (side, label), names in sorted(found.items()):
        named[side, _new_name(recipe, label)] += names
    train = {label: _drawn(rng, names) for (side, label), names in sorted(named.items()) if side == "train"}
    test = {label: _drawn(rng, names) for (side, label), names in sorted(named.items()) if side == "test"}
    if recipe.per_class is not None:
        train = {label: names[: recipe.per_class] for label, names in train.items()}
    if recipe.tail is not None:
        train = _tailed(train, recipe.tail)
    if recipe.turned:  # four times as many: a quarter of the images
        train = {label: names[: max(1, len(names) // 4)] for label, names in train.items()}
    if recipe.most_test is not None:
        every = sum(map(len, test.values())) * (len(QUARTERS) if recipe.turned else 1)
        share = min(1.0, recipe.most_test / every)
        test = {label: names[: max(1, round(share * len(names)))] for label, names in test.items()}
    if recipe.wrong:
        train = _mislabelled(train, recipe.wrong, rng)
    sides = {**{("train", label): names for label, names in train.items()},
             **{("test", label): names for label, names in test.items()}}  # fmt: skip
    return {key: sorted(names) for key, names in sides.items() if names}


def _new_name(recipe: Recipe, label: str) -> str:
    return recipe.merged.get(label, recipe.rest or label)


def _drawn(rng: np.random.Generator, names: list[str]) -> list[str]:
    return [names[index] for index in rng.permutation(len(names))]


def _tailed(train: dict[str, list[str]], smallest: float) -> dict[str, list[str]]:
    """Class sizes that fall in even ratios, in the order of the labels."""
    most, last = min(map(len, train.values())), max(1, len(train) - 1)
    sizes = [max(2, round(most * smallest ** (place / last))) for place in range(len(train))]
    return {label: names[:size] for size, (label, names) in zip(sizes, train.items(), strict=True)}


def _mislabelled(train: dict[str, list[str]], share: float, rng: np.random.Generator) -> dict[str, list[str]]:
    labels = sorted(train)
    kept = {label: list(train[label]) for label in labels}
    for place, label in enumerate(labels):
        for name in train[label][: round(share * len(train[label]))]:
            other = labels[(place + 1 + int(rng.integers(len(labels) - 1))) % len(labels)]
            kept[label].remove(name)
            kept[other].append(name)
    return kept


def digits(out: Path) -> Path:
    """scikit-learn's 1,797 images of 8 x 8 px, enlarged without smoothing."""
    from sklearn.datasets import load_digits

    folder = out / "digits"
    if folder.exists():
        return folder
    stage, data = folder.with_name("digits.tmp"), load_digits()
    shutil.rmtree(stage, ignore_errors=True)
    tested = set(np.random.default_rng(0).permutation(len(data.target))[: len(data.target) // 5].tolist())
    for number, (pixels, label) in enumerate(zip(data.images, data.target, strict=True)):
        to = stage / ("test" if number in tested else "train") / str(label) / f"{number:05d}.png"
        to.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 255 / 16).astype(np.uint8)).resize((64, 64), Image.Resampling.NEAREST).save(to)
    stage.rename(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", type=Path, nargs="+")
    options = parser.parse_args()
    archives = {path.stem: path for path in options.data}
    options.out.mkdir(parents=True, exist_ok=True)
    made = [make(recipe, archives[recipe.parent], options.out) for recipe in RECIPES if recipe.parent in archives]
    for folder in (digits(options.out), *made):
        print(folder, sum(1 for _ in folder.rglob("*.png")), "images")


if __name__ == "__main__":
    main()
