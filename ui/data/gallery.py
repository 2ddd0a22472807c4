"""The Images section: search and filters, a gallery by class or as one grid, pages, selection, the large view.

What is asked for stands in the URL (`find`, `class`, `split`, `trait`, `finding`, `arrange`, `page`, `image`), so that
a view can be sent and a reload shows it again. The section is a fragment: turning a page reruns nothing else.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import streamlit as st

from core import EXCLUDED, DatasetRef
from dataset import ImageTable, Query, by_class, matching, page_of, pages, spread
from dataset.ingest import TRAITS
from ui.address import base
from ui.data import picked, selection
from ui.kit import frame, state
from ui.pictures.words import count

KEY = "gallery"
PAGE_IMAGES = 72
PAGE_CLASSES = 12
STRIP = 12
"""Images of a class on each of its lines where every class is shown."""
FINDINGS = {
    "mislabelled": "suspected mislabelled", "two_labels": "in two classes", "near_labels": "alike, in two classes",
    "leak": "also in the test set", "near_leak": "alike in the test set", "duplicate": "copies",
    "near_duplicate": "look alike", "shift": "unlike training images", "blank": "next to blank",
    "tiny_image": "tiny", "extreme_aspect": "long and narrow",
}  # fmt: skip
"""The audit's kinds of finding whose images can be looked at, and the words for them in the filter."""
CHECKED_AT_ONCE = 5_000
"""Images up to which the check takes no time that one would feel."""
SCRIPTS = ("viewer.js", "gallery.js")
EVERY = "\0"
"""The choice 'all' in a select box; no class can be called so."""
SPLIT_WORDS = {"train": "training", "val": "validation", "test": "test", "": "not split", EXCLUDED: "excluded"}
FILTERS = ("find", "class", "split", "trait", "finding", "arrange", "page", "image")


