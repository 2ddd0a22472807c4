"""What pages import, imported before somebody opens them: a first view need not wait for it."""

from __future__ import annotations

import ast
from pathlib import Path

from ui.kit import state


def load() -> None:
    """Does what stands at the head of every page's script. What a page imports later, in its functions, stays for
    then."""
    for page in state.PAGES:
        tree = ast.parse(Path(page).read_text(encoding="utf-8"))
        heads: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(heads, []), page, "exec"), {"__name__": "ahead"})
