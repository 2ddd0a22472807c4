"""The CPU that this process may use, without torch."""

from __future__ import annotations

import os
import sys

import psutil

from core import HardwareFacts


def cores() -> int:
    """CPU cores this process may use (containers and affinity respected where the system tells)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def hardware(kind: str = "cpu") -> HardwareFacts:
    """What the CPU, or what shares its memory, is called and how much memory it has, in bytes."""
    return HardwareFacts(kind, f"{kind.upper()}, {cores()} cores", cores(), int(psutil.virtual_memory().total))


def accelerated() -> bool:
    """Whether torch may find something faster than the CPU here, or THAW_DEVICE asks for it; torch knows for sure."""
    wanted = os.environ.get("THAW_DEVICE", "")
    if wanted:
        return wanted != "cpu"
    drivers = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg", "C:/Windows/System32/nvcuda.dll")
    return sys.platform == "darwin" or any(map(os.path.exists, drivers))
