"""Pictures in a grid that can be picked and looked at: the seam to `tiles.js`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st


@dataclass(frozen=True)
class Tile:
    """One picture. Lines are (text, tone): 'bad', 'good', 'quiet' or ''."""

    row: int
    src: str
    title: str
    lines: tuple[tuple[str, str], ...]


@functools.cache
def _component() -> Any:
    script = (Path(__file__).parent / "tiles.js").read_text(encoding="utf-8")
    return st.components.v2.component("thaw_tiles", js=script, isolate_styles=False)


def tiles(items: Sequence[Tile], *, key: str, name: str) -> tuple[list[int], int | None]:
    """Draw them; returns the rows picked and the row to be looked at closer, if any.

    name: what these pictures are; each name has picks of its own.
    """
    data = {
        "set": name,
        "items": [
            {"row": item.row, "src": item.src, "title": item.title, "lines": [list(line) for line in item.lines]}
            for item in items
        ],
    }
    answer = mount(key, data)
    rows = {item.row for item in items}
    said = answer.get("picked") or {}
    picked = [int(row) for row in said.get("rows", []) if row in rows and said.get("set") == name]
    look = answer.get("look")
    return picked, int(look) if look in rows else None


def mount(key: str, data: dict[str, Any]) -> dict[str, Any]:
    """Put the component here (a seam for tests: everything the browser is told is in `data`)."""
    answer = _component()(key=key, data=data, on_picked_change=lambda: None, on_look_change=lambda: None)
    return {"picked": answer.picked, "look": answer.look}
