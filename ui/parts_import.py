"""Bringing images in: the drop zone, the path field, the browser's folder upload and the samples, with progress.

An import runs inside the script run that was started by the click. Any other click interrupts that run at its next
progress report, which is what the Cancel button relies on; `advisor.ingest` cleans up after itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from advisor.ingest import import_path, import_uploads
from advisor.samples import SAMPLES, import_sample
from advisor.types import DatasetRef
from ui import frame, state
from ui.parts_samples import sample_picture
from ui.words import duration

ARCHIVES = ["zip", "tar", "tgz", "gz", "bz2", "xz"]
PATH_FIELD = "Folder, archive or table of labels on this computer"
MANY_FILES = 300
FEW = 5
LAYOUT = """flowers.zip
├── daisy/    1.jpg  2.jpg  …
├── rose/     1.jpg  2.jpg  …
└── tulip/    1.jpg  2.jpg  …

or, with a test set of your own:

flowers.zip
├── train/    daisy/ …  rose/ …  tulip/ …
└── test/     daisy/ …  rose/ …  tulip/ …

or, with the labels in a table (CSV, TSV or Parquet):

flowers.zip
├── labels.csv    path,label  or  path,label,split
└── images/   1.jpg  2.jpg  …"""

Progress = Callable[[int, int], None]
Import = Callable[[Progress], DatasetRef]


def ways_in() -> Import | None:
    """Draw every way to bring in images; the import that the user has just asked for, or None."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        asked = _archive()
        with st.expander("Upload a folder from this browser"):
            asked = _folder_upload() or asked
    with right:
        asked = _folder_path() or asked
        with st.expander("How the folders should lie"):
            st.code(LAYOUT, language=None)
            st.caption(
                "One folder per class, named like the class. JPEG, PNG, WebP, BMP or GIF. Files that cannot "
                "be read are listed and set aside. A class needs at least two images."
            )
    return _samples() or asked


