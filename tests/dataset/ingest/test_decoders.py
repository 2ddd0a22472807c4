"""Decoding processes that crash, hang, cannot start: the file in hand is set aside, the others go on."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from core.errors import DataError
from dataset.guarded import PROJECT, Guarded
from dataset.ingest import decode_workers
from dataset.ingest.decode_workers import Decoders
from dataset.ingest.decoding import Decoded, decode, load_decoders
from dataset.ingest.sources import import_path


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for number, path in enumerate(paths):
        Image.new("RGB", (20 + number, 16), (40 * number, 90, 10)).save(path)
    return paths


def evil(tmp_path: Path, deed: str) -> tuple[str, ...]:
    """A decoding process that does `deed` when it comes to '3.png'."""
    script = tmp_path / "evil.py"
    script.write_text(
        textwrap.dedent(f"""
        import json, os, signal, sys, time
        sys.path.insert(0, {str(PROJECT)!r})
        from pathlib import Path
        from dataset.ingest import decode_workers as decoders; from dataset.ingest import decoding
        real = decoding.decode
        def decode(path, *how):
            if path.name == "3.png":
                {deed}
            return real(path, *how)
        decoders.decode = decode
        decoders.main()
        """)
    )
    return (sys.executable, str(script))


def test_answers_are_those_of_decoding_here(pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff but no picture")
    paths = [*pictures, tmp_path / "broken.jpg", tmp_path / "not there.png"]
    with Decoders(1) as some:
        answers = some.decode(paths)
    load_decoders()
    assert answers[:7] == [decode(path) for path in paths[:7]]
    assert answers[7] == "cannot be read: No such file or directory"


@pytest.mark.parametrize("deed", ["os.kill(os.getpid(), signal.SIGSEGV)", "os._exit(1)"])
def test_a_crash_costs_one_file(pictures: list[Path], tmp_path: Path, deed: str) -> None:
    with Decoders(1, evil(tmp_path, deed)) as some:
        answers = some.decode(pictures)
    assert [isinstance(answer, Decoded) for answer in answers] == [True, True, True, False, True, True]
    assert answers[3] == "makes the decoder crash"


def test_a_hang_costs_one_file(pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended after its second: beside one that crashes at once, with as many starts, a hang costs little more."""
    monkeypatch.setattr(decode_workers, "MOST_SECONDS", 1.0)
    started = time.monotonic()
    with Decoders(1, evil(tmp_path, "os._exit(1)")) as some:
        some.decode(pictures)
    crashed = time.monotonic()
    with Decoders(1, evil(tmp_path, "time.sleep(60)")) as some:
        answers = some.decode(pictures)
    assert answers[3] == "takes longer than 1 s to decode"
    assert sum(isinstance(answer, Decoded) for answer in answers) == 5
    assert time.monotonic() - crashed < 2 * (1.0 + crashed - started)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold processes to this limit")
def test_memory_is_limited(pictures: list[Path], tmp_path: Path) -> None:
    with Decoders(1, evil(tmp_path, "bytearray(6 * 1024**3)")) as some:
        answers = some.decode(pictures)
    assert not isinstance(answers[3], Decoded) and isinstance(answers[5], Decoded)


def test_a_process_that_cannot_start_is_a_sentence(pictures: list[Path]) -> None:
    with Decoders(1, ("/no/such/python",)) as some, pytest.raises(DataError, match="no process for it can be started"):
        some.decode(pictures)
    with Decoders(1, (sys.executable, "-c", "1")) as some, pytest.raises(DataError, match="does not start"):
        some.decode(pictures)


def test_a_process_that_was_started_ahead_is_taken_once(pictures: list[Path]) -> None:
    decode_workers.start_ahead()
    (ahead,) = decode_workers._ahead
    for taken in (True, False):
        with Decoders(1) as some:
            assert isinstance(some.decode(pictures)[0], Decoded)
            process = some._free.get()
            assert (process is ahead) == taken
            some._free.put(process)
    assert ahead._child.poll() is not None and decode_workers._ahead == []


def test_threads_share_the_processes(pictures: list[Path]) -> None:
    with Decoders(2) as some:
        found: dict[int, list[Decoded | str]] = {}
        threads = [
            threading.Thread(target=lambda n=number: found.update({n: some.decode(pictures)})) for number in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(answers == found[0] for answers in found.values()) and len(found) == 5


def test_paths_are_those_of_the_folder_that_somebody_stands_in(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures[0].parent)
    with Decoders(1) as some:
        assert some.decode([Path(pictures[0].name)]) == some.decode([pictures[0]])


def test_a_decoder_ends_with_its_owner() -> None:
    process = Guarded(decode_workers.COMMAND)
    pid = process._child.pid
    assert process._child.stdin is not None
    process._child.stdin.close()
    deadline = time.monotonic() + 10
    while process._child.poll() is None:
        assert time.monotonic() < deadline, f"decoder {pid} goes on without input"
        time.sleep(0.02)


def test_an_import_survives_a_crashing_image(
    home: Path, tmp_path: Path, image_folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = image_folder(tmp_path / "photos", per_class=6)
    command = evil(tmp_path, f"os.kill(os.getpid(), {int(signal.SIGSEGV)})")
    (folder / "ants/003.png").rename(folder / "ants/3.png")
    monkeypatch.setattr(Decoders.__init__, "__defaults__", (command,))
    ref = import_path(folder, home)
    assert ref.set_aside == (("ants/3.png", "makes the decoder crash"),)
    assert ref.counts == {"": (5, 6)}
    assert not os.path.exists(Path(ref.root) / "images/ants/3.png")
