"""From settings to the Playground's results: asks the kept-warm processes, remembers what they answered.

Each seed's source network is learned once and handed to the arms that start from it. No torch, and it draws nothing.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Protocol

from training.playground.settings import Arm, ArmResult, Settings

KEPT = 600
"""Answers that are remembered: a slider moved back answers at once."""
POLL_S = 0.1

Answer = dict[str, Any]
Tick = Callable[[int, int], None]
"""(answers there, answers wanted); may raise to stop."""


class Asks(Protocol):
    """What `training.playground.client.Pool` offers."""

    def ask(self, name: str, args: dict[str, Any]) -> Future[Answer]: ...


class Memory:
    """Finished answers by question, the oldest going first. Safe between the threads of several tabs."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, question: str) -> Answer | None:
        with self._lock:
            return self._known.get(question)

    def put(self, question: str, answer: Answer) -> None:
        with self._lock:
            self._known[question] = answer
            while len(self._known) > KEPT:
                self._known.popitem(last=False)


_memory = Memory()


def ask_all(
    pool: Asks, questions: Sequence[tuple[str, dict[str, Any]]], tick: Tick, memory: Memory = _memory
) -> list[Answer]:
    """Answers in the questions' order, those known at once. What is still waiting when `tick` raises is taken back."""
    return _ask(pool, [(name, args, None) for name, args in questions], tick, memory)


def run(
    pool: Asks, settings: Settings, arms: Sequence[Arm], seeds: Sequence[int], tick: Tick, memory: Memory = _memory
) -> dict[Arm, ArmResult]:
    """Every arm on every seed. Raises TrainingError when a process fails."""
    config = settings.as_json()
    wanted = [(arm, seed) for seed in seeds for arm in arms]
    needs = [
        ("arm", {"settings": config, "arm": arm, "seed": seed}, None if arm == "scratch" else seed)
        for arm, seed in wanted
    ]
    answers = dict(zip(wanted, _ask(pool, needs, tick, memory, settings), strict=True))
    return {
        arm: ArmResult(
            arm, *(tuple(tuple(answers[arm, seed][what]) for seed in seeds) for what in ("loss", "train", "held"))
        )
        for arm in arms
    }


Question = tuple[str, dict[str, Any], int | None]
"""(name, arguments, the seed whose source network it starts from)."""


def _ask(
    pool: Asks, questions: Sequence[Question], tick: Tick, memory: Memory, settings: Settings | None = None
) -> list[Answer]:
    keys = [json.dumps(question, sort_keys=True) for question in questions]
    found = {key: answer for key in keys if (answer := memory.get(key)) is not None}
    todo = {key: question for key, question in zip(keys, questions, strict=True) if key not in found}
    pending: dict[Future[Answer], str] = {}
    sources: dict[int, str] = {}
    try:
        for key, (name, args, source) in list(todo.items()):
            if source is None:
                pending[pool.ask(name, args)] = key
        for seed in sorted({source for _, _, source in todo.values() if source is not None}):
            assert settings is not None
            about = {"settings": settings.about_source, "seed": seed}
            sources[seed] = json.dumps(["source", about], sort_keys=True)
            known = memory.get(sources[seed])
            if known is None:
                pending[pool.ask("source", about)] = sources[seed]
            else:
                _start(pool, todo, seed, known, pending)
        tick(len(found), len(keys))
        while pending:
            done, _ = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for future in done:
                key, answer = pending.pop(future), future.result()
                memory.put(key, answer)
                learned = next((seed for seed, own in sources.items() if own == key), None)
                if learned is None:
                    found[key] = answer
                else:
                    _start(pool, todo, learned, answer, pending)
            tick(len(found), len(keys))
    finally:
        for future in pending:
            future.cancel()
    return [found[key] for key in keys]


def _start(
    pool: Asks, todo: dict[str, Question], seed: int, source: Answer, pending: dict[Future[Answer], str]
) -> None:
    for key, (name, args, own) in todo.items():
        if own == seed:
            pending[pool.ask(name, {**args, "weights": source["weights"]})] = key
