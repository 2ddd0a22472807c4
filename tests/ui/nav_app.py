"""A main script that holds the real pages, for AppTest: like app.py, without its header and routes."""

from __future__ import annotations

import streamlit as st

from ui.kit import frame, ids, state

ids.carry()
page = st.navigation(
    [
        st.Page(state.DATA_PAGE, title="Data", default=True),
        st.Page(state.ADVICE_PAGE, title="Advice"),
        st.Page(state.TRAIN_PAGE, title="Train"),
        st.Page(state.COMPARE_PAGE, title="Compare"),
        st.Page(state.RUN_PAGE, title="Run"),
        st.Page(state.PREDICT_PAGE, title="Predict"),
        st.Page(state.LEARN_PAGE, title="Learn"),
        st.Page(state.PLAYGROUND_PAGE, title="Playground"),
    ],
    position="hidden",
)
with frame.calm():
    page.run()
