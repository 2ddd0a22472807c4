"""Sharing a server: which requests are local, who may come in, and what a page may load."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from ui.sharing.gate import Gate
    from ui.sharing.invitation import invite
    from ui.sharing.locality import Bound
    from ui.sharing.paths import OFF, reachable, roots, typed
    from ui.sharing.policy import Policy
    from ui.sharing.who import Visitor, visitor
else:
    __getattr__ = door(__name__)

__all__ = ["OFF", "Bound", "Gate", "Policy", "Visitor", "invite", "reachable", "roots", "typed", "visitor"]
