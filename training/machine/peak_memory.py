"""What a piece of work keeps in memory at its fullest moment, counted tensor by tensor.

Every storage that an operation makes is counted once, from its making to its release; so are the activations that
autograd keeps for the backward pass. It works alike on every device. What kernels take for themselves while they run
is not seen.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """`with LiveBytes() as live: work()`, then `live.peak`: bytes alive at once that `work` made."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self.now = 0
        """Bytes alive at this moment."""
        self._since = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = {id(tensor.untyped_storage()) for tensor in _tensors((args, kwargs))}
        out = func(*args, **(kwargs or {}))
        for tensor in _tensors(out):
            storage = tensor.untyped_storage()
            key, size = id(storage), storage.nbytes()
            if key in given or key in self._known:
                continue  # a view, or an operation in place
            self.now += size
            self.peak, self._since = max(self.peak, self.now), max(self._since, self.now)
            self._known[key] = weakref.ref(storage, self._release(key, size))
        return out

    def _release(self, key: int, size: int) -> Callable[[Any], None]:
        def released(_: Any) -> None:
            del self._known[key]
            self.now -= size

        return released

    def since(self) -> int:
        """The most bytes that were alive at once since this was asked before."""
        most, self._since = self._since, self.now
        return most


def peak_of(work: Callable[[], object]) -> int:
    """Bytes that `work` has alive at once at its fullest moment, its result included."""
    with LiveBytes() as live:
        work()
    return live.peak


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
