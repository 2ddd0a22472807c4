"""Frozen stages as a graph that an inference engine runs: made once by torch, run without it."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.graphs.engines import Engine
    from training.graphs.front import resize_weights
    from training.graphs.graph import Graph
else:
    __getattr__ = door(__name__)

__all__ = ["Engine", "Graph", "resize_weights"]
