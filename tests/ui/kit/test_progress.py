"""How far a job is, said in one way: what it waits for, what it does, what is left, that it stops."""

from __future__ import annotations

import os

import pytest

from core import processes
from training.store.store import Store
from ui.kit.progress import told


def test_a_job_that_waits_says_for_what_in_its_lane(store: Store) -> None:
    profile = store.create_job("profile", "d", {}, noun="Profile job")
    assert told(profile, "Measuring") == (0.0, "Measuring")
    store.request_stop(profile.id)
    store.create_job("train", "d", {})
    store.claim_next()
    waiting = store.create_job("profile", "d", {}, noun="Profile job")
    assert told(waiting, "Measuring") == (0.0, "Waiting for the run before it to end")
    beside = store.create_job("map", "d", {}, lane="side", noun="Map")
    assert told(beside) == (0.0, "Starting")


def test_a_job_that_runs_says_what_it_does_and_what_is_left(store: Store) -> None:
    store.create_job("map", "d", {}, lane="side", noun="Map")
    job = store.claim_next("side")
    assert job is not None
    store.beat(job, progress=0.25, doing="Drawing the map", eta_s=90.0)
    assert told(store.job(job.id)) == (0.25, "Drawing the map, about 1 min 30 s left")
    store.beat(job, progress=0.99, eta_s=0.4)
    assert told(store.job(job.id)) == (0.99, "Drawing the map")
    store.request_stop(job.id)
    assert told(store.job(job.id)) == (0.99, "Stopping")


def test_a_job_that_does_not_move_says_since_when(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create_job("map", "d", {}, lane="side", noun="Map")
    job = store.claim_next("side")
    assert job is not None
    store.set_pid(job, os.getpid(), processes.started(os.getpid()))
    store.beat(job, progress=0.25, doing="Drawing the map")
    now = processes.steady()
    monkeypatch.setattr(processes, "steady", lambda: now + 40)
    share, said = told(store.job(job.id))
    assert share == 0.25
    assert said.startswith("No sign of life for 40 s, last seen at 'Drawing the map': its process is stopped, or")
