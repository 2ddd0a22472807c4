"""Plain JSON values into the frozen types that the rest of Thaw works with, strictly; and what those types check.

Nothing is converted on the way (text is no number), a field that the type does not have is refused as a missing one is,
and what a type rejects in its `__post_init__` is rejected here with what it came from. Writing needs no counterpart:
`plans.to_json` writes any of these types.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_type_hints

from core.errors import ThawError, Unreadable

T = TypeVar("T")

MOST_TEXT = 64 * 2**20
"""Characters of one document. Thaw writes none of a tenth of that: of 100,000 images the answers, the map, the files
that were set aside."""
_PROBLEM = r"(?s)(?P<why>.*?)(?: - at `(?:key` in `)?\$\.?(?P<field>.*)`)?"
LAST_MOMENT = 253_402_300_799.0
"""The end of the year 9999, in Unix time: what no calendar here goes beyond."""
MOST = 1e15
"""Of anything that Thaw counts: seconds, bytes, images."""
_ID = re.compile(r"[0-9a-f]{16}")
_ODD = "a text holds half a character, or a number is too large"
_MISSING = r"Object missing required field `(?P<name>.*)`"


def decode(data: Any, kind: type[T], what: str, do: str = "", *, error: type[ThawError] = Unreadable) -> T:
    """`data`, as JSON gives it, as one `kind`: a dataclass, or what is built of such by tuple, dict and `| None`.

    what, do: the subject of the sentence ("The result of run 'ab12cd34'"), and a sentence with what to do next. Raises
    `error` with both, naming the field.
    """
    import msgspec  # 10 ms that only those pay who read something

    try:
        found = msgspec.convert(data, kind, str_keys=True)
    except msgspec.ValidationError as problem:
        said = re.fullmatch(_PROBLEM, str(problem))
        assert said is not None
        why, place = said["why"], said["field"] or ""
        if missing := re.fullmatch(_MISSING, why):
            why, place = "it is missing", f"{place}.{missing['name']}".lstrip(".")
        raise error(_sentence(what, place, why, do)) from problem
    except (ValueError, OverflowError, RecursionError) as problem:
        raise error(_sentence(what, "", _ODD, do)) from problem
    except ThawError as problem:
        raise error(_sentence(what, "", str(problem).rstrip("."), do)) from problem
    for stranger in _strangers(data, found):
        raise error(_sentence(what, stranger, "no such field is known", do))
    return found


def parse(text: str) -> Any:
    """JSON text as plain values; None for a number that is not finite, which is none that was measured. Raises
    ValueError, also for more than MOST_TEXT, TypeError for what is no text, and RecursionError."""
    if len(text) > MOST_TEXT:
        raise ValueError(f"it is longer than {MOST_TEXT:,} characters")
    return _JSON.decode(text)


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


# Not msgspec's: names of files may hold what is no text, as lone surrogates.
_JSON = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


def decode_text(text: str, kind: type[T], what: str, do: str = "", *, error: type[ThawError] = Unreadable) -> T:
    """JSON text, as a column of the database holds it, as one `kind`. Raises `error` as `decode` does."""
    try:
        data = parse(text)
    except (ValueError, TypeError, RecursionError) as problem:
        raise error(_sentence(what, "", "it is damaged or no JSON", do)) from problem
    return decode(data, kind, what, do, error=error)


def _sentence(what: str, place: str, why: str, do: str) -> str:
    at = f" at '{place}'" if place else ""
    why = why[:1].lower() + why[1:].replace("`", "")
    return f"{what} is not what this version of Thaw can read{at}: {why}. {do}".rstrip()


def _strangers(data: Any, value: Any, place: str = "") -> Iterator[str]:
    """Where `data` holds a field that its dataclass does not have."""
    if isinstance(data, dict) and is_dataclass(value) and not isinstance(value, type):
        known = _fields(type(value))
        for name, item in data.items():
            if name not in known:
                yield f"{place}{name}"
            elif known[name]:
                yield from _strangers(item, getattr(value, name), f"{place}{name}.")
    elif isinstance(data, dict) and isinstance(value, dict):
        for (name, item), inner in zip(data.items(), value.values(), strict=True):
            yield from _strangers(item, inner, f"{place}{name}.")
    elif isinstance(data, list) and isinstance(value, tuple):
        for at, (item, inner) in enumerate(zip(data, value, strict=True)):
            yield from _strangers(item, inner, f"{place.rstrip('.')}[{at}].")


@lru_cache
def _fields(kind: Any) -> dict[str, bool]:
    """Names of a dataclass's fields; whether a field holds dataclasses, at any depth."""
    hints = get_type_hints(kind)
    return {one.name: _holds(hints[one.name]) for one in fields(kind)}


def _holds(hint: Any) -> bool:
    return is_dataclass(hint) or any(map(_holds, get_args(hint)))


# -- for the `__post_init__` of the types that are read ------------------------------------------------


def check_moments(**given: float | None) -> None:
    """Raises ThawError, by its name, for what is no Unix time that a calendar has. None: it was not yet."""
    for name, value in given.items():
        if value is not None and not 0 <= value <= LAST_MOMENT:
            raise ThawError(f"{name} is {value!r:.25} seconds after 1970, which no calendar has.")


def check_counts(**given: float | None) -> None:
    """Raises ThawError, by its name, for what is below 0 or more than there can be. None: it was not counted."""
    for name, value in given.items():
        if value is not None and not 0 <= value <= MOST:
            raise ThawError(f"{name} is counted from 0 and never reaches {value!r:.25}.")


def check_dataset_ids(**given: str) -> None:
    """Raises ThawError, by its name, for what is no id of a dataset; "" is none."""
    for name, value in given.items():
        if value and not _ID.fullmatch(value):
            raise ThawError(f"{name} is {value[:40]!r}, which is no id of a dataset.")


def check_texts(**given: str | None) -> None:
    """Raises ThawError, by its name, for a text that cannot be written, as one that holds half a character."""
    for name, value in given.items():
        try:
            (value or "").encode()
        except UnicodeEncodeError:
            raise ThawError(f"{name} holds half a character, which nothing can show.") from None


def check_files(**given: str | None) -> None:
    """Raises ThawError, by its name, for what is no path inside the home, relative to it. None: there is no file."""
    check_texts(**given)
    for name, value in given.items():
        if value and (value.startswith(("/", "\\")) or ":" in value or ".." in re.split(r"[/\\]", value)):
            raise ThawError(f"{name} is '{value[:40]}', which does not lie in the home.")
