import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import NotFound, PlanError, StateError, ThawError
from core.types import DatasetFacts, Estimate, HardwareFacts, MemoryFacts, StageCost
from training.store import database
from training.store.database import STATES
from training.store.records import Job, Label
from training.store.run_folder import RunFolder
from training.store.store import Store

PROJECT = Path(__file__).resolve().parents[3]
TORCH_FREE = (
    "training.store.store", "training.jobs.executor", "core.processes", "training.compare.comparison",
    "training.evaluation.stats", "training.cli.commands.runs", "training.__main__",
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def train(store: Store) -> Job:
    return store.create_job("train", "d", {"seed": 0})


def in_state(store: Store, state: str) -> Job:
    job = train(store)
    if state == "stopped":
        return store.request_stop(job.id)
    if state != "queued":
        claimed = store.claim_next()
        assert claimed is not None
        assert claimed.id == job.id
        job = claimed
    if state == "finished":
        store.finish(job, {})
    elif state == "failed":
        store.fail(job, "no")
    elif state == "lost":
        store.lose(job, "gone")
    return store.job(job.id)


def python(code: str, *args: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        cwd=PROJECT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


# -- jobs ----------------------------------------------------------------------


def test_a_new_job_is_queued_with_its_config(store: Store) -> None:
    job = store.create_job("train", "d1", {"seed": 3, "strategy": {"phases": (1, 2)}}, group="g")
    assert job == store.job(job.id)
    assert re.fullmatch("[a-z0-9]{8}", job.id)
    assert job.config == {"seed": 3, "strategy": {"phases": [1, 2]}}
    assert (job.state, job.attempt, job.group, job.pid, job.progress) == ("queued", 0, "g", None, 0.0)


def test_unknown_ids_are_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="There is no run 'nope' in this home"):
        store.job("nope")
    gone = in_state(store, "stopped")
    store.delete([gone.id])
    with pytest.raises(NotFound, match=f"no run '{gone.id}'"):
        store.add_metrics(gone, 0, {})


def test_one_runs_and_profiles_go_first(store: Store) -> None:
    first, second = train(store), train(store)
    profile = store.create_job("profile", "d", {})
    assert [job.id for job in store.queue()] == [profile.id, first.id, second.id]
    claimed = store.claim_next()
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.attempt) == (profile.id, "running", 1)
    assert store.claim_next() is None
    store.finish(claimed, {})
    claimed = store.claim_next()
    assert claimed is not None
    assert claimed.id == first.id
    assert [job.id for job in store.queue()] == [first.id, second.id]


def test_each_lane_has_a_queue_of_its_own(store: Store) -> None:
    run, waiting = train(store), train(store)
    first, second = (store.create_job("map", "d", {}, lane="side") for _ in range(2))
    assert [job.id for job in store.queue("side")] == [first.id, second.id]
    claimed = [store.claim_next("train"), store.claim_next("train"), store.claim_next("side")]
    assert [job and (job.id, job.lane) for job in claimed] == [(run.id, "train"), None, (first.id, "side")]
    assert store.claim_next("fetch") is None
    assert store.claim_next("side", capacity=2) == store.job(second.id)
    assert [job.id for job in store.queue("train")] == [run.id, waiting.id]
    with pytest.raises(StateError, match="no lane called 'fast'; choose one of train, side, import, fetch"):
        store.create_job("train", "d", {}, lane="fast")  # type: ignore[arg-type]


def test_jobs_of_an_older_home_get_their_lanes_and_nouns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = ("train", "profile", "map", "explain", "export", "backbone", "public")
    with monkeypatch.context() as older:
        older.setattr(database, "MIGRATIONS", database.MIGRATIONS[:2])
        with database.connect(tmp_path / "thaw.db") as db:
            for place, kind in enumerate(kinds):
                db.execute(
                    "INSERT INTO jobs (id, kind, dataset_id, config, state, created, position)"
                    " VALUES (?, ?, 'd', '{}', 'finished', 0, ?)",
                    (f"job{place}", kind, place),
                )
    found = {job.kind: (job.lane, job.noun) for job in Store(tmp_path).jobs()}
    assert found == {
        "train": ("train", "Run"), "profile": ("train", "Profile job"), "map": ("side", "Map"),
        "explain": ("side", "Explanation"), "export": ("side", "Export"), "backbone": ("fetch", "Download"),
        "public": ("fetch", "Download"),
    }  # fmt: skip


