import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from core.types import DatasetFacts, StageCost
from tests.support import fake_worker
from tests.support.clocks import times_as_long
from tests.support.terminal import Said, say
from training.cli import follow
from training.cli.commands import runs as commands
from training.jobs import executor
from training.jobs.local import LocalExecutor
from training.store.store import Store

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of 10 small images."""
    folder = tmp_path / "photos"
    for label, shade in (("cat", 40), ("dog", 200)):
        (folder / label).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (12, 12), (shade, i, 0)).save(folder / label / f"{i}.png")
    return folder


Terminal = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def thaw(home: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Runs a command line in this process, with fake workers and its own home."""

    def fake(home: Path) -> LocalExecutor:
        return LocalExecutor(home, command=fake_worker.COMMAND)

    def run(*words: str) -> Said:
        said = say(*words)
        assert "Traceback" not in said.err
        return said

    monkeypatch.setattr(executor, "executor", fake)
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.02)
    monkeypatch.setenv("THAW_HOME", str(home))
    monkeypatch.delenv("THAW_DEBUG", raising=False)
    return run


# -- the main way --------------------------------------------------------------


def test_fit_trains_and_answers_in_one_json_line(thaw: Terminal, photos: Path, home: Path) -> None:
    said = thaw("fit", str(photos), "--strategy", "linear_probe", "--seed", "3", "--json")
    assert said.code == 0
    answer = said.json
    assert answer["state"] == "finished"
    assert (answer["test_accuracy"], answer["seconds"], answer["weights_sha256"]) == (0.9, 1.5, "ab" * 32)
    assert (answer["strategy"], answer["backbone"], answer["seed"]) == (
        "linear_probe",
        "efficientnet_lite0",
        3,
    )
    assert len(said.out.splitlines()) == 1
    assert "epoch 4" in said.err
    assert "val 80%" in said.err
    job = Store(home).job(answer["run_id"])
    assert job.config["dataset_id"] == answer["dataset_id"]
    assert job.config["strategy"]["kind"] == "linear_probe"


def test_a_time_budget_measures_the_speed_first_and_once(thaw: Terminal, photos: Path, home: Path) -> None:
    said = thaw("fit", str(photos), "--strategy", "partial", "--minutes", "2", "--json")
    assert said.code == 0
    assert "Measuring this machine's speed first" in said.err
    assert Store(home).job(said.json["run_id"]).config["minutes"] == 2
    again = thaw("fit", str(photos), "--strategy", "full", "--minutes", "2", "--json")
    assert "Measuring" not in again.err
    assert [job.kind for job in Store(home).jobs()].count("profile") == 1


def test_what_a_budget_takes_from_the_plan_is_said(thaw: Terminal, photos: Path, home: Path) -> None:
    dataset = thaw("fit", str(photos), "--strategy", "linear_probe", "--json").json["dataset_id"]

    def said(step_s: float, below_s: float, kind: str) -> str:
        costs = tuple(StageCost(boundary, below_s * boundary, step_s, 0.01) for boundary in range(9))
        measured = DatasetFacts(dataset, "efficientnet_lite0", ("cat", "dog"), 16, 4, (8, 8), costs=costs)
        Store(home).save_facts(measured)
        return thaw("fit", str(photos), "--strategy", kind, "--minutes", "0.5").err

    assert "Cut from 25 to 1 epoch to fit 30 s." in said(1.0, 0.0, "full")
    assert "The shortest plan takes about 2 min 11 s: less than an epoch of it is made" in said(10.0, 0.0, "full")
    assert "Computing the frozen features alone takes about 1 min" in said(0.001, 1.0, "gradual")
    assert "Cut from" not in said(0.001, 0.0, "full")


