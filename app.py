"""Thaw: which transfer-learning strategy fits these images, and is it really better?

    streamlit run app.py

The server imports this file to find `app` (Streamlit's pages plus the routes that live curves and thumbnails read);
each page view then runs it once more as a script (`__main__`). No torch here, ever: training lives in worker processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from ui.sharing import Bound

HERE = Path(__file__).parent
AHEAD_S = 4.0
"""After the first page's imports, until those of the other pages begin: the first page is drawn by then."""
LOOK_S = 15.0
"""Between two looks of the server at its workers."""


def main() -> None:
    """One view of a page: styles, ids, the line about the dataset, then the page itself."""
    from ui.kit import frame, ids, state
    from ui.kit.context_line import context_line
    from ui.pictures.theme import css

    st.set_page_config(page_title="Thaw", page_icon=str(HERE / "assets" / "logo.svg"), layout="wide")
    st.logo(str(HERE / "assets" / "wordmark.svg"), size="large")
    st.html(f"<style>{css()}</style>")
    ids.carry()
    page = st.navigation(
        [
            st.Page(state.DATA_PAGE, title="Data", icon=":material/photo_library:", url_path="data", default=True),
            st.Page(state.ADVICE_PAGE, title="Advice", icon=":material/account_tree:", url_path="advice"),
            st.Page(state.TRAIN_PAGE, title="Train", icon=":material/show_chart:", url_path="train"),
            st.Page(state.COMPARE_PAGE, title="Compare", icon=":material/compare_arrows:", url_path="compare"),
            st.Page(state.RUN_PAGE, title="Understand a run", url_path="run", visibility="hidden"),
            st.Page(state.PREDICT_PAGE, title="Predict", icon=":material/image_search:", url_path="predict"),
            st.Page(state.LEARN_PAGE, title="Learn", icon=":material/school:", url_path="learn"),
            st.Page(state.PLAYGROUND_PAGE, title="Playground", icon=":material/science:", url_path="playground"),
        ],
        position="top",
    )
    line = st.empty()
    said = context_line(line, ids.current("dataset"))
    try:
        with frame.calm():
            page.run()
    finally:
        # The page may have chosen or imported another dataset just now.
        context_line(line, ids.current("dataset"), said)


def serve() -> dict[str, Any]:
    """What the server adds to Streamlit: our routes, a gate before every one, and a queue that goes on."""
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from core.home import home
    from ui.server.routes import routes
    from ui.sharing import Gate, Policy

    # Streamlit checks the Host of its websocket only; this checks every request. A health check comes from here.
    named = list(st.get_option("server.allowedHosts"))
    hosts = [*named, "localhost", "127.0.0.1"] if named else ["*"]
    return {
        "routes": routes(),
        "middleware": [
            Middleware(Policy),
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
            Middleware(Gate, place=functools.cache(home), bound=bound),
        ],
        "lifespan": go_on,
    }


@functools.cache
def bound() -> Bound:
    """How this server was started."""
    from ui.address import base
    from ui.sharing import Bound

    return Bound.now(st.get_option("server.address"), base())


@contextlib.asynccontextmanager
async def go_on(_app: Any) -> AsyncIterator[None]:
    """At server start, while the browser still loads: import what the first page draws, and a little later what the
    others do. Then, every `LOOK_S`, what
    pages do as they are drawn, for as long as none is open: end workers that hang, notice those that died, start what
    is queued, remove what killed processes left."""

    if bound().everybodys:
        from ui.sharing import invite

        print(invite(bound()), flush=True)

    def load() -> None:
        from dataset.ingest import SAMPLES
        from ui import pictures  # noqa: F401
        from ui.bring_in import (
            imports,  # noqa: F401
            samples,
        )
        from ui.data import profile  # noqa: F401
        from ui.kit import frame  # noqa: F401
        from ui.pictures import charts  # noqa: F401

        for key in SAMPLES:
            samples.sample_picture(key)

    said = ""

    def look() -> None:
        nonlocal said
        from core.home import where
        from training.jobs import leftovers
        from ui.kit import state

        try:
            if (where() / "thaw.db").exists():
                state.pump()
                leftovers.sweep_hourly(state.store())
            said = ""
        except Exception as error:  # a broken home must not keep the pages from saying so
            if said != (said := str(error)):
                logging.getLogger("thaw").exception("The queue could not be looked at.")

    def load_other_pages() -> None:
        from ui.kit import ahead

        ahead.load()

    async def keep_looking() -> None:
        await asyncio.to_thread(load)
        await asyncio.to_thread(look)
        await asyncio.sleep(AHEAD_S)
        await asyncio.to_thread(load_other_pages)
        while True:
            await asyncio.to_thread(look)
            await asyncio.sleep(LOOK_S)

    looking = asyncio.create_task(keep_looking())
    yield
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking


if __name__ == "__main__":
    main()
else:
    app = st.App(__file__, **serve())
