"""A comparison in words: labels, verdict, notes, and the settings in which runs differ. Pure; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.catalog import STRATEGIES
from advisor.plans import RunConfig, to_json
from advisor.words import counted, listing, minutes, percent

if TYPE_CHECKING:
    from training.compare import Group, Pair, Row
    from training.store import Job


def verdict(groups: Sequence[Group], contests: Sequence[Pair], images: int) -> str:
    """Who is better than whom, what stays open, and how it was tested."""
    tested = [pair for pair in contests if pair.verdict != "not tested"]
    if not tested:
        seeds = max((len(group.runs) for group in groups), default=0)
        if seeds > 1 and images:
            return f"One strategy under {seeds} seeds: there is nothing to compare it with yet."
        return "Nothing is compared yet: fewer than two of these runs have test answers."
    accuracy = {group.label: group.accuracy for group in groups if group.accuracy is not None}
    wins: dict[str, list[str]] = {}
    for pair in tested:
        if pair.verdict in ("better", "worse"):
            winner, loser = (pair.a, pair.b) if pair.verdict == "better" else (pair.b, pair.a)
            wins.setdefault(winner, []).append(loser)
    compared = {label for pair in tested for label in (pair.a, pair.b)}
    # Of equals the first in the catalogue's order: the least trained, so the cheapest.
    top = max((g.label for g in groups if g.label in compared), key=lambda label: accuracy[label].value)
    how = _how(groups, len(tested), images)
    if not wins:
        what = "strategies" if any(len(group.runs) > 1 for group in groups) else "runs"
        return f"No difference shown: {images:,} test images cannot tell these {what} apart ({how})."
    sentences = [
        f"{winner} ({percent(accuracy[winner])}) is better than"
        f" {listing([f'{loser} ({percent(accuracy[loser])})' for loser in losers])}"
        for winner, losers in sorted(wins.items(), key=lambda item: -accuracy[item[0]].value)
        # Of many runs only what concerns the best is said in words; every pair stands in the table.
        if winner == top or top not in wins
    ]
    undecided = [g.label for g in groups if g.label in compared - {top} - set(wins.get(top, []))]
    if undecided:
        sentences.append(f"no difference shown between {top} and {listing(undecided)}")
    return f"{'; '.join(sentences)} ({how})."


def _how(groups: Sequence[Group], pairs: int, images: int) -> str:
    if any(len(group.runs) > 1 for group in groups):
        how = f"t-test over seeds and the same {images:,} test images"
    else:
        how = f"McNemar's test on the same {images:,} test images, with room for the luck of a seed"
    return how + (f", Holm's correction for {pairs} pairs" if pairs > 1 else "")


def notes(
    jobs: Sequence[Job], rows: Sequence[Row], groups: Sequence[Group], missing: Sequence[str], labels: dict[str, str]
) -> tuple[str, ...]:
    """What to keep in mind, a sentence each."""
    said = []
    budgets = {row.minutes for row in rows}
    if len(budgets) > 1:
        shown = [minutes(b) for b in sorted(b for b in budgets if b is not None)]
        shown += ["no limit"] if None in budgets else []
        said.append(f"Time budgets differ ({listing(shown)}): a longer budget may explain a difference.")
    waiting = [labels[job.id] for job in jobs if job.state in ("queued", "running")]
    if waiting:
        said.append(f"Still to come: {listing(waiting)}.")
    ended = [f"{labels[job.id]} ({job.state})" for job in jobs if job.state in ("stopped", "failed", "lost")]
    if ended:
        said.append(f"Ended before their plan was done: {listing(ended)}.")
    # What a run says of its own result, such as which phase's weights it kept.
    said += [f"{labels[job.id]}: {job.result['note']}" for job in jobs if job.result and job.result.get("note")]
    devices = sorted({str(job.result["device"]) for job in jobs if job.result and job.result.get("device")})
    if len(devices) > 1:
        said.append(f"Trained on different devices ({listing(devices)}): their seconds do not compare.")
    if missing:
        these = listing([labels[run_id] for run_id in missing])
        said.append(f"Not tested, because the answers on the test images cannot be read: {these}.")
    if len(groups) > 1 and len({len(group.runs) for group in groups}) > 1:
        counts = listing([f"{group.label} {len(group.runs)}" for group in groups])
        said.append(f"Seeds per strategy differ ({counts}): a single seed is taken to spread as the others do.")
    return tuple(said)


def labels(configs: dict[str, RunConfig]) -> dict[str, str]:
    """Per run its strategy's title, with what sets it apart where a strategy comes more than once."""
    details = {
        run_id: (config.strategy.kind, (config.strategy.backbone, f"seed {config.seed}", run_id))
        for run_id, config in configs.items()
    }
    found = {}
    for run_id, (kind, mine) in details.items():
        rivals = [theirs for other, (same, theirs) in details.items() if same == kind and other != run_id]
        apart = (text for i, text in enumerate(mine) if all(theirs[i] != text for theirs in rivals))
        title = STRATEGIES[kind].title
        found[run_id] = f"{title} · {next(apart)}" if rivals else title
    return found


def group_labels(configs: dict[str, RunConfig], members: Sequence[Sequence[Job]]) -> list[str]:
    """Per group its strategy's title, with what sets it apart from other groups of that strategy. No two are alike."""
    runs = labels(configs)
    names: list[str] = []
    for group in members:
        strategy = configs[group[0].id].strategy
        rivals = {config.strategy.backbone for config in configs.values() if config.strategy.kind == strategy.kind}
        which = f" · {strategy.backbone}" if len(rivals) > 1 else ""
        many = f"{STRATEGIES[strategy.kind].title}{which} · {len(group)} seeds"
        name = runs[group[0].id] if len(group) == 1 else many
        names.append(f"{name} · {group[0].id}" if name in names else name)
    return names


def differing(configs: dict[str, RunConfig], order: Sequence[str]) -> dict[str, dict[str, str]]:
    """The settings table, less what all runs share (and less the group, which is no setting)."""
    tables = {run_id: _settings(configs[run_id]) for run_id in order}
    names = list(next(iter(tables.values())))
    by_name = {name: {run_id: table[name] for run_id, table in tables.items()} for name in names}
    return {name: values for name, values in by_name.items() if len(set(values.values())) > 1}


def _settings(config: RunConfig) -> dict[str, str]:
    strategy = to_json(config.strategy)
    phases = strategy.pop("phases")
    settings = {name.replace("_", " "): str(value) for name, value in strategy.items()}
    settings["phases"] = "; then ".join(
        f"boundary {phase['boundary']}, {_length(phase['optimizer'], phase['epochs'])}" for phase in phases
    )
    for name in phases[0]:
        if name not in ("boundary", "epochs"):  # said above
            settings[name.replace("_", " ")] = ", ".join(dict.fromkeys(str(phase[name]) for phase in phases))
    settings["seed"] = str(config.seed)
    settings["minutes"] = "no limit" if config.minutes is None else f"{config.minutes:g}"
    return settings


def _length(optimizer: str, epochs: int) -> str:
    descends = optimizer in ("adamw", "sgd")
    return counted(epochs, "epoch") if descends else counted(epochs, "solver pass", "solver passes")