def test_a_worker_loads_while_images_are_read_and_is_let_go_when_they_cannot_be(
    thaw: Terminal, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(LocalExecutor, "prepare", lambda self, light: asked.append("light" if light else "whole"))
    monkeypatch.setattr(LocalExecutor, "dismiss", lambda self: asked.append("dismiss"))
    assert thaw("fit", str(photos), "--strategy", "linear_probe").code == 0
    assert asked == ["light"], "a probe needs no torch"
    assert thaw("fit", str(photos / "nothing"), "--strategy", "partial").code == 2
    assert asked == ["light", "whole", "dismiss"]


def test_a_run_and_its_repetition_have_their_forecast_beside_them(thaw: Terminal, photos: Path, home: Path) -> None:
    first = thaw("fit", str(photos), "--strategy", "linear_probe", "--json").json
    second = thaw("reproduce", first["run_id"], "--json").json
    for run_id in (first["run_id"], second["run_id"]):
        assert json.loads((home / "runs" / run_id / "foreseen.json").read_text())


def test_fit_reads_well_without_json(thaw: Terminal, photos: Path) -> None:
    said = thaw("fit", str(photos), "--strategy", "partial", "--epochs", "2", "--backbone", "efficientnet_lite1")
    assert said.code == 0
    assert "finished after 1.5 s" in said.out or "finished after 2 s" in said.out
    assert "Test accuracy 90% (70-97), 18 of 20 images" in said.out


def test_home_and_json_are_understood_on_both_sides(
    thaw: Terminal, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = thaw("--home", "mine", "--json", "fit", "photos", "--strategy", "linear_probe")
    assert first.code == 0
    before = thaw("--home", "mine", "--json", "runs").json
    after = thaw("runs", "--json", "--home", "mine").json
    assert before == after
    assert [run["id"] for run in after] == [first.json["run_id"]]
    assert thaw("runs", "--json").json == []  # THAW_HOME is another home


def test_an_imported_dataset_is_named_by_its_id(thaw: Terminal, photos: Path) -> None:
    dataset = thaw("fit", str(photos), "--strategy", "linear_probe", "--json").json["dataset_id"]
    again = thaw("fit", dataset, "--strategy", "full", "--json")
    assert (again.code, again.json["dataset_id"]) == (0, dataset)


def test_profile_measures_and_advise_reuses_it(thaw: Terminal, photos: Path, home: Path) -> None:
    profile = thaw("profile", str(photos), "--json")
    assert profile.code == 0
    assert profile.json["facts"]["train_images"] == 16
    advice = thaw("advise", str(photos), "--minutes", "5", "--similarity", "high", "--priority", "speed", "--json")
    assert advice.code == 0, advice.err
    assert advice.json["best"]["strategy"]["kind"]
    assert advice.json["sentence"]
    assert len(Store(home).jobs(kind="profile")) == 1


def test_advise_asks_the_rulebooks_for_numbers_alone(thaw: Terminal, home: Path) -> None:
    said = thaw("advise", "--images", "500", "--similarity", "far", "--minutes", "10", "--json").json
    assert (said["images"], said["similarity"], said["agree"]) == (500, "low", False)
    by_name = {one["title"]: one for one in said["rulebooks"]}
    assert by_name["Classic tree"]["answer"]["kind"] == "linear_probe"
    assert by_name["Course tree"]["answer"]["kind"] == "partial"
    assert by_name["Measured rulebook"]["answer"] is None
    assert by_name["Measured rulebook"]["why_not"].endswith("which was not measured. Say how many with --classes.")
    few = thaw("advise", "--images", "500", "--classes", "100", "--similarity", "far").out
    assert "Measured rulebook: linear_probe. Linear probe:" in few and "How many images per class? below 10" in few
    assert "Nothing was measured" in few and not (home / "datasets").exists()


@pytest.mark.parametrize("words", [[], ["x", "--images", "500"], ["--classes", "3"], ["x", "--classes", "3"]])
def test_advise_takes_images_or_their_number(thaw: Terminal, words: list[str]) -> None:
    said = thaw("advise", *words)
    assert said.code == 2
    assert said.err == (
        "thaw: Give a PATH whose images are measured, or --images N (and --classes K) to ask the rulebooks.\n"
    )


def test_advise_measures_what_is_missing(thaw: Terminal, photos: Path, home: Path) -> None:
    said = thaw("advise", str(photos))
    assert said.code == 0, said.err
    assert len(Store(home).jobs(kind="profile")) == 1
    assert "linear_probe" in said.out


def test_compare_needs_two_runs_of_one_dataset(thaw: Terminal, photos: Path) -> None:
    runs = [thaw("fit", str(photos), "--strategy", kind, "--json").json for kind in ("full", "linear_probe")]
    ids = [run["run_id"] for run in runs]
    said = thaw("compare", *ids, "--json")
    assert said.code == 0
    assert [row["kind"] for row in said.json["rows"]] == ["linear_probe", "full"]
    assert said.json["pairs"][0]["verdict"] == "not tested"  # the fake worker writes no answers
    table = thaw("compare", *ids).out
    assert "Full fine-tuning" in table
    assert "90% (70-97)" in table
    alone = thaw("compare", ids[0])
    assert (alone.code, alone.err) == (2, "thaw: Give at least two different runs to compare.\n")


def test_runs_is_an_array_and_a_table(thaw: Terminal, photos: Path) -> None:
    assert "No runs yet" in thaw("runs").out
    run = thaw("fit", str(photos), "--strategy", "linear_probe", "--json").json["run_id"]
    (entry,) = thaw("runs", "--json").json
    assert (entry["id"], entry["state"], entry["strategy"]) == (run, "finished", "linear_probe")
    head, line = thaw("runs").out.splitlines()
    assert head.split()[:3] == ["run", "state", "strategy"]
    assert line.split()[:3] == [run, "finished", "linear_probe"]


# -- what goes wrong while it runs ---------------------------------------------


def test_a_lost_run_exits_1_and_is_resumed(
    thaw: Terminal, photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WORKER", "crash")
    lost = thaw("fit", str(photos), "--strategy", "linear_probe", "--json")
    assert (lost.code, lost.json["state"]) == (1, "lost")
    assert f"thaw: Run '{lost.json['run_id']}' was lost: The worker ended without finishing" in lost.err
    monkeypatch.setenv("FAKE_WORKER", "work")
    (home / "working").unlink()
    resumed = thaw("resume", lost.json["run_id"], "--json")
    assert (resumed.code, resumed.json["state"], resumed.json["attempt"]) == (0, "finished", 2)
    again = thaw("resume", lost.json["run_id"])
    assert again.code == 2
    assert again.err == (
        f"thaw: Run '{lost.json['run_id']}' is finished and cannot be resumed: start a new run instead.\n"
    )


def test_a_run_goes_on_by_another_engine_only_when_that_is_said(
    thaw: Terminal, photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WORKER", "crash")
    run = thaw("fit", str(photos), "--strategy", "linear_probe", "--json").json["run_id"]
    monkeypatch.setenv("FAKE_WORKER", "work")
    (home / "working").unlink()
    runtime = home / "runs" / run / "runtime.json"
    runtime.write_text('{"frozen": "openvino-1.2.3-bf16", "threads": "2"}')
    refused = thaw("resume", run)
    assert refused.code == 2
    assert "by openvino 1.2.3 in bf16, and here openvino" in refused.err and "--other-engine" in refused.err
    assert Store(home).job(run).state == "lost", "nothing was begun"
    went_on = thaw("resume", run, "--other-engine", "--json")
    assert (went_on.code, went_on.json["state"]) == (0, "finished")
    known = json.loads(runtime.read_text())
    assert known == {"threads": "2", "frozen before": "openvino-1.2.3-bf16"}
    assert thaw("resume", run, "--other-engine").code == 2, "it is finished"


def test_resume_sees_that_the_worker_died_unseen(thaw: Terminal, photos: Path, home: Path) -> None:
    run = thaw("fit", str(photos), "--strategy", "linear_probe", "--json").json["run_id"]
    store = Store(home)
    copy = store.create_job("train", store.job(run).dataset_id, store.job(run).config)
    store.claim_next()
    store.set_pid(store.job(copy.id), os.getpid(), "another boot:1")
    assert thaw("resume", copy.id, "--json").json["state"] == "finished"


def test_stop_waits_until_the_best_is_saved(
    thaw: Terminal, photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = thaw("fit", str(photos), "--strategy", "linear_probe", "--json").json["run_id"]
    monkeypatch.setenv("FAKE_WORKER", "hang")
    worker = LocalExecutor(home, command=fake_worker.COMMAND)
    old = worker.store.job(run)
    job = worker.store.create_job("train", old.dataset_id, old.config)
    worker.submit(job.id)
    said = thaw("stop", job.id, "--json")
    assert (said.code, said.json["state"]) == (0, "stopped")
    assert "cannot be stopped" in thaw("stop", job.id).err


def test_stop_says_so_when_the_worker_takes_too_long(
    thaw: Terminal, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "STOP_SECONDS", 0.0)
    store = Store(home)
    job = store.create_job("train", "d", {})
    store.claim_next()
    said = thaw("stop", job.id, "--json")
    assert (said.code, said.json["state"], said.json["stop_requested"]) == (1, "running", True)
    assert "was asked to stop but still runs" in said.err
    store.stopped(store.job(job.id), None)


def test_ctrl_c_stops_the_run_and_keeps_its_best(photos: Path, home: Path) -> None:
    code = (
        "import sys; from tests.support import fake_worker\n"
        "from training.jobs import executor as executors; from training.cli import thaw\n"
        "executors.executor = lambda home: executors.LocalExecutor(home, command=fake_worker.COMMAND)\n"
        "thaw()"
    )
    following = subprocess.Popen(
        [sys.executable, "-c", code, "fit", photos, "--strategy", "linear_probe", "--home", home, "--json"],
        cwd=PROJECT, env={**os.environ, "FAKE_WORKER": "hang"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert following.stderr is not None
    for line in following.stderr:
        if line.startswith("epoch 3"):
            break
    following.send_signal(signal.SIGINT)
    out, err = following.communicate(timeout=20)
    assert following.returncode == 0
    assert "Stopping" in err
    answer = json.loads(out)
    assert (answer["state"], answer["weights_sha256"]) == ("stopped", "ab" * 32)
    assert Store(home).job(answer["run_id"]).state == "stopped"


# -- bad input: exit 2 and one sentence ----------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Missing command. See `python -m training --help`."),
        (["cook"], "No such command 'cook'. See `python -m training --help`."),
        (["profil", "x"], "No such command 'profil'. Did you mean 'profile'? See `python -m training --help`."),
        (["fit", "x"], "Missing option '--strategy'. See `python -m training fit --help`."),
        (["fit"], "Missing argument 'PATH'."),
        (["runs", "now"], "Got unexpected extra argument (now). See `python -m training runs --help`."),
        (["data"], "Missing command. See `python -m training data --help`."),
        (["data", "revise", "x", "--exclude"], "Option '--exclude' requires an argument. See `python -m training data"),
        (["backbone", "remove", "x"], "'remove' is not 'add'."),
        (
            ["fit", "x", "--strategy", "magic"],
            "This version cannot train 'magic'; choose one of prototype, linear_probe",
        ),
        (["fit", "x", "--strategy", "full", "--minutes", "-3"], "'-3' is not a number of minutes above 0"),
        (["fit", "x", "--strategy", "full", "--minutes", "nan"], "'nan' is not a number of minutes above 0"),
        (["fit", "x", "--strategy", "full", "--epochs", "0"], "A run trains at least 1 epoch, not 0."),
        (["fit", "x", "--strategy", "full", "--freeze", "80%"], "can be set for 'partial' only, not for 'full'."),
        (["fit", "x", "--strategy", "partial", "--freeze", "most"], "'most' is not a number of layers to freeze"),
        (["fit", "x", "--strategy", "partial", "--freeze", "60"], "has 49 weight layers below its head; the first 60"),
        (["fit", "x", "--strategy", "partial", "--only-stages", "9"], "has stages 0 to 7 below its head"),
        (["fit", "x", "--strategy", "linear_probe", "--mixup", "1"], "solves its head at once: mixup has nothing"),
        (["fit", "x", "--strategy", "scratch", "--l2-sp", "0.1"], "'scratch' has none"),
        (["fit", "x", "--strategy", "full", "--lr", "7"], "A learning rate lies between 0 and 1, not at 7."),
        (["fit", "x", "--strategy", "full", "--seed", "1.5"], "'1.5' is not a whole number from 0 up"),
        (["fit", "x", "--strategy", "full", "--backbone", "vgg"], "There is no backbone called 'vgg'"),
        (["advise", "x", "--similarity", "some"], "'some' is not one of 'high', 'medium', 'low'."),
        (["runs", "--loud"], "No such option '--loud'. See `python -m training runs --help`."),
        (["fit", "x", "--strateg", "full"], "No such option '--strateg'. Did you mean '--strategy'? See"),
        (["stop", "nope"], "There is no run 'nope' in this home"),
        (["resume", "nope"], "There is no run 'nope' in this home"),
        (["compare", "a", "b"], "There is no run 'a' in this home"),
        (["profile", "0123456789abcdef"], "There is no dataset '0123456789abcdef'"),
        (["profile", "no/such/folder"], "no/such/folder"),
        (["profile", "sample:birds"], "birds"),
    ],
)
def test_bad_input_is_one_sentence(thaw: Terminal, words: list[str], sentence: str) -> None:
    said = thaw(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("thaw: ")
    assert sentence in said.err
    assert said.err.count("\n") == 1


def test_a_fault_of_ours_is_a_sentence_too_unless_debugging(thaw: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Store, *args: object, **named: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Store, "jobs", broken)
    said = thaw("runs")
    assert said.code == 2
    assert "a fault in Thaw, ZeroDivisionError: oh" in said.err
    monkeypatch.setenv("THAW_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        say("runs")


@pytest.mark.parametrize(
    ("ended", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "thaw: Interrupted."),
        (EOFError("no data left"), 2, "thaw: This is a fault in Thaw, EOFError: no data left"),
        (PermissionError(13, "Permission denied", "/x"), 2, "thaw: Permission denied: /x."),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),  # `runs | head`: whoever read the output has left
    ],
)
def test_a_command_that_ends_early_says_why(
    thaw: Terminal, monkeypatch: pytest.MonkeyPatch, ended: BaseException, code: int, said: str
) -> None:
    def ends(self: Store, *args: object, **named: object) -> None:
        raise ended

    monkeypatch.setattr(Store, "jobs", ends)
    done = thaw("runs")
    assert (done.code, done.out) == (code, "") and done.err.strip().startswith(said)


def test_the_module_runs_from_a_terminal(home: Path) -> None:
    def runs() -> None:
        done = subprocess.run(
            [sys.executable, "-m", "training", "runs", "--json", "--home", str(home)],
            cwd=PROJECT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")

    def numpy_alone() -> None:
        subprocess.run([sys.executable, "-c", "import numpy"], check=True)

    assert times_as_long(runs, numpy_alone, rounds=2) < 9  # 4
    bad = subprocess.run(
        [sys.executable, "-m", "training", "stop", "nope", "--home", str(home)],
        cwd=PROJECT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("thaw: There is no run 'nope'")


def test_a_target_is_attached_named_and_forgotten(thaw: Terminal, photos: Path, tmp_path: Path) -> None:
    sketches = tmp_path / "sketches"
    sketches.mkdir()
    for i in range(4):
        Image.new("RGB", (12, 12), (i, 90, 0)).save(sketches / f"{i}.png")
    said = thaw("target", str(photos))
    assert said.out == "photos has no target.\n"
    said = thaw("--json", "target", str(photos), str(sketches))
    assert said.json["images"] == said.json["unlabelled"] == 4
    assert "4 of 4 images have no label." in said.err
    assert thaw("target", str(photos)).out.startswith("Target of photos: sketches, 4 images, 0 of them labelled (")
    assert thaw("target", str(photos), "--detach").out == "photos has no target.\n"


def test_a_folder_of_folders_is_read_as_asked(thaw: Terminal, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "zoo").mkdir()
    photos.rename(tmp_path / "zoo" / "pets")
    (tmp_path / "zoo" / "plants").mkdir()
    (tmp_path / "zoo" / "pets" / "dog").rename(tmp_path / "zoo" / "plants" / "oak")
    assert thaw("profile", str(tmp_path / "zoo"), "--json").json["classes"] == ["pets", "plants"]
    said = thaw("profile", str(tmp_path / "zoo"), "--json", "--classes-from", "innermost")
    assert said.json["classes"] == ["cat", "oak"]
    said = thaw("profile", str(tmp_path / "zoo"), "--classes-from", "deepest")
    assert said.code == 2 and "'deepest' names no class folder" in said.err


def test_public_sets_are_listed_with_size_and_licence(thaw: Terminal) -> None:
    said = thaw("public")
    assert "eurosat" in said.out and "94 MB  MIT" in said.out
    assert len(thaw("public", "--json").json) >= 8
    said = thaw("public", "imagenet")
    assert said.code == 2 and "There is no public set called 'imagenet'" in said.err


# -- names, and deleting -------------------------------------------------------


def test_a_run_is_given_a_name_tags_and_a_note_that_the_lists_show(thaw: Terminal, photos: Path) -> None:
    run = thaw("fit", str(photos), "--strategy", "linear_probe", "--json").json
    assert run["label"] == {"name": "", "tags": [], "note": ""}
    thaw("label", run["run_id"], "--name", "Baseline", "--tags", "paper, final")
    said = thaw("label", run["run_id"], "--note", "Seen by Ada.", "--json").json
    assert said == {"run_id": run["run_id"], "name": "Baseline", "tags": ["paper", "final"], "note": "Seen by Ada."}
    assert "Baseline #paper #final" in thaw("runs").out
    assert thaw("runs", "--json").json[0]["label"]["tags"] == ["paper", "final"]
    assert thaw("label", run["run_id"], "--name", "", "--tags", "", "--json").json["name"] == ""
    assert "name and tags" not in thaw("runs").out


def test_deleting_asks_back_once_and_says_what_it_freed(thaw: Terminal, photos: Path, home: Path) -> None:
    run = thaw("fit", str(photos), "--strategy", "linear_probe", "--json").json
    listed = thaw("datasets", "--json").json
    assert [(one["id"], one["images"], one["runs"]) for one in listed] == [(run["dataset_id"], 20, 1)]
    refused = thaw("delete", run["dataset_id"])  # nobody is there to answer
    assert refused.code == 2
    assert "Nothing was deleted. Dataset 'photos' with 1 run: " in refused.err and "Add --yes" in refused.err
    assert thaw("delete", run["run_id"], "--yes", "--json").json["jobs"] == [run["run_id"]]
    assert not (home / "runs" / run["run_id"]).exists()
    gone = thaw("delete", run["dataset_id"], "--yes")
    assert gone.code == 0 and gone.out.startswith("Dataset 'photos' is deleted: ")
    assert thaw("datasets").out.startswith("No dataset yet")
    assert thaw("delete", "nothing1", "--yes").code == 2
