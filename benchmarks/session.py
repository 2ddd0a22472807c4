"""One scripted session in a terminal that uses every verb with --json, so that two checkouts can be held together.

    python -m benchmarks.session OUT [--tree PATH] [--home HOME] [--against EARLIER_OUT]

Starts in a fresh home (--home keeps it) with built-in samples and pictures drawn here; one thread, 96 px, few images
and epochs. OUT holds, for every command, the exit code and the document, or the sentence where there is none. --against
lists every field in which an earlier OUT differs and exits 1 when there is one; with it, OUT may be there already.
Which arithmetic is fastest is a matter of the clock: it is kept in OUT, and --against takes that of the earlier OUT.

What two sessions of the same code need not share is replaced before it is written:

- ids of runs and jobs: `id1`, `id2`, ... in the order in which they appear; those of datasets are hashes and stay
- the home, the folder of the made files and the checkout: HOME, MADE and TREE
- numbers under a name of TIMED (seconds, speeds, moments, memory, disk), whatever they are: `measured`; the size of a
  bundle too, in which moments are written
- in sentences, numbers with a unit of time, of speed or of memory: "some time", "some images/s", "some memory"
- the answers of the run that was stopped at no certain moment, until it was resumed: `a float`, `a str`, ...
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.command import PROJECT, last_line, name_of
from benchmarks.drawings import drawings

MACHINE = "machine.json"
"""Where a home keeps what was fastest."""
QUIET = {"THAW_SPARE": "0", "OMP_NUM_THREADS": "1"}
BACKBONE = "test_resnet"
"""A model of timm that is small enough to be added with random weights."""
TIMED = re.compile(
    r"created|made|seconds\w*|\w+_s|\w*eta_\w+|\w+_seconds\w*|\w+_per_s(econd)?|\w*images_per_second|ms|affordable_epochs"
    r"|\w*memory\w*|process|batch|frozen_pass|\w+_allowed_bytes|minutes_left|time_within|memory_within"
)
"""Names of fields that hold what a clock or a scale measured."""
NUMBER = r"\d[\d,]*(?:\.\d+)?\s?"
SAID = {
    re.compile(NUMBER + r"images/s\b"): "some images/s",
    re.compile(NUMBER + r"[kMG]B\b"): "some memory",
    re.compile(rf"{NUMBER}(?:ms|s|min|h|days?)\b(?: {NUMBER}(?:s|min|h)\b)*"): "some time",
}
"""In sentences: what a clock or a scale measured -> what stands there in its place."""
NEW_ID = re.compile(r"[a-z0-9]{8}")
ID_NAMES = ("id", "run_id", "job_id")
BUNDLE = "bundle"
ANYWHEN = ("stop", "fit that was stopped")
"""Steps that answer for a moment that nobody chose."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tree", type=Path, default=PROJECT)
    parser.add_argument("--home", type=Path, help="a folder that is not there yet (a temporary one)")
    parser.add_argument("--against", type=Path, metavar="OUT")
    options = parser.parse_args()
    earlier = json.loads(options.against.read_text()) if options.against else None
    if not (earlier and options.out.exists()):
        with tempfile.TemporaryDirectory() as folder:
            home = (options.home or Path(folder) / "home").absolute()
            session = Session(options.tree.resolve(), home, Path(folder).resolve())
            session.begin(earlier["arithmetic"] if earlier else {})
            began = time.perf_counter()
            script(session)
            arithmetic = json.loads((home / MACHINE).read_text())
        steps = Clean({str(home): "HOME", folder: "MADE", str(session.tree): "TREE"}).steps(session.steps)
        options.out.write_text(json.dumps({"arithmetic": arithmetic, "steps": steps}, indent=1) + "\n")
        took = time.perf_counter() - began
        print(f"{name_of(options.tree)}: {len(steps)} commands in {took:.0f} s, written to {options.out}")
    if not earlier:
        return 0
    found = differences(earlier, json.loads(options.out.read_text()))
    print("\n".join(found) or f"{options.out} and {options.against} are equal field by field.")
    return int(bool(found))


