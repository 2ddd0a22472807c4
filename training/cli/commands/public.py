"""`python -m training public [NAME]`: the public image sets, and fetching one. No torch."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from dataset.ingest import PUBLIC_SETS, public_set
from training.cli import to_stderr
from training.cli.commands.runs import Answer, open_place
from training.cli.follow import follow
from training.requests import FetchPublic, submit


def public(args: Namespace) -> Answer:
    """List them, or queue a job that fetches one and follow it."""
    if not args.name:
        return Answer([{**asdict(one), "splits": list(one.splits)} for one in PUBLIC_SETS.values()], _table())
    card, place = public_set(args.name), open_place(args)
    to_stderr(f"{card.title}: {_facts(card.name)}. Licence: {card.licence}.")
    job = follow(place.store, place.executor, submit(place.store, FetchPublic(card.name)).id)
    result = job.result or {}
    document = {"job_id": job.id, "state": job.state, "error": job.error, **result}
    lines = []
    if job.state == "finished":
        lines = [f"{result['images']:,} images in {result['classes']} classes: dataset {result['dataset_id']}."]
    failed = job.state in ("failed", "lost")
    return Answer(document, lines, int(failed), job.error or "" if failed else "")


def _facts(name: str) -> str:
    one = PUBLIC_SETS[name]
    return f"{one.images:,} images, {one.classes} classes, about {one.download_bytes / 1e6:,.0f} MB to download"


def _table() -> list[str]:
    lines = [f"{'name':18}{'images':>8}{'classes':>9}{'download':>12}  {'licence':32}what it is"]
    for one in PUBLIC_SETS.values():
        size = f"{one.download_bytes / 1e6:,.0f} MB"
        lines.append(f"{one.name:18}{one.images:>8,}{one.classes:>9}{size:>12}  {one.licence[:30]:32}{one.detail}")
    return [
        *lines,
        "Fetch one with: python -m training public NAME",
        "Size and licence are as we know them: the publisher's page decides.",
    ]
