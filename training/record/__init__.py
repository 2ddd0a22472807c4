"""Advice held to account: forecasts and tallies beside results; learning from one's own runs."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.record.foreseen import Kept, as_document, foresee, standing, to_train
else:
    __getattr__ = door(__name__)

__all__ = [
    "Kept",
    "as_document",
    "foresee",
    "standing",
    "to_train",
]
