"""A training run that is looked at: 20 tabs of a real browser and 20 further requests a second, for half an hour.

    python -m benchmarks.load --minutes 30 --table benchmarks/results/load.md

A run trains alone, under the load, and beside a control: for each process of server, browser and requests another that
takes as many CPU seconds a second in bursts as long as a drawing, and does nothing else. So what is asked of the server
is told apart from what any programs cost that run on the same cores. A short load and its control come first, the long
one's control last, so that what drifts on the machine falls on both. Goals: no error; the server's memory flat within
10 %, its own CPU below 25 % of one core; from row written to chart drawn, 95 % below 1.5 s; the run's images a second
under the load at least 98 % of those beside the control. Chromium's throttling of tabs in the background is off.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import Page

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from benchmarks.browser import chromium, served, with_descendants
from benchmarks.machine import describe
from core import RunConfig
from core.zoo import catalog
from dataset.ingest.samples import import_sample
from training.jobs.executor import executor
from training.requests import NotForeseen, Train, submit
from training.store import Job, Store

TABS, A_SECOND = 20, 20
LOADS = ("the short load", "the load")
AWAKE = ("--disable-background-timer-throttling", "--disable-renderer-backgrounding",
         "--disable-backgrounding-occluded-windows")  # fmt: skip
WATCH = """() => {
    window.__lags = [];
    const live = document.querySelector('.thaw-live');
    new MutationObserver(() => window.__lags.push(Number(live.dataset.lagMs)))
        .observe(live, { attributes: true, attributeFilter: ['data-lag-ms'] });
}"""
TAKE = "() => { const taken = window.__lags || []; window.__lags = []; return taken; }"
BURST = 0.04
"""CPU seconds; what a drawing takes, about."""
BURN = f"""
import sys, time
share = float(sys.argv[1])
period = {BURST} / share
due = time.perf_counter() + period * float(sys.argv[2])
while True:
    time.sleep(max(0.0, due - time.perf_counter()))
    spent = time.process_time()
    while time.process_time() - spent < {BURST}: pass
    due += period
