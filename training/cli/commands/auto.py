"""The race from a terminal, and judging one of its rungs afterwards. No torch."""

from __future__ import annotations

import click

from core.words import duration, percent
from core.zoo import STRATEGIES
from training.cli import steps
from training.cli.shared import (
    Answer,
    HowRead,
    Place,
    at_least,
    on_data,
    positive_minutes,
    run_argument,
    side_answer,
    verb,
)
from training.race import RaceResult, record_of, rungs_of
from training.race.record import title_of
from training.requests import JudgeLater, Race
from training.store import Job, RunResult


@verb
@on_data
@click.option("--minutes", type=positive_minutes, required=True, metavar="M", help="from here to the tested model")
@click.option("--seed", type=at_least(0), default="0", metavar="S", help="of weights, order and split (0)")
@click.option("--one-backbone", is_flag=True, help="try no wider backbone with time that is left over")
def auto(
    place: Place, path: str, backbone: str, how: HowRead, minutes: float, seed: int, one_backbone: bool
) -> Answer:  # fmt: skip
    """The best model that this machine reaches in so many minutes. Ctrl-C stops and keeps the best.

    Solves a head first, looks, and spends what is left where it can still gain; says why, and ends early where nothing
    can. Its winner alone is judged on the test images.
    """
    card = steps.backbone_here(place, backbone)
    with steps.worker_ahead(place, light=True):
        ref = steps.import_data(path, place.home, how)
    race = Race(ref.id, card.name, minutes, seed, wider=not one_backbone)
    job = place.carry_out(race, f"The best in {duration(60 * minutes)}")
    return Answer(_document(place, job), _lines(place, job), *steps.outcome(job))


def _document(place: Place, job: Job) -> dict[str, object]:
    result, log = RaceResult.of(job), record_of(place.home, job.id)
    return {
        "race_id": job.id, "state": job.state, "error": job.error, "run_id": result.winner or None,
        "val_accuracy": result.val_accuracy, "test_accuracy": result.test_accuracy,
        "rulebooks": {one.rulebook: one.kind for one in log.answers},
        "seconds": result.seconds, "measured_seconds": result.measured_s, "left_at_most": result.left,
        "rungs": [
            {
                "run_id": rung.id, "strategy": rung.plan.strategy.kind, "head": rung.plan.strategy.head,
                "backbone": rung.plan.strategy.backbone,
                "state": rung.state, "seconds": rung.seconds,
                "val_accuracy": RunResult.of(rung).val_accuracy,
            }
            for rung in rungs_of(place.store, job.id)
        ],
        "decisions": [{"at_seconds": one.at_s, "says": one.says, "run_id": one.run or None} for one in log.decisions],
    }  # fmt: skip


def _lines(place: Place, job: Job) -> list[str]:
    result, lines = RaceResult.of(job), [f"race {job.id}: {job.state}"]
    for rung in rungs_of(place.store, job.id):
        title, reached = title_of(rung.plan.strategy, job.config["backbone"]), RunResult.of(rung)
        mark = "taken " if rung.id == result.winner else "      "
        said = f"{percent(reached.val_accuracy)} of the validation images" if reached.weights else rung.state
        lines.append(f"{mark} {rung.id}  {title}: {said}, {duration(rung.seconds)}")
    if result.winner:
        books = [f"{one.rulebook} {STRATEGIES[one.kind].title}" for one in record_of(place.home, job.id).answers]
        if books:
            lines.append(f"what the rulebooks said: {', '.join(books)}")
        lines.append(f"test accuracy {percent(result.test_accuracy)}, of the one taken alone")
        lines.append(f"take it along: python -m training export {result.winner} --out FOLDER")
    return lines


@verb
@run_argument
def judge(place: Place, run_id: str) -> Answer:
    """Judge a rung that a race did not choose on the test images; it is no part of the choice any more."""
    job = place.carry_out(JudgeLater.of(place.store.job(run_id)))
    reached = (job.result or {}).get("test_accuracy")
    return side_answer(job, [f"run {run_id}: test accuracy {percent(reached)}, after the choice"])
