"""The house: few modules a folder, a door for every room that opens, no module that only passes names on."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.size import DOOR, MOST_MODULES, ROOTS, measure

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = sorted({path.parent for root in ROOTS for path in (ROOT / root).rglob("*.py")})
ROOMS = [".".join(folder.relative_to(ROOT).parts) for folder in FOLDERS]
DOORS = [room for room in ROOMS if "door(__name__)" in (ROOT / room.replace(".", "/") / DOOR).read_text()]


@pytest.mark.parametrize("folder", FOLDERS, ids=ROOMS)
def test_a_folder_is_small_and_says_what_it_is_for(folder: Path) -> None:
    modules = [path for path in folder.glob("*.py") if path.name != DOOR]
    assert len(modules) <= MOST_MODULES, f"{folder.relative_to(ROOT)} holds {len(modules)} modules: make it two rooms"
    assert ast.get_docstring(ast.parse((folder / DOOR).read_text(encoding="utf-8")))


@pytest.mark.parametrize("room", DOORS)
def test_a_door_opens_to_every_name_it_shows_and_to_no_other(room: str) -> None:
    door = importlib.import_module(room)
    assert door.__all__ == sorted(door.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    for name in door.__all__:
        assert getattr(door, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing_of_this_name'"):
        _ = door.nothing_of_this_name


def test_entering_every_room_loads_nothing_heavy() -> None:
    code = (
        f"import sys, importlib; [importlib.import_module(room) for room in {ROOMS!r}];"
        "print([name for name in ('torch', 'timm', 'pandas', 'sklearn', 'onnxruntime') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_no_module_only_passes_names_on() -> None:
    assert measure(ROOT).passing == ()
