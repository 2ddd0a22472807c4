"""A network as a row of stages, and where its weights come from."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.backbones.backbone import Backbone, build
    from training.backbones.preprocessing import Preprocessing
    from training.backbones.weight_files import read_checkpoint, read_weights, write_checkpoint, write_weights
else:
    __getattr__ = door(__name__)

__all__ = [
    "Backbone",
    "Preprocessing",
    "build",
    "read_checkpoint",
    "read_weights",
    "write_checkpoint",
    "write_weights",
]
