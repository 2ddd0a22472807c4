"""What the benchmarks share: the commands that a user types, and logs that a killed benchmark goes on from."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]


def thaw(home: Path, *words: str) -> tuple[float, dict[str, Any]]:
    """(wall seconds, last JSON line) of one `python -m training` command; without one, its last word as the error."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "training", *words, "--json", "--home", str(home.absolute())]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    lines = done.stdout.strip().splitlines()
    return seconds, json.loads(lines[-1]) if lines else {"state": "failed", "error": last_line(done.stderr)}


def last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "ended without a word")


def read(log: Path) -> list[dict[str, Any]]:
    """Every line of a log of JSON lines; none when there is no log yet."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def append(log: Path, record: dict[str, Any]) -> None:
    with log.open("a") as file:
        file.write(json.dumps(record) + "\n")
