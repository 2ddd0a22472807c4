"""How often the words "better" and "worse" are wrong, and how often a real difference is found.

    python -m benchmarks.verdicts RUNS.jsonl [--out benchmarks/results/verdicts.md] [--draws 400]

RUNS.jsonl holds real runs of one strategy under many seeds (`benchmarks.seed_runs`). Two of them differ by the luck of
their seed alone, so every claim between two of them is false. The simulation plants a true difference on 400 test
images: images share their hardness between runs, and every seed has a true accuracy of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import read
from benchmarks.machine import describe
from training.compare.power import seeds_needed
from training.compare.seeds import FINE_TUNED, SCRATCH, SOLVED, measured
from training.evaluation.stats import flips, holm, mcnemar, paired_p, seed_rho, seeds_test

Right = NDArray[np.bool_]
Test = Callable[[Right, Right], float]
ALPHA = 0.05
IMAGES, ACCURACY, PLANTED = 400, 0.85, 0.05
SHARED = 0.8
"""Share of an image's hardness (as a correlation) that all runs have in common. Real fine-tuned pairs flip on 4-10 % of
the images; this gives about as much at 90 %."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--draws", type=int, default=400)
    options = parser.parse_args()
    parts = [*real(read(options.runs)), "", *planted(options.draws), "", *asked(options.draws)]
    text = "\n".join([f"Measured on {describe()}.", "", *parts]) + "\n"
    if options.out:
        options.out.write_text(text)
    print(text)


