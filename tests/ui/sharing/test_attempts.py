"""Guessing is slow for everybody, and nobody is shut out by somebody else's guesses."""

from __future__ import annotations

import asyncio

import pytest

from ui.sharing.attempts import LONGEST_S, MOST_WAITING, Attempts, TooMany


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def no() -> bool:
    return False


async def yes() -> bool:
    return True


def test_mistyping_is_free_and_guessing_is_slow() -> None:
    clock = Clock()
    attempts = Attempts(lambda: clock.now, clock.sleep)

    async def guess() -> None:
        for _ in range(60):
            assert not await attempts.tried(no)

    asyncio.run(guess())
    assert clock.slept[:4] == [0.5, 1.0, 2.0, 4.0] and len(clock.slept) == 57 and clock.slept[-1] == LONGEST_S
    asyncio.run(attempts.tried(yes))
    assert clock.slept[-1] == LONGEST_S, "the right word waits as long: an answer that is quick would tell"
    clock.now += 601
    assert attempts.delay_s == 0.0, "ten minutes later it is forgotten"


def test_only_so_many_wait_at_once() -> None:
    clock = Clock()
    gate = asyncio.Event()

    async def held(seconds: float) -> None:
        await gate.wait()

    async def flood() -> tuple[int, int]:
        attempts = Attempts(lambda: clock.now, held)
        for _ in range(3):
            await attempts.tried(no)
        tries = [asyncio.create_task(attempts.tried(no)) for _ in range(100)]
        await asyncio.sleep(0)
        gate.set()
        ends = await asyncio.gather(*tries, return_exceptions=True)
        with pytest.raises(TooMany):
            raise next(end for end in ends if isinstance(end, BaseException))
        assert await attempts.tried(yes), "afterwards there is room again"
        return sum(isinstance(end, TooMany) for end in ends), sum(end is False for end in ends)

    assert asyncio.run(flood()) == (100 - MOST_WAITING, MOST_WAITING)
