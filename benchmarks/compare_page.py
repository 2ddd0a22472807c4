"""How long the Compare page takes with many long runs: 20 runs of 100 epochs, in a real browser.

    python -m benchmarks.compare_page [--runs 20] [--epochs 100] [--images 400] [--times 7] [--out FILE.md]

Fills a home with finished runs (five strategies, four seeds each), starts the app, and opens /compare in headless
Chromium: `verdict` is when the scoreboard's verdict stands there, `curves` when the chart of all runs is drawn, `whole`
when scoreboard, curves, trade-offs, pictures side by side, tables and buttons all are. The first opening after the
server's start imports pandas and scipy; it is told apart.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from benchmarks.browser import chromium, served
from benchmarks.machine import describe
from core.plans import Kind, RunConfig
from core.zoo.catalog import DEFAULT_BACKBONE, backbone
from dataset.ingest.sources import import_path
from training.requests import submit
from training.requests.train import NotForeseen, Train
from training.store.run_folder import RunFolder
from training.store.store import Store

KINDS: tuple[tuple[Kind, float], ...] = (
    ("partial", 0.93), ("gradual", 0.92), ("lp_ft", 0.94), ("full", 0.91), ("scratch", 0.6),
)  # fmt: skip
CLASSES = 10
AWAITED = {
    "verdict": ["text=Holm's correction"],
    "curves": [".thaw-live[data-drawn]"],
    "whole": [".thaw-axis", ".thaw-findings", ".thaw-scatter >> nth=1", ".thaw-cases >> .thaw-case >> nth=11",
              "[data-testid=stTable] >> nth=1", "text=Download the table (CSV)", "text=Report to print"],
}  # fmt: skip
"""What has to be visible."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        dataset = fill(home, Path(place) / "images", options.runs, options.epochs, options.images)
        load = os.getloadavg()[0]
        measured = openings(home, dataset, options.times)
    names = ("verdict", "curves", "whole")
    first, rest = measured[0], measured[1:]
    lines = [
        f"Measured on {describe()}.",
        "",
        f"{options.runs} runs of {options.epochs} epochs on {options.images} test images of {CLASSES} classes;",
        f"seconds from navigating to it. {len(rest)} openings after the first, in a browser that has visited",
        f"before. Load of the machine then (1 is one busy core): {load:.1f} on {os.cpu_count()} cores;",
        f"server and browser ran at nice {os.nice(0)}.",
        "",
        "| opening | verdict, s | curves of all runs, s | whole page, s |",
        "|---|---|---|---|",
        "| first after the server's start | " + " | ".join(f"{first[name]:.2f}" for name in names) + " |",
        "| later ones, median | " + " | ".join(f"{median(m[name] for m in rest):.2f}" for name in names) + " |",
        "| later ones, slowest | " + " | ".join(f"{max(m[name] for m in rest):.2f}" for name in names) + " |",
    ]
    text = "\n".join(lines) + "\n"
    if options.out:
        options.out.write_text(text)
    print(text)


def fill(home: Path, folder: Path, runs: int, epochs: int, images: int) -> str:
    """A home with that many finished runs; returns the dataset's id."""
    source = np.random.default_rng(0)
    for part, number in (("train", 2), ("test", images // CLASSES)):
        for label in range(CLASSES):
            where = folder / part / f"class {label}"
            where.mkdir(parents=True)
            for i in range(number):
                pixels = source.integers(0, 255, (48, 48, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(where / f"{part}{i}.png")
    ref = import_path(folder, home)
    store = Store(home)
    hard = source.normal(size=images)
    paths = [(f"test/class {label}/test{i}.png", label) for label in range(CLASSES) for i in range(images // CLASSES)]
    for number in range(runs):
        kind, accuracy = KINDS[number % len(KINDS)]
        options = Options(epochs=epochs)
        strategy = plan(kind, backbone(DEFAULT_BACKBONE), train_images=100, classes=CLASSES, options=options)
        config = RunConfig(ref.id, strategy, seed=number // len(KINDS))
        submit(store, Train(config, NotForeseen("Made up for this benchmark.")))
        job = store.claim_next()
        assert job is not None
        for epoch in range(epochs):
            share = 1 - np.exp(-4 * (epoch + 1) / epochs)
            store.add_metrics(job, epoch, {
                "phase": 0, "epoch": float(epoch + 1), "step": epoch, "seconds": 2.0 * epoch, "images": 100 * epoch,
                "train_loss": 2.3 - 2 * share, "train_accuracy": share, "val_loss": 2.3 - 1.8 * share,
                "val_accuracy": accuracy * share, "lrs": [1e-3] * 9, "boundary": 6,
            })  # fmt: skip
        right = hard + 0.5 * source.normal(size=images) < np.quantile(hard, accuracy)
        file = RunFolder(home, job.id).test_predictions
        file.parent.mkdir(parents=True)
        with file.open("w", newline="", encoding="utf-8") as table:
            writer = csv.writer(table)
            writer.writerow(["path", "label", "predicted", "confidence"])
            for (path, label), hit in zip(paths, right, strict=True):
                answer = label if hit else (label + 1) % CLASSES
                writer.writerow([path, label, answer, round(0.5 + 0.5 * source.random(), 4)])
        correct = int(right.sum())
        store.finish(job, {
            "test_accuracy": correct / images, "test_correct": correct, "test_total": images, "val_accuracy": accuracy,
            "best_epoch": epochs, "epochs": epochs, "seconds": 2.0 * epochs * (1 + number % 5),
            "trainable_params": 10_000 * 4 ** (number % 5), "peak_memory_bytes": 900_000_000,
            "predictions": str(file.relative_to(home)),
        })  # fmt: skip
    return ref.id


def openings(home: Path, dataset: str, times: int) -> list[dict[str, float]]:
    """Seconds of each opening, the first right after the server's start."""
    found = []
    with served(home, THAW_SPARE="0") as (url, _), chromium() as browser:
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        for _ in range(times + 1):
            page = context.new_page()
            found.append(opening(page, f"{url}/compare?dataset={dataset}"))
            page.close()
        context.close()
    return found


def opening(page: Page, address: str) -> dict[str, float]:
    started = time.perf_counter()
    page.goto(address, wait_until="commit")
    found = {}
    for name, everything in AWAITED.items():
        for what in everything:
            page.locator(what).first.wait_for(timeout=60_000)
        found[name] = time.perf_counter() - started
    return found


if __name__ == "__main__":
    main()
