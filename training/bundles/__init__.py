"""A run with its data as one zip, and back."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.bundles.repeating import again
else:
    __getattr__ = door(__name__)

__all__ = [
    "again",
]
