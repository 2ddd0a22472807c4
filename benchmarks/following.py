"""Writes down which files of a checkout a Python process enters, and by which calls between them.

`benchmarks.paths` copies this file, as sitecustomize.py, to where every process that it starts finds it; a process in
whose environment FOLDER is set is followed from its first line, and so is what it starts. The profiler sees each call
of a function of the checkout: its caller is the nearest function of the checkout below it on the stack, whatever
library or template stands between. Left out: tests, benchmarks, what an import runs, and so every door: an
`__init__.py` counts only where it holds a function of its own, and core/door.py, which opens doors, never does.
Every call that is new in a process becomes a line `caller<TAB>callee<TAB>function` at once, so a process may end as it
likes. Imports nothing of the project.
"""

from __future__ import annotations

import os
import sys
import threading
from types import CodeType, FrameType
from typing import Any

TREE, FOLDER = "THAW_FOLLOW_TREE", "THAW_FOLLOW_FOLDER"
"""Environment variables: the checkout, and where the lines go, a file a process."""
LEFT_OUT = ("tests/", "benchmarks/", "core/door.py")


class Follower:
    """The profiler of one process."""

    def __init__(self, tree: str, folder: str) -> None:
        self.tree, self.folder = os.path.realpath(tree) + os.sep, folder
        self.places: dict[str, str | None] = {}
        self.seen: set[tuple[str, str, str]] = set()
        self.known: set[tuple[CodeType, CodeType]] = set()
        """(callee, caller) where both belong to the checkout and the call was looked at."""
        self.thread = threading.local()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event not in ("call", "return"):
            return
        code = frame.f_code
        if code.co_name == "<module>":
            if frame.f_globals.get("__name__") != "__main__":
                # Not below 0: the first modules that end are those in which this began.
                self.thread.importing = max(0, self._importing + (1 if event == "call" else -1))
        elif event == "call" and not self._importing and (callee := self.place(code)):
            self._called(callee, code, frame.f_back)

    @property
    def _importing(self) -> int:
        """How many modules this thread is in the middle of importing."""
        return getattr(self.thread, "importing", 0)

    def place(self, code: CodeType) -> str | None:
        """The file of the checkout that this is of, as it is called there; None where it does not count."""
        name = code.co_filename
        if name not in self.places:
            path = os.path.realpath(name)
            inside = path[len(self.tree) :] if path.startswith(self.tree) and os.path.exists(path) else ""
            self.places[name] = inside if inside.endswith(".py") and not inside.startswith(LEFT_OUT) else None
        return self.places[name]

    def _called(self, callee: str, code: CodeType, below: FrameType | None) -> None:
        if below is not None:
            if (code, below.f_code) in self.known:
                return
            if self.place(below.f_code):
                self.known.add((code, below.f_code))
        caller = None
        while below is not None and caller is None:
            caller, below = self.place(below.f_code), below.f_back
        line = (caller or "", callee, code.co_qualname) if caller != callee else ("", callee, "")
        if line not in self.seen:
            self.seen.add(line)
            with open(os.path.join(self.folder, str(os.getpid())), "a", encoding="utf-8") as file:
                file.write("\t".join(line) + "\n")


def start(folder: str) -> None:
    """Follow this process, its threads to come and what it starts."""
    os.environ[FOLDER] = folder
    follower = Follower(os.environ[TREE], folder)
    threading.setprofile(follower)
    sys.setprofile(follower)


if os.environ.get(FOLDER):
    start(os.environ[FOLDER])
