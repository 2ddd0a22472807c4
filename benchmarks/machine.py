"""One line that says on what a table was measured."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from training.machine import cores


def describe() -> str:
    """CPU model or GPU, cores, torch and Python version."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0] if models else name
    if torch.cuda.is_available():
        name = f"{torch.cuda.get_device_name()}, {name}"
    flags = info.read_text() if info.exists() else ""
    units = " ".join(unit for unit in ("avx512_bf16", "amx_bf16") if unit in flags)
    return f"{name} {units}, {cores()} cores, torch {torch.__version__}, Python {platform.python_version()}"
