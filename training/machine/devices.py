"""Where the arithmetic runs: CUDA, MPS or CPU, chosen without a setting, and seeded so that runs repeat.

THAW_DEVICE overrides the choice (for tests, or to keep a GPU free).
"""

from __future__ import annotations

import os

import torch

from core import HardwareFacts, PlanError
from training.machine import allocation, cpu
from training.machine.cpu import cores
from training.machine.seeds import derive_seed

torch.set_flush_denormal(True)
# A solved head separates small data perfectly; its softmax then underflows and CPU kernels crawl through
# subnormal numbers, many times slower. Set on import: threads started later inherit it.
allocation.keep_freed()


def pick() -> torch.device:
    """The fastest device present. Raises PlanError when THAW_DEVICE names one that is not there."""
    wanted = os.environ.get("THAW_DEVICE", "")
    if wanted:
        try:
            torch.empty(1, device=wanted)
        except (RuntimeError, AssertionError) as error:
            raise PlanError(f"THAW_DEVICE is '{wanted}', which this machine does not offer: {error}") from error
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def hardware(device: torch.device) -> HardwareFacts:
    """What the device is called and how much memory it has, in bytes."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return HardwareFacts("cuda", properties.name, cores(), int(properties.total_memory))
    return cpu.hardware(device.type)


def seed_dropout(device: torch.device, seed: int) -> None:
    """Seed what layers draw from while they run. `torch.manual_seed` would do, but on a machine without an accelerator
    it queues a call with a formatted stack trace for each kind of device, every time."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def generator(*parts: object) -> torch.Generator:
    """A CPU generator seeded by `derive_seed(*parts)`."""
    return torch.Generator().manual_seed(derive_seed(*parts))
