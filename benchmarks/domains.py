"""From a labelled source to an unlabelled target: does adaptation help, and would a few labels help more?

    python -m benchmarks.domains OUT_FOLDER SOURCE:TARGET [SOURCE:TARGET ...] [--seeds 3] [--flags="--image-px 96"]
        [--ways "source only" MMD] [--equal 60]

SOURCE and TARGET are whatever `python -m training fit` takes: a folder, an archive, 'sample:digits_plain'. Of each pair
five runs a seed: source only, aligned by MMD, aligned by DANN; class means of 5 labelled target images a class; and
fine-tuning on every labelled target image (the ceiling). All are judged on the target's test images, whose labels, like
all of the target's, the first three never see. One JSON line a run goes to OUT_FOLDER/domains.jsonl at once, so that a
killed benchmark goes on; OUT_FOLDER/domains.md is rewritten after each. With --equal both sides keep so many images of
each class, drawn once, so that the classes have the same shares in both. While the file given with --pause exists, no
run is started.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import tempfile
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from advisor.planning.two_domains import check_domains
from benchmarks.command import append, read
from benchmarks.machine import describe
from core.home import home as make_home
from core.plans import ADAPTING, RunConfig, to_json
from core.types import DatasetRef
from core.zoo import catalog
from dataset.folder import read_rows
from training.cli.commands.fit import fit, plan_of
from training.cli.flags import options_of
from training.cli.steps import import_data
from training.jobs.context import StoreContext
from training.jobs.train import train
from training.record.foreseen import to_train
from training.requests import submit
from training.store.store import Store

WAYS = {
    "source only": "--strategy source_only",
    "MMD": "--strategy mmd",
    "DANN": "--strategy dann",
    "5 labels a class": "--strategy prototype --per-class 5",
    "target supervised": "--strategy partial",
}
ADAPTED = ("MMD", "DANN")
KEPT = ("judged", "val_accuracy", "test_accuracy", "target_accuracy", "epochs", "weights_sha256")
GOAL = 0.05
"""What an adapted run should gain over source-only."""


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("out", type=Path)
    words.add_argument("pairs", nargs="+", metavar="SOURCE:TARGET")
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--pause", type=Path, metavar="FILE")
    words.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    words.add_argument("--equal", type=int, default=0, metavar="IMAGES", help="of each class, in source and target")
    words.add_argument("--flags", default="", help="further flags of `fit`, for every run")
    options = words.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log, home = options.out / "domains.jsonl", make_home(str(options.out / "home"))
    pairs = [import_pair(*split_pair(pair), home) for pair in options.pairs]
    if options.equal:
        pairs = [(equal(a, options.equal, home), equal(b, options.equal, home)) for a, b in pairs]
    store = Store(home)
    for left in store.jobs(states=("running",)):
        store.lose(left, "The benchmark that ran it was killed.")
    for left in store.jobs(states=("queued",)):
        store.request_stop(left.id)
        store.delete((left.id,))
    for seed in range(options.seeds):
        for source, target in pairs:
            for way in options.ways:
                flags = WAYS[way]
                run = {"pair": f"{source.name} to {target.name}", "way": way, "seed": seed, "flags": options.flags}
                if any(run.items() <= known.items() for known in read(log)):
                    continue
                while options.pause and options.pause.exists():
                    time.sleep(5)
                began = time.perf_counter()
                result = train_here(home, plan_run(source, target, f"{flags} {options.flags}", seed))
                two = "target_accuracy" in result
                result["judged"] = result.get("target_accuracy" if two else "test_accuracy")
                kept = {name: result.get(name) for name in KEPT}
                append(log, {**run, "seconds": round(time.perf_counter() - began, 1), **kept})
                (options.out / "domains.md").write_text(table(read(log)))
                print(f"{run['pair']}, {way}, seed {seed}: {result['judged']}", flush=True)
    print(table(read(log)))


def import_pair(source: str, target: str, home: Path) -> tuple[DatasetRef, DatasetRef]:
    """Both as datasets of their own: the target's labels judge, and two of the ways learn from them."""
    found = import_data(source, home), import_data(target, home)
    check_domains(*found)
    return found