def test_a_job_on_its_way_is_joined_unless_it_was_stopped(store: Store) -> None:
    first = store.create_job("map", "d", {"name": "pca"}, noun="Map")
    store.create_job("map", "other", {"name": "pca"})

    def same(job: Job) -> bool:
        return job.config == {"name": "pca"}

    assert store.create_job("map", "d", {"name": "pca"}, joins=same).id == first.id
    claimed = store.claim_next()
    assert claimed is not None and store.create_job("map", "d", {"name": "pca"}, joins=same).id == first.id
    assert store.create_job("map", "d", {"name": "tsne"}, joins=lambda job: False).id != first.id
    store.request_stop(first.id)
    assert store.create_job("map", "d", {"name": "pca"}, joins=same).id != first.id
    with pytest.raises(StateError, match=f"Map '{first.id}' is running and cannot be resumed"):
        store.requeue(first.id)


def test_what_a_job_needs_lies_in_its_folder_before_it_is_there(store: Store) -> None:
    def prepare(folder: RunFolder) -> None:
        assert Store(store.home).jobs() == []  # another process sees no job yet
        folder.path.mkdir(parents=True)
        folder.note("note").touch()

    job = store.create_job("train", "d", {}, prepare=prepare)
    assert RunFolder(store.home, job.id).note("note").exists()


def test_jobs_are_listed_newest_first_and_narrowed(store: Store) -> None:
    a = store.create_job("train", "d1", {}, group="g")
    b = store.create_job("profile", "d2", {})
    c = store.create_job("train", "d1", {})
    store.request_stop(c.id)

    def ids(**narrow: object) -> list[str]:
        return [job.id for job in store.jobs(**narrow)]  # type: ignore[arg-type]

    assert ids() == [c.id, b.id, a.id]
    assert ids(kind="train") == [c.id, a.id]
    assert ids(dataset_id="d2") == [b.id]
    assert ids(states=("queued",)) == [b.id, a.id]
    assert ids(states=()) == []
    assert ids(group="g") == [a.id]


MOVES: dict[str, Callable[[Store, str], object]] = {
    "queued": lambda store, job: store.requeue(job),
    "finished": lambda store, job: store.finish(store.job(job), {}),
    "failed": lambda store, job: store.fail(store.job(job), "no"),
    "stopped": lambda store, job: store.stopped(store.job(job), None),
    "lost": lambda store, job: store.lose(store.job(job), "gone"),
}


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", MOVES)
def test_only_the_legal_changes_of_state_happen(store: Store, before: database.State, after: str) -> None:
    job = in_state(store, before)
    if after in database.TRANSITIONS[before]:
        MOVES[after](store, job.id)
        assert store.job(job.id).state == after
    else:
        with pytest.raises(StateError, match=rf"Run '{job.id}' is {before} and cannot be .+: .+\.$"):
            MOVES[after](store, job.id)
        assert store.job(job.id) == job


def test_the_sentence_of_a_refused_change(store: Store) -> None:
    job = in_state(store, "finished")
    with pytest.raises(StateError) as refused:
        store.requeue(job.id)
    assert str(refused.value) == f"Run '{job.id}' is finished and cannot be resumed: start a new run instead."


def test_stop_of_a_waiting_and_of_a_running_job(store: Store) -> None:
    running, waiting = in_state(store, "running"), train(store)
    assert store.request_stop(waiting.id).state == "stopped"
    asked = store.request_stop(running.id)
    assert (asked.state, asked.stop_requested) == ("running", True)
    assert store.beat(running) is True
    assert store.stopped(running, {"test_accuracy": 0.5}).result == {"test_accuracy": 0.5}
    with pytest.raises(StateError, match="is stopped and cannot be stopped"):
        store.request_stop(running.id)


