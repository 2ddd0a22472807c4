"""The routes behind the live chart, called as a server calls them (ASGI), and what they refuse."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette

from advisor.planning.options import Options
from advisor.planning.strategies import WARM_PASSES, plan
from core.plans import Phase, RunConfig, Strategy, to_json
from core.zoo.catalog import backbone
from dataset.ingest.sources import import_path
from training.store.store import Store
from ui.server import pictures as route_pictures
from ui.server import routes
from ui.train import live_chart

ROOT = Path(__file__).parents[3]


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Calls an ASGI app in this process: no server, no port."""

    def __init__(self, home: Path) -> None:
        self.app = Starlette(routes=routes.routes(home))

    def get(self, url: str, method: str = "GET") -> Answer:
        return asyncio.run(self._call(url, method))

    async def _call(self, url: str, method: str) -> Answer:
        path, _, query = url.partition("?")
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [(b"host", b"localhost")], "http_version": "1.1", "scheme": "http", "root_path": "",
            "server": ("localhost", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        sent: list[Any] = []

        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await asyncio.sleep(30)  # the caller stays connected
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:]))


@pytest.fixture
def client(home: Path) -> Client:
    return Client(home)


@pytest.fixture
def run(store: Store) -> str:
    """A running gradual run with two rows and an event."""
    strategy = Strategy("gradual", "efficientnet_lite0", (Phase(8, 2, 1e-3), Phase(7, 3, 1e-3, 1e-4)))
    job = store.create_job("train", "0" * 16, to_json(RunConfig("0" * 16, strategy)))
    store.claim_next()
    add_rows(store, job.id, 0, 2)
    store.add_event(store.job(job.id), level="info", kind="cache", text="Filled the cache", seconds=0.0, epoch=0.0)
    return job.id


def add_rows(store: Store, run_id: str, first: int, number: int) -> None:
    for row in range(first, first + number):
        values = {"phase": 0, "epoch": (row + 1) / 2, "seconds": row * 1.0, "train_loss": 1.0, "boundary": 8}
        store.add_metrics(store.job(run_id), row, {**values, "lrs": [0.0] * 8 + [1e-3]})


