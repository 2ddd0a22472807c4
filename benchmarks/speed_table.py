"""Arithmetic and tables of `benchmarks.speed`: seconds to an accuracy, accuracy at equal time, medians over seeds.

Works on the records that `speed` writes, one a run; nothing here is measured. A record that is not 'finished' counts
as a run that never reached anything, and is listed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any

Record = dict[str, Any]

THAW = "thaw"
COLD, WARM, PLAN, BUDGET = "cold", "warm", "default plan", "equal time"
"""How a run of Thaw came about: a rung of the ladder in a fresh home, the same again, no choosing, under minutes."""
GOALS = {"frozen": 12.0, "partial": 8.0, "full": 2.0}
"""How many times faster to the same accuracy the project wants to be."""
SAME = 1e-6
"""Accuracies this near are one: peers average in float32."""
IN_TIME = 1.05
"""A run that took up to this many times the peer's seconds counts as one in equal time."""
NEVER = "not reached"


def seconds_to_reach(trace: Iterable[Record], accuracy: float) -> float:
    """Of the first epoch that had reached `accuracy` on the test images; infinity when none had."""
    return next((line["seconds"] for line in trace if line["test_accuracy"] >= accuracy - SAME), math.inf)


def cheapest(runs: Iterable[Record], accuracy: float) -> Record | None:
    """The finished run with the fewest seconds among those that reached `accuracy`."""
    good = [run for run in finished(runs) if run["test_accuracy"] >= accuracy - SAME]
    return min(good, key=lambda run: run["seconds"], default=None)


def finished(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if record["state"] == "finished" and record["test_accuracy"] is not None]


def pick(records: Iterable[Record], **fields: Any) -> list[Record]:
    """The records whose fields have these values."""
    return [record for record in records if all(record.get(name) == value for name, value in fields.items())]


def speedup(peer_s: float, thaw_s: float) -> float:
    """How many times faster; 0 when Thaw never got there."""
    return 0.0 if math.isinf(thaw_s) else peer_s / thaw_s


def to_reach(records: list[Record], strategies: Sequence[str], peers: Sequence[str], absent: Sequence[str]) -> str:
    """Seconds to each peer's final accuracy, the peer's own and Thaw's, medians over seeds."""
    lines = [
        "| strategy | peer | peer's final accuracy | peer, s | Thaw cold, s | runs chosen | times faster | goal | met "
        "| Thaw warm, s | any strategy of Thaw, s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]

    def row(strategy: str, peer: str, ends: list[Record]) -> str:
        own, cold, warm, any_s, names = [], [], [], [], []
        for end in ends:
            seed, target = end["seed"], end["test_accuracy"]
            own.append(seconds_to_reach(end["trace"], target))
            runs = pick(records, system=THAW, seed=seed, how=COLD)
            best = cheapest(pick(runs, strategy=strategy), target)
            cold.append(best["seconds"] if best else math.inf)
            names.append(best["run"] if best else NEVER)
            again = pick(records, system=THAW, strategy=strategy, seed=seed, how=WARM, run=best["run"]) if best else []
            warm.append(again[0]["seconds"] if finished(again) else math.inf)
            other = cheapest(runs, target)
            any_s.append(other["seconds"] if other else math.inf)
        factor = median(speedup(p, t) for p, t in zip(own, cold, strict=True))
        goal = GOALS[strategy]
        accuracy = median(end["test_accuracy"] for end in ends)
        times = f"{factor:.1f} ({', '.join(f'{speedup(p, t):.1f}' for p, t in zip(own, cold, strict=True))})"
        chosen = ", ".join(dict.fromkeys(names))
        return (
            f"| {strategy} | {peer} | {accuracy:.3f} | {shown(own)} | {shown(cold)} | {chosen} "
            f"| {times} | {goal:g} | {'yes' if factor >= goal else 'no'} | {shown(warm, 'not measured')} "
            f"| {shown(any_s)} |"
        )

    return "\n".join([*lines, *_each_peer(records, strategies, peers, absent, row, 9)]) + "\n"


def at_equal_time(records: list[Record], strategies: Sequence[str], peers: Sequence[str], absent: Sequence[str]) -> str:
    """Final accuracy of each peer against Thaw's within no more wall time, medians over seeds."""
    lines = [
        "| strategy | peer | peer, s | peer's accuracy | Thaw, s | Thaw's accuracy | difference (each seed) "
        "| never lower |",
        "|---|---|---|---|---|---|---|---|",
    ]

    def row(strategy: str, peer: str, ends: list[Record]) -> str:
        pairs = []
        for end in ends:
            runs = finished(pick(records, system=THAW, strategy=strategy, seed=end["seed"], how=BUDGET))
            pairs += [(end, run) for run in runs[:1]]
        if not pairs:
            return f"| {strategy} | {peer} | {shown([end['seconds'] for end in ends])} | | no run of Thaw | | | |"
        differences = [run["test_accuracy"] - end["test_accuracy"] for end, run in pairs]
        late = sum(run["seconds"] > IN_TIME * end["seconds"] for end, run in pairs)
        fair = "no" if min(differences) < -SAME else f"took longer in {late} of {len(pairs)}" if late else "yes"
        return (
            f"| {strategy} | {peer} | {shown([end['seconds'] for end, _ in pairs])} "
            f"| {median(end['test_accuracy'] for end, _ in pairs):.3f} | {shown([run['seconds'] for _, run in pairs])} "
            f"| {median(run['test_accuracy'] for _, run in pairs):.3f} "
            f"| {median(differences):+.3f} ({', '.join(f'{value:+.3f}' for value in differences)}) "
            f"| {fair} |"
        )

    return "\n".join([*lines, *_each_peer(records, strategies, peers, absent, row, 6)]) + "\n"


def _each_peer(
    records: list[Record], strategies: Sequence[str], peers: Sequence[str], absent: Sequence[str],
    row: Callable[[str, str, list[Record]], str], empty: int,
) -> list[str]:  # fmt: skip
    lines = []
    for strategy in strategies:
        for peer in peers:
            own = pick(records, system=peer, strategy=strategy)
            ends = finished(own)
            if ends:
                lines.append(row(strategy, peer, ends))
            else:
                why = f"{peer} not installed" if peer in absent else (own[0]["error"] if own else "not measured yet")
                lines.append(f"| {strategy} | {peer} | {why} " + "| " * (empty - 1) + "|")
    return lines


def every_run(records: list[Record]) -> str:
    """All runs, medians over seeds, failures included."""
    lines = [
        "| system | strategy | run | how | seeds | test accuracy (each seed) | wall, s | training, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    names = ("system", "strategy", "run", "how")
    for key in dict.fromkeys(tuple(record[name] for name in names) for record in records):
        own = pick(records, **dict(zip(names, key, strict=True)))
        good = finished(own)
        label = " | ".join(key)
        for record in own:
            if record not in good:
                lines.append(f"| {label} | seed {record['seed']} | failed: {record['error']} | | |")
        if good:
            scores = ", ".join(f"{record['test_accuracy']:.3f}" for record in good)
            training = [record["training_seconds"] for record in good if record.get("training_seconds") is not None]
            lines.append(
                f"| {label} | {len(good)} | {scores} "
                f"| {shown([record['seconds'] for record in good])} | {shown(training) if training else ''} |"
            )
    return "\n".join(lines) + "\n"


def shown(seconds: Sequence[float], never: str = NEVER) -> str:
    """The median in seconds, or that it is infinite."""
    middle = median(seconds)
    return never if math.isinf(middle) else f"{middle:.1f}"
