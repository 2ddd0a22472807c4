"""`python -m training backbones` and `backbone add NAME`: the zoo from a terminal. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.zoo import BackboneCard, catalog
from training.backbones import weights
from training.cli.shared import BACKBONES, Answer, Place, side_answer, verb
from training.requests import AddBackbone


@verb
def backbones(place: Place) -> Answer:
    """List the backbones: what they are good for, and whether their weights are here."""
    home = place.home  # its own backbones are among them from here on
    documents = [_document(card, home) for card in catalog.BACKBONES.values() if card.pretrained]
    return Answer(documents, _table(documents))


@verb
@click.argument("action", type=click.Choice(["add"]))
@click.argument("name", metavar="NAME", help="of `backbones`, or of any other model of timm", shell_complete=BACKBONES)
@click.option("--weights", type=click.Path(readable=False), metavar="FILE",
              help="a .safetensors or .pth file instead of a download")  # fmt: skip
def backbone(place: Place, action: str, name: str, weights: str | None) -> Answer:
    """Add a backbone: download its weights, or take them from a file."""
    job = place.carry_out(AddBackbone.of(name, weights), f"Adding {name}")
    card = catalog.known(name)
    lines = []
    if job.state == "finished" and card:
        source = {"file": "from the file", "download": "downloaded", "hub": "from the hub's cache", "home": "were here"}
        how = source[(job.result or {}).get("source", "home")]
        said = (job.result or {}).get("said", [])
        lines = [*said, f"{card.title}: weights {how}, {card.head} stages. Use it with --backbone {card.name}"]
    return side_answer(job, lines)


def _document(card: BackboneCard, home: Path) -> dict[str, Any]:
    source = weights.locate(card, home)
    return {
        "name": card.name, "title": card.title, "params": card.body_params, "imagenet_top1": card.imagenet_top1,
        "top1_px": card.top1_px, "image_px": card.image_px, "licence": card.licence, "weights": card.weights,
        "here": source.kind if source else None, "download_bytes": card.download_bytes, "fit_for": card.fit_for,
        "stages": list(card.stage_names),
    }  # fmt: skip


def _table(documents: list[dict[str, Any]]) -> list[str]:
    lines = [f"{'name':24}{'params':>9}{'top-1':>18}{'px':>5}  {'licence':14}{'weights':22}fit for"]
    for one in documents:
        top1 = "" if one["imagenet_top1"] is None else f"{one['imagenet_top1']:.1f}%"
        top1 += f" at {one['top1_px']} px" if one["top1_px"] else ""
        here = "here" if one["here"] else f"to download, {one['download_bytes'] / 1e6:.0f} MB"
        lines.append(
            f"{one['name']:24}{one['params'] / 1e6:>7.1f} M{top1:>18}{one['image_px']:>5}  {one['licence'][:13]:14}"
            f"{here:22}{one['fit_for']}"
        )
    return [*lines, "Any other model of timm by its name: python -m training backbone add NAME"]
