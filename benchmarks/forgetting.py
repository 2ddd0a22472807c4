"""How much of its old task does a backbone forget, by what was trained and what holds it back?

    python -m benchmarks.forgetting OUT SOURCE.zip DATA.zip [DATA.zip ...] [--images 200] [--epochs 4]

For each archive of DATA: a frozen backbone (linear probe), partial and full fine-tuning, full with L2-SP and with EWC,
each on IMAGES training images, as many of each class. Then `python -m training explain RUN --source SOURCE`: the share
of the test images that keep the original ImageNet prediction, and the original classifier's accuracy on SOURCE before
and after (classes of SOURCE must be ImageNet's, such as ants and bees). One seed each. One JSON line a run goes to
OUT/runs.jsonl, so that a killed benchmark goes on; OUT/table.md is written and printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.command import append, read, thaw
from benchmarks.machine import describe
from core.home import home as make_home
from core.types import Estimate
from core.words import percent
from training.cli.steps import import_data

SETTINGS: dict[str, tuple[str, ...]] = {
    "frozen (linear probe)": ("--strategy", "linear_probe"),
    "partial": ("--strategy", "partial"),
    "full": ("--strategy", "full"),
    "full, L2-SP 0.1": ("--strategy", "full", "--l2-sp", "0.1"),
    "full, EWC 1": ("--strategy", "full", "--ewc", "1"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("source")
    parser.add_argument("data", nargs="+")
    parser.add_argument("--images", type=int, default=200, help="to train on (200)")
    parser.add_argument("--epochs", type=int, default=4, help="of what is fine-tuned (4)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "runs.jsonl"
    for data in options.data:
        for name, words in SETTINGS.items():
            known = {(record["data"], record["setting"]) for record in read(log)}
            if (Path(data).stem, name) not in known:
                append(log, measured(data, name, words, options))
    text = table(read(log), Path(options.source).stem, options.images, options.epochs)
    (options.out / "table.md").write_text(text)
    print(text)


def measured(data: str, name: str, words: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    """Train one setting and look into it."""
    home = make_home(str(options.out / "home"))
    length = () if "linear_probe" in words else ("--epochs", str(options.epochs))
    per_class = max(1, options.images // len(import_data(data, home).classes))
    seconds, fitted = thaw(home, "fit", data, *words, *length, "--per-class", str(per_class))
    record = {"data": Path(data).stem, "setting": name, "machine": describe(), "seconds": seconds}
    if fitted.get("state") != "finished":
        return {**record, "error": fitted.get("error")}
    _, seen = thaw(home, "explain", fitted["run_id"], "--source", options.source)
    if "agreement" not in seen:
        return {**record, "error": seen.get("error")}
    moved = dict(zip(seen["stages"], seen["moved"], strict=True))
    return {
        **record, "test_correct": fitted["test_correct"], "test_total": fitted["test_total"], "moved": moved,
        "agreement": seen["agreement"], "source": seen["source"],
    }  # fmt: skip


def table(records: Sequence[dict[str, Any]], source: str, images: int, epochs: int) -> str:
    machines = "; ".join(sorted({record["machine"] for record in records}))
    lines = [
        f"Measured on {machines}. {images} training images, {epochs} epochs of what is fine-tuned, one seed.",
        "",
        "| data | trained | test accuracy | keeps its ImageNet prediction | weights moved: first stage / last | "
        f"original classifier on {source}: before | after |",
        "|---|---|---|---|---|---|---|",
    ]
    for record in records:
        if "error" in record:
            lines.append(f"| {record['data']} | {record['setting']} | failed: {record['error']} | | | | |")
            continue
        accuracy = record["test_correct"] / record["test_total"]
        moved = list(record["moved"].values())
        kept, known = record["agreement"], record["source"]
        lines.append(
            f"| {record['data']} | {record['setting']} | {accuracy:.1%} of {record['test_total']} | {_said(kept)} "
            f"| {moved[0]:.2%} / {moved[-1]:.2%} | {_said(known['before'])} | {_said(known['after'])} |"
        )
    return "\n".join(lines) + "\n"


def _said(estimate: dict[str, Any] | None) -> str:
    return "not known" if estimate is None else percent(Estimate(**estimate))


if __name__ == "__main__":
    main()
