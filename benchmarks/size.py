"""How large the product is: modules, lines, the fullest folders, modules that only pass names on. Trees side by side.

    python -m benchmarks.size [--tree PATH ...] [--out FILE]

The product is app.py and every .py file of core, dataset, advisor, training and ui, where they are there. A line of
code holds something that is neither a comment nor a docstring (a string that stands alone is one). A module passes on
if it holds nothing but imports, names that are imported, and `__all__`; `__init__.py` is a door and may. Runs nothing.
"""

from __future__ import annotations

import argparse
import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import add_trees, named

ROOTS = ("core", "dataset", "advisor", "training", "ui")
DOOR = "__init__.py"
MOST_MODULES = 14
"""In one folder, besides its door."""
SHOWN_FOLDERS = 6
NO_CODE = (
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
)  # fmt: skip


@dataclass(frozen=True)
class Size:
    """Of one tree. `folders`: folder -> modules that stand in it; `passing`: modules that only pass on."""

    modules: int
    doors: int
    code_in_modules: int
    code_in_doors: int
    lines: int
    folders: dict[str, int]
    passing: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_trees(parser)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text = table({name: measure(tree) for name, tree in named(options.trees).items()})
    if options.out:
        options.out.write_text(text)
    print(text, end="")


def measure(tree: Path) -> Size:
    modules = doors = code_in_modules = code_in_doors = lines = 0
    folders, passing = Counter[str](), list[str]()
    for path in product(tree):
        source, place = path.read_text(encoding="utf-8"), path.relative_to(tree)
        lines += len(source.splitlines())
        if path.name == DOOR:
            doors += 1
            code_in_doors += len(code_lines(source))
            continue
        modules += 1
        code_in_modules += len(code_lines(source))
        folders[str(place.parent)] += 1
        if passes_on(source):
            passing.append(str(place))
    return Size(modules, doors, code_in_modules, code_in_doors, lines, dict(folders.most_common()), tuple(passing))


def product(tree: Path) -> Iterator[Path]:
    """The files that count as the product, in order."""
    yield from (path for path in [tree / "app.py"] if path.exists())
    for root in ROOTS:
        yield from sorted((tree / root).rglob("*.py"))


def code_lines(source: str) -> set[int]:
    """Numbers of the lines that hold code."""
    found = set[int]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            found.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and _is_text(node):
            found -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found


def passes_on(source: str) -> bool:
    """Whether a module holds imports and names of what it imports, and nothing of its own."""
    body = [node for node in ast.parse(source).body if not _is_text(node)]
    return any(isinstance(node, ast.Import | ast.ImportFrom) for node in body) and all(map(_is_passing, body))


def _is_passing(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.Assign(value=ast.Name() | ast.Attribute()):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return all(map(_is_passing, [*node.body, *node.orelse]))
    return False


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def table(sizes: dict[str, Size]) -> str:
    """Markdown: the counts, then the fullest folders and the modules that pass on, of each tree."""
    rows = {
        f"modules (besides `{DOOR}`)": [one.modules for one in sizes.values()],
        f"files `{DOOR}`": [one.doors for one in sizes.values()],
        "lines of code in modules": [one.code_in_modules for one in sizes.values()],
        f"lines of code in `{DOOR}`": [one.code_in_doors for one in sizes.values()],
        "all lines, with docstrings, comments and empty ones": [one.lines for one in sizes.values()],
        f"folders with more than {MOST_MODULES} modules": [
            sum(count > MOST_MODULES for count in one.folders.values()) for one in sizes.values()
        ],
        "modules that only pass names on": [len(one.passing) for one in sizes.values()],
    }
    lines = ["| product code | " + " | ".join(sizes) + " |", "|---" * (1 + len(sizes)) + "|"]
    lines += [f"| {name} | " + " | ".join(f"{value:,}" for value in values) + " |" for name, values in rows.items()]
    for name, size in sizes.items():
        fullest = list(size.folders.items())[:SHOWN_FOLDERS]
        lines += ["", f"{name}: fullest folders " + ", ".join(f"`{at}` {count}" for at, count in fullest) + "."]
        if size.passing:
            lines.append(f"Only pass names on: {', '.join(f'`{one}`' for one in size.passing)}.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
