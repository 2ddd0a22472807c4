"""What pages import is there before they are opened."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
from ui.kit import ahead
before = set(sys.modules)
ahead.load()
now = set(sys.modules)
print({"ui.compare.side_by_side", "ui.train.live_chart", "ui.pictures.charts"} <= now - before, "torch" in now)
from streamlit.testing.v1 import AppTest
from ui.kit import state
at = AppTest.from_file(state.COMPARE_PAGE, default_timeout=60).run()
print(sorted(name for name in set(sys.modules) - now if name.startswith(("ui.", "training.compare", "plotly"))))
"""


def test_the_imports_of_every_page_are_done_without_drawing_it_and_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    first, rest = done.stdout.splitlines()[-2:]
    assert first == "True False"
    assert rest == "[]", "a first view imports no room of ours any more"
