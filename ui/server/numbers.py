"""Numbers in addresses: whole ones that a row, an event or a size can have. What is longer is no number of anything
here, and is refused before it reaches a database or Python's own limits."""

from __future__ import annotations

import re

from starlette.convertors import Convertor, register_url_convertor

MOST = 10**15
_WHOLE = re.compile(r"-?[0-9]{1,15}")


def whole(text: str) -> int:
    """Raises ValueError."""
    if not _WHOLE.fullmatch(text):
        raise ValueError("no whole number of at most 15 digits")
    return int(text)


class _Row(Convertor[int]):
    """In place of Starlette's `int`, which ends in an error above 4,300 digits."""

    regex = "[0-9]{1,15}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("row", _Row())
ROW = "{row:row}"
"""The number of an image, in the path of a route."""
