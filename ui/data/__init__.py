"""The Data page: gallery, map, edits, findings, the measured panel."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from ui.data.tiles import Tile
else:
    __getattr__ = door(__name__)

__all__ = [
    "Tile",
]
