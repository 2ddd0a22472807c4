"""Public image sets that can be fetched by name: what they are, how large, under which licence. Data only.

A worker fetches them through `torchvision.datasets` (`training.jobs.fetch_public`). Numbers and licences were written
down without a network and have not been held against the publishers' pages: pages and terminal say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core import NotFound, Split


@dataclass(frozen=True)
class PublicSet:
    name: str
    title: str
    images: int
    """Labelled images over all splits."""
    classes: int
    download_bytes: int
    """What is fetched, about; on disk it takes up to three times that while it is unpacked."""
    licence: str
    detail: str
    torchvision: str
    """The class in torchvision.datasets."""
    splits: Mapping[Split | str, Mapping[str, object]]
    """Split ('' where there are none) -> the arguments that give it."""


_THREE = {"train": {"split": "train"}, "val": {"split": "val"}, "test": {"split": "test"}}
_TWO = {"train": {"split": "train"}, "test": {"split": "test"}}
_FLAG = {"train": {"train": True}, "test": {"train": False}}
_NONE_STATED = "none stated by its authors"

PUBLIC_SETS: dict[str, PublicSet] = {
    one.name: one
    for one in (
        PublicSet(
            "flowers102", "Flowers 102", 8_189, 102, 345_000_000, _NONE_STATED,
            "Flowers of 102 kinds, photographed. Few training images a class (10).", "Flowers102", _THREE,
        ),
        PublicSet(
            "oxford_iiit_pet", "Oxford-IIIT Pet", 7_349, 37, 811_000_000, "CC BY-SA 4.0",
            "Cats and dogs of 37 breeds, photographed.", "OxfordIIITPet",
            {"train": {"split": "trainval"}, "test": {"split": "test"}},
        ),
        PublicSet(
            "dtd", "Describable Textures", 5_640, 47, 625_000_000, "for research only",
            "Textures in 47 words, such as 'bumpy'; the first of its ten splits.", "DTD", _THREE,
        ),
        PublicSet(
            "eurosat", "EuroSAT", 27_000, 10, 94_000_000, "MIT",
            "Land use seen by a satellite, 64 px. Far from photographs; no split is given.", "EuroSAT", {"": {}},
        ),
        PublicSet(
            "food101", "Food-101", 101_000, 101, 4_996_000_000, _NONE_STATED,
            "Dishes, photographed by guests; some training labels are wrong on purpose.", "Food101", _TWO,
        ),
        PublicSet(
            "fgvc_aircraft", "FGVC Aircraft", 10_000, 100, 2_753_000_000, "non-commercial research only",
            "Aeroplanes of 100 variants that look much alike.", "FGVCAircraft", _THREE,
        ),
        PublicSet(
            "imagenette", "Imagenette", 13_394, 10, 99_000_000, "Apache-2.0",
            "Ten easy classes of ImageNet, 160 px. Backbones trained on ImageNet have seen them.", "Imagenette",
            {"train": {"split": "train", "size": "160px"}, "test": {"split": "val", "size": "160px"}},
        ),
        PublicSet(
            "cifar10", "CIFAR-10", 60_000, 10, 170_000_000, _NONE_STATED,
            "Ten classes of photographs at 32 px.", "CIFAR10", _FLAG,
        ),
        PublicSet(
            "cifar100", "CIFAR-100", 60_000, 100, 169_000_000, _NONE_STATED,
            "A hundred classes of photographs at 32 px.", "CIFAR100", _FLAG,
        ),
        PublicSet(
            "svhn", "Street View House Numbers", 99_289, 10, 246_000_000, "non-commercial use only",
            "Digits of house numbers, 32 px.", "SVHN", _TWO,
        ),
        PublicSet(
            "stl10", "STL-10", 13_000, 10, 2_640_000_000, _NONE_STATED,
            "Ten classes of photographs at 96 px; its unlabelled images are left out.", "STL10", _TWO,
        ),
    )
}  # fmt: skip


def public_set(name: str) -> PublicSet:
    """Raises NotFound, naming those that there are."""
    if name not in PUBLIC_SETS:
        raise NotFound(f"There is no public set called '{name}'; choose one of {', '.join(PUBLIC_SETS)}.")
    return PUBLIC_SETS[name]
