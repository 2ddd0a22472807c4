"""A finished run opened again: losses, activation maps, what moved, what was forgotten."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.understand.extending import extend
else:
    __getattr__ = door(__name__)

__all__ = [
    "extend",
]
