"""What a user does on a page, for `benchmarks.paths`, which starts this file inside the checkout that it measures.

    python -P paths_pages.py gallery FOLDER ARCHIVE | train FOLDER DATASET

Opens the page, then follows (`benchmarks.following`, here under the name sitecustomize) what one click sets going.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest


def main() -> None:
    what, folder, given = sys.argv[1:]
    page = AppTest.from_file(str(Path("app.py").resolve()), default_timeout=600)
    start = importlib.import_module("sitecustomize").start
    if what == "gallery":
        gallery(page, lambda: start(folder), given)
    else:
        train(page, lambda: start(folder), given)
    if page.exception:
        raise SystemExit(f"The page failed: {page.exception}")


def gallery(page: AppTest, follow: Any, archive: str) -> None:
    """The path of an archive is typed and sent; then the first tile of the gallery is read, as a browser does."""
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    routes = importlib.import_module("app").serve()["routes"]
    page.run()
    page.text_input[0].set_value(archive)
    follow()
    _button(page, "Import this path").click().run()
    dataset = page.query_params["dataset"]
    with TestClient(Starlette(routes=routes)) as client:
        tile = client.get(f"/thaw/thumb/{dataset if isinstance(dataset, str) else dataset[0]}/0.jpg")
    if tile.status_code != 200:
        raise SystemExit(f"The first tile could not be read: {tile.text}")


def train(page: AppTest, follow: Any, dataset: str) -> None:
    """The button that trains what is advised."""
    page.run()
    (advice,) = (path for path in Path("ui").rglob("*.py") if path.stem in ("pages_advice", "advice_page"))
    page.switch_page(str(advice.resolve()))
    page.query_params["dataset"] = dataset
    page.run()
    follow()
    _button(page, "Train this").click().run()


def _button(page: AppTest, label: str) -> Any:
    return next(one for one in page.button if one.label == label)


if __name__ == "__main__":
    main()
