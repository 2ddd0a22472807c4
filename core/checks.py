"""What numbers and ids that were written down may be: checks for the `__post_init__` of the types that hold them."""

from __future__ import annotations

import re

from core.errors import ThawError

LAST_MOMENT = 253_402_300_799.0
"""The end of the year 9999, in Unix time: what no calendar here goes beyond."""
MOST = 1e15
"""Of anything that Thaw counts: seconds, bytes, images."""
_ID = re.compile(r"[0-9a-f]{16}")


def moments(**given: float | None) -> None:
    """Raises ThawError, by its name, for what is no Unix time that a calendar has. None: it was not yet."""
    for name, value in given.items():
        if value is not None and not 0 <= value <= LAST_MOMENT:
            raise ThawError(f"{name} is {value!r:.25} seconds after 1970, which no calendar has.")


def counts(**given: float | None) -> None:
    """Raises ThawError, by its name, for what is below 0 or more than there can be. None: it was not counted."""
    for name, value in given.items():
        if value is not None and not 0 <= value <= MOST:
            raise ThawError(f"{name} is counted from 0 and never reaches {value!r:.25}.")


def dataset_ids(**given: str) -> None:
    """Raises ThawError, by its name, for what is no id of a dataset; "" is none."""
    for name, value in given.items():
        if value and not _ID.fullmatch(value):
            raise ThawError(f"{name} is {value[:40]!r}, which is no id of a dataset.")


def texts(**given: str | None) -> None:
    """Raises ThawError, by its name, for a text that cannot be written, as one that holds half a character."""
    for name, value in given.items():
        try:
            (value or "").encode()
        except UnicodeEncodeError:
            raise ThawError(f"{name} holds half a character, which nothing can show.") from None


def files(**given: str | None) -> None:
    """Raises ThawError, by its name, for what is no path inside the home, relative to it. None: there is no file."""
    texts(**given)
    for name, value in given.items():
        if value and (value.startswith(("/", "\\")) or ":" in value or ".." in re.split(r"[/\\]", value)):
            raise ThawError(f"{name} is '{value[:40]}', which does not lie in the home.")
