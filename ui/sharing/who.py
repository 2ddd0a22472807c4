"""Who looks at a page: somebody at this computer, or somebody who signed in. The gate says it with each request, in a
header that nobody else can send; pages read it from their websocket's."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

import streamlit as st

HEADER = "x-thaw-visitor"
LOCAL, SIGNED_IN = "local", "signed-in "


@dataclass(frozen=True)
class Visitor:
    """local: at this computer, so that a path on it may be typed. name: of one who signed in with one; else ''."""

    local: bool
    name: str = ""

    def written(self) -> str:
        """As the header's value."""
        return LOCAL if self.local else SIGNED_IN + quote(self.name, safe="")

    @classmethod
    def read(cls, value: str | None) -> Visitor:
        """Inverse of `written`. What says nothing is not local."""
        if value == LOCAL:
            return cls(local=True)
        return cls(local=False, name=unquote(value.removeprefix(SIGNED_IN)) if value else "")


def visitor() -> Visitor:
    """Of the page that is being drawn."""
    return Visitor.read(st.context.headers.get(HEADER))
