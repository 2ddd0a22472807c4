"""Mutated images and archives, from a seed: does any crash a decoder, hang, or write outside its folder?

    python -m benchmarks.fuzz [--images 2000] [--archives 500] [--seed 0]

The seeds are the awkward images and hostile archives of the tests. An image goes through a decoding process as an
import uses it; what is accepted is read again as training reads it. An archive goes through a whole import. Each
mutation follows from (seed, number), so what is named can be made again. Exits with 1 when anything went wrong.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from core.errors import DataError, UnsafeArchive
from dataset.ingest.decode_workers import Decoders
from dataset.ingest.decoding import Decoded
from dataset.ingest.sources import import_path
from tests.support import corpus, hostile

MOST_SECONDS = 5.0
EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\0\0\0\x01")
WORST = ("crash", "hang", "outside", "fault", "unreadable later")
"""Outcomes that must not happen."""


@dataclass
class Told:
    """What became of one kind of mutated file."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, outcome: str, seconds: float) -> None:
        outcome = "hang" if seconds > MOST_SECONDS else outcome
        self.outcomes[outcome] += 1
        self.seconds.append(seconds)
        if outcome in WORST:
            self.wrong.append(f"{name}: {outcome}")


def mutated(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """A few changes, often one: bits, bytes, extreme numbers, pieces removed, doubled or foreign, the end cut off."""
    new = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        if not new:
            break
        # Headers decide most: half of the changes fall into the first 128 bytes.
        at = rng.randrange(min(len(new), 128) if rng.random() < 0.5 else len(new))
        length = rng.randint(1, min(64, len(new)))
        kind = rng.randrange(7)
        if kind == 0:
            new[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            new[at : at + 4] = rng.choice(EXTREMES)[: max(1, len(new) - at)]
        elif kind == 2:
            new[at : at + length] = rng.randbytes(length)
        elif kind == 3:
            del new[at : at + length]
        elif kind == 4:
            new[at:at] = new[at : at + length] * rng.randint(1, 4)
        elif kind == 5:
            other = rng.choice(others)
            start = rng.randrange(max(1, len(other)))
            new[at : at + length] = other[start : start + length]
        elif rng.random() < 0.3:
            del new[at:]
    return bytes(new)


def fuzz_images(number: int, seed: int, folder: Path, read_again: Callable[[Path], object] | None = None) -> Told:
    """Mutate and decode `number` images; `read_again` is tried on what was accepted."""
    seeds = {name: made for name, (make, _) in corpus.KINDS.items() if (made := make())}
    names, others = sorted(seeds), list(seeds.values())
    told = Told()
    with Decoders(1) as decoders:
        decoders.decode([])
        for index in range(number):
            rng = random.Random(f"{seed} image {index}")
            name = names[index % len(names)]
            path = folder / f"{index}{Path(name).suffix}"
            path.write_bytes(mutated(seeds[name], others, rng))
            started = time.perf_counter()
            (result,) = decoders.decode([path])
            seconds = time.perf_counter() - started
            outcome = "accepted" if isinstance(result, Decoded) else "set aside"
            if isinstance(result, str) and ("crash" in result or "takes longer" in result):
                outcome = "crash" if "crash" in result else "hang"
            if isinstance(result, Decoded) and read_again:
                try:
                    read_again(path)
                except Exception as error:
                    outcome = "unreadable later"
                    name = f"{name} ({type(error).__name__}: {error})"
            told.add(f"image {index} from {name}", outcome, seconds)
            path.unlink()
    return told


def fuzz_archives(number: int, seed: int, folder: Path) -> Told:
    """Mutate and import `number` archives, each into a home of its own."""
    seeds = {name: make() for name, (make, _) in hostile.KINDS.items()}
    seeds |= {"good.zip": hostile.zipped(), "good.tar": hostile.taped()}
    seeds = {name: data for name, data in seeds.items() if 0 < len(data) < 200_000}
    names, others = sorted(seeds), list(seeds.values())
    told = Told()
    for index in range(number):
        rng = random.Random(f"{seed} archive {index}")
        name = names[index % len(names)]
        place = folder / str(index)
        place.mkdir()
        archive = place / f"mutated-{Path(name).name}"
        archive.write_bytes(mutated(seeds[name], others, rng))
        started = time.perf_counter()
        try:
            with at_most(2 * MOST_SECONDS):
                import_path(archive, place / "home")
            outcome = "imported"
        except UnsafeArchive:
            outcome = "refused"
        except DataError:
            outcome = "broken, said so"
        except TimeoutError:
            outcome = "hang"
        except Exception as error:
            outcome = "fault"
            name = f"{name} ({type(error).__name__}: {error})"
        seconds = time.perf_counter() - started
        if stray := outside(place, folder, archive):
            outcome = "outside"
            name = f"{name} ({stray})"
        told.add(f"archive {index} from {name}", outcome, seconds)
    return told


def outside(place: Path, folder: Path, archive: Path) -> str:
    """What was written where nothing may be; '' when there is nothing."""
    allowed = {archive.name, "home"}
    stray = [path.name for path in place.iterdir() if path.name not in allowed]
    stray += [path.name for path in folder.iterdir() if not path.name.isdecimal()]
    home = place / "home"
    stray += [path.name for path in home.iterdir() if path.name not in ("datasets", "sources")] if home.exists() else []
    stray += [path.name for path in (home / "datasets").glob(".*")]
    return ", ".join(stray)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block when it takes longer."""

    def over(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def main() -> int:
    from benchmarks.machine import describe
    from core.portable.pictures import square

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--archives", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        told = {
            "image": fuzz_images(options.images, options.seed, Path(one), lambda path: square(path, 64)),
            "archive": fuzz_archives(options.archives, options.seed, Path(two)),
        }
    print(f"Measured on {describe()}, seed {options.seed}.\n")
    print("| mutated | number | outcomes | crashes | hangs over 5 s | written outside | seconds, median and longest |")
    print("|---|---|---|---|---|---|---|")
    for kind, one_told in told.items():
        counts = one_told.outcomes
        shown = ", ".join(f"{name} {count}" for name, count in counts.most_common())
        seconds = f"{median(one_told.seconds):.3f}, {max(one_told.seconds):.2f}"
        print(
            f"| {kind} | {len(one_told.seconds)} | {shown} | {counts['crash'] + counts['fault']} | {counts['hang']} "
            f"| {counts['outside']} | {seconds} |"
        )
    wrong = [line for one_told in told.values() for line in one_told.wrong]
    for line in wrong:
        print(f"\n{line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
