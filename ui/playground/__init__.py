"""The Playground page: a shift with a slider, every strategy run live."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from ui.playground.run import ask_all
    from ui.playground.ticks import ticking
    from ui.playground.words import LOOKS
else:
    __getattr__ = door(__name__)

__all__ = [
    "LOOKS",
    "ask_all",
    "ticking",
]