@dataclass
class Session:
    """A home, and what every command in it answered."""

    tree: Path
    home: Path
    made: Path
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)

    def begin(self, arithmetic: dict[str, str]) -> None:
        """Make the home and a second one, for the bundle, in which this arithmetic is known to be the fastest."""
        for place in (self.home, self.elsewhere):
            place.mkdir(parents=True)
            if arithmetic:
                (place / MACHINE).write_text(json.dumps(arithmetic))

    @property
    def elsewhere(self) -> Path:
        return self.made / "elsewhere"

    def __call__(self, *words: str, name: str = "", home: Path | None = None) -> Any:
        """Run one command and note its answer under `name` (its words); returns the document."""
        step, began = name or " ".join(words), time.perf_counter()
        document = self.note(step, words, self.start(*words, home=home))
        print(f"{time.perf_counter() - began:6.1f} s  {step}", file=sys.stderr, flush=True)
        return document

    def start(self, *words: str, home: Path | None = None) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "training", *words, "--json", "--home", str(home or self.home)]
        return subprocess.Popen(
            command, cwd=self.tree, env={**os.environ, **QUIET}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def note(self, step: str, words: tuple[str, ...], process: subprocess.Popen[str]) -> Any:
        out, err = process.communicate()
        document = json.loads(out.splitlines()[-1]) if out.strip() else None
        said = last_line(err) if process.returncode or document is None else ""
        if step in self.steps:
            raise SystemExit(f"Two steps of the session are called '{step}'.")
        self.steps[step] = {"command": list(words), "code": process.returncode, "said": said, "document": document}
        return document or {}


SHAPES = "sample:shapes"
SMALL = ("--image-px", "96", "--per-class", "6")


def script(do: Session) -> None:
    """Every verb, each on what earlier ones left."""
    sketches = drawings(do.made / "sketches", ("circle", "square", "star", "triangle"), 6)
    crosses = drawings(do.made / "crosses", ("cross",), 6) / "cross"
    weights = random_weights(do.made / "weights.pth")

    do("runs", name="runs of an empty home")
    do("check", SHAPES, "--quick")
    shapes = do("profile", SHAPES)["dataset_id"]
    do("check", shapes, name="check with features")
    do("advise", shapes, "--minutes", "600")
    do("advise", shapes, "--minutes", "600", "--priority", "speed", "--similarity", "low")

    probe = do("fit", shapes, "--strategy", "linear_probe", *SMALL)["run_id"]
    prototype = do("fit", shapes, "--strategy", "prototype", *SMALL)["run_id"]
    partial = do("fit", shapes, "--strategy", "partial", "--epochs", "2", "--views", "1", *SMALL)["run_id"]
    do("fit", shapes, "--strategy", "gradual", "--epochs", "2", "--views", "0", "--mixup", "0.2", *SMALL)
    do("fit", shapes, "--strategy", "lp_ft", "--epochs", "1", "--l2-sp", "0.1", "--seed", "1", *SMALL)
    do("fit", shapes, "--strategy", "scratch", "--epochs", "1", "--label-smoothing", "0.1", *SMALL)
    do("fit", shapes, "--strategy", "partial", "--from", partial, "--only-stages", "0", "--epochs", "1", *SMALL,
       name="fit --from")  # fmt: skip
    stopped(do, shapes)

    do("backbones")
    do("backbone", "add", BACKBONE, "--weights", str(weights))
    do("backbones", name="backbones with one more")
    do("fit", shapes, "--strategy", "full", "--backbone", BACKBONE, "--epochs", "1", *SMALL)

    do("target", shapes, str(sketches))
    for kind in ("source_only", "mmd"):
        do("fit", shapes, "--strategy", kind, "--target", str(sketches), "--epochs", "1", "--views", "0",
           "--trained-stages", "1", "--image-px", "96", name=f"fit {kind}")  # fmt: skip
    do("target", shapes, "--detach")

    do("compare", probe, prototype, partial)
    do("explain", partial)
    do("extend", prototype, "cross", str(crosses))

    revised = do("data", "revise", shapes, "--relabel", "square", "circle/19.png", "--exclude", "star/1?.png",
                 "--merge", "round", "circle")["dataset_id"]  # fmt: skip
    do("fit", revised, "--strategy", "linear_probe", *SMALL, name="fit of a revision")
    do("data", "history", revised)
    do("data", "undo", revised)
    do("data", "export", revised, str(do.made / "cleaned.csv"), "--with-split")
    do("data", "export", revised, str(do.made / "cleaned.zip"))
    do("check", str(do.made / "cleaned.zip"), "--quick", name="check of the cleaned set")

    do("export", partial, "--out", str(do.made / "taken"), "--int8")
    do("predict", partial, str(sketches))
    do("report", partial, "--out", str(do.made / "run.html"))
    do("report", partial, probe, "--out", str(do.made / "comparison.html"), name="report of two")
    do("bundle", partial, "--out", str(do.made / "bundle.zip"), name=BUNDLE)
    do("unbundle", str(do.made / "bundle.zip"), home=do.elsewhere)
    do("reproduce", str(do.made / "bundle.zip"), home=do.elsewhere)

    do("public")
    do("cache")
    do("cache", "--clear", shapes)
    do("runs")
    refused(do, shapes, partial)


def stopped(do: Session, dataset: str) -> None:
    """A run that is stopped in the middle and resumed."""
    words = ("fit", dataset, "--strategy", "full", "--epochs", "12", "--views", "0", *SMALL)
    going = do.start(*words)
    run: dict[str, Any] = {}
    while going.poll() is None and not (run.get("state") == "running" and run["progress"] > 0.1):
        run = next(iter(json.loads(do.start("runs").communicate()[0])), {})
    do("stop", run["run_id"], name=ANYWHEN[0])
    do.note(ANYWHEN[1], words, going)
    do("resume", run["run_id"])


def refused(do: Session, dataset: str, run: str) -> None:
    """Commands that end with a sentence."""
    do("explain", "nosuchrun")
    do("compare", run)
    do("fit", dataset, "--strategy", "mmd")
    do("fit", dataset, "--strategy", "prototype", "--mixup", "0.2")
    do("fit", "/nowhere/at/all", "--strategy", "full")
    do("profile", dataset, "--backbone", "nosuchmodel")
    do("extend", run, "cross", "/nowhere/at/all")
    do("stop", run, name="stop of a finished run")
    do("data", "revise", dataset, "--exclude", "no/such.png")


# ---- what it is made of ---------------------------------------------------------------------------------------------


def random_weights(file: Path) -> Path:
    import timm
    import torch

    torch.manual_seed(0)
    torch.save(timm.create_model(BACKBONE, pretrained=False).state_dict(), file)
    return file


# ---- what two sessions need not share -------------------------------------------------------------------------------


@dataclass
class Clean:
    """Replaces what varies. `places`: path -> what it is called."""

    places: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)

    def steps(self, steps: dict[str, dict[str, Any]]) -> dict[str, Any]:
        for step in steps.values():
            self._learn(step["document"])
        return {
            self._text(name): _kinds(step) if name in ANYWHEN else self._value(step, vague="bytes" * (name == BUNDLE))
            for name, step in steps.items()
        }

    def _learn(self, value: Any) -> None:
        for name, inner in value.items() if isinstance(value, dict) else ():
            if name in ID_NAMES and isinstance(inner, str) and NEW_ID.fullmatch(inner):
                self.ids.setdefault(inner, f"id{len(self.ids) + 1}")
            self._learn(inner)
        for inner in value if isinstance(value, list) else ():
            self._learn(inner)

    def _value(self, value: Any, name: str = "", vague: str = "") -> Any:
        """vague: the name of one more field that is measured."""
        if isinstance(value, dict):
            return {self._text(key): self._value(inner, key, vague) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner, name, vague) for inner in value]
        if isinstance(value, str):
            return self._text(value)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return "measured" if number and (TIMED.fullmatch(name) or name == vague) else value

    def _text(self, text: str) -> str:
        for place, called in self.places.items():
            text = text.replace(place, called)
        text = re.sub(r"\b[a-z0-9]{8}\b", lambda found: self.ids.get(found[0], found[0]), text)
        for measured, instead in SAID.items():
            text = measured.sub(instead, text)
        return text


def _kinds(value: Any) -> Any:
    """A document with the kinds of its values in place of these."""
    if isinstance(value, dict):
        return {name: _kinds(inner) for name, inner in value.items()}
    return f"a {type(value).__name__}"


def differences(before: Any, after: Any, place: str = "") -> list[str]:
    """A line for every field that is not in both or not equal."""
    return [f"{place}: {text}" for place, text in _differing(before, after, place)]


def _differing(before: Any, after: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            inner = f"{place} > {name}" if place else name
            if name not in after or name not in before:
                yield inner, f"only in the {'first' if name in before else 'second'}"
            else:
                yield from _differing(before[name], after[name], inner)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differing(one, other, f"{place}[{number}]")
    elif before != after or type(before) is not type(after):
        yield place, f"{_short(before)} | {_short(after)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]} ..."


if __name__ == "__main__":
    sys.exit(main())
