"""What `benchmarks.size` counts."""

from __future__ import annotations

from pathlib import Path

from benchmarks.size import code_lines, measure, passes_on, table

MODULE = '''"""What it is for.

In three lines."""

from __future__ import annotations

LIMIT = 3  # how many
"""In a folder."""


def shorten(text: str) -> str:
    """A docstring."""
    # A comment.
    return """two
lines"""[:LIMIT]
'''


def test_docstrings_comments_and_empty_lines_are_no_code() -> None:
    assert code_lines(MODULE) == {5, 7, 11, 14, 15}


def test_a_module_of_imports_alone_passes_on_and_one_with_a_line_of_its_own_does_not() -> None:
    imports = '"""Names."""\nfrom typing import TYPE_CHECKING\nfrom a import b\nimport c\n'
    assert passes_on(imports + "__all__ = ['b', 'd']\nd = c.d\nif TYPE_CHECKING:\n    from e import f\n")
    assert not passes_on(imports + "LIMIT = 3\n")
    assert not passes_on(imports + "def own() -> int:\n    return b()\n")
    assert not passes_on('"""Only words."""\n')


def test_trees_stand_side_by_side_with_what_is_missing_left_out(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for path, text in {
        "old/app.py": "import training\n", "old/training/__init__.py": "", "old/training/oven.py": MODULE,
        "old/training/names.py": "from training.oven import LIMIT\n", "old/tests/test_oven.py": "assert True\n",
        "new/core/__init__.py": "LIMIT = 3\n", "new/training/kitchen/oven.py": MODULE,
    }.items():  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    before, after = measure(old), measure(new)
    assert (before.modules, before.doors, before.code_in_modules, before.lines) == (3, 1, 7, 17)
    assert before.folders == {"training": 2, ".": 1}
    assert before.passing == ("app.py", "training/names.py")
    assert (after.modules, after.doors, after.code_in_modules, after.code_in_doors) == (1, 1, 5, 1)
    text = table({"old": before, "new": after})
    assert "| lines of code in modules | 7 | 5 |" in text and "| modules that only pass names on | 2 | 0 |" in text
    assert "new: fullest folders `training/kitchen` 1." in text and text.count("Only pass names on") == 1
