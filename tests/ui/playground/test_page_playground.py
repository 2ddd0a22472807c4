"""The Playground and the lessons, with the live processes' answers computed right here."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.seeding import button, words
from tests.ui.conftest import Open
from training.playground import domains
from training.playground.questions import EXPERIMENTS
from ui.kit import state
from ui.learn import LESSONS

FAST = {"epochs": 3, "source": 50, "target": 20}


class Here:
    """A `training.playground.client.Pool` without processes, and with few epochs. Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def warm_up(self) -> None: ...

    def ask(self, name: str, args: dict[str, Any]) -> Future[dict[str, Any]]:
        self.asked.append((name, args))
        if "settings" in args:
            given = args["settings"]
            args = {**args, "settings": {**given, **{name: FAST[name] for name in FAST if name in given}}}
        done: Future[dict[str, Any]] = Future()
        done.set_result(EXPERIMENTS[name](**args))
        return done


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    fake = Here()
    monkeypatch.setattr(state, "live_pool", lambda: fake)
    monkeypatch.setattr(domains, "EPOCHS", 2)
    yield fake
    torch.set_num_threads(threads)


def test_the_preset_runs_every_strategy_and_says_what_it_means(open_page: Open, pool: Here) -> None:
    at = open_page("playground", pg_seeds="1")
    text = words(at)
    for said in ("Playground", "Each class centre has turned by 9 degrees", "Where transfer turns negative"):
        assert said in text
    assert "What the notebook claims, and what holds here" in text
    assert text.count("holds here") + text.count("does not hold here") >= 6  # the heading and five claims
    assert "5 are shown above scratch" in text
    assert any(said in text for said in ("Transfer pays here", "No difference shown", "negative", "both ways"))
    arms = {args["arm"] for name, args in pool.asked if name == "arm"}
    assert arms == {"scratch", "frozen", "full", "discriminative", "gradual", "l2_sp"}
    sources = [args for name, args in pool.asked if name == "source"]
    assert len(sources) == 1  # every arm and every shift start from the same network


def test_a_slider_moved_back_answers_from_memory(open_page: Open, pool: Here) -> None:
    at = open_page("playground", pg_seeds="1")
    at.select_slider(key="pg_noise").set_value(1.0).run()
    asked = len(pool.asked)
    at.select_slider(key="pg_noise").set_value(0.5).run()
    assert len(pool.asked) == asked
    assert "remembered from before" in words(at)
    assert not at.exception


def test_settings_come_from_the_address_and_reset_forgets_them(open_page: Open, pool: Here) -> None:
    at = open_page("playground", pg_shift="1.0", pg_seeds="1")
    assert "unrelated tasks" in words(at)
    button(at, "Reset").click().run()
    assert at.select_slider(key="pg_shift").value == 0.1
    assert "pg_shift" not in at.query_params


@pytest.mark.parametrize("key", LESSONS)
def test_every_lesson_runs_its_live_part_and_ends_on_the_users_images(
    key: str, open_page: Open, pool: Here, dataset: Any
) -> None:
    at = open_page("learn", lesson=key, dataset=dataset.id)
    lesson = LESSONS[key]
    assert lesson.title in words(at)
    live = key not in ("strategies", "rates")
    assert bool(pool.asked) == live
    button(at, lesson.try_label).click().run()
    assert not at.exception
    assert at.title[0].value == "Advice"
    for field, value in lesson.preset.items():
        assert at.session_state[field] == value


def test_without_images_a_lesson_leads_to_the_data_page(open_page: Open, pool: Here) -> None:
    at = open_page("learn", lesson="rates")
    button(at, LESSONS["rates"].try_label).click().run()
    assert at.title[0].value == "Bring in labelled images"


def test_every_lesson_names_a_source_or_measures_what_it_claims() -> None:
    for lesson in LESSONS.values():
        text = Path(inspect.getfile(lesson.draw)).read_text(encoding="utf-8")
        assert "source(" in text or "ask(" in text, lesson.key
