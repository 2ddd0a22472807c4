"""Peak memory of every strategy and backbone: forecast against measured, through the same commands a user types.

    python -m benchmarks.memory OUT_FOLDER DATA.zip [DATA.zip ...] [--backbones efficientnet_lite0 ...]

For each backbone and archive: `python -m training profile`, then a short `fit` of every strategy. One JSON line per
fit goes to OUT_FOLDER/memory.jsonl at once, so that a killed benchmark continues where it stopped;
OUT_FOLDER/memory.md is rewritten after each.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from advisor.planning.costs import Sizes
from advisor.planning.memory import forecast_bytes
from advisor.planning.strategies import PLANNED
from benchmarks.command import append, read, thaw
from benchmarks.machine import describe
from core.home import home as make_home
from core.zoo import catalog
from core.zoo.catalog import DEFAULT_BACKBONE
from training.store.store import Store

EPOCHS = {"gradual": 4}
"""One epoch shows the peak; 'gradual' needs one for each of its four thaws."""
WITHIN = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--backbones", nargs="+", default=[DEFAULT_BACKBONE])
    parser.add_argument("--strategies", nargs="+", default=list(PLANNED))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "memory.jsonl"
    home = make_home(str(options.out / "home"))
    for backbone in options.backbones:
        for path in options.data:
            known = {(fit["backbone"], fit["data"], fit["strategy"]) for fit in read(log)}
            todo = [kind for kind in options.strategies if (backbone, Path(path).stem, kind) not in known]
            if todo:
                _, profile = thaw(home, "profile", path, "--backbone", backbone)
                if profile.get("state") != "finished":
                    raise SystemExit(f"The profile of {path} with {backbone} failed: {profile.get('error')}")
            for kind in todo:
                append(log, fit(home, path, backbone, kind))
                (options.out / "memory.md").write_text(table(home, read(log)))
    print(table(home, read(log)))


def fit(home: Path, path: str, backbone: str, kind: str) -> dict[str, Any]:
    """One short run and its peak."""
    words = ("fit", path, "--backbone", backbone, "--strategy", kind, "--epochs", str(EPOCHS.get(kind, 1)))
    _, run = thaw(home, *words)
    row = {"backbone": backbone, "data": Path(path).stem, "strategy": kind, "state": run.get("state")}
    row.update(run_id=run.get("run_id"), error=run.get("error"), measured=run.get("peak_memory_bytes"))
    print(f"{backbone} {kind}: {row['state']}, peak {row['measured']}", flush=True)
    return row


def forecast(home: Path, run_id: str) -> tuple[int, int | None]:
    """(batch size, peak memory in bytes) that the profile made before a run lets one forecast for exactly its plan."""
    store = Store(home)
    job = store.job(run_id)
    strategy = job.plan.strategy
    card, facts = catalog.backbone(strategy.backbone), store.facts(job.dataset_id, strategy.backbone)
    assert facts is not None
    sizes = Sizes.of(facts.train_images, facts.test_images, len(facts.classes))
    return strategy.batch_size, forecast_bytes(strategy, card, sizes, facts)


def beside(home: Path, row: dict[str, Any]) -> dict[str, Any]:
    """A row with its forecast beside what was measured."""
    batch, foreseen = forecast(home, row["run_id"]) if row["measured"] is not None else (None, None)
    return {**row, "batch": batch, "forecast": foreseen}


def table(home: Path, runs: list[dict[str, Any]]) -> str:
    """Markdown: a row per backbone, data set and strategy, failures included."""
    fits = [beside(home, row) for row in runs]
    known = [fit for fit in fits if fit["measured"] and fit["forecast"]]
    near = sum(abs(fit["forecast"] / fit["measured"] - 1) <= WITHIN for fit in known)
    lines = [
        f"Measured on {describe()}.",
        "Peak of the worker's anonymous memory (files mapped from disk do not count; on CUDA, what torch allocated),",
        "and the forecast made from the profile before the run.",
        f"{near} of {len(fits)} forecasts lie within {WITHIN:.0%} of the measured peak.",
        "",
        "| backbone | data | strategy | batch | forecast, MB | measured, MB | forecast / measured |",
        "|---|---|---|---|---|---|---|",
    ]
    for fit in fits:
        start = f"| {fit['backbone']} | {fit['data']} | {fit['strategy']} |"
        if fit not in known:
            lines.append(f"{start} | {fit.get('error') or fit['forecast'] or 'unknown'} | {fit['measured']} | |")
            continue
        ratio = fit["forecast"] / fit["measured"]
        lines.append(
            f"{start} {fit['batch']} | {fit['forecast'] / 1e6:,.0f} | {fit['measured'] / 1e6:,.0f} | {ratio:.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
