"""The upload route as a browser, and as somebody else, would use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.testclient import TestClient
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

from ui.server import uploads

TOKEN = generate_xsrf_token_string()


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=uploads.routes(lambda: home))) as client:
        client.cookies.set("_streamlit_xsrf", TOKEN)
        client.headers["X-Xsrftoken"] = TOKEN
        yield client


def framed(*files: tuple[str, bytes], kept: tuple[str, ...] = ()) -> bytes:
    names: list[Any] = [*((name, len(data)) for name, data in files), *((name, -1) for name in kept)]
    return json.dumps(names).encode() + b"\n" + b"".join(data for _, data in files)


def begun(client: TestClient) -> str:
    return str(client.post("/thaw/uploads").json()["id"])


def test_files_arrive_as_they_were_sent(client: TestClient, home: Path) -> None:
    upload, large = begun(client), bytes(range(256)) * 20_000
    files = (("a/1.png", b"one"), ("a/leer.png", b""), ("b/\u5199\u771f.png", large))
    answer = client.put(f"/thaw/uploads/{upload}", content=framed(*files, kept=("a/notes.txt",)))
    assert (answer.status_code, answer.json()) == (200, {"files": 3})
    for name, data in files:
        assert (home / "uploads" / upload / "files" / name).read_bytes() == data
    assert (home / "uploads" / upload / "left_out.jsonl").read_text() == '"a/notes.txt"\n'
    assert client.delete(f"/thaw/uploads/{upload}").status_code == 204
    assert list((home / "uploads").iterdir()) == []


@pytest.mark.parametrize("token", ["", "2|00000000|00|1", "no token"])
def test_nobody_without_the_pages_token_may_upload(client: TestClient, home: Path, token: str) -> None:
    upload = begun(client)
    one = f"/thaw/uploads/{upload}"
    for method, url in (("POST", "/thaw/uploads"), ("PUT", one), ("DELETE", one)):
        answer = client.request(method, url, headers={"X-Xsrftoken": token}, content=framed(("1.png", b"1")))
        assert answer.status_code == 403
        assert answer.json()["error"].startswith("This upload did not come from the page of this server.")
    assert list((home / "uploads").iterdir()) == [home / "uploads" / upload]
    assert list((home / "uploads" / upload / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (framed(("../../evil.png", b"1")), 400, "climbs out of its folder"),
        (framed(("/etc/evil.png", b"1")), 400, "is an absolute path"),
        (framed(("C:evil.png", b"1")), 400, "starts with a drive letter"),
        (framed(("a\nb.png", b"1")), 400, "holds control characters"),
        (framed(("a.png", b"12345"))[:-2], 400, "'a.png' arrived cut off: 2 bytes are missing"),
        (b"", 400, "does not begin with a list of its files"),
        (b"[1, 2]\n", 400, "does not begin with a list of its files"),
        (b'{"a": 1}\n', 400, "does not begin with a list of its files"),
        (b'[["a.png", 1e400]]\n', 400, "does not begin with a list of its files"),
        (b'[["a.png", 1' + b"0" * 20 + b"]]\n", 400, "does not begin with a list of its files"),
        (b'[["a.png", ' + b"9" * 5000 + b"]]\n", 400, "does not begin with a list of its files"),
        (b'[["a.png", -2]]\n', 400, "does not begin with a list of its files"),
        (b"[" * 100_000 + b"\n", 400, "does not begin with a list of its files"),
        (b"x" * (5 * 2**20), 400, "does not begin with a list of its files"),
        (framed(("a.png", b"1"), ("a.png", b"2")), 400, "was sent twice"),
    ],
)
def test_what_is_hostile_or_broken_is_refused_in_a_sentence(
    client: TestClient, home: Path, content: bytes, status: int, sentence: str
) -> None:
    upload = begun(client)
    answer = client.put(f"/thaw/uploads/{upload}", content=content)
    assert answer.status_code == status and sentence in answer.json()["error"]
    there = [path for path in (home / "uploads" / upload).rglob("*") if path.is_file()]
    assert [path.name for path in there] in ([], ["a.png"])
    assert not (home / "evil.png").exists() and not (home.parent / "evil.png").exists()


def test_more_than_the_cap_is_refused_before_it_is_taken(
    client: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_UPLOAD_GB", str(1000 / 1024**3))
    upload = begun(client)
    assert client.put(f"/thaw/uploads/{upload}", content=framed(("1.png", b"x" * 600))).status_code == 200
    answer = client.put(f"/thaw/uploads/{upload}", content=framed(("2.png", b"x" * 600)))
    assert answer.status_code == 413
    assert "the most that one upload may hold. Give the path" in answer.json()["error"]
    assert [path.name for path in (home / "uploads" / upload / "files").iterdir()] == ["1.png"]


def test_an_upload_that_is_not_known_is_said(client: TestClient) -> None:
    answer = client.put("/thaw/uploads/0123456789abcdef", content=framed(("1.png", b"1")))
    assert answer.status_code == 404 and "Choose the files again" in answer.json()["error"]


def test_what_is_given_up_while_it_arrives_leaves_nothing(
    client: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The word that it is given up may overtake the file, which is written after the folder was removed."""
    upload = begun(client)

    async def overtaken(*_: object) -> None:
        assert (await run_in_threadpool(client.delete, f"/thaw/uploads/{upload}")).status_code == 204
        (home / "uploads" / upload / "files").mkdir(parents=True)

    monkeypatch.setattr(uploads, "_save", overtaken)
    client.put(f"/thaw/uploads/{upload}", content=framed(("a/1.png", b"one")))
    assert list((home / "uploads").iterdir()) == []
