"""A run whose engine is not on this machine: nothing goes on with it by another one unless somebody says so."""

from __future__ import annotations

from core import PlanError, find_as, write_json
from training.graphs import engines
from training.graphs.engines import Engine
from training.store import RunFolder

FROZEN, BEFORE = "frozen", "frozen before"
"""What computes a run's frozen features, and what did before somebody chose another: names in a run's arithmetic."""


def absent(folder: RunFolder) -> Engine | None:
    """The engine that a run began with, where this machine does not have it; None where it does, or torch computed."""
    engine = Engine.named((find_as(folder.runtime, dict[str, str]) or {}).get(FROZEN, ""))
    return None if engine is None or engine.here else engine


def check(folder: RunFolder) -> None:
    """Raises PlanError with what to do where the run's engine is not here."""
    engine = absent(folder)
    if engine:
        raise PlanError(engines.not_here(engine))


def take_another(folder: RunFolder) -> None:
    """The run goes on by what this machine computes with. Its record keeps what came before; nothing happens where its
    engine is here."""
    engine = absent(folder)
    if engine:
        known = find_as(folder.runtime, dict[str, str]) or {}
        del known[FROZEN]
        before = [known[BEFORE]] if BEFORE in known else []
        write_json(folder.runtime, known | {BEFORE: ", ".join([*before, engine.code])})
