"""The Train page: one run live, the queue, past runs."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from ui.train.live_chart import load_ahead
else:
    __getattr__ = door(__name__)

__all__ = [
    "load_ahead",
]
