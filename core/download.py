"""A download, told as it comes in: how much of how much, the time left, and a stop in between.

What is downloaded, and from where, is the affair of those who use this: weights (`training.backbones.weights`) and
public sets
(`training.jobs.fetch_public`). They write under names of their own, since a broken download is gone on with or thrown
away whole.
"""

from __future__ import annotations

import time
from typing import Any

from core.types import Tell


class Download:
    """Bytes that arrive, told on; and what `tell` raised to stop, however the client that downloads wraps it."""

    def __init__(self, title: str, expected: int, tell: Tell, share: float) -> None:
        """expected: bytes in all, as far as they are known. share: of the whole job, when all of them are there."""
        self._title, self._expected, self._tell, self._share = title, expected, tell, share
        self.stopped: BaseException | None = None
        self._began, self._first = time.monotonic(), 0.0
        self.count(0, expected)

    def count(self, done: float, total: float) -> None:
        """`done` of `total` bytes are there; the total grows with what was not expected."""
        total = max(total, done, 1)
        spent, came = time.monotonic() - self._began, done - self._first
        left = (total - done) * spent / came if came > 0 and spent > 1 else None
        text = f"Downloading {self._title}, {done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
        try:
            self._tell(self._share * done / total, text, left)
        except BaseException as error:
            self.stopped = error
            raise

    def bar(self) -> type:
        """A progress bar for clients that take a class of tqdm: it draws nothing and counts here."""
        from tqdm import tqdm

        download = self

        class Bar(tqdm):
            def __init__(self, *args: Any, **options: Any) -> None:
                self.seen = float(options.get("initial") or 0)
                self.expected = float(options.get("total") or download._expected)
                download._first = self.seen
                options.pop("name", None)  # the hub's own bars have names
                super().__init__(*args, **{**options, "disable": True})

            def update(self, n: float | None = 1) -> None:
                self.seen += n or 0
                download.count(self.seen, self.expected)

        return Bar
