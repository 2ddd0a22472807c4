"""Faults injected into a home, each with real processes: what a user sees of it, and what is lost.

    python -m benchmarks.faults_survived [--only NAME ...] [--out benchmarks/results/faults_survived.md]

Every fault has a copy of one home with a dataset and a finished run. What it held (each file of its datasets and runs,
each row of its database, by digest) is compared with what it holds when the fault is over. A fault is a function of a
folder of its own that returns its row: add it to `FAULTS`. Disks that are full, read-only or unplugged are mounts,
which need root; without it these rows say so. Some five minutes. Exits with 1 when anything was lost.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from streamlit.testing.v1 import AppTest

from benchmarks.command import PROJECT, last_line
from benchmarks.machine import describe
from tests.support import wrong
from tests.support.seeding import words
from training.record.foreseen import to_train
from training.requests import submit
from training.store.store import Store

LOCK_S = 30.0
FIT = ("fit", "sample:shapes", "--strategy", "linear_probe", "--backbone", "efficientnet_lite0")


class Row(NamedTuple):
    fault: str
    injected: str
    """How."""
    seen: str
    """By the user: the sentence."""
    lost: str
    """'nothing', or what."""


class Impossible(Exception):
    """A fault that cannot be injected on this machine."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[fault.__name__ for fault in FAULTS])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="thaw-faults-") as folder:
        whole = Path(folder) / "whole"
        said(whole, *FIT)
        os.environ["FAULTS_WHOLE"] = str(whole)
        for fault in FAULTS:
            if options.only and fault.__name__ not in options.only:
                continue
            place = Path(folder) / fault.__name__
            place.mkdir()
            try:
                row = fault(place)
            except Impossible as why:
                row = Row(fault.__name__.replace("_", " "), f"not here: {why}", "", "")
            rows.append(row)
            print(f"| {' | '.join(row)} |", flush=True)
    if options.out:
        text = f"# Faults survived\n\n`python -m benchmarks.faults_survived`\n\nMeasured on {describe()}.\n\n"
        text += "| fault | injected | what the user saw | lost |\n|---|---|---|---|\n"
        text += "".join(f"| {' | '.join(row)} |\n" for row in rows)
        options.out.write_text(text, encoding="utf-8")
    return int(any(row.lost not in ("nothing", "") for row in rows))


# --- a home, before and after --------------------------------------------------------------------------------


def copy(place: Path) -> Path:
    """A home of its own for a fault."""
    return Path(shutil.copytree(os.environ["FAULTS_WHOLE"], place / "home", dirs_exist_ok=True))


def held(home: Path) -> dict[str, str]:
    """Everything that must not get lost, by name: digests of the files of datasets and runs, and of the rows."""
    found = {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("datasets", "runs") for path in sorted((home / folder).rglob("*")) if path.is_file()
    }  # fmt: skip
    with sqlite3.connect(home / "thaw.db") as db:
        for table in ("jobs", "metrics", "events", "facts"):
            for row in db.execute(f"SELECT * FROM {table}"):
                found[f"{table} {row[:2]}"] = repr(row)
    db.close()
    return found


def lost(before: dict[str, str], home: Path) -> str:
    after = held(home)
    gone = [name for name, digest in before.items() if after.get(name) != digest]
    return ", ".join(gone[:3]) or "nothing"


# --- what a user sees ----------------------------------------------------------------------------------------