def run_import(work: Import, where: DeltaGenerator) -> DatasetRef:
    """Do the import, with a progress bar, an ETA and a Cancel button in `where`. Raises what the import raises."""
    state.prepare()  # the profile that follows
    with where.container():
        st.subheader("Importing")
        bar = st.progress(0.0, text="Reading the files …")
        st.button("Cancel import", key="cancel_import")
    started = time.monotonic()
    shown = 0.0

    def report(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown < 0.1 and done < total:
            return
        shown = now
        part = min(1.0, done / total) if total else 0.0
        left = (now - started) / part * (1 - part) if part > 0.02 else None
        eta = f", about {duration(left)} left" if left and left >= 1 else ""
        bar.progress(
            part, text=f"{done:,} of {total:,} files checked{eta}" if done else f"Unpacking {total:,} files"
        )

    try:
        return work(report)
    finally:
        where.empty()


def _uploader_key(name: str) -> str:
    """A new key after every import empties the uploader."""
    return f"{name}_{st.session_state.get('imports', 0)}"


def _archive() -> Import | None:
    key = _uploader_key("archive")
    upload = st.file_uploader(
        "Drop a zip or tar with one folder of images per class",
        type=ARCHIVES,
        key=key,
        on_change=_mark,
        args=("archive",),
    )
    if upload is None or not _marked("archive"):
        return None
    return lambda progress: import_uploads(
        [(Path(upload.name).name, upload)], state.home(), progress=progress
    )


def _folder_upload() -> Import | None:
    files = st.file_uploader(
        "Choose the folder that holds the class folders",
        accept_multiple_files="directory",
        key=_uploader_key("folder"),
        on_change=_mark,
        args=("folder",),
    )
    st.caption(
        f"Good for up to about {MANY_FILES} files: browsers send a folder file by file. "
        "Above that, a zip is much faster."
    )
    if not files or not _marked("folder"):
        return None
    uploads = [(str(file.name), file) for file in files]
    name = uploads[0][0].split("/")[0] if "/" in uploads[0][0] else "uploaded folder"
    return lambda progress: import_uploads(uploads, state.home(), name=name, progress=progress)


def _folder_path() -> Import | None:
    if not state.on_loopback():
        st.text_input(PATH_FIELD, disabled=True, placeholder="/home/me/flowers")
        st.caption(
            "Switched off: this server can be reached from other computers, and a path would let them read its "
            "disk. Start Thaw on 127.0.0.1 to use it, or drop a zip."
        )
        return None
    with st.form("folder_path", border=False, enter_to_submit=True):
        path = st.text_input(PATH_FIELD, placeholder="/home/me/flowers")
        asked = st.form_submit_button("Import this path")
    if not asked:
        return None
    given = path.strip().strip("'\"")
    if not given:
        st.caption("Type the path of a folder, a zip, a tar or a table first.")
        return None
    place = Path(given).expanduser()
    return lambda progress: import_path(place, state.home(), progress=progress)


def _samples() -> Import | None:
    asked: str | None = None
    st.subheader("Or start with a sample")
    for column, sample in zip(st.columns(len(SAMPLES)), SAMPLES.values(), strict=True):
        with column.container(border=True, height="stretch"):
            picture = sample_picture(sample.key)
            if picture is not None:
                st.image(picture, width="stretch", alt=f"Four pictures of the sample '{sample.title}'")
            st.markdown(f"**{sample.title}**  \n:small[{sample.images:,} images, {sample.classes} classes]")
            st.caption(sample.detail)
            if st.button(f"Try: {sample.title}", key=f"sample_{sample.key}", width="stretch"):
                asked = sample.key
    if asked is None:
        return None
    chosen = asked
    return lambda progress: import_sample(chosen, state.home())


def _mark(name: str) -> None:
    st.session_state["uploaded"] = name


def _marked(name: str) -> bool:
    """True once per upload: a rerun (Cancel, or a click elsewhere) must not start the same import again."""
    if st.session_state.get("uploaded") != name:
        return False
    del st.session_state["uploaded"]
    return True


def after_import(ref: DatasetRef) -> None:
    """Make the new dataset current and empty the upload widgets."""
    st.session_state["imports"] = st.session_state.get("imports", 0) + 1
    state.choose_dataset(ref.id)


def earlier(datasets: Sequence[DatasetRef]) -> None:
    """Earlier imports, newest first: a few as buttons, all of them in a list when there are more."""
    if not datasets:
        return
    st.subheader("Or go on with an earlier import")
    with st.container(horizontal=True, gap="small"):
        for ref in datasets[:FEW]:
            label = f"{frame.plain(frame.short(ref.name, 40))}{_edited(ref)} · {ref.images:,} images"
            if st.button(label, key=f"earlier_{ref.id}"):
                state.choose_dataset(ref.id)
                st.rerun()
    if len(datasets) > FEW:
        picker(datasets, None)


def _edited(ref: DatasetRef) -> str:
    return " (edited)" if ref.base else ""


def picker(datasets: Sequence[DatasetRef], current: DatasetRef | None) -> None:
    """A list of all imports; choosing one makes it the current dataset."""
    if current is not None:  # the revision that is being looked at, in place of the one worked with last
        datasets = [current if ref.images_id == current.images_id else ref for ref in datasets]
    names = {ref.id: f"{frame.short(ref.name, 40)}{_edited(ref)} · {ref.images:,} images" for ref in datasets}
    options = list(names)
    chosen = st.selectbox(
        "Dataset",
        options,
        index=options.index(current.id) if current and current.id in names else None,
        format_func=lambda key: names[key],
        placeholder="Earlier imports",
        key=f"picker_{current.id if current else 'none'}",
        label_visibility="collapsed",
    )
    if chosen and (current is None or chosen != current.id):
        state.choose_dataset(chosen)
        st.rerun()
