"""Attempts to sign in are slowed: the more that failed of late, the longer the next one waits before it is looked at.

It counts for the whole server, since behind a proxy all come from one address. Nobody is shut out: who has signed in
is not asked, and who knows the word waits a few seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

FREE = 3
"""Failures that cost nothing: people mistype."""
LONGEST_S, FORGOTTEN_S = 8.0, 600.0
MOST_WAITING = 16


class TooMany(Exception):
    """So many are waiting that this one is not even heard."""


class Attempts:
    """Of one server. clock: seconds that never go back; sleep: as asyncio's."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._failed: deque[float] = deque(maxlen=1000)
        self._waiting = 0

    @property
    def delay_s(self) -> float:
        """Seconds that the next attempt waits."""
        while self._failed and self._clock() - self._failed[0] > FORGOTTEN_S:
            self._failed.popleft()
        beyond = len(self._failed) - FREE
        return min(LONGEST_S, 0.5 * 2.0 ** min(beyond, 10)) if beyond >= 0 else 0.0

    async def tried(self, right: Callable[[], Awaitable[bool]]) -> bool:
        """Wait, then ask `right`. Raises TooMany."""
        if self._waiting >= MOST_WAITING:
            raise TooMany
        self._waiting += 1
        try:
            if delay := self.delay_s:
                await self._sleep(delay)
            good = await right()
        finally:
            self._waiting -= 1
        if not good:
            self._failed.append(self._clock())
        return good
