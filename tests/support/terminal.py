"""A command line in this process, and what it said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner

from training.cli import thaw


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out.splitlines()[-1])


def say(*words: object) -> Said:
    """What a user sees of `python -m training WORDS`."""
    done = CliRunner().invoke(thaw, [str(word) for word in words], catch_exceptions=False)
    return Said(done.exit_code, done.stdout, done.stderr)
