"""`python -m training extend RUN NAME FOLDER`: one more class for a finished prototype model. No torch here."""

from __future__ import annotations

from argparse import Namespace

from core.words import counted, percent
from training.cli.commands.runs import Answer, open_place
from training.export import contents
from training.playground.client import Pool
from training.store import Store


def extend(args: Namespace) -> Answer:
    """Asks a process that has torch, and says what the new class cost the old ones."""
    home = open_place(args).home
    pool = Pool(1)
    try:
        asked = {"home": str(home), "run": args.run_id, "name": args.name, "folder": args.folder}
        document = pool.ask("add_class", asked).result()
    finally:
        pool.close()
    lines = [
        f"Run {args.run_id} now knows {len(document['classes'])} classes: '{args.name}' from "
        f"{counted(document['images'], 'image')}, nothing was trained.",
        f"On the old classes' test images: {percent(document['before'])} before, {percent(document['after'])} now.",
        f"Weights: {home / document['weights']}",
        contents.left_out(home, Store(home).job(args.run_id)),
    ]
    return Answer({"run_id": args.run_id, **document}, lines)
