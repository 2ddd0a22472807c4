"""How the C library hands out memory in a process that trains: what was freed stays with it, for the next step.

A step's activations take tens of megabytes apiece. glibc asks the system for each block above 32 MB (its highest
threshold) anew and gives it back when it is freed, and the system clears every page of it again: half of the time of
full fine-tuning on a CPU (`python -m benchmarks.allocation` prints it). Every tensor that a step frees is wanted by the
next one, so it is given back only when a piece of work has ended (`let_go`). What other threads than the main one take
in blocks above 64 MB is left as it is: steps run in the main one. No torch.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""The parameters' numbers in glibc's malloc.h."""


def keep_freed() -> bool:
    """Have this process keep the memory that it frees, from now on. False where the C library cannot: it is not
    glibc."""
    mallopt = _glibc("mallopt")
    return bool(mallopt and mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))


def let_go() -> bool:
    """Give what is free now back to the system; what is freed later is kept again. Whether anything was."""
    malloc_trim = _glibc("malloc_trim")
    return bool(malloc_trim and malloc_trim(ctypes.c_size_t(0)))


def _glibc(name: str) -> Any:
    """A function of the C library; None where it has none of this name, as musl, or is another system's."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None
