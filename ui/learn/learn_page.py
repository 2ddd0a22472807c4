"""The Learn page: short lessons in reading order, one open at a time, each ending on the user's own images."""

from __future__ import annotations

import streamlit as st

from ui.kit import state
from ui.kit.url_inputs import keep, start
from ui.learn import LESSONS
from ui.learn.parts import try_it

FIRST = next(iter(LESSONS))


def main() -> None:
    state.live_pool().warm_up()
    st.title("Learn")
    left, right = st.columns([1, 3], gap="large")
    with left:
        start("lesson", {key: key for key in LESSONS}, FIRST)
        chosen = st.radio(
            "Lessons", list(LESSONS), key="lesson", label_visibility="collapsed", persist_state="session",
            format_func=lambda key: f"{list(LESSONS).index(key) + 1}. {LESSONS[key].title}",
            captions=[lesson.one_line for lesson in LESSONS.values()],
        )  # fmt: skip
        keep("lesson", chosen, FIRST)
        with st.container(key="lesson_note"):
            st.divider()
            st.caption("Every live part is computed now, on this machine, by the engine that trains your images.")
        if st.button("Playground", key="to_playground", width="stretch"):
            st.switch_page(state.PLAYGROUND_PAGE)
    with right:
        lesson = LESSONS[chosen]
        st.header(lesson.title)
        lesson.draw()
        try_it(lesson)
        order = list(LESSONS)
        place = order.index(chosen)
        if place + 1 < len(order):
            st.button(
                f"Next: {LESSONS[order[place + 1]].title}", key="next_lesson", type="tertiary", on_click=go_to,
                args=(order[place + 1],),
            )  # fmt: skip


def go_to(key: str) -> None:
    st.session_state["lesson"] = key


main()