def test_a_resumed_job_keeps_its_metrics_and_goes_to_the_end_of_the_queue(store: Store) -> None:
    job, other = in_state(store, "running"), train(store)
    store.add_metrics(job, 0, {"train_loss": 1.0})
    store.beat(job, seconds=7.0, progress=0.5, eta_s=3.0)
    store.request_stop(job.id)
    store.lose(job, "gone")
    lost = store.job(job.id)
    assert (lost.error, lost.resumable, lost.eta_s) == ("gone", True, None)
    again = store.requeue(job.id)
    assert (again.state, again.error, again.stop_requested, again.finished) == ("queued", None, False, None)
    assert (again.seconds, again.progress) == (7.0, 0.5)
    assert len(store.metrics(job.id)) == 1
    assert [waiting.id for waiting in store.queue()] == [other.id, job.id]
    store.request_stop(other.id)
    claimed = store.claim_next()
    assert claimed is not None
    assert (claimed.attempt, claimed.started) == (2, lost.started)


def test_a_job_belongs_to_one_process(store: Store) -> None:
    job = in_state(store, "running")
    store.set_pid(job, 100, "then")
    store.set_pid(job, 100, "then")
    with pytest.raises(StateError, match="already being worked on by process 100"):
        store.set_pid(job, 100, "later")
    store.lose(job, "gone")
    with pytest.raises(StateError, match="is lost, not running: its worker has to end"):
        store.beat(job)


WRITES: dict[str, Callable[[Store, Job], object]] = {
    "set_pid": lambda store, job: store.set_pid(job, 11, "elsewhere:1"),
    "beat": lambda store, job: store.beat(job, progress=0.9, doing="Epoch 9"),
    "add_metrics": lambda store, job: store.add_metrics(job, 1, {"epoch": 2.0}),
    "cut_metrics": lambda store, job: store.cut_metrics(job, 0),
    "add_event": lambda store, job: store.add_event(job, level="info", kind="phase", text="Phase 1 begins."),
    "held": lambda store, job: store.held(job).__enter__(),
    "save_facts": lambda store, job: store.save_facts(DatasetFacts("d", "mlp", ("a", "b"), 8, 2, (4, 4)), job),
    "finish": lambda store, job: store.finish(job, {"test_accuracy": 0.0}),
    "fail": lambda store, job: store.fail(job, "no"),
    "stopped": lambda store, job: store.stopped(job, None),
    "lose": lambda store, job: store.lose(job, "gone"),
}


@pytest.mark.parametrize("write", WRITES)
def test_an_attempt_that_was_declared_lost_writes_nothing_more(store: Store, write: str) -> None:
    first = in_state(store, "running")
    store.add_metrics(first, 0, {"epoch": 1.0})
    lost = store.lose(first, "gone")
    with pytest.raises(StateError, match="is lost"):  # before anybody has taken the job up again ...
        WRITES[write](store, first)
    assert store.job(first.id) == lost
    store.requeue(first.id)
    second = store.claim_next()
    with pytest.raises(StateError, match=r"has been started again since \(attempt 2\)"):  # ... and while another works
        WRITES[write](store, first)
    assert store.job(first.id) == second
    assert len(store.metrics(first.id)) == 1
    assert store.events(first.id) == []


def test_a_death_seen_late_does_not_end_the_next_attempt(store: Store) -> None:
    job = in_state(store, "lost")
    store.requeue(job.id)
    store.claim_next()
    with pytest.raises(StateError, match=r"started again since \(attempt 2\)"):
        store.lose(job, "gone")
    assert store.job(job.id).state == "running"


def test_beats_change_only_what_they_name(store: Store) -> None:
    job = in_state(store, "running")
    store.beat(job, progress=1.7, doing="epoch 1", eta_s=9.0, seconds=2.0)
    assert store.beat(job, eta_s=float("nan")) is False
    now = store.job(job.id)
    assert (now.progress, now.doing, now.eta_s, now.seconds) == (1.0, "epoch 1", 9.0, 2.0)


def test_only_inactive_jobs_are_deleted_with_their_rows_and_none_of_several_where_one_is_active(store: Store) -> None:
    ended, job = in_state(store, "stopped"), in_state(store, "running")
    store.add_metrics(job, 0, {})
    with pytest.raises(StateError, match="is running and cannot be deleted: stop it first"):
        store.delete((ended.id, job.id))
    assert {one.id for one in store.jobs()} == {ended.id, job.id}
    store.fail(job, "no")
    store.delete((ended.id, job.id))
    assert store.jobs() == []
    assert store.metrics(job.id) == []


