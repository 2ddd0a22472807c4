"""Thaw from a terminal: `python -m training profile|advise|fit|compare|runs|stop|resume`.

Parses, runs one command of `cli.commands`, prints its answer: sentences, or with --json one document on the last
line of standard output. Progress goes to standard error. Exit 0: done; 1: the run failed or was lost; 2: bad
input, with one sentence on standard error. No torch.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, get_args

from core import Priority, Similarity, ThawError
from core.zoo import DEFAULT_BACKBONE
from training.cli import add_decoding, add_flags
from training.cli.commands import backbones, caches, data, explain, extend, runs
from training.cli.commands import check as check_commands
from training.cli.commands import public as public_commands
from training.cli.commands import target as target_commands
from training.cli.commands.bundle import add_verbs as add_bundle_verbs
from training.cli.commands.keep import add_verbs as add_keeping_verbs
from training.cli.commands.take import add_verbs as add_taking_verbs


class UsageError(ThawError):
    """The command line itself cannot be understood."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}; see `{self.prog} --help`.")


def parser() -> argparse.ArgumentParser:
    """The whole command line. --home and --json are understood before and after the sub-command."""
    common = Parser(add_help=False)
    common.add_argument(
        "--home", default=argparse.SUPPRESS, help="where Thaw keeps its files (else THAW_HOME)"
    )
    common.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="answer in one JSON line"
    )
    top = Parser(prog="python -m training", description="Thaw: advice and training for image folders.",
                 parents=[common], allow_abbrev=False)  # fmt: skip
    verbs = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def verb(name: str, text: str, run: Callable[..., runs.Answer] | None = None) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text, parents=[common], allow_abbrev=False)
        made.set_defaults(run=run or getattr(runs, name))
        return made

    def on_data(
        name: str, text: str, run: Callable[..., runs.Answer] | None = None
    ) -> argparse.ArgumentParser:
        made = verb(name, text, run)
        made.add_argument(
            "path", metavar="PATH", help="a folder, an archive, a table of labels, 'sample:digits' or a dataset's id"
        )
        made.add_argument("--backbone", default=DEFAULT_BACKBONE, metavar="NAME")
        made.add_argument("--classes-from", default="1", metavar="FOLDER",
                          help="of folders in folders: a level (1, the outermost), 'innermost' or 'path'")  # fmt: skip
        add_decoding(made)
        return made

    on_data("profile", "Measure a dataset: ready-made accuracy, and what training costs on this machine.")
    check = on_data("check", "Say what is wrong with a dataset: copies, leaks, labels that look wrong.",
                    check_commands.check)  # fmt: skip
    check.add_argument("--quick", action="store_true", help="do not measure: labels and shift are not judged")
    advise = on_data("advise", "Recommend a strategy, measuring first what is not known yet.")
    advise.add_argument("--minutes", type=_minutes, default=10.0, metavar="M", help="time for training (10)")
    advise.add_argument("--similarity", choices=get_args(Similarity),
                        help="of the images to everyday photographs, in place of what is measured")  # fmt: skip
    advise.add_argument("--priority", choices=get_args(Priority), default="accuracy", help="(accuracy)")
    fit = on_data("fit", "Train one strategy and follow it. Ctrl-C stops it and keeps the best.")
    fit.add_argument("--strategy", required=True, metavar="KIND", help="linear_probe, partial, gradual, ...")
    fit.add_argument(
        "--minutes", type=_minutes, metavar="M", help="plan the schedule to end within this time"
    )
    fit.add_argument("--seed", type=_at_least(0), default=0, metavar="S", help="of weights and order (0)")
    fit.add_argument("--target", metavar="PATH", help="a second domain of the same classes; for source_only|mmd|dann")
    fit.add_argument("--from", dest="from_run", metavar="RUN", help="start from this run's weights")
    fit.add_argument("--per-class", type=_at_least(1), default=0, metavar="N", help="train on N images of each class")
    add_flags(fit)
    compare = verb("compare", "Put runs of one dataset and split side by side.")
    compare.add_argument("runs", nargs="+", metavar="RUN")
    looked = verb("explain", "Look into a run: losses, calibration, activation maps, what was forgotten.",
                  explain.explain)  # fmt: skip
    looked.add_argument("run_id", metavar="RUN")
    looked.add_argument("--source", metavar="PATH",
                        help="images of ImageNet's classes: is the old task still known?")  # fmt: skip
    verb("runs", "List all runs, newest first.")
    stop = verb("stop", "Stop a run; it saves its best first.")
    stop.add_argument("run_id", metavar="RUN")
    resume = verb("resume", "Go on with a stopped, lost or failed run, and follow it.")
    resume.add_argument("run_id", metavar="RUN")
    verb("backbones", "List the backbones: what they are good for, and whether their weights are here.",
         backbones.backbones)  # fmt: skip
    backbone = verb("backbone", "Add a backbone: download its weights, or take them from a file.",
                    backbones.backbone_add)  # fmt: skip
    backbone.add_argument("action", choices=("add",))
    backbone.add_argument("name", metavar="NAME", help="of `backbones`, or of any other model of timm")
    backbone.add_argument("--weights", metavar="FILE", help="a .safetensors or .pth file instead of a download")
    target = verb("target", "Attach a second, unlabelled set of images to a dataset, for adaptation.",
                  target_commands.target)  # fmt: skip
    target.add_argument("path", metavar="DATASET", help="as for profile")
    target.add_argument("images", nargs="?", metavar="PATH", help="a folder, an archive or a table; none: say which")
    target.add_argument("--detach", action="store_true", help="forget the target; its images stay")
    data.add_arguments(
        verb("data", "Edit a dataset and list its revisions; write the cleaned set.", data.data), common
    )
    public = verb("public", "List the public image sets that can be fetched, or fetch one.", public_commands.public)
    public.add_argument("name", nargs="?", metavar="NAME", help="of the list")
    more = verb("extend", "Add a class to a finished prototype model from a folder of images, without training.",
                extend.extend)  # fmt: skip
    more.add_argument("run_id", metavar="RUN")
    more.add_argument("name", metavar="NAME", help="of the new class")
    more.add_argument("folder", metavar="FOLDER", help="its images")
    cache = verb("cache", "List what is cached and how much disk it takes; clear it.", caches.cache)
    cache.add_argument("--clear", nargs="?", const=caches.ALL, metavar="DATASET",
                       help="clear the caches of one dataset (its id), or of all")  # fmt: skip
    add_keeping_verbs(verb)
    add_taking_verbs(verb)
    add_bundle_verbs(verb)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        args = parser().parse_args(argv, argparse.Namespace(home=None, json=False))
        answer = args.run(args)
        lines = [json.dumps(answer.document)] if args.json else answer.lines
        print("\n".join(lines), flush=True)
        if answer.error:
            _complain(answer.error)
        return int(answer.code)
    except ThawError as error:
        _complain(str(error))
        return 2
    except KeyboardInterrupt:
        _complain("Interrupted.")
        return 130
    except BrokenPipeError:  # `... runs | head`: whoever read the output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        _complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        return 2
    except Exception as error:
        if os.environ.get("THAW_DEBUG"):
            raise
        _complain(f"This is a fault in Thaw, {type(error).__name__}: {error} (THAW_DEBUG=1 shows where).")
        return 2


def _complain(text: str) -> None:
    print("thaw:", " ".join(text.split()), file=sys.stderr, flush=True)


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0 < value < math.inf):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of minutes above 0")
    return value


def _at_least(low: int) -> Callable[[str], int]:
    """Argument type: a whole number from `low` up."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) < 2**32):
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {low} up")
        return int(text)

    return number


if __name__ == "__main__":
    sys.exit(main())
