"""A comparison in words: labels, verdict, notes, and the settings in which runs differ. Pure; no torch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core import RunConfig, to_json
from core.words import counted, listing, minutes, percent
from core.zoo import catalog
from training.compare.power import DIFFERENCE, MOST_SEEDS
from training.evaluation import answered
from training.store import RunResult

MOST_LISTED = 12
"""Names in a sentence."""

if TYPE_CHECKING:
    from training.compare.contests import Group, Pair
    from training.store import Job, Side


def verdict(
    groups: Sequence[Group], contests: Sequence[Pair], images: int, side: Side = "test", family: int = 0
) -> str:
    """Who is better than whom, what stays open, and how it was tested. family: pairs that are corrected for, where more
    than these contests."""
    on = _on(images, side)
    judged = [pair for pair in contests if pair.verdict != "not tested"]
    if not judged:
        seeds = max((len(group.runs) for group in groups), default=0)
        if seeds > 1 and images:
            return f"One strategy under {seeds} seeds: there is nothing to compare it with yet."
        return "Nothing is compared yet: fewer than two of these runs have test answers."
    accuracy = {group.label: group.accuracy for group in groups if group.accuracy is not None}
    wins: dict[str, list[str]] = {}
    for pair in judged:
        if pair.verdict in ("better", "worse"):
            winner, loser = (pair.a, pair.b) if pair.verdict == "better" else (pair.b, pair.a)
            wins.setdefault(winner, []).append(loser)
    compared = {label for pair in judged for label in (pair.a, pair.b)}
    top = _best(groups, compared)
    how = _how(groups, max(family, len(judged)), on)
    if not wins:
        what = "strategies" if any(len(group.runs) > 1 for group in groups) else "runs"
        return f"No difference shown: {on} cannot tell these {what} apart ({how})."
    sentences = [
        f"{winner} ({percent(accuracy[winner])}) is better than"
        f" {_some([f'{loser} ({percent(accuracy[loser])})' for loser in losers])}"
        for winner, losers in sorted(wins.items(), key=lambda item: -accuracy[item[0]].value)
        # Of many runs only what concerns the best is said in words; every pair stands in the table.
        if winner == top or top not in wins
    ]
    undecided = [g.label for g in groups if g.label in compared - {top} - set(wins.get(top, []))]
    if undecided:
        sentences.append(f"no difference shown between {top} and {_some(undecided)}")
    return f"{'; '.join(sentences)} ({how})."


def settles(groups: Sequence[Group], contests: Sequence[Pair], images: int, side: Side = "test") -> str:
    """What would show a difference between the best and those it could not be told from; '' where there are none."""
    judged = [pair for pair in contests if pair.verdict != "not tested"]
    top = _best(groups, {label for pair in judged for label in (pair.a, pair.b)}) if judged else ""
    open_ = [pair for pair in judged if pair.verdict == "no difference shown" and top in (pair.a, pair.b)]
    if not open_:
        return ""
    points = f"a difference of {100 * DIFFERENCE:g} points"
    labels = {label for pair in open_ for label in (pair.a, pair.b)}
    there = min(len(group.runs) for group in groups if group.label in labels)
    needed = [pair.seeds for pair in open_ if pair.seeds is not None]
    if len(needed) < len(open_):
        return f"Too few images to show {points} here, even with {MOST_SEEDS} seeds of each: {_on(images, side)}."
    if max(needed) <= there:
        return f"{points.capitalize()} would most likely have shown."
    return f"With {counted(max(needed), 'seed')} of each, {points} would most likely show."


def _some(items: Sequence[str]) -> str:
    """As `listing`; of very many the first ones and the number of others."""
    if len(items) <= MOST_LISTED:
        return listing(items)
    return f"{', '.join(items[:MOST_LISTED])} and {len(items) - MOST_LISTED:,} others"


def _best(groups: Sequence[Group], compared: set[str]) -> str:
    """Of equals the first in the catalogue's order: the least trained, so the cheapest."""
    tested = [group for group in groups if group.label in compared and group.accuracy is not None]
    return max(tested, key=lambda group: group.accuracy.value if group.accuracy else 0.0).label


def _on(images: int, side: Side) -> str:
    return counted(images, "test image") + (" of the target" if side == "target" else "")


def _how(groups: Sequence[Group], pairs: int, on: str) -> str:
    if any(len(group.runs) > 1 for group in groups):
        how = f"t-test over seeds and the same {on}"
    else:
        how = f"McNemar's test on the same {on}, with room for the luck of a seed"
    return how + (f", Holm's correction for {pairs} pairs" if pairs > 1 else "")


