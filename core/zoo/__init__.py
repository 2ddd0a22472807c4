"""What backbones and strategies there are: their cards, the curated list, the catalogue."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from core.zoo.cards import BackboneCard, StageCard
    from core.zoo.catalog import BACKBONES, DEFAULT_BACKBONE, FOLDER, STRATEGIES, backbone, safe_name
    from core.zoo.curated import CURATED
else:
    __getattr__ = door(__name__)

__all__ = [
    "BACKBONES",
    "CURATED",
    "DEFAULT_BACKBONE",
    "FOLDER",
    "STRATEGIES",
    "BackboneCard",
    "StageCard",
    "backbone",
    "safe_name",
]
