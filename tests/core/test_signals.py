"""Stopping a process, with POSIX signals and as far as it goes without, and how one ended in words."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from core import signals


class Stop(Exception):
    pass


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """What was set before stays."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def stop() -> None:
    raise Stop


def wait_long() -> None:
    time.sleep(60)


def step_by_step() -> None:
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize(("posix", "work"), [(True, wait_long), (True, step_by_step), (False, step_by_step)])
def test_another_thread_stops_the_main_one(
    posix: bool, work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not posix:
        monkeypatch.delattr(signal, "pthread_kill")
    signals.on_stop(stop)
    other = threading.Timer(0.1, signals.stop_main_thread)
    other.start()
    began = time.monotonic()
    with pytest.raises(Stop):
        work()
    other.join()
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_asked_to_end_is_told(number: signal.Signals) -> None:
    signals.on_stop(stop)
    with pytest.raises(Stop):
        signal.raise_signal(number)


def test_the_first_interrupt_is_noted_and_the_second_raised() -> None:
    before = signal.getsignal(signal.SIGINT)
    with signals.interrupts() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before


def test_how_a_process_ended_in_words() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert signals.how_it_ended(child.poll()) == ""
    child.kill()
    assert signals.how_it_ended(child.wait()) == " (killed by signal 9: by hand, or because memory ran out)"
    assert signals.how_it_ended(-15) == " (killed by signal 15)"
    assert signals.how_it_ended(3) == " (exit code 3)"
