"""Measuring a dataset, and advice for it. Decides nothing itself: that is `advisor`. No torch."""

from __future__ import annotations

import functools
from typing import get_args

import click

from core import Budget, PlanError, Priority, Similarity, to_json
from core.zoo import catalog
from training.cli import second_domain, steps
from training.cli.shared import Answer, HowRead, Place, SimilarityChoice, at_least, on_data, positive_minutes, verb
from training.cli.text import advice_lines, facts_lines, rulebook_lines
from training.record import foreseen
from training.requests import room


@verb
@on_data
def profile(place: Place, path: str, backbone: str, how: HowRead) -> Answer:
    """Measure a dataset: ready-made accuracy, and what training costs on this machine."""
    card = steps.backbone_here(place, backbone)
    with steps.worker_ahead(place):
        ref = steps.import_data(path, place.home, how)
    job = steps.measured(place, ref, card.name)
    facts = place.store.facts(ref.id, card.name)
    document = {
        "dataset_id": ref.id, "name": ref.name, "images": ref.images, "classes": list(ref.classes),
        "set_aside": len(ref.set_aside), "backbone": card.name, "job_id": job.id, "state": job.state,
        "error": job.error, "facts": None if facts is None else to_json(facts),
    }  # fmt: skip
    return Answer(document, facts_lines(ref, facts), *steps.outcome(job))


@verb
@functools.partial(on_data, required=False)
@click.option("--images", type=at_least(2), metavar="N",
              help="no PATH: ask the rulebooks for so many images, for training and validation together")
@click.option("--classes", type=at_least(2), metavar="K", help="of these images")
@click.option("--minutes", type=positive_minutes, default=10.0, metavar="M", help="time for training (10)")
@click.option("--similarity", type=SimilarityChoice(),
              help="of the images to everyday photographs, in place of what is measured")
@click.option("--priority", type=click.Choice(get_args(Priority)), default="accuracy", help="(accuracy)")
def advise(
    place: Place, path: str | None, backbone: str, how: HowRead, images: int | None, classes: int | None,
    minutes: float, similarity: Similarity | None, priority: Priority,
) -> Answer:  # fmt: skip
    """Recommend a strategy, measuring first what is not known yet; or, without images, what the rulebooks say."""
    from advisor.advice import by_numbers, learned, recommend
    from training.cli.advice_document import advice_document

    if (path is None) == (images is None) or (path and classes):
        raise PlanError("Give a PATH whose images are measured, or --images N (and --classes K) to ask the rulebooks.")
    if path is None:
        said = by_numbers(
            images or 0, similarity or "medium", minutes, priority, classes=classes, learned=learned(place.home)
        )
        document = {
            "images": images, "classes": classes, "similarity": similarity or "medium", "budget_minutes": minutes,
            "priority": priority, "agree": len({one.answer.kind for one in said if one.answer}) == 1,
            "rulebooks": [to_json(one) for one in said],
        }  # fmt: skip
        return Answer(document, rulebook_lines(said))
    card = steps.backbone_here(place, backbone)
    ref = steps.import_data(path, place.home, how)
    facts = place.store.facts(ref.id, card.name)
    if not (facts and facts.costs):
        job = steps.measured(place, ref, card.name)
        facts = place.store.facts(ref.id, card.name)
        if job.state != "finished" or facts is None:
            error = job.error or f"The profile was {job.state} before it was done; run the command again."
            return Answer({"dataset_id": ref.id, "state": job.state, "error": error}, [], 1, error)
    budget, known = Budget(minutes, priority), learned(place.home)
    advice = recommend(facts, similarity, budget, follow="measured", free_bytes=room(place.store), learned=known)
    measured_with = [place.store.facts(ref.id, name) for name in catalog.BACKBONES]
    second = second_domain.about(place.store, ref, card.name)
    document = advice_document(
        facts, advice, known, minutes=minutes, set_by_hand=similarity,
        others=[one for one in measured_with if one], record=foreseen.kept(place.home, place.store.jobs(kind="train")),
        second_domain=second,
    )  # fmt: skip
    return Answer(document, [*advice_lines(advice), *second_domain.lines(ref, second)])
