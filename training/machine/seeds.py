"""Seeds as a function of where a run is. No torch."""

from __future__ import annotations

import hashlib


def derive_seed(*parts: object) -> int:
    """A 63-bit seed that depends on every part and on nothing else.

    Randomness here is a function of *where* a run is (seed, phase, epoch, step), never of what ran before.
    That is why a resumed run needs no saved generator state to repeat an uninterrupted one.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
