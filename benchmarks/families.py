"""Does every family of timm's networks work, or is it refused by name before anything is trained?

    python -m benchmarks.families OUT [--hours 1] [--only NAME ...] [--table benchmarks/results/families.md]

The smallest member of each of timm's modules, and members that are built otherwise (`ALSO`), with random weights: added
from a file, trained by every strategy on a few drawn images of the smallest side that it takes, and exported, each as a
real job. Every network has a process of its own that ends after a time and at a size, as many at once as there are
cores. An outcome is "ok", "refused: " with the sentence that a user reads before anything is trained, or "FAILED: "
with anything else: then the exit code is 1. Goes on where it was ended: a line per network in OUT/families.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from advisor.planning.two_domains import plan_adaptation
from benchmarks.command import PROJECT, append, last_line, read
from benchmarks.machine import describe
from core.errors import PlanError, ThawError
from core.plans import ADAPTING, KINDS, Kind, RunConfig
from core.zoo import catalog
from dataset.ingest.sources import import_path
from training import requests
from training.machine import cores
from training.store.records import Job
from training.store.store import Store

ALSO = (
    "botnet26t_256", "caformer_s18", "eva02_tiny_patch14_224", "lambda_resnet26t", "maxvit_pico_rw_256",
    "mixer_s16_224", "mobileone_s1", "mobilevitv2_050", "nf_regnet_b0", "vit_tiny_patch16_224",
)  # fmt: skip
"""Members built otherwise than the smallest one of their module."""
SIDES = (64, 128)
"""Sides of the images to try before the network's own, px."""
LIMIT_S, LATEST_S = 2400, 7200.0
"""Seconds for one network, of a core and by the clock: other programs may use the machine."""
LIMIT_BYTES = 14 * 2**30
"""Memory for one network: AdamW on 400 million weights takes half of it."""
PER_CLASS, BATCH, PASS = 10, 4, 8
"""Images of each class, of a step and of a pass through frozen stages."""
STEPS = ("add", *KINDS, "export")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hours", type=float, help="begin with no further network after so many (all)")
    parser.add_argument("--only", nargs="+", default=[], help="these networks, anew")
    parser.add_argument("--table", type=Path, help="write the table to this file too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.one:
        tried(options.one, options.out)
        return 0
    began, log, everyone = time.monotonic(), options.out / "families.jsonl", members(options.out / "members.json")
    done = {} if options.only else {record["model"]: record for record in read(log)}

    def outcome_in_time(model: str) -> dict[str, Any] | None:
        late = options.hours is not None and time.monotonic() - began > 3600 * options.hours
        return None if late else outcome(model, everyone.get(model, ""), options.out)

    with ThreadPoolExecutor(cores()) as several:
        coming = [several.submit(outcome_in_time, model) for model in options.only or everyone if model not in done]
        for one in as_completed(coming):
            if record := one.result():
                append(log, record)
    last = {record["model"]: record for record in read(log)}
    text = table([last[model] for model in (*everyone, *sorted(last.keys() - everyone.keys())) if model in last])
    if options.table:
        options.table.write_text(text)
    print(text)
    return int(any(failures(record) for record in last.values()))


def members(known: Path) -> dict[str, str]:
    """Each network that is tried, with its module of timm, in an order that mixes kinds and sizes. Kept in `known`,
    since it takes minutes to find the smallest ones."""
    if not known.exists():
        import timm
        import torch

        def params(name: str) -> int:
            with torch.device("meta"):
                return sum(parameter.numel() for parameter in timm.create_model(name).parameters())

        smallest = {min(names, key=params): module for module in timm.list_modules() if (names := _names(module))}
        modules = {name: module for module in timm.list_modules() for name in _names(module)}
        found = sorted((smallest | {name: modules[name] for name in ALSO}).items())
        random.Random(0).shuffle(found)
        known.write_text(json.dumps(dict(found), indent=1))
    return dict(json.loads(known.read_text()))


def _names(module: str) -> list[str]:
    import timm

    return list(timm.list_models(module=module))


def outcome(model: str, module: str, out: Path) -> dict[str, Any]:
    """What a process of its own made of one network."""
    steps, log = out / f"{model}.jsonl", out / f"{model}.log"
    steps.unlink(missing_ok=True)
    print(f"{model} ...", file=sys.stderr, flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.families", str(out), "--one", model]
    with log.open("w") as file:
        try:
            ended = subprocess.run(
                command, cwd=PROJECT, stdout=file, stderr=file, timeout=LATEST_S, check=False,
                env={**os.environ, "THAW_SPARE": "0", "OMP_NUM_THREADS": "1"},
            ).returncode  # fmt: skip
            why = "" if not ended else f"the process ended with {ended}: {last_line(log.read_text(errors='replace'))}"
        except subprocess.TimeoutExpired:
            why = f"not done after {LATEST_S:g} s"
    shutil.rmtree(out / "homes" / model, ignore_errors=True)
    record: dict[str, Any] = {"model": model, "module": module, "seconds": time.monotonic() - began, "outcomes": {}}
    for step in read(steps):
        record["outcomes"] |= step.pop("outcomes", {})
        record |= step
    if why:
        record["outcomes"][next((step for step in STEPS if step not in record["outcomes"]), "end")] = f"FAILED: {why}"
    if not failures(record):
        log.unlink()
    steps.unlink(missing_ok=True)
    return record


def failures(record: dict[str, Any]) -> list[str]:
    """The third outcomes of one network."""
    return [f"{step}: {said}" for step, said in record["outcomes"].items() if said.startswith("FAILED")]


# --- within the process of one network -----------------------------------------------------------------------------


def tried(model: str, out: Path) -> None:
    """Add it, train it by every strategy, export it. What came of each is written to OUT/NAME.jsonl at once."""
    from training.caches import frozen_pass

    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_BYTES, LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
    home, steps = out / "homes" / model, out / f"{model}.jsonl"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    frozen_pass.BATCH = PASS
    store, weights = Store(home), random_weights(model, home)

    def told(step: str, said: str) -> bool:
        append(steps, {"outcomes": {step: said}})
        return said == "ok"

    addition = requests.AddBackbone(model, str(weights))
    if not told("add", refused_or(model, lambda: worked(store, addition), trains=False)):
        return
    catalog.load_cards(home)
    card, px = catalog.backbone(model), smallest_side(model, weights)
    weights.unlink()
    append(steps, {"params": card.body_params, "stages": card.head, "px": px})
    source, target = (import_path(drawn(home / name, shade), home) for name, shade in (("source", 0), ("target", 40)))
    runs: dict[Kind, Job] = {}

    def train(kind: Kind) -> Job:
        adapting = kind in ADAPTING
        descends = kind not in ("prototype", "linear_probe")
        options = Options(
            image_px=px, epochs=1 if descends else None, batch_size=BATCH if descends else None,
            views=1 if descends else None,
        )  # fmt: skip
        strategy = (plan_adaptation if adapting else plan)(
            kind, card, train_images=source.images, classes=len(source.classes), options=options
        )
        config = RunConfig(source.id, strategy, target_id=target.id if adapting else "")
        runs[kind] = worked(store, requests.Train(config, requests.NotForeseen("Nothing was measured.")))
        return runs[kind]

    for kind in KINDS:
        told(kind, refused_or(model, partial(train, kind)))
    if (run := runs.get("full")) is not None and run.state == "finished":
        told("export", refused_or(model, lambda: worked(store, requests.Export.of(run))))


def worked(store: Store, request: requests.Request) -> Job:
    """The job of a request, worked on in this process to its end."""
    from training.jobs.context import StoreContext
    from training.jobs.worker import perform

    job = requests.submit(store, request)
    claimed = store.claim_next(job.lane)
    assert claimed is not None and claimed.id == job.id
    return perform(StoreContext(store, claimed))


def refused_or(model: str, work: Callable[[], Job], trains: bool = True) -> str:
    """How a job ended. A refusal names the network and comes before anything is trained: from a plan, or when added."""
    try:
        job = work()
    except ThawError as error:
        said = str(error)
        return f"refused: {said}" if model in said else f"FAILED: {said}"
    if job.state == "finished":
        result = job.result or {}
        kept = job.kind != "train" or (result.get("weights_sha256") and result.get("test_accuracy") is not None)
        return "ok" if kept else f"FAILED: {result.get('note') or 'nothing was kept'}"
    said = " ".join(str(job.error or job.state).split())
    unforeseen = trains or "unexpected" in said or "out of memory" in said or model not in said
    return f"FAILED: {said[:400]}" if unforeseen else f"refused: {said}"


def random_weights(model: str, home: Path) -> Path:
    """A file as a download would be."""
    import timm
    import torch

    torch.manual_seed(0)
    torch.save(timm.create_model(model).state_dict(), home / "random.pth")
    return home / "random.pth"


def smallest_side(model: str, weights: Path) -> int | None:
    """Of SIDES, the first that the network and its weights take; None = its own."""
    from training.backbones import pretrained

    own = int(pretrained.config(model)["input_size"][-1])
    for px in SIDES:
        if px >= own:
            return None
        try:
            pretrained.load(model, model, weights, image_px=px)
            return px
        except PlanError:
            continue
    return None


def drawn(folder: Path, shade: int) -> Path:
    """A folder of two classes, `PER_CLASS` images each: a light disc or a dark one on noise, all lighter by `shade`."""
    source = np.random.default_rng(shade)
    rows, columns = np.mgrid[:48, :48]
    for name, ink in (("dark", 20), ("light", 180)):
        (folder / name).mkdir(parents=True)
        for number in range(PER_CLASS):
            pixels = source.integers(80, 120, (48, 48, 3))
            y, x, radius = source.integers((16, 16, 8), (32, 32, 14))
            pixels[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = ink
            Image.fromarray((pixels + shade).astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder


# --- the table -----------------------------------------------------------------------------------------------------


def table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: the count first, then a line per network."""

    def kind(record: dict[str, Any]) -> str:
        said = record["outcomes"].values()
        return "FAILED" if failures(record) else "refused" if any(one != "ok" for one in said) else "ok"

    counts, seconds = Counter(map(kind, records)), sum(record["seconds"] for record in records)
    lines = [
        "# Does every family of timm's networks work?",
        "",
        "`python -m benchmarks.families OUT`: the smallest member of each of timm's modules, and members built "
        "otherwise, with random weights. Each is added from a file, trained by every strategy "
        f"({', '.join(KINDS)}; one epoch a phase, {2 * PER_CLASS} images of two classes) and exported, "
        "the export held against torch; a time and a memory limit for each.",
        "",
        f"{len(records)} networks of {len({record['module'] for record in records})} modules: {counts['ok']} work "
        f"in everything, {counts['refused']} are refused by name before anything is trained, {counts['FAILED']} did "
        f"anything else. It took {seconds / 60:.0f} minutes on {describe()}, timm {version('timm')}.",
        "",
        _row(["module", "network", "M parameters", "px", "stages", "strategies", "export", "s"]),
        _row(["---"] * 8),
    ]
    for record in sorted(records, key=lambda one: (one["module"], one["model"])):
        said = record["outcomes"]
        ok = sum(said.get(step) == "ok" for step in KINDS)
        others = [f"{step}: {said[step]}" for step in KINDS if said.get(step, "ok") != "ok"]
        strategies = said["add"] if said["add"] != "ok" else "; ".join([f"{ok} ok", *others])
        size = f"{record['params'] / 1e6:.1f}" if "params" in record else ""
        lines.append(
            _row([
                record["module"], record["model"], size, record.get("px") or ("own" if size else ""),
                record.get("stages", ""), strategies, said.get("export", ""), f"{record['seconds']:.0f}",
            ])
        )  # fmt: skip
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main())
