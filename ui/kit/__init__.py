"""What every page stands on: its frame, the ids in its URL, the store and executor behind it."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from ui.kit.progress import told
else:
    __getattr__ = door(__name__)

__all__ = [
    "told",
]
