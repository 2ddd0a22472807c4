"""The Data page: bring images in, see what they are, and what was measured about them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import DatasetRef, NotFound
from core.words import counted
from core.zoo import DEFAULT_BACKBONE
from dataset import folder, image_table, list_current
from ui.bring_in import again, bundle, imports, public
from ui.data import caches, edits, findings, gallery, profile, revisions, target
from ui.data import map as parts_map
from ui.kit import frame, keep, state, url_inputs
from ui.pictures import charts
from ui.pictures.words import count

SHOWN_SET_ASIDE = 500


def main() -> None:
    state.pump()
    try:
        ref = state.current_dataset(newest=False)
    except NotFound as error:
        frame.show_gone(error, "dataset")
        state.choose_dataset(None)
        ref = None
    if ref is None:
        first_visit()
    else:
        dataset(ref)


def first_visit() -> None:
    """Nothing chosen yet: the ways in, the samples, earlier imports."""
    for leave in LEFT.values():
        leave()
    st.session_state.pop("view", None)
    st.title("Bring in labelled images")
    st.markdown(
        "Thaw measures them, says which way of transfer learning suits them and why, trains it here while you watch, "
        "and shows whether it is really better."
    )
    where = st.empty()
    imports.bring_in(imports.ways_in(), where)
    public.fold()
    imports.earlier(list_current(state.home()))
    frame.set_aside(folder.set_aside(state.home()))
    bundle.fold()


def dataset(ref: DatasetRef) -> None:
    """One dataset: its name and counts, what was measured, and one section of several."""
    if st.session_state.get("data_shown", ref.images_id) != ref.images_id:
        gallery.forget()  # what was looked for in another dataset
    st.session_state["data_shown"] = ref.images_id
    heading(ref)
    profile.measured_panel(ref, DEFAULT_BACKBONE, start=True)
    section(ref)


def section(ref: DatasetRef) -> None:
    """The tabs; only the open one's content is made. Which one it is stands in the URL."""
    url_inputs.start("view", {slug: title for slug, title, _ in SECTIONS}, SECTIONS[0][1])
    tabs = st.tabs([title for _, title, _ in SECTIONS], key="view", on_change="rerun")
    for tab, (slug, _, draw) in zip(tabs, SECTIONS, strict=True):
        if not tab.open and slug in LEFT:
            LEFT[slug]()
        if tab.open:
            url_inputs.keep("view", slug, SECTIONS[0][0])
            with tab:
                draw(ref)


def images(ref: DatasetRef) -> None:
    gallery.images(ref.id)


def on_a_map(ref: DatasetRef) -> None:
    parts_map.the_map(ref.id, DEFAULT_BACKBONE)


def check(ref: DatasetRef) -> None:
    """What the audit found, and what the import set aside."""
    findings.report(ref)
    set_aside(ref)


def numbers(ref: DatasetRef) -> None:
    """Class balance and image sizes as pictures; what the caches take."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Class balance")
        charts.show(charts.class_balance(ref), key="class_balance", label=balance_in_words(ref))
    with right:
        st.subheader("Image sizes")
        sizes = image_table.sizes(state.images(ref))
        charts.show(charts.image_sizes(sizes), key="image_sizes", label=sizes_in_words(sizes))
    caches.fold(ref)
    keep.of_dataset(ref)


def heading(ref: DatasetRef) -> None:
    """Title and counts; beside them the way to other datasets and the one button onward."""
    title, onward = st.columns([2, 3], gap="small", vertical_alignment="center")
    with title:
        st.title(frame.plain(ref.name))
    with onward, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"):
        imported = list_current(state.home())
        if len(imported) > 1:
            imports.picker(imported, ref)
        else:
            imports.no_picker()
        if st.button("Bring in other images", key="other"):
            state.choose_dataset(None)
            st.rerun()
        if st.button("Get advice", type="primary"):
            st.switch_page(state.ADVICE_PAGE)
    reading = [f"{ref.reading}."] if ref.reading and not ref.source.startswith("sample: ") else []
    notes = "".join(f"  \n:small[:gray[{frame.plain(note)}]]" for note in (*reading, *ref.notes))
    st.markdown(frame.plain(size_in_words(ref)) + notes)
    edits.line(ref)
    if not ref.base:
        imports.bring_in(again.asked(ref), st.empty())


def size_in_words(ref: DatasetRef) -> str:
    """'1,797 images in 10 classes: 1,439 train, 358 test'."""
    text = f"{count(ref.images)} images in {len(ref.classes)} classes"
    if ref.excluded:
        text += f" ({count(ref.excluded)} excluded)"
    if ref.groups:
        text += f", of {count(ref.groups)} groups"
    given = [(name, sum(ref.counts[name])) for name in ("train", "val", "test") if name in ref.counts]
    if given:
        text += ": " + ", ".join(f"{count(number)} {name}" for name, number in given)
    return text + (". A built-in sample." if ref.source.startswith("sample: ") else f". From {ref.source}.")


def balance_in_words(ref: DatasetRef) -> str:
    """The chart's message for a screen reader."""
    pairs = sorted(zip(ref.per_class, ref.classes, strict=True))
    return (
        f"Images per class: from {count(pairs[0][0])} ({pairs[0][1]}) to {count(pairs[-1][0])} ({pairs[-1][1]}) "
        f"over {len(ref.classes)} classes."
    )


def sizes_in_words(sizes: list[tuple[float, float, int]]) -> str:
    """The chart's message for a screen reader."""
    total = sum(images for _, _, images in sizes)
    if not total:
        return "No images."
    width, height, images = sizes[0]
    return f"Image sizes: {count(images)} of {count(total)} are about {width:.0f} by {height:.0f} px."


def set_aside(ref: DatasetRef) -> None:
    """Every file that the import could not use, with the reason."""
    if not ref.set_aside:
        return
    with st.expander(f"{counted(len(ref.set_aside), 'file')} set aside"):
        shown = ref.set_aside[:SHOWN_SET_ASIDE]
        st.dataframe(
            {"File": [path for path, _ in shown], "Why": [why for _, why in shown]},
            hide_index=True,
            alt="Files that the import set aside, with the reason",
        )
        if len(ref.set_aside) > SHOWN_SET_ASIDE:
            st.caption(f"The first {SHOWN_SET_ASIDE} of {len(ref.set_aside):,}.")


SECTIONS: tuple[tuple[str, str, Callable[[DatasetRef], None]], ...] = (
    ("images", ":material/photo_library: Images", images),
    ("check", ":material/fact_check: Check", check),
    ("map", ":material/scatter_plot: Map", on_a_map),
    ("numbers", ":material/bar_chart: Numbers", numbers),
    ("edits", ":material/history: Edits", revisions.section),
    ("target", target.TAB, target.section),
)
"""(name in the URL, title, what draws it). A section is a module of its own where it is more than a few lines."""
LEFT: dict[str, Callable[[], None]] = {"images": gallery.left, "map": parts_map.left}
"""What a section does while another one is open."""

main()
