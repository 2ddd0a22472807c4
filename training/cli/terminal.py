"""The command line: which verbs there are, what holds for each of them, and how an answer or a refusal is said.

A verb's module is imported when the verb is used or its own help is asked for. Lists of verbs and their completion read
the docstrings from the source. No torch.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from functools import cache, partial
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from core import HomeError, ReadingAsked, ThawError

if TYPE_CHECKING:
    from training.cli.shared import Answer

VERBS = {
    "auto": "auto", "profile": "advise", "check": "check", "advise": "advise", "fit": "fit", "compare": "runs",
    "explain": "explain", "runs": "runs", "stop": "runs", "resume": "runs", "backbones": "backbones",
    "backbone": "backbones", "target": "target", "data": "data", "public": "public", "extend": "explain",
    "cache": "caches", "datasets": "keep",
    "label": "keep", "delete": "keep", "export": "take", "predict": "take", "report": "take", "bundle": "bundle",
    "unbundle": "bundle", "judge": "auto", "reproduce": "bundle", "token": "keep", "password": "keep",
}  # fmt: skip
"""Each verb -> the module of `commands` whose function of that name it is."""
Command = TypeVar("Command", bound=click.Command)


class Unopened(click.Command):
    """A verb whose module is not imported yet."""

    def __init__(self, name: str, module: str) -> None:
        super().__init__(name)
        self.module = module

    def get_short_help_str(self, limit: int = 0) -> str:
        """The first paragraph of the verb's docstring, whole."""
        return " ".join(_docstrings(self.module)[str(self.name)].partition("\n\n")[0].split())

    def open(self) -> click.Command:
        command: click.Command = getattr(import_module(f"{__package__}.commands.{self.module}"), str(self.name))
        return command


@cache
def _docstrings(module: str) -> dict[str, str]:
    source = Path(__file__).with_name("commands") / f"{module}.py"
    found = ast.parse(source.read_text(encoding="utf-8")).body
    return {one.name: ast.get_docstring(one) or "" for one in found if isinstance(one, ast.FunctionDef)}


class Terminal(click.Group):
    """Every verb. Exit 0: done; 1: the run failed or was lost, or the home cannot be used; 2: bad input. For the last
    two one sentence on standard error."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.open() if isinstance(command, Unopened) else command, rest

    def invoke(self, ctx: click.Context) -> int:
        """Carry out a verb and print its answer; returns the exit code."""
        answer: Answer = super().invoke(ctx)
        print("\n".join([json.dumps(answer.document)] if ctx.meta.get("json") else answer.lines), flush=True)
        if answer.error:
            _complain(answer.error)
        return answer.code

    def main(self, *args: Any, **given: Any) -> Any:
        """Run one command line and end the process; whatever goes wrong is one sentence."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # names of files may hold what no console can show
        try:
            sys.exit(super().main(*args, **{**given, "standalone_mode": False}))
        except click.UsageError as error:
            said, where = error.format_message(), error.ctx.command_path if error.ctx else str(self.name)
            _complain(f"{said}{'' if said.endswith(('.', '?', '?)')) else '.'} See `{where} --help`.")
        except HomeError as error:
            _complain(str(error))
            sys.exit(1)
        except ThawError as error:
            _complain(str(error))
            for way in error.problems if isinstance(error, ReadingAsked) else ():
                print(f"  {way}", file=sys.stderr, flush=True)
        except OSError as error:
            _complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        except (Exception, KeyboardInterrupt) as error:
            fault = error.__cause__ if isinstance(error, click.Abort) else error
            if isinstance(fault, KeyboardInterrupt):
                _complain("Interrupted.")
                sys.exit(130)
            if os.environ.get("THAW_DEBUG"):
                raise
            _complain(f"This is a fault in Thaw, {type(fault).__name__}: {fault} (THAW_DEBUG=1 shows where).")
        sys.exit(2)


def _complain(text: str) -> None:
    print("thaw:", " ".join(text.split()), file=sys.stderr, flush=True)


def _noted(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    if value:
        ctx.meta[str(option.name)] = value


def everywhere(command: Command) -> Command:
    """--home and --json, noted in the context's `meta`: both are understood before and after a verb."""
    noted = partial(click.option, expose_value=False, callback=_noted)
    home = noted("--home", metavar="FOLDER", type=click.Path(readable=False),
                 help="where Thaw keeps its files (else THAW_HOME)")  # fmt: skip
    return noted("--json", is_flag=True, help="answer in one JSON line")(home(command))


@everywhere
@click.group(
    "python -m training",
    cls=Terminal,
    commands={name: Unopened(name, module) for name, module in VERBS.items()},
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def thaw() -> None:
    """Thaw: advice and training for image folders."""