def equal(ref: DatasetRef, each: int, home: Path) -> DatasetRef:
    """A dataset of `each` images of every class of `ref`. Raises ValueError where a class has fewer."""
    rows = read_rows(ref)
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / f"{ref.name}, {each} a class"
        for label, name in enumerate(ref.classes):
            own = [row.path for row in rows if row.label == label][:each]
            if len(own) < each:
                raise ValueError(f"'{name}' of {ref.name} has {len(own)} images, not {each}")
            (folder / name).mkdir(parents=True)
            for number, path in enumerate(own):
                shutil.copyfile(ref.images_root / path, folder / name / f"{number:04d}{Path(path).suffix}")
        return import_data(str(folder), home)


def plan_run(source: DatasetRef, target: DatasetRef, flags: str, seed: int) -> RunConfig:
    """What `python -m training fit` with these flags would run."""
    typed = fit.make_context("fit", ["-", *shlex.split(flags)]).params
    options, kind, per_class = options_of(typed), typed["strategy"], typed["per_class"] or 0
    adapting = kind in ADAPTING
    ref = source if adapting else target
    plan = plan_of(ref, None, kind, catalog.backbone(typed["backbone"]), options, per_class=per_class)
    return RunConfig(ref.id, plan, seed=seed, target_id=target.id if adapting else "", per_class=per_class)


def train_here(home: Path, config: RunConfig) -> dict[str, Any]:
    """One run in this process, as a worker would do it: forty-five workers would mostly load torch."""
    store = Store(home)
    submit(store, to_train(store, config))
    job = store.claim_next()
    assert job is not None
    context = StoreContext(store, job)
    try:
        result, _ = train(job, context, store, home)
    finally:
        context.close()
    document: dict[str, Any] = to_json(result)
    store.finish(job, document)
    return document


def split_pair(text: str) -> tuple[str, str]:
    """'a.zip:b.zip' and 'sample:x:sample:y' alike. Raises ValueError for anything else."""
    marked = text.replace("sample:", "sample\0")
    parts = [part.replace("\0", ":") for part in marked.split(":")]
    if len(parts) != 2:
        raise ValueError(f"'{text}' is not SOURCE:TARGET")
    return parts[0], parts[1]


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: a row per pair and way, and what adaptation gained."""
    lines = [
        f"Measured on {describe()}, shared with other work: the seconds are no timing.",
        f"Every run with `{runs[0].get('flags') or 'the plan as it is'}`.",
        "Accuracy on the target's test images: each seed, mean, standard deviation; `gain`: over source only, points.",
        "",
        "| pair | way | seeds | target accuracy (each seed) | mean | sd | gain | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    verdicts = []
    for pair in dict.fromkeys(run["pair"] for run in runs):
        means: dict[str, float] = {}
        for way in WAYS:
            own = [run for run in runs if (run["pair"], run["way"]) == (pair, way)]
            if not own:
                continue
            scores = [run["judged"] for run in own if run["judged"] is not None]
            if len(scores) < len(own):
                failed = next(run for run in own if run["judged"] is None)
                why = failed.get("error")
                lines.append(f"| {pair} | {way} | {len(scores)} of {len(own)} | failed: {why} | | | | |")
                continue
            means[way] = mean(scores)
            gain = f"{100 * (means[way] - means['source only']):+.1f}" if "source only" in means else ""
            spread = f"{stdev(scores):.3f}" if len(scores) > 1 else ""
            each = ", ".join(f"{score:.3f}" for score in scores)
            seconds = mean(run["seconds"] for run in own)
            lines.append(
                f"| {pair} | {way} | {len(scores)} | {each} | {means[way]:.3f} | {spread} | {gain} | {seconds:.0f} |"
            )
        if "source only" in means and any(way in means for way in ADAPTED):
            best = max((way for way in ADAPTED if way in means), key=lambda way: means[way])
            gained = means[best] - means["source only"]
            verdicts.append((pair, best, gained))
    reached = sum(gained >= GOAL for _, _, gained in verdicts)
    goal = f"Goal: MMD or DANN gains {100 * GOAL:.0f} points on at least two of three pairs. Reached on {reached}."
    lines += ["", goal]
    lines += [f"- {pair}: {best} {100 * gained:+.1f} points." for pair, best, gained in verdicts]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
