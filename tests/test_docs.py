"""README and docs are held to the code: commands, the table of rulebooks, the map of rooms, pictures and links."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from advisor.planning.strategies import PLANNED
from advisor.rulebooks import RULEBOOKS
from advisor.rulebooks.tree import Situation, answer
from core.zoo.catalog import STRATEGIES
from training.cli import thaw

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TERMINAL = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
ADVICE = (ROOT / "docs" / "advice.md").read_text(encoding="utf-8")
ROOTS = ("core", "dataset", "advisor", "training", "ui")
OPTIONS = re.findall(r"^- \*\*(.+?)\*\*[:,] (.+?)(?=\n\n|\n- |\Z)", TERMINAL, flags=re.DOTALL | re.MULTILINE)
"""(the commands, as they are written; what is said of their options) for each entry of the list in docs/terminal.md."""
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(group: click.Group, before: str = "") -> dict[str, click.Command]:
    """Each command of the terminal by its words: 'fit', 'data undo'."""
    context = click.Context(group)
    found: dict[str, click.Command] = {}
    for word in group.list_commands(context):
        _, command, _ = group.resolve_command(context, [word])
        assert command is not None
        found |= commands(command, f"{word} ") if isinstance(command, click.Group) else {before + word: command}
    return found


COMMANDS = commands(thaw)


def test_the_test_command_is_the_one_that_ci_runs() -> None:
    command = "pip install -r requirements.txt && pytest"
    assert command in README
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_start_command_starts_the_app() -> None:
    assert "pip install -r requirements.txt && streamlit run app.py" in README
    assert (ROOT / "app.py").exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_terminal_command_is_documented_with_every_option(name: str) -> None:
    assert f"python -m training {name}" in TERMINAL, f"docs/terminal.md does not show `{name}`"
    own = " ".join(text for heads, text in OPTIONS if f"`{name}`" in heads)
    common = next(text for heads, text in OPTIONS if heads == "every command")
    params = [param for param in COMMANDS[name].params if isinstance(param, click.Option)]
    known = {option for param in params for option in (*param.opts, *param.secondary_opts)}
    told = set(re.findall(r"`(--[a-z0-9-]+)", own))
    assert told <= known, f"docs/terminal.md gives `{name}` options that it does not have"
    assert known <= told | set(re.findall(r"`(--[a-z0-9-]+)", common)), f"docs/terminal.md: `{name}` has more options"
    assert COMMANDS[name].help


def test_every_terminal_command_that_documents_show_exists() -> None:
    for name in re.findall(r"python -m training ([a-z]+)", README + TERMINAL + ADVICE):
        assert name in thaw.commands
    heads = {name for heads, _ in OPTIONS for name in re.findall(r"`([a-z ]+)`", heads)}
    assert heads <= set(COMMANDS)


@pytest.mark.parametrize(("images", "row"), [(500, "500"), (5_000, "5,000"), (50_000, "50,000"), (500_000, "500,000")])
@pytest.mark.parametrize("similarity", ["high", "low"])
def test_the_rulebook_table_says_what_the_rulebooks_say(images: int, row: str, similarity: str) -> None:
    """Each cell of 'What the textbooks say', for a budget of two hours and accuracy first."""
    line = next(text for text in ADVICE.splitlines() if text.startswith(f"| {row} | {similarity} |"))
    cells = [cell.strip() for cell in line.split("|")[3:-1]]
    situation = Situation(images, similarity, 120, "accuracy")  # type: ignore[arg-type]
    assert cells == [STRATEGIES[answer(book, situation).kind].title for book in RULEBOOKS.values()]


def test_every_strategy_is_described() -> None:
    for kind in PLANNED:
        assert f"`{kind}`" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_the_documents_name_exist(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} points to {target}, which is not there"


def test_the_readme_is_short_and_its_map_names_every_room() -> None:
    assert len(README.splitlines()) <= 160
    rooms = {path.parent.relative_to(ROOT).as_posix() for root in ROOTS for path in (ROOT / root).rglob("*.py")}
    named = set(re.findall(r"[a-z_]+(?:/[a-z_]+)*(?=/)", README.partition("## Map")[2].partition("## Development")[0]))
    assert rooms - named <= {"advisor", "training", "ui"}, "a room without a line: rooms of roots stand for those"
    for line in README.splitlines():
        match = re.match(r"^ {4}(\w[\w/]*(?:\.py|/)) +\S", line)
        if match:
            assert (ROOT / match.group(1)).exists(), f"README's map names {match.group(1)}, which is not there"


def test_the_changelog_is_kept() -> None:
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
