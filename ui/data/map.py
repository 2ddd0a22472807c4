"""The Map section: every image as a point, beside those that look alike to the backbone.

The worker computes (`training.profile.draw_map`), a route sends the points, the browser draws them; this file says
which map
there is, starts the job for one that is not, and mounts the component.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from core import EXCLUDED, DatasetRef
from core.zoo import backbone as find_backbone
from dataset import ImageTable
from training.profile import maps
from training.requests import DrawMap, MapName, Profile
from training.store import Job
from ui import pictures
from ui.address import at, base
from ui.data import picked, selection
from ui.kit import frame, jobs, progress, state
from ui.kit.show import show
from ui.pictures.words import count

KEY = "map"
SCRIPTS = ("viewer.js", "map.js")
TITLES: dict[MapName, str] = {"pca": "Principal components", "tsne": "t-SNE"}


@functools.cache
def _component() -> Any:
    here = Path(__file__).parent
    script = "\n".join((here / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return st.components.v2.component("thaw_map", js=script, isolate_styles=False)


def mount(data: dict[str, Any], on_report: Any) -> None:
    """Put the map here (a seam for tests: everything the browser is told is in `data`)."""
    _component()(key=KEY, data=data, on_report_change=on_report)


@frame.fragment
def the_map(dataset_id: str, backbone: str) -> None:
    """Everything below the tab 'Map'."""
    ref = state.dataset(dataset_id)
    name = _which()
    base = ref.images_id
    about = maps.about(state.home(), base, backbone)
    job = jobs.latest(DrawMap(ref.id, backbone, name))
    if job and job.state in state.ACTIVE:

        def drawn_on(now: Job) -> bool:
            return name == "tsne" and now.progress > 0 and maps.about(state.home(), base, backbone).tsne != about.tsne

        progress.follow(job, moved=drawn_on)
    if maps.load(state.home(), base, backbone, name) is None:
        if not (job and job.state in state.ACTIVE):
            _missing(ref, backbone, name, job)
        return
    table = state.images(ref)
    _drawn(ref, table, backbone, name, about)
    shown = np.flatnonzero(~table.in_split(EXCLUDED))
    picked.bar(ref, table, shown, hint="Click a point to see its image and its neighbours. Drag around points to "
                     "select them, with Select or the Shift key.", everything=False)  # fmt: skip


def left() -> None:
    """Another section is drawn: the choice of a picture is not on the page (see `gallery.left`)."""
    st.session_state.pop("map_name", None)


def _which() -> MapName:
    if "map_name" not in st.session_state:
        asked = st.query_params.get("map", "pca")
        st.session_state["map_name"] = asked if asked in TITLES else "pca"
    name: MapName | None = st.segmented_control(
        "Map", list(TITLES), format_func=TITLES.__getitem__, key="map_name", required=True,
        label_visibility="collapsed", on_change=_keep_which,
    )  # fmt: skip
    return name or "pca"


def _keep_which() -> None:
    name = st.session_state.get("map_name")
    if name == "pca":
        st.query_params.pop("map", None)
    elif name:  # None: the browser repeats what it said before another section was drawn
        st.query_params["map"] = name


def _drawn(ref: DatasetRef, table: ImageTable, backbone: str, name: MapName, about: maps.About) -> None:
    chosen = selection.selected(ref.id)
    version = about.tsne[0] if name == "tsne" else ""
    mount(
        {
            "dataset": ref.id, "base": ref.images_id, "classes": list(ref.classes), "picked": sorted(chosen),
            "at": base(), "url": at(f"/thaw/map/{ref.id}/{backbone}/{name}.bin?v={version}"),
            "ack": selection.acknowledged(KEY),
        },
        lambda: selection.hear(KEY, len(table), ref.id, {}),
    )  # fmt: skip
    st.caption(caption(name, about, find_backbone(backbone).title, len(table)))
    done, planned = about.tsne
    job = jobs.latest(DrawMap(ref.id, backbone, name))
    unfinished = name == "tsne" and done < planned and not (job and job.state in state.ACTIVE)
    if unfinished and st.button("Draw it anew", key="draw_anew"):
        jobs.start(DrawMap(ref.id, backbone, name))
        st.rerun()


def caption(name: MapName, about: maps.About, title: str, images: int) -> str:
    """What the picture shows, and what it does not."""
    near = f"Images whose features are alike to {title} lie together."
    if name == "pca":
        shown = about.variance
        part = f" The two axes show {100 * shown:.0f}% of how the features vary." if shown is not None else ""
        return f"{near}{part}"
    sampled = images if about.sample is None else about.sample
    some = f" A sample of {count(sampled)} of {count(images)} images." if sampled < images else ""
    done, planned = about.tsne
    early = f" Drawn after {count(done)} of {count(planned)} steps." if done < planned else ""
    return f"{near} Neighbours mean something here, distances between groups do not.{some}{early}"


def _missing(ref: DatasetRef, backbone: str, name: MapName, job: Job | None) -> None:
    """Why there is no map yet, and the one button that helps."""
    title = find_backbone(backbone).title
    profile = jobs.latest(Profile(ref.id, backbone))
    if name == "pca" and profile and profile.state in state.ACTIVE:
        text = f"{title} is looking at the images now; see above."
        show(pictures.notice("info", "The map comes with the measuring", text))
        return
    if job and job.state in ("failed", "lost"):
        show(pictures.notice("bad", "The map was not drawn", job.error or "The worker ended unexpectedly."))
    elif name == "pca":
        show(pictures.notice("info", "No map yet", f"{title} has to look at every image once."))
    else:
        some = f"{count(maps.MOST_TSNE)} of the " if ref.images > maps.MOST_TSNE else "all "
        text = f"t-SNE pulls apart groups that lie over each other. It takes {some}{count(ref.images)} images."
        show(pictures.notice("info", "Not drawn yet", text))
    if st.button("Draw the map", type="primary", key=f"draw_{name}"):
        jobs.start(DrawMap(ref.id, backbone, name))
        st.rerun()
