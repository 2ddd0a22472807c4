"""How fast does the page predict, and what does that cost a run that trains meanwhile?

    python -m benchmarks.predict OUT DATA.zip [--rounds 6] [--seconds 20]

Trains and exports a linear probe, then answers for its test images in this process as the Predict page does it: files
decoded in a safe process first, onnxruntime in one thread of the lowest priority. First with nothing else running; then
beside `full` fine-tuning in a worker, in turns of SECONDS without and with predicting, so that what else the machine
does falls on both. The training speed is that of the run's own rows. OUT/table.md is written and printed.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from benchmarks.command import thaw
from benchmarks.machine import describe
from core.home import home as make_home
from core.plans import RunConfig
from core.zoo import catalog
from training.export import contents
from training.export.predictor import Predictor
from training.jobs.executor import executor
from training.record.foreseen import to_train
from training.requests import submit
from training.store.records import Job
from training.store.store import Store

ALONE = 300
"""Images of the measurement with nothing else running."""
START_S = 300.0


@dataclass(frozen=True)
class Turn:
    """One stretch beside training."""

    predicting: bool
    trained_per_s: float
    """Images that the run trained on, per second."""
    predicted_per_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    home = make_home(str(options.out / "home"))
    store = Store(home)
    _, fitted = thaw(home, "fit", options.data, "--strategy", "linear_probe")
    _, facts = thaw(home, "export", fitted["run_id"], "--out", str(options.out / "export"))
    ref_images = images_of(home, fitted["dataset_id"])
    folder = contents.folder_of(home, fitted["run_id"])
    alone = speed_alone(folder, ref_images)
    job = start_training(store, home, fitted["dataset_id"])
    try:
        rested = turns(store, job, folder, ref_images, options.rounds, options.seconds, lambda: True)
        pushed = turns(store, job, folder, ref_images, options.rounds, options.seconds, lambda: False)
    finally:
        executor(home).stop(job.id)
    text = table(alone, facts["ms"], rested, pushed, options.seconds)
    (options.out / "table.md").write_text(text)
    print(text)


def images_of(home: Path, dataset_id: str) -> list[Path]:
    from dataset.folder import load_dataset, read_rows

    ref = load_dataset(home, dataset_id)
    return [ref.images_root / row.path for row in read_rows(ref)]


def speed_alone(folder: Path, images: list[Path]) -> float:
    """Images per second from the file to the answer; the first ones, which load the model, not counted."""
    predictor, files = Predictor(folder), cycle(images)
    list(predictor.answers([next(files) for _ in range(5)]))
    chosen = [next(files) for _ in range(ALONE)]
    began = time.perf_counter()
    assert all(not isinstance(found, str) for _, found in predictor.answers(chosen))
    return ALONE / (time.perf_counter() - began)


def start_training(store: Store, home: Path, dataset_id: str) -> Job:
    """A long run of `full`, under way: past its caches, some steps done."""
    card, options = catalog.backbone("efficientnet_lite0"), Options(epochs=500)
    strategy = plan("full", card, train_images=200, classes=2, options=options)
    job = executor(home).submit(submit(store, to_train(store, RunConfig(dataset_id, strategy))).id)
    deadline = time.monotonic() + START_S
    while len(store.metrics(job.id)) < 5:
        now = executor(home).status(job.id)
        if not now.active or time.monotonic() > deadline:
            raise SystemExit(f"The run did not begin: {now.state} {now.error or now.doing}")
        time.sleep(0.5)
    return job


def turns(
    store: Store, job: Job, folder: Path, images: list[Path], rounds: int, seconds: float, busy: Callable[[], bool]
) -> list[Turn]:
    """Alternating stretches, without and with predicting."""
    predictor, files = Predictor(folder, busy=busy), cycle(images)
    list(predictor.answers([next(files)]))
    found = []
    for number in range(2 * rounds):
        predicting, over, count = number % 2 == 1, threading.Event(), 0
        before = latest(store, job)

        def work(over: threading.Event = over) -> None:
            nonlocal count
            for _ in predictor.answers(iter(lambda: next(files), None)):
                count += 1
                if over.is_set():
                    return

        thread = threading.Thread(target=work, daemon=True) if predicting else None
        if thread:
            thread.start()
        time.sleep(seconds)
        after = latest(store, job)
        over.set()
        if thread:
            thread.join()
        found.append(Turn(predicting, (after[1] - before[1]) / (after[0] - before[0]), count / seconds))
    return found


def latest(store: Store, job: Job) -> tuple[float, int]:
    """(seconds, images) of the next row that the run writes."""
    seen = store.metrics(job.id)[-1]["row"]
    while not (rows := store.metrics(job.id, seen)):
        time.sleep(0.02)
    return rows[-1]["written"], rows[-1]["images"]


def table(alone: float, ms: float, rested: list[Turn], pushed: list[Turn], seconds: float) -> str:
    lines = [
        f"Measured on {describe()}. EfficientNet-Lite0, 224 px; turns of {seconds:g} s without and with predicting, "
        f"{len(rested) // 2} of each, beside `full` fine-tuning in a worker.",
        "",
        f"Nothing else running: {alone:.1f} images/s from file to answer ({ms:.1f} ms an image in onnxruntime).",
        "",
        "| predicting | training alone, images/s (median) | with predicting | slower by (median of pairs) | predicted, "
        "images/s |",
        "|---|---|---|---|---|",
    ]
    for name, found in (("as the page does while a run trains", rested), ("lowest priority, without rests", pushed)):
        without = [turn.trained_per_s for turn in found if not turn.predicting]
        with_it = [turn.trained_per_s for turn in found if turn.predicting]
        slower = [100 * (1 - b / a) for a, b in zip(without, with_it, strict=True)]
        said = median(turn.predicted_per_s for turn in found if turn.predicting)
        lines.append(
            f"| {name} | {median(without):.1f} | {median(with_it):.1f} | {median(slower):.1f} % "
            f"({min(slower):.1f} to {max(slower):.1f}) | {said:.1f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