def said(home: Path, *verb: str) -> tuple[int, str]:
    """(exit code, last line) of a command of the terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "training", *verb, "--home", str(home)], cwd=PROJECT, capture_output=True, text=True,
        check=False, env={**os.environ, "THAW_SPARE": "0"},
    )  # fmt: skip
    if "Traceback" in done.stderr:
        return done.returncode, f"a traceback: {last_line(done.stderr)}"
    return done.returncode, last_line(done.stderr if done.returncode else done.stdout)


def start_page(home: Path) -> str:
    """What stands on the start page: its notice, or 'the page'."""
    os.environ |= {"THAW_HOME": str(home), "THAW_SPARE": "0"}
    at = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=120).run()
    if at.exception:
        return f"an error of the server: {at.exception[0].message}"
    shown = words(at)
    return shown[shown.index("This did not work") + 18 :].strip() if "This did not work" in shown else "the page"


def told(home: Path, *verb: str) -> str:
    """Terminal and start page in one cell; they say the same sentence."""
    (code, terminal), page = said(home, *(verb or ("runs",))), start_page(home)
    sentence = terminal.removeprefix("thaw: ").replace(str(home.parent), "…")
    page = page.replace(str(home.parent), "…")
    alike = page == sentence and code == 1
    return f"“{sentence}” ({'terminal, exit code 1, and start page' if alike else f'exit code {code}; page: {page}'})"


# --- mounts --------------------------------------------------------------------------------------------------


def mount(*words: str | Path) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Impossible(f"mounts need root ({done.stderr.strip()})")


@contextmanager
def disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A small disk of its own with a copy of the home on it."""
    at = place / "disk"
    at.mkdir()
    mount("-t", "tmpfs", "-o", f"size={megabytes}m", "none", at)
    try:
        yield copy(at)
    finally:
        subprocess.run(["umount", "-l", str(at)], check=False)


# --- the faults ----------------------------------------------------------------------------------------------


def wrong_values(place: Path) -> Row:
    """Each field of a dataset's record and of a run's row and result with each kind of wrong value, all in one home."""
    home = copy(place)
    before, number = held(home), 0
    (root,) = (path for path in (home / "datasets").iterdir() if (path / "dataset.json").is_file())
    for number, (_, document) in enumerate(wrong.variants(json.loads((root / "dataset.json").read_text()))):
        other = root.with_name(f"{number:016x}")
        other.mkdir()
        (other / "dataset.json").write_text(json.dumps({**document, "id": other.name}))
    with sqlite3.connect(home / "thaw.db") as db:
        db.row_factory = sqlite3.Row
        row = dict(db.execute("SELECT * FROM jobs WHERE kind = 'train'").fetchone())
        for at, (_, document) in enumerate(wrong.variants(json.loads(row["result"]))):
            own = {**row, "id": f"wrong{at:05d}", "result": json.dumps(document)}
            names = ", ".join(f'"{name}"' for name in own)
            db.execute(f"INSERT INTO jobs ({names}) VALUES ({', '.join('?' * len(own))})", list(own.values()))
    db.close()
    (code, runs), (other_code, _) = said(home, "runs"), said(home, "datasets")
    seen = f"{start_page(home)}, and both lists with the rest (exit codes {code}, {other_code}): “{runs[:150]} …”"
    fault = f"{number + 1:,} datasets and {at + 1:,} runs with a wrong value"
    return Row(fault, "each field, each kind of value", seen.replace(str(place), "…"), lost(before, home))


def wrong_bundles(place: Path) -> Row:
    """A run's bundle with values that are none, brought into the home that has it."""
    home = copy(place)
    with sqlite3.connect(home / "thaw.db") as db:
        (run,) = db.execute("SELECT id FROM jobs WHERE kind = 'train'").fetchone()
    db.close()
    before, file, seen = held(home), place / "run.zip", []
    said(home, "bundle", run, "--out", str(file), "--no-images")
    changes: dict[str, Callable[[Any], Any]] = {
        "`created`: text": lambda found: {**found, "run": {**found["run"], "created": "yesterday"}},
        "`created`: 1e18": lambda found: {**found, "run": {**found["run"], "created": 1e18}},
        "`seconds`: \"x\"": lambda found: {**found, "run": {**found["run"], "seconds": "x"}},
    }  # fmt: skip
    for change in changes.values():
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(place / "wrong.zip", "w") as new:
            for name in old.namelist():
                content = old.read(name)
                new.writestr(name, json.dumps(change(json.loads(content))) if name == "bundle.json" else content)
        seen.append(said(home, "unbundle", str(place / "wrong.zip"))[1].removeprefix("thaw: "))
    return Row("a bundle with wrong values", ", ".join(changes), "“" + "” “".join(seen) + "”", lost(before, home))


