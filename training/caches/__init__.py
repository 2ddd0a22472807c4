"""Pixels, views and frozen activations: computed once, bounded on disk."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.caches.arithmetic import Arithmetic, choose_training
    from training.caches.bench import Bench, Runtime, telling
    from training.caches.examples import Data, Rows, VectorData
    from training.caches.image_data import ImageData
    from training.caches.inputs import Choose, Inputs, equal_batches
    from training.caches.pooled import Pools
    from training.caches.prefix import PrefixCache
else:
    __getattr__ = door(__name__)

__all__ = [
    "Arithmetic",
    "Bench",
    "Choose",
    "Data",
    "ImageData",
    "Inputs",
    "Pools",
    "PrefixCache",
    "Rows",
    "Runtime",
    "VectorData",
    "choose_training",
    "equal_batches",
    "telling",
]
