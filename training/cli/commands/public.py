"""`python -m training public [NAME]`: the public image sets, and fetching one. No torch."""

from __future__ import annotations

from dataclasses import asdict

import click

from dataset.ingest import PUBLIC_SETS, public_set
from training.cli.follow import to_stderr
from training.cli.shared import Answer, Place, among, side_answer, verb
from training.requests import FetchPublic


@verb
@click.argument("name", required=False, metavar="[NAME]", help="of the list",
                shell_complete=among(lambda home: PUBLIC_SETS))  # fmt: skip
def public(place: Place, name: str | None) -> Answer:
    """List the public image sets that can be fetched, or fetch one."""
    if not name:
        return Answer([{**asdict(one), "splits": list(one.splits)} for one in PUBLIC_SETS.values()], _table())
    card = public_set(name)
    to_stderr(f"{card.title}: {_facts(card.name)}. Licence: {card.licence}.")
    job = place.carry_out(FetchPublic(card.name))
    result = job.result or {}
    lines = []
    if job.state == "finished":
        lines = [f"{result['images']:,} images in {result['classes']} classes: dataset {result['dataset_id']}."]
    return side_answer(job, lines)


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