def test_a_label_is_kept_with_its_run(store: Store) -> None:
    job = store.create_job("train", "d", {})
    assert (job.name, job.tags, job.note) == ("", (), "")
    store.describe(job.id, Label.of("  The  baseline ", "paper, final ,paper,", "First line.\nSecond."))
    now = store.job(job.id)
    assert now.label == Label("The baseline", ("paper", "final"), "First line.\nSecond.")
    assert store.describe(job.id, Label()).label == Label()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("n" * 61, "", ""), "A name may have 60 characters; this one has 61. Shorten it."),
        (("a\x07b", "", ""), "A name holds a character that cannot be shown"),
        (("", "t" * 25, ""), "The tag 'ttttttttttttttttttttttttt' may have 24 characters"),
        (("", "a,b,c,d,e,f,g,h,i", ""), "A run may have 8 tags; these are 9."),
        (("", "", "n" * 2001), "A note may have 2,000 characters; this one has 2,001."),
    ],
)
def test_labels_that_no_list_could_show_are_refused(typed: tuple[str, str, str], says: str) -> None:
    with pytest.raises(PlanError, match=re.escape(says)):
        Label.of(*typed)


# -- metrics, events, facts ----------------------------------------------------


def test_metrics_rows_come_back_in_order_and_after_a_row(store: Store) -> None:
    job = in_state(store, "running")
    store.add_metrics(job, 0, {"phase": 0, "epoch": 0.5, "step": 3, "train_loss": np.float32(0.5)})
    store.add_metrics(
        job, 1, {"epoch": 1, "val_accuracy": 0.75, "lrs": (0.0, 1e-3), "images": np.int64(64)}
    )
    first, second = store.metrics(job.id)
    assert (first["row"], first["epoch"], first["train_loss"], first["val_accuracy"]) == (0, 0.5, 0.5, None)
    assert (second["lrs"], second["images"], second["boundary"]) == ([0.0, 1e-3], 64, None)
    assert [row["row"] for row in store.metrics(job.id, after=0)] == [1]


def test_rows_rise_by_one_and_have_known_columns(store: Store) -> None:
    job = in_state(store, "running")
    with pytest.raises(StateError, match="expects metrics row 0 next, not 1"):
        store.add_metrics(job, 1, {})
    with pytest.raises(StateError, match="no column called f1, loss"):
        store.add_metrics(job, 0, {"loss": 1.0, "f1": 1.0})


def test_non_finite_numbers_become_null_and_an_event(store: Store) -> None:
    job = in_state(store, "running")
    store.add_metrics(job, 0, {"epoch": 2.0, "train_loss": float("nan"), "lrs": [1.0, float("inf")]})
    (row,) = store.metrics(job.id)
    assert (row["train_loss"], row["lrs"]) == (None, [1.0, None])
    (event,) = store.events(job.id)
    assert (event["kind"], event["level"], event["epoch"]) == ("non_finite", "bad", 2.0)
    assert event["text"] == "Not a finite number at row 0: train_loss, lrs."
    store.finish(job, {"val_loss": float("inf"), "rollbacks": np.int64(3), "val_accuracy": np.float32(0.5)})
    assert store.job(job.id).result == {"val_loss": None, "rollbacks": 3, "val_accuracy": 0.5}


def test_a_cut_is_counted_so_that_charts_read_again(store: Store) -> None:
    job = in_state(store, "running")
    for row in range(5):
        store.add_metrics(job, row, {"train_loss": row})
    assert store.cut_metrics(job, 9) == 0
    assert store.job(job.id).cuts == 0
    assert store.cut_metrics(job, 3) == 2
    assert store.job(job.id).cuts == 1
    store.add_metrics(job, 3, {"train_loss": 30})
    assert [row["train_loss"] for row in store.metrics(job.id)] == [0, 1, 2, 30]


def test_events_are_read_after_an_id(store: Store) -> None:
    job = in_state(store, "running")
    store.add_event(job, level="info", kind="phase", text="one", seconds=1.0)
    store.add_event(job, level="caution", kind="plateau", text="two", epoch=3.5)
    first, second = store.events(job.id)
    assert (first["text"], first["seconds"], second["level"], second["epoch"]) == ("one", 1.0, "caution", 3.5)
    assert store.events(job.id, after=first["id"]) == [second]


