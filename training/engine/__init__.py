"""The one loop: phases over a boundary. It knows no screen, no file and no database."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.engine.alignment import SHOWN, Target, plane, told_apart
    from training.engine.fit import Fit
    from training.engine.judge import proportional
    from training.engine.progress import Fitted
else:
    __getattr__ = door(__name__)

__all__ = [
    "SHOWN",
    "Fit",
    "Fitted",
    "Target",
    "plane",
    "proportional",
    "told_apart",
]
