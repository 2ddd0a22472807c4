"""Which calls `benchmarks.following` writes down, in processes of a checkout made for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import following
from benchmarks.paths import STEPS, between, calls, files_of, table

FILES = {
    "core/__init__.py": "from core.door import door\n",
    "core/door.py": "def door(work):\n    return work()\n",
    "kitchen/__init__.py": "def wash():\n    return 1\n",
    "kitchen/menu.html": "{{ price() }}",
    "kitchen/oven.py": (
        "import threading\nfrom kitchen import wash\nfrom kitchen.pantry import Store, save\n"
        "def fit():\n    Store().rows()\n"
        "    thread = threading.Thread(target=save)\n    thread.start(); thread.join()\n"
        "    page = {'price': wash}\n"
        "    exec(compile('def root(): price()', 'kitchen/menu.html', 'exec'), page)\n    page['root']()\n"
        "    return sorted([2, 1], key=Store().order)\n"
    ),
    "kitchen/pantry.py": (
        "def save():\n    return _whole()\ndef _whole():\n    return 1\nsave()\n"
        "class Store:\n    def rows(self):\n        return save()\n    def order(self, one):\n        return one\n"
    ),
    "kitchen/__main__.py": (
        "import os, subprocess, sys\nfrom core import door\nfrom kitchen.oven import fit\n"
        "door(fit)\n"
        "if len(sys.argv) == 1:\n"
        "    subprocess.run([sys.executable, '-m', 'kitchen', 'again'])\n"
        "    if os.fork() == 0:\n        from tests.helper import help_out\n        help_out()\n        os._exit(0)\n"
        "    os.wait()\n"
    ),
    "tests/__init__.py": "",
    "tests/helper.py": "from kitchen.pantry import save\ndef help_out():\n    save()\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text(text)
    return tmp_path / "tree"


def test_calls_between_files_are_counted_once_through_doors_libraries_threads_and_processes(
    tree: Path, tmp_path: Path
) -> None:
    hooks, to = tmp_path / "hooks", tmp_path / "calls"
    hooks.mkdir()
    to.mkdir()
    shutil.copy(following.__file__, hooks / "sitecustomize.py")
    environment = {"PYTHONPATH": str(hooks), following.TREE: str(tree), following.FOLDER: str(to)}
    subprocess.run([sys.executable, "-m", "kitchen"], cwd=tree, env={**os.environ, **environment}, check=True)
    found = calls(to)
    assert len(list(to.iterdir())) == 3  # the command, the one that it starts, and a fork of it that calls `save` anew
    assert between(found) == {
        ("kitchen/__main__.py", "kitchen/oven.py", "fit"),  # through the door
        ("kitchen/oven.py", "kitchen/pantry.py", "Store.rows"),
        ("kitchen/oven.py", "kitchen/pantry.py", "Store.order"),  # through `sorted`
        ("kitchen/oven.py", "kitchen/__init__.py", "wash"),  # no mere door; through a template
        ("kitchen/__main__.py", "kitchen/pantry.py", "save"),  # what lies between is a test
    }  # the thread's `save` has no caller, what importing the pantry runs does not count
    assert files_of(found) == {f"kitchen/{name}.py" for name in ("__init__", "__main__", "oven", "pantry")}


def test_the_table_has_both_figures_of_every_tree() -> None:
    one = {path: {("a.py", "b.py", "f"), ("", "a.py", "")} for path in STEPS}
    two = {path: {("a.py", "b.py", "f"), ("a.py", "b.py", "g"), ("b.py", "c.py", "h")} for path in STEPS}
    text = table({"old": one, "new": two})
    assert "| path | files, old | files, new | calls between files, old | calls between files, new |" in text
    assert "| run to ONNX | 2 | 3 | 1 | 3 |" in text
