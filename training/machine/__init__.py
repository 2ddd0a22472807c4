"""The machine that trains: its device, seeds, memory and versions."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.machine.cpu import accelerated, cores
    from training.machine.devices import generator, seed_dropout
    from training.machine.memory import SAMPLE_EVERY_S, Peak
    from training.machine.peak_memory import LiveBytes, peak_of
    from training.machine.seeds import derive_seed
    from training.machine.shrinking import TOO_SMALL, Parts, give_back, listening, ran_out
else:
    __getattr__ = door(__name__)

__all__ = [
    "SAMPLE_EVERY_S",
    "TOO_SMALL",
    "LiveBytes",
    "Parts",
    "Peak",
    "accelerated",
    "cores",
    "derive_seed",
    "generator",
    "give_back",
    "listening",
    "peak_of",
    "ran_out",
    "seed_dropout",
]
