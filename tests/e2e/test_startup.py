"""The page's process: up within two seconds, light, and without torch."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server


def resident_mb(pid: int) -> float:
    line = next(text for text in Path(f"/proc/{pid}/status").read_text().splitlines() if text.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def test_first_content_within_two_seconds_of_the_first_visit(server: Server, page: Page) -> None:
    """From opening the address to the first heading. The server's own start is printed, not bounded: it depends on
    what the disk has cached."""
    started = time.perf_counter()
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Bring in labelled images")).to_be_visible()
    seconds = time.perf_counter() - started
    print(f"server answers after {server.first_byte_s:.2f} s, first content {seconds:.2f} s later")
    again = time.perf_counter()
    page.reload()
    expect(page.get_by_role("heading", name="Bring in labelled images")).to_be_visible()
    print(f"reload: {time.perf_counter() - again:.2f} s")
    assert time.perf_counter() - again < 2.0


def test_the_pages_process_is_light_and_has_no_torch(server: Server, page: Page) -> None:
    for name in ("", "advice", "train", "compare"):
        page.goto(f"{server.url}/{name}")
        page.wait_for_load_state("networkidle")
    mapped = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "libtorch" not in mapped
    memory = resident_mb(server.process.pid)
    print(f"resident memory {memory:.0f} MB")
    assert memory < 250


def test_importing_every_page_leaves_torch_out() -> None:
    import subprocess
    import sys

    code = (
        "import sys, pathlib, importlib\n"
        "for path in sorted(pathlib.Path('ui').glob('*.py')):\n"
        "    if not path.stem.startswith('pages_'):\n"
        "        importlib.import_module(f'ui.{path.stem}')\n"
        "for name in ('store', 'compare', 'executors', 'splits', 'stats', 'answers'):\n"
        "    importlib.import_module(f'training.{name}')\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('torch', 'timm', 'torchvision')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