def read_only(place: Path) -> Row:
    with disk(place, 64) as home:
        before = held(home)
        mount("-o", "remount,ro", place / "disk")
        seen = told(home)
        mount("-o", "remount,rw", place / "disk")
        return Row("a home that may not be written", "its disk mounted read-only", seen, lost(before, home))


def full_disk(place: Path) -> Row:
    with disk(place, 64) as home:
        before = held(home)
        free = shutil.disk_usage(home).free
        with (home.parent / "ballast").open("wb") as file:
            file.write(bytes(free - 128 * 1024))
        code, sentence = said(home, "profile", "sample:digits")
        page = start_page(home)
        (home.parent / "ballast").unlink()
        seen = f"“{sentence.removeprefix('thaw: ')}” (exit code {code}); start page: {page}"
        return Row("a full disk", "128 kB left, then an import", seen.replace(str(place), "…"), lost(before, home))


def unplugged(place: Path) -> Row:
    """The disk goes while a server has it open, and comes back."""
    (place / "stick").mkdir()
    (place / "disk").mkdir()
    home = place / "disk" / "home"
    copy(place / "stick")
    mount("--bind", place / "stick", place / "disk")
    before = held(home)
    first = start_page(home)
    subprocess.run(["umount", "-l", str(place / "disk")], check=True)
    away = start_page(home)
    made = home.exists()
    mount("--bind", place / "stick", place / "disk")
    try:
        seen = f"{first}; then “{away.replace(str(place), '…')}”; plugged in again: {start_page(home)}"
        return Row("a disk that is unplugged", "unmounted under a server", seen,
                   "a home was made in its place" if made else lost(before, home))  # fmt: skip
    finally:
        subprocess.run(["umount", "-l", str(place / "disk")], check=False)


def deleted_home(place: Path) -> Row:
    """Moved away under a server, as deleting it would, and brought back."""
    home = copy(place)
    before = held(home)
    start_page(home)
    home.rename(place / "away")
    seen, made = start_page(home).replace(str(place), "…"), home.exists()
    if not made:
        (place / "away").rename(home)
    return Row("a home that vanishes", "moved away under a server", f"“{seen}”; back again: {start_page(home)}",
               "a home was made in its place" if made else lost(before, home))  # fmt: skip


def file_as_home(place: Path) -> Row:
    home = place / "home"
    home.write_text("no folder")
    seen = told(home)
    kept = home.read_text() == "no folder"
    return Row("a home that is a file", "--home FILE", seen, "nothing" if kept else "the file")


def _database(place: Path, fault: str, change: Callable[[bytes], bytes]) -> Row:
    home = copy(place)
    before = held(home)
    for file in home.glob("thaw.db-*"):
        file.unlink()
    whole = (home / "thaw.db").read_bytes()
    (home / "thaw.db").write_bytes(change(whole))
    seen = told(home)
    kept = (home / "thaw.db").read_bytes() == change(whole)
    (home / "thaw.db").write_bytes(whole)  # the copy that the sentence asks for
    return Row(fault, "thaw.db", seen, lost(before, home) if kept else "the database was written to")


def empty_database(place: Path) -> Row:
    return _database(place, "a database of 0 bytes", lambda whole: b"")


