"""What `benchmarks.session` takes out of its answers, and the differences that it finds between two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.drawings import drawings
from benchmarks.session import Clean, differences


def step(document: Any, *words: str) -> dict[str, Any]:
    return {"command": list(words), "code": 0, "said": "", "document": document}


def cleaned(run: str, seconds: float, took: str, place: str) -> dict[str, Any]:
    document = {
        "run_id": run, "seconds": seconds, "test_accuracy": 0.9, "epochs": 3, "eta_s": None,
        "weights": f"{place}/home/runs/{run}/best.safetensors", "dataset_id": "f8fde963216f5254",
        "sentence": f"{run} took {took}, 12,300 images/s, 0.9 GB; 3 s or less.",
    }  # fmt: skip
    steps = {"fit": step(document, "fit"), f"explain {run}": step([{"id": run}], "explain", run)}
    return Clean({f"{place}/home": "HOME"}).steps(steps)


def test_ids_paths_times_speeds_and_memory_are_taken_out_and_nothing_else() -> None:
    found = cleaned("k3j2h1g0", 1.25, "1.3 s", "/tmp/a")
    assert found == cleaned("zzzz9999", 63, "1 min 03 s", "/tmp/b")
    assert found["fit"]["document"] == {
        "run_id": "id1", "seconds": "measured", "test_accuracy": 0.9, "epochs": 3, "eta_s": None,
        "weights": "HOME/runs/id1/best.safetensors", "dataset_id": "f8fde963216f5254",
        "sentence": "id1 took some time, some images/s, some memory; some time or less.",
    }  # fmt: skip
    assert found["explain id1"]["command"] == ["explain", "id1"]


def test_a_run_stopped_at_some_moment_shows_the_kinds_of_its_values() -> None:
    answer = step({"run_id": "k3j2h1g0", "epochs": 4.0, "note": None}, "stop", "k3j2h1g0")
    found = Clean({}).steps({"stop": answer, "resume": answer})
    assert found["stop"]["document"] == {"run_id": "a str", "epochs": "a float", "note": "a NoneType"}
    assert found["resume"]["document"] == {"run_id": "id1", "epochs": 4.0, "note": None}


def test_every_field_that_differs_is_named() -> None:
    before = {"fit": {"code": 0, "document": {"epochs": 3, "rows": [1, 2], "note": None, "gone": 1}}}
    after = {"fit": {"code": 0, "document": {"epochs": 3.0, "rows": [1, 5], "note": None, "new": 1}}, "runs": {}}
    assert differences(before, before) == []
    assert differences(before, after) == [
        "fit > document > epochs: 3 | 3.0",
        "fit > document > rows[1]: 2 | 5",
        "fit > document > gone: only in the first",
        "fit > document > new: only in the second",
        "runs: only in the second",
    ]
    assert differences({"rows": [1]}, {"rows": [1, 2]}) == ["rows: [1] | [1, 2]"]


def test_drawings_are_the_same_each_time(tmp_path: Path) -> None:
    one, two = (drawings(tmp_path / name, ("circle", "square"), 3) for name in ("one", "two"))
    files = sorted(path.relative_to(one) for path in one.rglob("*.png"))
    assert len(files) == 6
    assert all((one / file).read_bytes() == (two / file).read_bytes() for file in files)
    assert len({(one / file).read_bytes() for file in files}) == 6
