"""Completion as a shell asks for it, and what help and completion cost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset.ingest.sources import import_path
from training.cli import thaw
from training.store.store import Store

ROOT = Path(__file__).resolve().parents[3]
TERMINAL = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
Shell = Callable[..., list[str]]


def run(*command: object, cwd: Path, **variables: str) -> str:
    words = [sys.executable, *map(str, command)]
    return subprocess.run(words, cwd=cwd, env=os.environ | variables, capture_output=True, text=True, check=True).stdout


def asked_for(line: str) -> dict[str, str]:
    """What bash sets to have the last word of `thaw LINE` completed."""
    words = f"thaw {line}"
    return {"_THAW_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}


@pytest.fixture
def complete(home: Path) -> Shell:
    """complete('fit x --st'): what bash is told for the last of these words."""

    def ask(line: str) -> list[str]:
        done = CliRunner().invoke(thaw, prog_name="thaw", env=asked_for(line), catch_exceptions=False)
        return [one for one in done.output.splitlines() if one]

    return ask


def test_verbs_options_and_what_they_may_be_are_completed(complete: Shell, home: Path) -> None:
    assert complete("") == [f"plain,{name}" for name in thaw.commands]
    assert complete("re") == ["plain,resume", "plain,report", "plain,reproduce"]
    assert complete("data ") == [f"plain,{name}" for name in ("export", "history", "revise", "undo")]
    assert complete("data revise x --r") == ["plain,--relabel", "plain,--restore"]
    assert complete("fit x --l2") == ["plain,--l2-sp", "plain,--l2-sp-head"]
    assert complete("fit x --strategy l") == ["plain,linear_probe", "plain,lp_ft"]
    assert complete("advise x --similarity ") == ["plain,high", "plain,medium", "plain,low"]
    assert complete("--json profile --backbone efficientnet_lite0") == ["plain,efficientnet_lite0"]
    assert complete("public eu") == ["plain,eurosat"]


def test_ids_are_those_of_the_home(
    complete: Shell, home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    store, ref = Store(home), import_path(image_folder(tmp_path / "photos"), home)
    run_id = store.create_job("train", ref.id, {}).id
    store.create_job("profile", ref.id, {})
    assert complete("explain ") == complete("compare a ") == complete("fit x --from ") == [f"plain,{run_id}"]
    assert complete("data undo ") == complete("profile ") == ["file,", f"plain,{ref.id}"]
    assert complete(f"delete {ref.id[:3]}") == [f"plain,{ref.id}"]
    elsewhere = tmp_path / "elsewhere"
    assert complete(f"--home {elsewhere} explain ") == [] and not elsewhere.exists()


def test_the_script_completes_from_any_folder(tmp_path: Path) -> None:
    assert run(ROOT / "thaw", cwd=tmp_path, **asked_for("prof")) == "plain,profile\n"


@pytest.mark.parametrize(
    ("shell", "registers"),
    [
        ("bash", "complete -o nosort -F _thaw_completion thaw"),
        ("zsh", "compdef _thaw_completion thaw"),
        ("fish", "complete --no-files --command thaw --arguments"),
    ],
)
def test_the_line_that_is_documented_for_a_shell_makes_it_complete(shell: str, registers: str, tmp_path: Path) -> None:
    assert re.search(rf"^    .*_THAW_COMPLETE={shell}_source thaw\b", TERMINAL, flags=re.MULTILINE)
    assert registers in run(ROOT / "thaw", cwd=tmp_path, _THAW_COMPLETE=f"{shell}_source")


@pytest.mark.parametrize("asked", [{}, asked_for("")], ids=["help", "completion"])
def test_neither_help_nor_completion_of_verbs_imports_one(asked: dict[str, str]) -> None:
    tell = "import atexit, sys; atexit.register(lambda: print(*sys.modules))"
    code = f"{tell}; from training.cli import thaw; thaw(prog_name='thaw')"
    *said, modules = run("-c", code, "--help", cwd=ROOT, **asked).splitlines()
    assert any("reproduce" in line for line in said)
    heavy = ("training.cli.commands", "training.store", "numpy", "torch", "pandas")
    assert [name for name in modules.split() if name.startswith(heavy)] == []
