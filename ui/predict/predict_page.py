"""The Predict page: drop pictures into a trained model, see its answers and why; take the model along beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import streamlit as st

from core import DatasetRef, NotFound
from core.names import IMAGE_SUFFIXES
from core.words import counted
from training.export import contents
from training.export.predictor import Prediction, images_in, rows_of
from training.store import Job, RunResult
from ui import pictures, sharing
from ui.kit import frame, ids, state
from ui.kit import runs as parts_runs
from ui.kit.show import show
from ui.pictures.words import ago, duration
from ui.predict import cards, heat, predictions, take_along

SHOWN = 12
"""Images shown as cards; the rest stand in the table."""
EXAMPLES = 3
SLOWLY = ", slowly, because a run is training"
PICTURE_PX = 320


def main() -> None:
    state.pump()
    ref = frame.dataset_or_stop("Predict", "A model needs images to learn from: a zip of class folders, or a sample.")
    runs = [
        job for job in state.store().jobs(kind="train", dataset_id=ref.id) if RunResult.of(job).weights_sha256
    ]
    if not runs:
        st.title("Predict")
        frame.empty("No trained model of these images yet", "Train a strategy first; its model answers here.")
        if st.button("Get advice", type="primary"):
            st.switch_page(state.ADVICE_PAGE)
        return
    title, choice = st.columns([1, 1], vertical_alignment="center")
    title.title("Predict")
    with choice:
        run = chosen(runs)
    facts = contents.find(state.home(), run)
    left, right = st.columns([5, 2], gap="large")
    if facts is None:
        with left:
            take_along.prepare(run)
            if files := given(ref, run):  # drawn for every model: images that were dropped stay from one to the next
                st.caption(f"{counted(len(files), 'image')} will be answered once this model is prepared.")
        return
    with right:
        take_along.panel(run, facts)
    with left:
        files = given(ref, run)
        if files:
            answered(ref, run, facts, files)
        folder(run, facts)


def chosen(runs: Sequence[Job]) -> Job:
    """Which model answers: the URL's, else the one with the best validation accuracy."""
    by_id = {job.id: job for job in runs}
    asked = ids.current("run")
    best = max(runs, key=lambda job: (RunResult.of(job).val_accuracy or 0.0, job.created))
    start = by_id.get(asked or "", best)
    if st.session_state.get("model") != start.id:
        st.session_state["model"] = start.id  # the URL is the truth, the widget follows
    names = frame.apart({run_id: label(job) for run_id, job in by_id.items()})
    st.selectbox(
        "Model", list(by_id), format_func=names.__getitem__, key="model", on_change=picked,
        label_visibility="collapsed",
    )  # fmt: skip
    return start


def picked() -> None:
    ids.remember("run", st.session_state["model"])


def label(job: Job) -> str:
    return f"{parts_runs.called(job)}, {parts_runs.accuracy(job)} on test images, {ago(job.finished)}"


def given(ref: DatasetRef, run: Job) -> list[tuple[str, bytes]]:
    """The images to answer for: dropped ones, or a few test images of the dataset."""
    uploads = st.file_uploader("Drop images", type=list(IMAGE_SUFFIXES), accept_multiple_files=True, key="images")
    if uploads:
        st.session_state.pop("examples", None)
        return [(str(one.name), one.getvalue()) for one in uploads]
    if st.button(f"Try {EXAMPLES} test images", key="try_examples"):
        st.session_state["examples"] = run.id
    if st.session_state.get("examples") != run.id:
        return []
    root = ref.images_root
    return [(path, (root / path).read_bytes()) for path in example_paths(run) if (root / path).is_file()]


def example_paths(run: Job) -> list[str]:
    """Test images of different classes, spread over the run's own test table."""
    from training.evaluation import answers_of

    answers = answers_of(state.home(), run)
    first_of: dict[str, str] = {}
    for path, truth in zip(answers.paths, answers.truth.tolist(), strict=True):
        first_of.setdefault(truth, path)
    return list(dict.fromkeys([*first_of.values(), *answers.paths]))[:EXAMPLES]


