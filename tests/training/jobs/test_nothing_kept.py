"""Why a run has no weights to keep is said as it was: stopped too early, or no loss that is a number."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.toys import task
from training.engine.progress import Best, Fitted, Position
from training.jobs import train


@pytest.mark.parametrize(
    ("epochs", "stopped", "said"),
    [
        (0.4, True, "Stopped before the first epoch ended: there are no weights to keep."),
        (3.0, False, "No epoch ended with a validation loss that is a finite number"),
    ],
)
def test_a_run_without_weights_says_why(epochs: float, stopped: bool, said: str) -> None:
    fitted = Fitted(Best(), Position(), epochs, stopped, finished_early=False)
    context, nothing = cast(Any, SimpleNamespace(seconds=1.0)), cast(Any, None)
    result = train._finish(fitted, cast(Any, task()), nothing, context, nothing, nothing, tested=True)
    assert result.note is not None and result.note.startswith(said) and result.weights is None
