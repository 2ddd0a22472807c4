"""The door of a room: its names, each imported from where it lives when it is first asked for.

A room's `__init__.py` lists its names in one `if TYPE_CHECKING:` block, which type checkers and import contracts read,
and ends with `__getattr__ = door(__name__)`. So entering a room costs nothing but the names that are used.
"""

from __future__ import annotations

import ast
import functools
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def door(room: str) -> Callable[[str], Any]:
    """The `__getattr__` of the package `room`."""

    @functools.cache
    def homes() -> dict[str, str]:
        source = Path(str(sys.modules[room].__file__)).read_text(encoding="utf-8")
        found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
        return {name.name: node.module for node in found if node.module and node.module.startswith(f"{room}.")
                for name in node.names}  # fmt: skip

    def find(name: str) -> Any:
        if name.startswith("__") or name not in homes():
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes()[name]), name)

    return find