@functools.cache
def _component() -> Any:
    here = Path(__file__).parent
    script = "\n".join((here / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return st.components.v2.component("thaw_gallery", js=script, isolate_styles=False)


def mount(data: dict[str, Any], on_report: Any) -> None:
    """Put the gallery here (a seam for tests: everything the browser is told is in `data`)."""
    _component()(key=KEY, data=data, on_report_change=on_report)


@frame.fragment
def images(dataset_id: str) -> None:
    """Everything below the tab 'Images'."""
    ref = state.dataset(dataset_id)
    table = state.images(ref)
    query, among = _filters(ref, table)
    rows = matching(table, query, among)
    strips = _strips(query, among)
    data = _by_class(ref, table, rows) if strips else _grid(ref, table, query, rows)
    if data["empty"]:
        _nothing(table, query)
    mount(data, lambda: _heard(ref, table))
    picked.bar(ref, table, rows)


def left() -> None:
    """Another section is drawn: the filters are not on the page (see `_absent`)."""
    _absent(*FILTERS)


def forget() -> None:
    """Drop every filter: the next dataset is seen whole."""
    for name in FILTERS:
        st.session_state.pop(f"images_{name}", None)
        if name in st.query_params:
            del st.query_params[name]
    selection.clear()


# ---- what is asked for ---------------------------------------------------------------------------------------------


def _filters(ref: DatasetRef, table: ImageTable) -> tuple[Query, Any]:
    """The row of filters; each one's first value is the URL's."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="image_filters"):
        words = _kept_text("find", "Search", "part of a file's or a class's name")
        label = _kept_choice("class", "Class", {name: name for name in ref.classes}, width=190)
        splits = {name: SPLIT_WORDS.get(name, name) for name in table.split_names}
        split = _kept_choice("split", "Split", splits if len(splits) > 1 else {}, width=130)
        present = set(" ".join(set(table.traits)).split())
        kinds = {name: TRAITS[name] for name in TRAITS if name in present}
        trait = _kept_choice("trait", "Read with a difference", kinds, width=180)
        among = _finding(ref)
        if label is None and not words and not trait and among is None:
            _arrange()
        else:
            _absent("arrange")
    index = ref.classes.index(label) if label is not None else None
    return Query(words or "", index, split, trait or ""), among


def _kept_text(name: str, label: str, hint: str) -> str:
    key = f"images_{name}"
    if _moved(name):
        st.session_state[key] = st.query_params.get(name, "")[:200]
    text = st.text_input(label, key=key, placeholder=hint, icon=":material/search:", on_change=_changed, args=(name,))
    return (text or "").strip()


def _kept_choice(name: str, label: str, options: dict[str, str], width: int) -> str | None:
    """A select box with 'all' before the options; None stands for all. Without options nothing is drawn.

    options: value -> words. The browser knows an option by its words: they must not change with an edit, as counts do.
    """
    key = f"images_{name}"
    if not options:
        _absent(name)
        return None
    if _moved(name) or st.session_state[key] not in (*options, EVERY):
        asked = st.query_params.get(name, EVERY)
        st.session_state[key] = asked if asked in options else EVERY
    every = "all of them" if "all" in options.values() else "all"
    chosen = st.selectbox(
        label,
        [EVERY, *options],
        format_func=lambda value: options.get(value, every),
        key=key,
        width=width,
        on_change=_changed,
        args=(name,),
    )
    return None if chosen == EVERY else chosen


def _arrange() -> None:
    key = "images_arrange"
    if _moved("arrange"):
        st.session_state[key] = "grid" if st.query_params.get("arrange") == "grid" else "classes"
    st.segmented_control(
        "Arrange",
        ["classes", "grid"],
        format_func={"classes": "By class", "grid": "One grid"}.__getitem__,
        required=True,
        key=key,
        on_change=_changed,
        args=("arrange",),
    )


def _changed(name: str) -> None:
    """A filter changed: write it to the URL and go back to the first page."""
    value = st.session_state.get(f"images_{name}")
    asked = "" if value in (EVERY, "", "classes", None) else str(value).strip()
    if value is None or asked == st.session_state.get(f"asked_{name}", ""):
        return  # the browser repeats what it said before another section was drawn
    _ask(name, asked)
    _ask("page", None)


def _absent(*names: str) -> None:
    """These inputs are not drawn now.

    The browser forgets what an input said as soon as it is gone, the server only a run later. An input that comes back
    in between would be empty in the browser, and report that as the user's wish; let go of here, it is told its value.
    """
    for name in names:
        st.session_state.pop(f"images_{name}", None)


def _moved(name: str) -> bool:
    """Whether the URL says something else than what this session wrote there: a first visit, a link, the way back."""
    asked = st.query_params.get(name, "")
    if f"images_{name}" in st.session_state and st.session_state.get(f"asked_{name}", "") == asked:
        return False
    st.session_state[f"asked_{name}"] = asked
    return True


def _ask(name: str, value: str | None) -> None:
    st.session_state[f"asked_{name}"] = value or ""
    if value:
        st.query_params[name] = value
    elif name in st.query_params:
        del st.query_params[name]


def _finding(ref: DatasetRef) -> Any:
    """The rows of the finding that was chosen; None without one. Checking takes time: a large dataset is not checked
    only to offer the choice, but when it is asked for."""
    if not ("finding" in st.query_params or ref.images <= CHECKED_AT_ONCE or state.was_audited(ref)):
        place = st.empty()
        takes = f"Checks all {count(ref.images)} images first, which takes some seconds."
        if not place.button("Filter by finding", key="check_now", icon=":material/fact_check:", help=takes):
            _absent("finding")
            return None
        with place, st.spinner("Checking the images"):
            state.audited(ref)
        place.empty()
    found = state.findings_with_images(ref)
    kinds = {kind: words for kind, words in FINDINGS.items() if kind in found}
    kind = _kept_choice("finding", "Finding", kinds, width=180)
    return found[kind] if kind else None


def show_finding(kind: str) -> None:
    """For a button's callback: look at the images of this finding, in the Images section."""
    forget_filters()
    _ask("finding", kind)
    _ask("view", None)
    st.session_state.pop("view", None)


def _strips(query: Query, among: Any) -> bool:
    grid = st.session_state.get("images_arrange") == "grid"
    return not (query.words or query.trait or query.label is not None or among is not None or grid)


# ---- what is shown -------------------------------------------------------------------------------------------------


def _by_class(ref: DatasetRef, table: ImageTable, rows: Any) -> dict[str, Any]:
    """A few images of every class, a page of classes at a time."""
    groups = list(by_class(table, rows).items())
    page = _page(pages(len(groups), PAGE_CLASSES))
    shown = groups[(page - 1) * PAGE_CLASSES : page * PAGE_CLASSES]
    after = groups[page * PAGE_CLASSES : (page + 1) * PAGE_CLASSES]
    lines = 3 if len(groups) <= 3 else 2 if len(groups) <= 5 else 1  # a screenful
    names = (*ref.classes, "no class")  # the last: label -1
    drawn = [
        {"name": names[label], "total": len(own), "items": _items(table, spread(own, lines * STRIP))}
        for label, own in shown
    ]
    return _data(
        ref, table, drawn, page=page, size=PAGE_CLASSES, total=len(groups), noun="classes", strips=lines,
        following=[int(row) for _, own in after for row in spread(own, STRIP)],
    )  # fmt: skip


def _grid(ref: DatasetRef, table: ImageTable, query: Query, rows: Any) -> dict[str, Any]:
    page = _page(pages(len(rows), PAGE_IMAGES))
    drawn = [{"name": "", "total": len(rows), "items": _items(table, page_of(rows, page, PAGE_IMAGES))}]
    following = rows[page * PAGE_IMAGES : (page + 1) * PAGE_IMAGES].tolist()
    return _data(
        ref, table, drawn, page=page, size=PAGE_IMAGES, total=len(rows), noun="images", strips=0,
        following=following, split=query.split, one=query.label is not None,
    )  # fmt: skip


def _data(
    ref: DatasetRef, table: ImageTable, groups: list[dict[str, Any]], *, page: int, size: int, total: int, noun: str,
    strips: int, following: list[int], split: str | None = None, one: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """What the browser is told: see `gallery.js`. strips: lines of each group that are shown; 0 = all."""
    chosen = selection.selected(ref.id)
    shown = [item[0] for group in groups for item in group["items"]]
    return {
        "at": base(), "dataset": ref.id, "base": ref.images_id, "classes": list(ref.classes), "groups": groups,
        "strips": strips > 0, "lines": strips, "one": one, "split": split or "", "page": page,
        "pages": pages(total, size), "total": total, "from": min(total, (page - 1) * size + 1),
        "to": min(total, page * size), "noun": noun, "next": following,
        "picked": [row for row in shown if row in chosen], "count": len(chosen), "open": _row("image", len(table)),
        "ack": selection.acknowledged(KEY), "empty": total == 0,
    }  # fmt: skip


def _items(table: ImageTable, rows: Any) -> list[list[Any]]:
    """[row, class index, path, split] of each image."""
    return [[int(row), int(table.labels[row]), table.paths[row], table.split(row)] for row in rows]


def _page(most: int) -> int:
    asked = st.query_params.get("page", "1")
    return min(max(int(asked), 1), most) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1


def _row(name: str, images: int) -> int | None:
    asked = st.query_params.get(name, "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 and int(asked) < images else None


def _nothing(table: ImageTable, query: Query) -> None:
    """No image fits: say what was asked for, and offer the way back."""
    what = f"'{query.words}'" if query.words else "these filters"
    frame.empty("No image matches", f"None of the {count(len(table))} images fits {what}.")
    st.button("Show all images", key="leave_filters", on_click=forget_filters)


def forget_filters() -> None:
    """Like `forget`, but what is selected stays selected."""
    for name in FILTERS:
        st.session_state.pop(f"images_{name}", None)
        _ask(name, None)


# ---- what the browser reports --------------------------------------------------------------------------------------


def _heard(ref: DatasetRef, table: ImageTable) -> None:
    def turn(page: Any) -> None:
        _ask("page", str(page) if isinstance(page, int) and page > 1 else None)

    def opened(row: Any) -> None:
        _ask("image", str(row) if isinstance(row, int) and 0 <= row < len(table) else None)

    def by_name(name: Any) -> None:
        if name in ref.classes:
            st.session_state["images_class"] = name
            _changed("class")

    selection.hear(KEY, len(table), ref.id, {"page": turn, "open": opened, "class": by_name})
