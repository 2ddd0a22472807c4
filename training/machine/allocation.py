"""How the C library hands out memory in a process that trains: what was freed stays with it, for the next step.

A step's activations take tens of megabytes apiece. glibc asks the system for each block above 32 MB (its highest
threshold) anew and gives it back when it is freed, and the system clears every page of it again: half of the time of
full fine-tuning on a CPU (`python -m benchmarks.allocation` prints it). Every tensor that a step frees is wanted by the
next one, so nothing is gained by giving it back before the process ends. No torch.
"""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""The parameters' numbers in glibc's malloc.h."""


def keep_freed() -> bool:
    """Have this process keep the memory that it frees, from now on. False where the C library cannot: it is not
    glibc."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return bool(mallopt and mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))