def answered(ref: DatasetRef, run: Job, facts: contents.ExportFacts, files: Sequence[tuple[str, bytes]]) -> None:
    """Compute what is missing, then a card for each of the first images."""
    bar = st.empty()
    found = predictions.answers(run, facts, files, lambda done: report(bar, done, len(files), time.monotonic()))
    bar.empty()
    heat_on = facts.maps and st.toggle("Show what speaks for the answer", value=True, key="heat")
    for number, (name, one) in enumerate(found[:SHOWN]):
        card(ref, facts, number, name, one, heat_on=heat_on)
    if len(found) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(found)} images are shown; the table has all.")
    if len(found) > 1:
        table(found)
    st.caption(f"{cards.limits(facts)} What is darkened lies outside the square that the model reads.")
    if not facts.maps:
        st.caption("No heat maps: this backbone does not end in the mean of one feature map, so there is no exact one.")


def report(bar: st.delta_generator.DeltaGenerator, done: int, total: int, now: float) -> None:
    slow = SLOWLY if predictions.training_now() else ""
    bar.progress(min(1.0, done / total), text=f"{done} of {counted(total, 'image')}{slow}")


def card(
    ref: DatasetRef, facts: contents.ExportFacts, number: int, name: str, one: Prediction | str, *, heat_on: bool
) -> None:
    """One image: what was looked at, the answer, the likeliest classes, training images like it."""
    with st.container(border=True, key=f"answer_{number}"):
        if isinstance(one, str):
            show(pictures.notice("bad", f"{frame.short(name)} gave no answer", f"It {one}."))
            return
        left, right = st.columns([2, 5], gap="medium", vertical_alignment="top")
        with left:
            shown = heat.overlay(one.square, one.crop, one.map if heat_on else None, PICTURE_PX)
            st.image(shown, width="stretch", alt=f"{name}, as the model sees it")
            st.caption(frame.plain(frame.short(name, 36)))
        with right:
            show(
                cards.verdict(one.label, one.known, one.why_unknown)
                + cards.bars(one.probabilities, facts.labels, facts.threshold, one.known)
                + cards.neighbours(ref.id, one.nearest)
            )


def table(found: Sequence[tuple[str, Prediction | str]]) -> None:
    """All answers as a table to download."""
    text = rows_of(found)
    st.download_button("Download the answers (CSV)", text, "answers.csv", "text/csv", key="csv")


def folder(run: Job, facts: contents.ExportFacts) -> None:
    """A whole folder on this computer, its answers as a table."""
    name = st.query_params.get("answers")
    with st.expander("A folder on this computer", expanded=bool(name)):
        if sharing.roots() == ():
            st.caption(sharing.OFF)
            return
        with st.form("predict_folder", border=False):
            path = st.text_input("Folder of images", placeholder="/home/me/new-pictures")
            asked = st.form_submit_button("Answer for this folder")
        if asked and path.strip():
            with frame.calm("This folder gave no answers"):
                st.query_params["answers"] = name = answer_folder(run, facts, Path(sharing.typed(path)))
        text = predictions.read_table(name) if name else None
        if name and text is not None:
            folder_table(name, text)


def answer_folder(run: Job, facts: contents.ExportFacts, root: Path) -> str:
    """Answers for every image below `root`; another click ends it. Raises NotFound."""
    if not root.exists():
        raise NotFound(f"There is no file or folder at '{root}'. Check the path and try again.")
    files = images_in([root])
    bar = st.progress(0.0, text=f"{counted(len(files), 'image')} found")
    st.button("Cancel", key="cancel_folder")

    def watched() -> Iterator[tuple[str, Prediction | str]]:
        began, told = time.monotonic(), 0.0
        for done, one in enumerate(predictions.folder_answers(run, facts, files, root), start=1):
            now = time.monotonic()
            if now - told > 0.2 or done == len(files):
                told, left = now, (now - began) / done * (len(files) - done)
                slow = SLOWLY if predictions.training_now() else ""
                said = f"{done:,} of {counted(len(files), 'image')}, about {duration(left)} left{slow}"
                bar.progress(done / len(files), text=said)
            yield one

    name = predictions.write_table(run, watched())
    bar.empty()
    return name


def folder_table(name: str, text: str) -> None:
    lines = predictions.parse_table(text)
    unknown = sum(line["answer"] == "unknown" for line in lines)
    failed = sum(bool(line["problem"]) for line in lines)
    st.markdown(f"{counted(len(lines), 'image')}: {unknown:,} unknown, {failed:,} could not be read.")
    st.dataframe(lines[:1000], hide_index=True, alt="Answers for each image of the folder")
    st.download_button("Download all answers (CSV)", text, f"{name}.csv", "text/csv", key="folder_csv")


main()
