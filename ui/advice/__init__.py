"""The Advice page: inputs, the recommendation and its reasons, every strategy as a card."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from ui.advice.plan import plan_in_full
else:
    __getattr__ = door(__name__)

__all__ = [
    "plan_in_full",
]