def real(runs: Sequence[dict[str, Any]]) -> list[str]:
    """The table of real repeats: how they spread, and the share of their pairs in which a difference is claimed."""
    lines = [
        "## One strategy under many seeds: claims between its own runs (all of them false)",
        "",
        "Two runs at a time, as if they were two strategies. `exact McNemar` asks whether these two models differ, "
        "which they do; `luck assumed` is what Compare does when no seed was repeated; `luck measured` is what it does "
        "here, with the seeds at hand; `all at once` compares all seeds of a row together, with Holm's "
        "correction. The goal is at most 5 % in the last three.",
        "",
        "| data | strategy | seeds | test images | accuracy, mean | spread, points | images that flip | luck of a run "
        "| exact McNemar | luck assumed | luck measured | all at once |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    totals: dict[str, list[float]] = {"mcnemar": [], "assumed": [], "measured": [], "holm": []}
    for key in dict.fromkeys((run["data"], run["backbone"], run["strategy"], run["epochs"]) for run in runs):
        own = [run for run in runs if (run["data"], run["backbone"], run["strategy"], run["epochs"]) == key]
        right = [np.array([hit == "1" for hit in run["right"]]) for run in own]
        if len(right) < 3:
            continue
        pairs = list(combinations(right, 2))
        guess = {"linear_probe": SOLVED, "prototype": SOLVED, "scratch": SCRATCH}.get(key[2], FINE_TUNED)
        known = max(guess, measured(right) or 0.0)
        p_known = [paired_p(*flips(a, b), 2 * known) for a, b in pairs]
        shares = {
            "mcnemar": _share(mcnemar(a, b) for a, b in pairs),
            "assumed": _share(paired_p(*flips(a, b), 2 * guess) for a, b in pairs),
            "measured": _share(p_known),
            "holm": _share(holm(p_known)),
        }
        for name, share in shares.items():
            totals[name].append(share)
        accuracy = [float(one.mean()) for one in right]
        flipped = mean(sum(flips(a, b)) / len(a) for a, b in pairs)
        luck = seed_rho([flips(a, b) for a, b in pairs]) / 2
        epochs = f", {key[3]} epochs" if key[3] and key[2] != "linear_probe" else ""
        lines.append(
            f"| {key[0]} | {key[2]} ({key[1]}{epochs}) | {len(own)} | {len(right[0])} | {mean(accuracy):.1%} "
            f"| {100 * stdev(accuracy):.1f} | {flipped:.1%} | {luck:.3f} | "
            + " | ".join(f"{share:.0%}" for share in shares.values())
            + " |"
        )
    lines.append(
        "| **mean of the rows** | | | | | | | | " + " | ".join(f"**{mean(v):.1%}**" for v in totals.values()) + " |"
    )
    lines += [
        "",
        f"Assumed where nothing is measured: {SOLVED:g} for a solved head, {FINE_TUNED:g} for fine-tuning, {SCRATCH:g} "
        "from scratch (`training/compare/seeds.py`). "
        "These values were chosen with these rows in view, so `luck assumed` is no "
        "independent check of them; `luck measured` uses no such value where the seeds spread more.",
    ]
    return lines


def planted(draws: int) -> list[str]:
    """The table of the simulation: false claims between equals, and planted differences found."""
    lines = [
        f"## A planted difference of {100 * PLANTED:g} points on {IMAGES} test images ({draws} simulations a row)",
        "",
        f"True accuracies {ACCURACY:.0%} and {ACCURACY:.0%} (every claim is false), then {ACCURACY:.0%} and "
        f"{ACCURACY + PLANTED:.0%} (the claim that the second is better is right). `spread` is the standard deviation "
        "of a strategy's true accuracy over its seeds. One seed a side: what Compare does with luck assumed for "
        "fine-tuning.",
        "",
        "| seeds a side | spread, points | false claims | planted difference found | found the wrong way round |",
        "|---|---|---|---|---|",
    ]
    source = np.random.default_rng(0)
    with_luck: Test = lambda a, b: seeds_test(a, b, 2 * FINE_TUNED)  # noqa: E731
    without: Test = lambda a, b: mcnemar(a[0], b[0])  # noqa: E731
    ways = [("1, exact McNemar", 1, without), ("1", 1, with_luck), *((str(n), n, with_luck) for n in (2, 3, 5, 10))]
    for name, seeds, test in ways:
        for spread in (0.0, 0.5, 1.0, 2.0):
            false = found = reversed_ = 0
            for _ in range(draws):
                hard = source.normal(size=IMAGES)
                a, same, better = (
                    simulated(source, hard, seeds, accuracy, spread / 100)
                    for accuracy in (ACCURACY, ACCURACY, ACCURACY + PLANTED)
                )
                false += test(a, same) < ALPHA
                if test(a, better) < ALPHA:
                    found += better.mean() > a.mean()
                    reversed_ += better.mean() < a.mean()
            lines.append(
                f"| {name} | {spread:g} | {false / draws:.1%} | {found / draws:.0%} | {reversed_ / draws:.1%} |"
            )
    return lines


def asked(draws: int) -> list[str]:
    """The table of the seeds that Compare asks for, and of what is found with as many."""
    lines = [
        "## How many seeds Compare asks for, and what they then show",
        "",
        f"The same simulation. Compare looks at the runs at hand and says how many seeds of each would show "
        f"{100 * PLANTED:g} points (`training/compare/power.py`, made for 4 of 5); then as many are drawn anew.",
        "",
        "| seeds at hand | spread, points | asked for, median (range) | not with 10 | planted difference then found |",
        "|---|---|---|---|---|",
    ]
    source = np.random.default_rng(1)
    for there in (1, 2, 3):
        for spread in (0.0, 0.5, 1.0, 2.0):
            numbers, found = list[int](), 0
            for _ in range(draws):
                hard = source.normal(size=IMAGES)
                pair = [simulated(source, hard, there, one, spread / 100) for one in (ACCURACY, ACCURACY + PLANTED)]
                seeds = seeds_needed(pair[0], pair[1], 2 * FINE_TUNED)
                if seeds is None:
                    continue
                numbers.append(seeds)
                hard = source.normal(size=IMAGES)
                a, b = (simulated(source, hard, seeds, one, spread / 100) for one in (ACCURACY, ACCURACY + PLANTED))
                found += seeds_test(a, b, 2 * FINE_TUNED) < ALPHA and b.mean() > a.mean()
            lines.append(
                f"| {there} | {spread:g} | {median(numbers):g} ({min(numbers)} to {max(numbers)}) "
                f"| {1 - len(numbers) / draws:.0%} | {found / max(1, len(numbers)):.0%} |"
            )
    return lines


def simulated(
    source: np.random.Generator, hard: NDArray[np.float64], seeds: int, accuracy: float, spread: float
) -> Right:
    """Right answers [seeds, images] of a strategy whose seeds have true accuracies around `accuracy`."""
    own = np.clip(accuracy + spread * source.normal(size=(seeds, 1)), 0.01, 0.99)
    ease = SHARED**0.5 * hard + (1 - SHARED) ** 0.5 * source.normal(size=(seeds, len(hard)))
    from scipy.special import ndtri

    right: Right = ease > ndtri(1 - own)
    return right


def _share(p_values: Any) -> float:
    values = list(p_values)
    return sum(p < ALPHA for p in values) / len(values)


if __name__ == "__main__":
    main()
