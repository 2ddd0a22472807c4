"""Where a run keeps its files: one list of names, which is also what older homes hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.store.run_folder import RunFolder


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("checkpoint", "checkpoint.pt"), ("weights", "best.safetensors"), ("test_predictions", "test_predictions.csv"),
        ("target_predictions", "target_predictions.csv"), ("runtime", "runtime.json"), ("foreseen", "foreseen.json"),
        ("lineage", "lineage.json"), ("start_weights", "start.safetensors"), ("extended", "extended.json"),
        ("extended_weights", "extended.safetensors"), ("export", "export"), ("explained", "explained"),
    ],
)  # fmt: skip
def test_files_lie_where_older_homes_have_them(name: str, file: str) -> None:
    assert getattr(RunFolder(Path("home"), "ab12cd34"), name) == Path("home/runs/ab12cd34") / file


def test_notes_and_paths_in_results() -> None:
    folder = RunFolder(Path("/home"), "ab12cd34")
    assert folder.note("lr_range") == Path("/home/runs/ab12cd34/lr_range.json")
    assert folder.in_home(folder.weights) == "runs/ab12cd34/best.safetensors"
    with pytest.raises(ValueError, match="/elsewhere"):
        folder.in_home(Path("/elsewhere"))


def test_nobody_else_joins_these_paths() -> None:
    root = Path(__file__).parents[3]
    files = [file for room in ("advisor", "training", "ui") for file in (root / room).rglob("*.py")]
    joined = [file.name for file in files if '/ "runs"' in file.read_text(encoding="utf-8")]
    assert joined == ["run_folder.py"]
