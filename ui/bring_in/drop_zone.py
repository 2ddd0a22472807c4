"""The drop zone of the pages: archives, folders and images go to disk (`server.uploads`), never to memory."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.names import IMAGE_SUFFIXES
from dataset.documents import SUFFIXES
from ui.address import at
from ui.server import most_bytes, too_large

ARCHIVES = ("zip", "tar", "tgz", "tbz2", "txz", "gz", "bz2", "xz", "zst")
ZIP_FROM_FILES = 5_000
"""Files from which a zip is said to be better: a folder of so many takes some seconds to arrive, a zip of it less than
one (`python -m benchmarks.upload` measures both)."""


@dataclass(frozen=True)
class Uploaded:
    """An upload that has arrived (`dataset.ingest.uploads`)."""

    id: str
    name: str
    """The folder's name; '' for an archive, which has its own, or for loose files."""

    @property
    def source(self) -> str:
        return f"upload:{self.id}"


@functools.cache
def _component() -> Any:
    script = Path(__file__).with_name("upload.js").read_text(encoding="utf-8")
    return st.components.v2.component("thaw_upload", js=script, isolate_styles=False)


def drop_zone(title: str, *, key: str) -> Uploaded | None:
    """Draw the zone; what has just arrived, once, or None."""
    data = {
        "title": title,
        "hint": f"Up to {most_bytes() / 1024**3:g} GB. A folder of more than {ZIP_FROM_FILES:,} files "
        "arrives sooner as a zip.",
        "accept": ",".join(f".{one}" for one in (*ARCHIVES, *IMAGE_SUFFIXES, *SUFFIXES)),
        "wanted": [*ARCHIVES, *IMAGE_SUFFIXES, *SUFFIXES],
        "most_bytes": most_bytes(),
        "too_large": too_large(),
        "at": at("/thaw/uploads"),
    }
    sent = _component()(key=key, data=data, on_uploaded_change=lambda: None).uploaded
    if not sent:
        return None
    return Uploaded(str(sent["id"]), str(sent["name"]))
