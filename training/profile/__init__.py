"""What one pass over the images measures: ready-made accuracy, gaps, curves, maps."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.profile.few_shot import with_class
else:
    __getattr__ = door(__name__)

__all__ = [
    "with_class",
]
