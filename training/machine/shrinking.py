"""Memory that runs out, met in one way: batches are computed in smaller parts from then on, which is said once.

What cannot shrink raises as it did; `ran_out` tells such errors, of whatever library, from others. One process does one
piece of work, so who is told is set for the whole process (`listening`). No torch is loaded here.
"""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from core import TrainingError
from training.machine import allocation

T = TypeVar("T")
Say = Callable[[str], None]

SAID = ("can't allocate memory", "not enough memory", "out of memory", "failed to allocate memory", "bad_alloc",
        "bad allocation")  # fmt: skip
"""What libraries say that have no type for it: torch on the CPU, onnxruntime, C++ in general."""
TOO_SMALL = "The machine ran out of memory; use a smaller batch, image size or backbone, or free some memory."
"""For what cannot be computed in smaller parts."""


def _unheard(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


_listener: list[Say] = [_unheard]


@contextmanager
def listening(say: Say) -> Iterator[None]:
    """Within, whom to tell that memory ran out and what was done about it."""
    before, _listener[0] = _listener[0], say
    try:
        yield
    finally:
        _listener[0] = before


def ran_out(error: BaseException) -> bool:
    """Whether an allocation failed; torch has a type for it on accelerators and only a text on the CPU."""
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, Exception) and any(words in text for words in SAID)


def give_back() -> None:
    """Let go of what nobody holds any more, back to the system, on the accelerator too. Call it outside of the
    `except`: a traceback keeps what has failed alive."""
    gc.collect()
    allocation.let_go()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


class Parts:
    """Computes batches whole as long as memory allows, then in as many parts as it takes, for good."""

    def __init__(self, what: str) -> None:
        """what: is computed, for the sentence: 'the frozen stages'."""
        self._what, self._parts, self._told = what, 1, 1

    def run(self, work: Callable[[Any], T], batch: Any) -> list[T]:
        """`work` of each part of `batch`, which has a length and can be sliced. Raises TrainingError where memory does
        not hold one example; whatever else `work` raises."""
        while True:
            size = math.ceil(len(batch) / self._parts)
            try:
                found = [work(batch[start : start + size]) for start in range(0, len(batch), size)]
            except Exception as error:
                if not ran_out(error):
                    raise
            else:
                if self._told != self._parts:
                    self._told = self._parts
                    _listener[0](
                        f"Memory ran out: {self._what} are now computed {size} of {len(batch)} images at a time, which "
                        "is slower."
                    )
                return found
            if size <= 1:
                raise TrainingError(
                    f"Memory is too small for {self._what} even one image at a time; free some, or choose a smaller "
                    "backbone or image size."
                )
            self._parts *= 2
            give_back()