def about_target(jobs: Sequence[Job], configs: dict[str, RunConfig]) -> str:
    """On whose test images tested runs are compared, where some of them were adapted to a target; why not on it."""
    targets = sorted({configs[job.id].target_id for job in jobs} - {""})
    names = labels({job.id: configs[job.id] for job in jobs}, {job.id: job.name for job in jobs})
    without = [names[job.id] for job in jobs if not configs[job.id].target_id]
    here = "Compared on the source's test images"
    if without:
        return (
            f"{here}: {listing(without)} has no answers on a target. To compare on the target, choose only the runs "
            "that were adapted to it."
        )
    if len(targets) > 1:
        return f"{here}, because these runs were adapted to different targets ({listing(targets)})."
    unjudged = [names[job.id] for job in jobs if not answered(job, "target")]
    if unjudged:
        return f"{here}, because the target of {listing(unjudged)} has no test image with a label to judge by."
    return (
        "Compared on the target's test images, whose labels trained nothing; the accuracy on the source's own test "
        "images stands beside it in the table."
    )


def notes(
    jobs: Sequence[Job],
    configs: dict[str, RunConfig],
    groups: Sequence[Group],
    missing: Sequence[str],
    labels: dict[str, str],
) -> tuple[str, ...]:
    """What to keep in mind, a sentence each."""
    said = []
    budgets = {config.minutes for config in configs.values()}
    if len(budgets) > 1:
        shown = [minutes(b) for b in sorted(b for b in budgets if b is not None)]
        shown += ["no limit"] if None in budgets else []
        shown = shown if len(shown) <= MOST_LISTED else [f"{shown[0]} to {shown[-1]}"]
        said.append(f"Time budgets differ ({listing(shown)}): a longer budget may explain a difference.")
    waiting = [labels[job.id] for job in jobs if job.state in ("queued", "running")]
    if waiting:
        said.append(f"Still to come: {_some(waiting)}.")
    ended = [f"{labels[job.id]} ({job.state})" for job in jobs if job.state in ("stopped", "failed", "lost")]
    if ended:
        said.append(f"Ended before their plan was done: {_some(ended)}.")
    # What a run says of its own result, such as which phase's weights it kept.
    results = {job.id: RunResult.of(job) for job in jobs}
    noted = [f"{labels[run_id]}: {result.note}" for run_id, result in results.items() if result.note]
    said += noted[:MOST_LISTED]
    if len(noted) > MOST_LISTED:
        said.append(f"{len(noted) - MOST_LISTED:,} further runs note something of themselves too.")
    devices = sorted({result.device for result in results.values() if result.device})
    if len(devices) > 1:
        said.append(f"Trained on different devices ({listing(devices)}): their seconds do not compare.")
    if missing:
        these = _some([labels[run_id] for run_id in missing])
        said.append(f"Not tested, because the answers on the test images cannot be read: {these}.")
    if len(groups) > 1 and len({len(group.runs) for group in groups}) > 1:
        counts = _some([f"{group.label} {len(group.runs)}" for group in groups])
        said.append(f"Seeds per strategy differ ({counts}): a single seed is taken to spread as the others do.")
    return tuple(said)


def labels(configs: dict[str, RunConfig], names: Mapping[str, str]) -> dict[str, str]:
    """Per run its strategy's title, with the name that it was given, or with what sets it apart where a strategy comes
    more than once. names: by run; "" = none. No two labels are alike."""
    details = {
        run_id: (_title(config), (names.get(run_id, ""), config.strategy.backbone, f"seed {config.seed}", run_id))
        for run_id, config in configs.items()
    }
    times = Counter((title, place, text) for title, mine in details.values() for place, text in enumerate(mine))
    of_title = Counter(title for title, _ in details.values())
    found = {}
    for run_id, (title, mine) in details.items():
        apart = (text for place, text in enumerate(mine) if text and times[title, place, text] == 1)
        found[run_id] = f"{title} · {next(apart)}" if of_title[title] > 1 or mine[0] else title
    return found


def _title(config: RunConfig) -> str:
    return catalog.titled(config.strategy.kind, config.strategy.head)


def group_labels(
    configs: dict[str, RunConfig], members: Sequence[Sequence[Job]], names: Mapping[str, str]
) -> list[str]:
    """Per group its strategy's title, with what sets it apart from other groups of that strategy. No two are alike."""
    runs = labels(configs, names)
    backbones = defaultdict(set)
    for config in configs.values():
        backbones[_title(config)].add(config.strategy.backbone)
    found: list[str] = []
    for group in members:
        config = configs[group[0].id]
        which = f" · {config.strategy.backbone}" if len(backbones[_title(config)]) > 1 else ""
        many = f"{_title(config)}{which} · {len(group)} seeds"
        name = runs[group[0].id] if len(group) == 1 else many
        found.append(f"{name} · {group[0].id}" if name in found else name)
    return found


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
    settings["target"] = config.target_id or "none"
    settings["starts from"] = f"run {config.from_run}" if config.from_run else "the backbone's own weights"
    settings["images a class"] = str(config.per_class or "all")
    settings["minutes"] = "no limit" if config.minutes is None else f"{config.minutes:g}"
    return settings


def _length(optimizer: str, epochs: int) -> str:
    descends = optimizer in ("adamw", "sgd")
    return counted(epochs, "epoch") if descends else counted(epochs, "solver pass", "solver passes")
