"""The quiet line above every page: which dataset, how big, and that nothing leaves this machine; who has signed in."""

from __future__ import annotations

from typing import Any

from core import ThawError
from core.home import where
from dataset import load_dataset
from ui.address import at
from ui.pictures.words import count, esc
from ui.sharing import Visitor, visitor


def context_line(place: Any, dataset_id: str | None, shown: str | None = None) -> str:
    """Draw the line into `place` (an st.empty()); `shown` is what stands there already. Returns what stands there."""
    what = "No dataset yet"
    if dataset_id:
        try:
            ref = load_dataset(where(), dataset_id)
            edited = " (edited)" if ref.base else ""
            what = f"<b><bdi>{esc(ref.name)}</bdi></b>{edited} {count(ref.images)} images, {len(ref.classes)} classes"
        except ThawError:
            what = "This dataset is not here any more"
    private = f'<span class="thaw-private">{_private(visitor())}</span>'
    line = f'<div class="thaw"><div class="thaw-context"><span>{what}</span>{private}</div></div>'
    if line != shown:
        place.markdown(line, unsafe_allow_html=True)
    return line


def _private(who: Visitor) -> str:
    if who.local:
        return "Nothing leaves this machine"
    named = f" · <bdi>{esc(who.name)}</bdi>" if who.name else ""
    out = at("/thaw/sign-out")
    return f'Nothing leaves this server{named} · <a href="{out}" target="_self">Sign out</a>'