def only(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    (found,) = answer.json["runs"]
    return found


def test_a_fresh_chart_gets_everything_it_needs_to_draw(client, run):
    found = only(client.get(f"/thaw/live?run={run}"))
    assert found["state"] == "running"
    assert found["reset"] is True
    assert [dict(zip(found["columns"], row, strict=True))["row"] for row in found["rows"]] == [0, 1]
    assert found["events"][0]["text"] == "Filled the cache"
    about = found["about"]
    assert about["title"] == "Gradual unfreezing"
    assert [(p["from"], p["to"], p["what"]) for p in about["phases"]] == [(0, 2, "the head"), (2, 5, "stage 7 and up")]
    assert about["freeze"].startswith('<div class="thaw-freeze')
    assert len(about["stages"]) == 9


def test_solver_passes_are_phases_of_the_chart_but_no_epochs(client, store):
    strategy = plan("partial", backbone("efficientnet_lite0"), train_images=100, classes=2, options=Options(epochs=7))
    job = store.create_job("train", "0" * 16, to_json(RunConfig("0" * 16, strategy)))
    about = only(client.get(f"/thaw/live?run={job.id}"))["about"]
    assert about["epochs"] == 7
    assert [(p["from"], p["to"], p["solved"], p["what"]) for p in about["phases"]] == [
        (0, WARM_PASSES, True, "the head"),
        (WARM_PASSES, WARM_PASSES + 7, False, "stage 6 and up"),
    ]


def test_later_polls_carry_only_what_is_new(client, store, run):
    first = only(client.get(f"/thaw/live?run={run}"))
    url = f"/thaw/live?run={run}&after=1&seen={first['events'][-1]['id']}&mark={first['mark']}"
    idle = only(client.get(url))
    assert idle["rows"] == []
    assert idle["events"] == []
    assert idle["reset"] is False
    assert "about" not in idle
    add_rows(store, run, 2, 3)
    assert [row[0] for row in only(client.get(url))["rows"]] == [2, 3, 4]


def test_events_of_the_coach_carry_a_title_and_others_none(client, store, run):
    store.add_event(store.job(run), level="caution", kind="overfitting", text="Overfitting has begun.", epoch=3.0)
    store.add_event(store.job(run), level="caution", kind="probe_best", text="The solved head is kept.", epoch=3.0)
    assert [event["title"] for event in only(client.get(f"/thaw/live?run={run}"))["events"]] == ["", "Overfitting", ""]


def test_rows_taken_back_make_the_chart_read_again_from_the_start(client, store, run):
    mark = only(client.get(f"/thaw/live?run={run}"))["mark"]
    store.cut_metrics(store.job(run), 1)
    add_rows(store, run, 1, 3)
    found = only(client.get(f"/thaw/live?run={run}&after=1&seen=9&mark={mark}"))
    assert found["reset"] is True
    assert found["mark"] != mark
    assert [row[0] for row in found["rows"]] == [0, 1, 2, 3]
    assert len(found["events"]) == 1


def test_a_resumed_run_has_a_new_mark(client, store, run):
    mark = only(client.get(f"/thaw/live?run={run}"))["mark"]
    store.lose(store.job(run), "The worker is gone.")
    lost = only(client.get(f"/thaw/live?run={run}&after=1&mark={mark}"))
    assert (lost["state"], lost["error"], lost["reset"]) == ("lost", "The worker is gone.", False)
    store.requeue(run)
    assert only(client.get(f"/thaw/live?run={run}&after=1&mark={mark}"))["ahead"] == 0
    store.claim_next()
    assert only(client.get(f"/thaw/live?run={run}&after=1&mark={mark}"))["reset"] is True


def test_several_runs_keep_their_order_and_their_own_cursors(client, store, run):
    other = store.create_job("train", "0" * 16, store.job(run).config).id
    answer = client.get(f"/thaw/live?run={other}&run={run}&after=-1&after=0&mark=0.0&mark=1.0")
    assert [found["id"] for found in answer.json["runs"]] == [other, run]
    queued, running = answer.json["runs"]
    assert (queued["state"], queued["ahead"]) == ("queued", 1)
    assert [row[0] for row in running["rows"]] == [1]


def test_the_result_comes_with_its_interval(client, store, run):
    store.finish(store.job(run), {"test_accuracy": 0.9, "test_correct": 90, "test_total": 100, "seconds": 12.0})
    result = only(client.get(f"/thaw/live?run={run}"))["result"]
    assert result["test_accuracy"] == 0.9
    assert 0.82 < result["low"] < 0.9 < result["high"] < 0.95


def test_a_run_of_an_unknown_kind_still_has_curves(client, store):
    job = store.create_job("train", "0" * 16, {"strategy": {"kind": "from the future"}})
    found = only(client.get(f"/thaw/live?run={job.id}"))
    assert found["about"]["title"] == "Run"


@pytest.mark.parametrize("run_id", ["nosuchid", "../../etc", "a b", "%00", "A" * 50, "x';--"])
def test_unknown_runs_are_a_404_with_a_sentence(client, run_id):
    answer = client.get(f"/thaw/live?run={run_id}")
    assert answer.status == 404
    assert answer.json["error"].startswith("There is no run")


@pytest.mark.parametrize(
    "query", ["", "run=abcd1234&after=x", "run=abcd1234&run=abcd1234", "&".join(["run=abcdefgh"] * 17)]
)
def test_unreadable_questions_are_a_400_with_a_sentence(client, query):
    answer = client.get(f"/thaw/live?{query}")
    assert answer.status == 400
    assert answer.json["error"].endswith((".", "ID."))


def test_routes_answer_get_only(client, run):
    for method in ("POST", "PUT", "DELETE"):
        assert client.get(f"/thaw/live?run={run}", method).status == 405


def test_answers_are_never_cached_but_plotly_is(client, run):
    assert client.get(f"/thaw/live?run={run}").headers["cache-control"] == "no-store"
    script = client.get("/thaw/plotly.min.js")
    assert script.status == 200
    assert len(script.body) > 1_000_000
    assert "immutable" in script.headers["cache-control"]


@pytest.fixture
def pictures(home: Path, tmp_path: Path) -> Any:
    for label, colour in (("ants", "red"), ("bees", "blue")):
        for number in range(3):
            path = tmp_path / "in" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGBA", (400, 300 + number), colour).save(path)
    return import_path(tmp_path / "in", home, name="insects")


def test_thumbnails_are_small_jpegs_kept_in_memory(client, pictures):
    answer = client.get(live_chart.thumb_url(pictures.id, 0))
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/jpeg"
    small = Image.open(io.BytesIO(answer.body))
    assert small.format == "JPEG"
    assert min(small.size) <= route_pictures.THUMB_PX
    assert client.get(live_chart.thumb_url(pictures.id, 0)).body == answer.body


@pytest.mark.parametrize("url", ["0" * 16 + "/0", "..%2f..%2fetc/0", "....//0", "{id}/99", "{id}/-1", "{id}/x"])
def test_no_path_can_be_smuggled_into_a_thumbnail(client, pictures, url):
    answer = client.get(f"/thaw/thumb/{url.format(id=pictures.id)}.jpg")
    assert answer.status == 404


def test_a_manifest_that_points_outside_its_dataset_is_not_followed(client, pictures, tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (20, 20)).save(secret)
    manifest = Path(pictures.root) / "manifest.csv"
    lines = manifest.read_text(encoding="utf-8").splitlines()
    outside = "../" * 12 + str(secret).lstrip("/")
    lines[1] = ",".join([outside, *lines[1].split(",")[1:]])
    manifest.chmod(0o600)
    manifest.write_text("\n".join(lines), encoding="utf-8")
    answer = client.get(live_chart.thumb_url(pictures.id, 0))
    assert answer.status == 404
    assert "not on disk" in answer.json["error"]


def test_a_broken_picture_is_a_404_with_a_sentence(client, pictures):
    path = next((Path(pictures.root) / "images").rglob("*.png"))
    path.chmod(0o600)
    path.write_bytes(b"\x89PNG not a picture")
    answers = [client.get(live_chart.thumb_url(pictures.id, row)) for row in range(6)]
    assert sorted(answer.status for answer in answers) == [200] * 5 + [404]


def test_the_cache_of_thumbnails_has_a_limit(home, pictures, monkeypatch):
    monkeypatch.setattr(route_pictures, "CACHE_BYTES", 1500)
    thumbs = route_pictures.Thumbnails()
    for row in range(6):
        thumbs.get(home, pictures.id, row)
    assert thumbs._size <= 1500


def test_the_pages_side_never_imports_torch():
    script = (
        "import sys, app, ui.train.live_chart, ui.pictures.charts, ui.pictures, ui.server.routes; "
        "assert 'torch' not in sys.modules; print(type(app.app).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "App" in done.stdout