"""


@dataclass
class Seen:
    """What was measured while the load lasted."""

    lags_ms: list[float] = field(default_factory=list)
    """From a row written to the chart drawn, every chart that was drawn."""
    answers: Counter[str] = field(default_factory=Counter)
    """Of the further requests: status, or what went wrong."""
    asked_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """In the tabs."""
    memory: list[tuple[float, int]] = field(default_factory=list)
    """(seconds, bytes) of the server's process."""
    server_share: float = 0.0
    """CPU seconds a second of the server's process."""
    shares: list[float] = field(default_factory=list)
    """CPU seconds a second of each process of server, browser and requests."""

    @property
    def share(self) -> float:
        return sum(self.shares)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="of the load")
    parser.add_argument("--control", type=float, default=4.0, help="minutes of the short load and each control")
    parser.add_argument("--table", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        run = begin(home)
        store = Store(home)
        try:
            alone = pace(store, run, 60 * given.control / 2)
            pairs = []
            for minutes in (given.control, given.minutes):
                with served(home) as (url, server), tabs(url, run, seen := Seen()):
                    under = loaded(store, run, url, server, 60 * minutes, seen)
                with burning(seen.shares):
                    pairs.append((under, pace(store, run, 60 * given.control)))
            again = pace(store, run, 60 * given.control / 2)
        finally:
            executor(home).stop(run.id)
            _wait_for_end(store, run)
    lines = written(seen, alone, again, pairs, given.minutes)
    print("\n".join(lines))
    if given.table:
        given.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def begin(home: Path) -> Job:
    """A full fine-tune that lasts longer than all of this, under way."""
    ref = import_sample("digits", home)
    strategy = plan("full", catalog.backbone("efficientnet_lite0"), train_images=1400, classes=10,
                    options=Options(epochs=100_000, image_px=64))  # fmt: skip
    store = Store(home)
    job = submit(store, Train(RunConfig(ref.id, strategy, seed=0), NotForeseen("It is measured by its pace.")))
    executor(home).submit(job.id)
    while len(store.metrics(job.id)) < 10:
        if not store.job(job.id).active:
            raise SystemExit(f"The run ended by itself: {store.job(job.id).error}")
        time.sleep(0.5)
    return job


def pace(store: Store, run: Job, seconds: float) -> float:
    """Images a second that the run trains on, over this time."""
    began = store.metrics(run.id)[-1]
    time.sleep(seconds)
    ended = store.metrics(run.id)[-1]
    return float((ended["images"] - began["images"]) / (ended["written"] - began["written"]))


@contextmanager
def tabs(url: str, run: Job, seen: Seen) -> Iterator[None]:
    """The run's page in so many tabs, their lags gathered when it ends."""
    with chromium(*AWAKE) as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        pages: list[Page] = []
        for _ in range(TABS):
            page = context.new_page()
            page.set_default_timeout(120_000)
            page.goto(f"{url}/train?run={run.id}")
            page.wait_for_selector(".thaw-live .js-plotly-plot")
            page.on("response", lambda one: seen.errors.append(one.url) if one.status >= 400 else None)
            page.on("console", lambda one: seen.errors.append(one.text[:200]) if one.type == "error" else None)
            page.on("pageerror", lambda one: seen.errors.append(str(one)[:200]))
            page.evaluate(WATCH)
            pages.append(page)
        yield
        for page in pages:
            seen.lags_ms += page.evaluate(TAKE)


def loaded(store: Store, run: Job, url: str, server: int, seconds: float, seen: Seen) -> float:
    """The run's pace while the tabs look and further requests come."""
    stop = threading.Event()
    asking = threading.Thread(target=_ask, args=(url, run.id, stop, seen))
    asking.start()
    mine = [pid for pid in with_descendants([psutil.Process().pid]) if pid != store.job(run.id).pid]
    began, before = time.monotonic(), _cpu(mine)
    watching = threading.Thread(target=_watch, args=(server, stop, seen))
    watching.start()
    reached = pace(store, run, seconds)
    took = time.monotonic() - began
    shares = {pid: (spent - before[pid]) / took for pid, spent in _cpu(mine).items()}
    seen.shares, seen.server_share = list(shares.values()), shares[server]
    stop.set()
    asking.join()
    watching.join()
    return reached


def _ask(url: str, run_id: str, stop: threading.Event, seen: Seen) -> None:
    where = urlsplit(url)
    opened = http.client.HTTPConnection(where.netloc, timeout=10)
    after, mark = -1, ""
    due = time.monotonic()
    while not stop.is_set():
        began = time.monotonic()
        try:
            opened.request("GET", f"/thaw/live?run={run_id}&after={after}&mark={mark}")
            answer = opened.getresponse()
            told = json.loads(answer.read())["runs"][0]
            seen.answers[str(answer.status)] += 1
            mark, after = told["mark"], told["rows"][-1][0] if told["rows"] else after
        except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
            seen.answers[type(error).__name__] += 1
            opened.close()
        seen.asked_ms.append(1000 * (time.monotonic() - began))
        due += 1 / A_SECOND
        time.sleep(max(0.0, due - time.monotonic()))


def _watch(server: int, stop: threading.Event, seen: Seen) -> None:
    began = time.monotonic()
    while not stop.wait(5.0):
        seen.memory.append((time.monotonic() - began, psutil.Process(server).memory_info().rss))


def _cpu(pids: Iterable[int]) -> dict[int, float]:
    """CPU seconds of each of these processes so far; those that are gone are left out."""
    spent = {}
    for pid in pids:
        with suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            spent[pid] = times.user + times.system
    return spent


@contextmanager
def burning(shares: Sequence[float]) -> Iterator[None]:
    """One process for each, that takes so many CPU seconds a second at the priority of a page, their bursts spread."""
    busy = [share for share in shares if share > 0.001]
    burners = [
        subprocess.Popen([sys.executable, "-c", BURN, str(min(0.98, share)), str(i / len(busy))])
        for i, share in enumerate(busy)
    ]
    try:
        time.sleep(5)
        yield
    finally:
        for burner in burners:
            burner.terminate()
            burner.wait()


def _wait_for_end(store: Store, run: Job) -> None:
    while store.job(run.id).active:
        time.sleep(0.2)


def written(seen: Seen, alone: float, again: float, pairs: list[tuple[float, float]], minutes: float) -> list[str]:
    """pairs: images a second under a load and beside its control, of the short load and of the long one."""
    lags, asked = sorted(seen.lags_ms), sorted(seen.asked_ms)
    mb = [(at, size / 2**20) for at, size in seen.memory]
    early = fmean(size for at, size in mb if at <= mb[-1][0] / 5)
    late = fmean(size for at, size in mb if at >= mb[-1][0] * 4 / 5)
    wrong = sum(count for status, count in seen.answers.items() if status != "200") + len(seen.errors)
    return [
        "# A training run that is looked at", "",
        f"`python -m benchmarks.load --minutes {minutes:g}`, {describe()}, {time.strftime('%Y-%m-%d')}.", "",
        f"{TABS} tabs on one run, {A_SECOND} further requests a second to `/thaw/live`; full fine-tuning of "
        "EfficientNet-Lite0 on 64-px digits.", "",
        "| | Measured | Goal |", "|---|---|---|",
        f"| Errors, of {sum(seen.answers.values()):,} requests and {len(lags):,} charts drawn | {wrong} | 0 |",
        f"| Server's memory, first and last fifth of the time, MB | {early:.0f}, {late:.0f} ({late / early - 1:+.1%}) "
        "| within 10 % |",
        f"| Server's CPU, of one core | {seen.server_share:.1%} | below 25 % |",
        f"| Row written to chart drawn, median and 95 %, s | {median(lags) / 1000:.2f}, "
        f"{lags[int(0.95 * len(lags))] / 1000:.2f} | 95 % below 1.5 |",
        f"| A further request, median and 95 %, ms | {median(asked):.0f}, {asked[int(0.95 * len(asked))]:.0f} | |",
        f"| Images a second: alone before, after | {alone:.1f}, {again:.1f} | |",
        *(
            f"| Images a second: under {name}, beside its control | {under:.1f}, {beside:.1f} "
            f"(ratio {under / beside:.3f}) | {goal} |"
            for (under, beside), name, goal in zip(pairs, LOADS, ("", "0.98 or more"), strict=True)
        ),
        f"| CPU of server, browser and requests together, seconds a second | {seen.share:.2f} | |",
        "",
        *(f"- {text}" for text in list(dict.fromkeys(seen.errors))[:10]),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
