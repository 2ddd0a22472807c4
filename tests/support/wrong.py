"""Documents with one value wrong, generated: each field of what Thaw writes, each kind of value that it is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

DEEP = 3_000
"""Lists in lists: more than JSON's reader follows."""
VALUES: dict[str, Any] = {
    "text": "x",
    "a path": "../up/x",
    "a character that is none": "\ud800",
    "a number": 7,
    "below zero": -1,
    "a fraction": 0.5,
    "far off": 1e18,
    "too large for a float": 10**400,
    "not a number": float("nan"),
    "infinite": float("-inf"),
    "true": True,
    "null": None,
    "a list": ["?"],
    "an empty list": [],
    "an object": {"a": 1},
}
"""What stands there instead; by what it is called in a test's name."""


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place of a document below its top: fields by name, of a list its first entry."""
    if at:
        yield at
    below = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, item in below:
        yield from places(item, (*at, key))


def variants(document: Any) -> Iterator[tuple[str, Any]]:
    """(what is wrong, the document with that) for every place and every value that is not already there."""
    plain = json.loads(json.dumps(document))
    for place in places(plain):
        for name, wrong in VALUES.items():
            changed = copy.deepcopy(plain)
            inner = changed
            for key in place[:-1]:
                inner = inner[key]
            if inner[place[-1]] != wrong or type(inner[place[-1]]) is not type(wrong):
                inner[place[-1]] = wrong
                yield f"{'.'.join(map(str, place))}: {name}", changed


def deep(document: Any, place: str) -> str:
    """The document as JSON text, with lists in lists in the field `place`."""
    return json.dumps({**document, place: "HERE"}).replace('"HERE"', "[" * DEEP + "]" * DEEP)