def cut_database(place: Path) -> Row:
    return _database(place, "a database cut in half", lambda whole: whole[: len(whole) // 2])


def no_database(place: Path) -> Row:
    return _database(place, "a database that is none", lambda whole: b"something else\n" * 500)


def locked_database(place: Path) -> Row:
    """Another program holds the write lock while a run trains."""
    home = copy(place)
    before = held(home)
    command = [sys.executable, "-m", "training", "fit", "sample:shapes", "--strategy", "scratch", "--backbone", "mlp",
               "--epochs", "400", "--home", str(home), "--json"]  # fmt: skip
    training = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    db = sqlite3.connect(home / "thaw.db", isolation_level=None, timeout=60)
    begun = "SELECT 1 FROM metrics WHERE job IN (SELECT id FROM jobs WHERE state = 'running')"
    while training.poll() is None and not db.execute(begun).fetchone():
        time.sleep(0.1)
    db.execute("BEGIN EXCLUSIVE")
    at = time.time()
    time.sleep(LOCK_S)
    db.execute("COMMIT")
    answer = json.loads(training.communicate()[0].splitlines()[-1])
    rows = [row[0] for row in db.execute('SELECT "row" FROM metrics WHERE job = ? ORDER BY 1', (answer["run_id"],))]
    written = [row[0] for row in db.execute("SELECT written FROM metrics WHERE job = ?", (answer["run_id"],))]
    db.close()
    during = sum(at + 1 < moment < at + LOCK_S for moment in written)
    whole = rows == list(range(len(rows)))
    seen = f"the run {answer['state']}, with {len(rows)} rows, {during} of them written meanwhile"
    return Row("a locked database", f"the write lock held for {LOCK_S:.0f} s while a run trains", seen,
               lost(before, home) if whole and answer["state"] == "finished" else f"rows: {rows[:5]} ...")  # fmt: skip


MEMORY = """
import sys
from training.caches import frozen_pass
from training.jobs import worker
forward = frozen_pass._Tapped.forward
def tight(self, x):
    if len(x) > {most}:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
    return forward(self, x)
frozen_pass._Tapped.forward = tight
sys.exit(worker.main([sys.argv[1], "--home", sys.argv[2]]))
"""


def _out_of_memory(place: Path, most: int) -> tuple[str, str, str]:
    """(state, what was said, accuracy) of a run whose frozen pass holds so many images."""
    home = copy(place)
    store = Store(home)
    (run,) = store.jobs(kind="train")
    shutil.rmtree(home / "cache", ignore_errors=True)
    job = submit(store, to_train(store, run.plan))
    store.claim_next()
    code = MEMORY.format(most=most)
    subprocess.run([sys.executable, "-c", code, job.id, str(home)], cwd=PROJECT, capture_output=True, check=False,
                   env={**os.environ, "THAW_SPARE": "0"})  # fmt: skip
    now = store.job(job.id)
    told = [event["text"] for event in store.events(job.id) if event["kind"] == "memory"]
    found, known = (now.result or {}).get("test_accuracy"), (run.result or {}).get("test_accuracy")
    return now.state, " ".join(told) or str(now.error), f"{found} (undisturbed {known})"


def memory_shrinks(place: Path) -> Row:
    state, sentence, accuracy = _out_of_memory(place, 9)
    seen = f"“{sentence}” The run {state}: test accuracy {accuracy}"
    return Row("memory runs out in the frozen pass", "a pass that fails above 9 images", seen,
               "nothing" if state == "finished" else f"the run {state}")  # fmt: skip


def memory_for_none(place: Path) -> Row:
    state, sentence, _ = _out_of_memory(place, 0)
    return Row("memory for not even one image", "a pass that always fails", f"“{sentence}”",
               "nothing" if state == "failed" else f"the run {state}")  # fmt: skip


def _killed(place: Path, fault: str, how: str, *command: str) -> Row:
    done = subprocess.run([sys.executable, "-m", *command], cwd=PROJECT, capture_output=True, text=True, check=False)
    last = next((line for line in reversed(done.stdout.splitlines()) if line.startswith("|")), last_line(done.stderr))
    return Row(fault, how, last.strip("| ").replace("|", ";"), "nothing" if done.returncode == 0 else "see the command")


def killed_runs(place: Path) -> Row:
    """`benchmarks.kill` at fewer moments than its own table has."""
    return _killed(place, "kill -9 of a run, resumed", "4 moments; `benchmarks.kill`", "benchmarks.kill", str(place),
                   "--points", "4", "--backbone", "mlp", "--strategies", "scratch")  # fmt: skip


def killed_imports(place: Path) -> Row:
    return _killed(place, "kill -9 of an import, repeated", "5 moments; `benchmarks.kill_import`",
                   "benchmarks.kill_import", str(place), "--points", "5", "--images", "400")  # fmt: skip


FAULTS: tuple[Callable[[Path], Row], ...] = (
    wrong_values, wrong_bundles, read_only, full_disk, unplugged, deleted_home, file_as_home, empty_database,
    cut_database, no_database, locked_database, memory_shrinks, memory_for_none, killed_runs, killed_imports,
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
