"""Fills in the templates beside this module: the pages of a report and the model card.

Whatever a template is given is escaped for the format that its name says: HTML (`*.html.j2`), but for the `Markup` that
figures return, or Markdown (`*.md.j2`). A value that was not given is an error, never an empty place. jinja2 is
imported with the first text: neither a page nor the terminal waits for it at its start.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.words import count, counted, duration, percent

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
_SIGNS = re.compile(
    r"[\\`*\[\]<|~$]|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])"  # anywhere; "_" not inside a word
    r"|^(?:[#>+=-]|\d+(?=[.)](?:\s|$)))"  # at the start of a line
)
"""What Markdown reads as a sign."""


def render(template: str, **values: object) -> str:
    """The text of a template with these values. Raises jinja2.UndefinedError for one that is missing."""
    return _environment(markdown=template.endswith(".md.j2")).get_template(template).render(values)


@cache
def _environment(*, markdown: bool) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=not markdown, finalize=in_markdown if markdown else None,
    )  # fmt: skip
    made.filters |= {"counted": counted, "duration": duration, "percent": percent, "thousands": count}
    made.filters["digits"] = lambda value, after: f"{value:.{after}f}"
    return made


def in_markdown(value: object) -> str:
    """Any text as one line that Markdown, its tables and the HTML inside it show as it was written."""
    return _SIGNS.sub(_escaped, " ".join(str(value).split()))


def _escaped(found: re.Match[str]) -> str:
    # "1." starts a list: it is the dot that can be escaped, not the digit.
    return f"{found[0]}\\" if found[0].isdecimal() else f"\\{found[0]}"