def test_facts_survive_the_way_through_the_store(store: Store) -> None:
    facts = DatasetFacts(
        "d", "efficientnet_lite0", ("a", "b"), 10, 2, (5, 5), (1, 2, 3), None,
        ready_made=Estimate(0.9, 0.8, 0.95, "cv"), chance=0.5, costs=(StageCost(0, 0.0, 0.1, 0.05),), decode_s=0.01,
        forward_images_per_s=90.0, hardware=HardwareFacts("cpu", "CPU", 2, 10**9),
        memory=MemoryFacts(3 * 10**8, 10**6, 10**7), seconds=3.0,
    )  # fmt: skip
    assert store.facts("d", "efficientnet_lite0") is None
    store.save_facts(facts)
    store.save_facts(facts)
    assert store.facts("d", "efficientnet_lite0") == facts
    with store._write() as db:
        db.execute("UPDATE facts SET facts = ?", (json.dumps({"of": "another version"}),))
    assert store.facts("d", "efficientnet_lite0") is None


# -- the file ------------------------------------------------------------------


def test_the_database_is_wal_with_a_busy_timeout(store: Store) -> None:
    train(store)
    with store._read() as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 1
        assert db.execute("PRAGMA busy_timeout").fetchone()[0] == 5000
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(database.MIGRATIONS)


def test_a_newer_database_is_refused_in_a_sentence(store: Store) -> None:
    train(store)
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(ThawError, match=r"written by a newer Thaw \(version 99, .+: update Thaw"):
        Store(store.home).jobs()


def test_a_file_that_is_no_database_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "thaw.db").write_text("not a database, but long enough to look at: " * 50)
    with pytest.raises(ThawError, match="the file is damaged or is no database"):
        Store(tmp_path).jobs()


def test_a_failed_write_leaves_nothing_behind(store: Store) -> None:
    job = in_state(store, "running")

    def half() -> None:
        with store._write() as db:
            db.execute("UPDATE jobs SET doing = 'half done'")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert store.job(job.id).doing == job.doing
    store.beat(job)


def test_one_store_serves_many_threads(store: Store) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                train(store)
                store.claim_next()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(store.jobs()) == 80
    assert len(store.jobs(states=("running",))) == 1


# -- several processes ---------------------------------------------------------


def test_processes_that_open_a_new_home_at_once_all_succeed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from training.store.store import Store; s = Store(sys.argv[1])\n"
        "for i in range(10): s.create_job('train', 'd', {})\n"
        "end = time.monotonic() + 30\n"  # a failing test leaves nobody behind
        "while time.monotonic() < end and ((job := s.claim_next()) or s.queue()):\n"
        "    if job: s.beat(job); s.finish(job, {}); print(job.id)"
    )
    racers = [python(code, str(tmp_path)) for _ in range(4)]
    outputs = [racer.communicate(timeout=60) for racer in racers]
    assert [error for _, error in outputs] == ["", "", "", ""]
    claimed = [job_id for out, _ in outputs for job_id in out.split()]
    assert len(claimed) == len(set(claimed)) == 40  # each job went to exactly one process
    assert all(job.attempt == 1 for job in Store(tmp_path).jobs())


@pytest.mark.fault
def test_every_acknowledged_row_survives_kill_9(store: Store) -> None:
    job = in_state(store, "running")
    code = (
        "import sys; from training.store.store import Store; s = Store(sys.argv[1])\n"
        "for row in range(10**6):\n"
        "    s.add_metrics(s.job(sys.argv[2]), row, {'train_loss': row}); print(row, flush=True)"
    )
    writer = python(code, str(store.home), job.id)
    assert writer.stdout is not None
    for _ in range(50):
        writer.stdout.readline()
    time.sleep(0.05)
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged = [int(line) for line in writer.communicate()[0].split()][-1]
    rows = [row["row"] for row in store.metrics(job.id)]
    assert rows == list(range(len(rows)))
    assert len(rows) > acknowledged
    store.add_metrics(job, len(rows), {"train_loss": 0.0})  # and the next writer is not locked out


def test_these_modules_leave_torch_and_streamlit_alone() -> None:
    code = (
        f"import sys, {', '.join(TORCH_FREE)}\n"
        "print([name for name in ('torch', 'streamlit', 'pandas', 'sklearn') if name in sys.modules])"
    )
    out, error = python(code).communicate(timeout=30)
    assert (out.strip(), error) == ("[]", "")
