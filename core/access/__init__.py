"""Who may use a shared Thaw: its token, people's passwords, and the signed passes that a browser keeps."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from core.access.passes import LASTS_S, give, holder
    from core.access.passwords import People, line_for, people
    from core.access.tokens import SHORTEST, rotate, token
else:
    __getattr__ = door(__name__)

__all__ = ["LASTS_S", "SHORTEST", "People", "give", "holder", "line_for", "people", "rotate", "token"]
