"""Strict decoding: nothing is converted, nothing is ignored, and the sentence names the field."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from core.decode import decode, decode_text
from core.errors import PlanError, ThawError, Unreadable


@dataclass(frozen=True)
class Inner:
    share: float
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.share > 1:
            raise PlanError("A share is at most 1.")


@dataclass(frozen=True)
class Outer:
    inner: Inner
    maybe: Inner | None = None
    by_row: dict[int, tuple[tuple[int, float], ...]] | None = None
    several: tuple[Inner, ...] = ()
    free: dict[str, Any] | None = None


def test_plain_values_become_frozen_ones() -> None:
    found = decode(
        {"inner": {"share": 1, "names": ["a"]}, "by_row": {"3": [[1, 0.5]]}, "several": [{"share": 0.5}],
         "free": {"any": [1, {"thing": None}]}},
        Outer, "It",
    )  # fmt: skip
    assert found == Outer(
        Inner(1.0, ("a",)), None, {3: ((1, 0.5),)}, (Inner(0.5),), {"any": [1, {"thing": None}]}
    )


@pytest.mark.parametrize(
    ("data", "where", "why"),
    [
        ({}, " at 'inner'", "it is missing"),
        ([], "", "expected object, got array"),
        ({"inner": {"share": "1"}}, " at 'inner.share'", "expected float, got str"),
        ({"inner": {"share": True}}, " at 'inner.share'", "expected float, got bool"),
        ({"inner": {"share": 1, "x": 1}}, " at 'inner.x'", "no such field is known"),
        ({"inner": {"share": 1}, "several": [{"share": 1}, {"share": 1, "y": 0}]}, " at 'several[1].y'",
         "no such field is known"),
        ({"inner": {"share": 2}}, "", "a share is at most 1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_place(data: Any, where: str, why: str) -> None:
    with pytest.raises(Unreadable) as refused:
        decode(data, Outer, "It", "Do that.")
    assert str(refused.value) == f"It is not what this version of Thaw can read{where}: {why}. Do that."
    with pytest.raises(PlanError):
        decode(data, Outer, "It", error=PlanError)


def test_who_only_imports_plans_does_not_pay_for_it() -> None:
    code = "import sys, core.plans, core.types, core.zoo.catalog; sys.exit('msgspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_errors_are_ours() -> None:
    assert issubclass(Unreadable, ThawError)


def test_text_of_the_database_is_decoded_with_names_that_are_no_text() -> None:
    assert decode_text('{"share": 1, "names": ["\\udcff"]}', Inner, "It") == Inner(1.0, ("\udcff",))
    with pytest.raises(Unreadable, match="It is not what this version of Thaw can read: it is damaged or no JSON. Do"):
        decode_text('{"share": ', Inner, "It", "Do that.")
