"""The container that `deploy/Containerfile` makes: built, run, looked at from outside and used from inside.

    python -m benchmarks.container --table benchmarks/results/container.md [--built IMAGE] [-- BUILD OPTIONS]

Needs buildah (Debian: buildah). What follows `--` goes to `buildah build`, as `--build-arg BASE=IMAGE`. The server runs
in the container with what the file says, chroot's isolation and the machine's network; then: who it runs as, whether
the health check passes, what it answers without a token and with one, and whether a worker in it measures a sample.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.command import PROJECT
from benchmarks.machine import describe

ADDRESS = "http://127.0.0.1:8501"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--built", help="an image that is there already")
    parser.add_argument("build", nargs="*", help="options of `buildah build`, after --")
    given = parser.parse_args()
    began = time.monotonic()
    image = given.built or "thaw"
    if not given.built:
        subprocess.run(
            ["buildah", "build", "--isolation", "chroot", "--format", "docker", "-f", "deploy/Containerfile",
             "-t", image, *given.build, "."], cwd=PROJECT, check=True, stdout=sys.stderr,
        )  # fmt: skip
    took = time.monotonic() - began
    about = json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]
    rows = [("Built in", f"{took:.0f} s" if not given.built else "before")]
    rows += [("Size", buildah("images", "--format", "{{.Size}}", image)), ("User", about["User"])]
    container = buildah("from", image)
    try:
        rows += [(f"Of it {what}", size) for what, size in parts(container)]
        rows += used(container, about)
    finally:
        buildah("rm", container)
    lines = ["# The container", "", f"`python -m benchmarks.container`, {describe()}, {time.strftime('%Y-%m-%d')}.", "",
             "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]  # fmt: skip
    print("\n".join(lines))
    if given.table:
        given.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def buildah(*words: str) -> str:
    return subprocess.run(["buildah", *words], check=True, capture_output=True, text=True).stdout.strip()


def inside(container: str, *words: str) -> list[str]:
    """A command line that runs in the container, as its user."""
    return ["buildah", "run", "--isolation", "chroot", container, "--", *words]


def said(container: str, *words: str) -> str:
    return subprocess.run(inside(container, *words), check=True, capture_output=True, text=True).stdout.strip()


def parts(container: str) -> list[tuple[str, str]]:
    """What CUDA takes: what torch's own index of CPU wheels would leave out."""
    packages = said(container, "sh", "-c", "echo /opt/venv/lib/python3*/site-packages")
    sizes = f"cd {packages} && du -scm nvidia* triton* torch/lib/libtorch_cuda* 2>/dev/null | tail -1 | cut -f1"
    return [("CUDA (nvidia, triton, libtorch_cuda)", f"{int(said(container, 'sh', '-c', sizes)) / 1000:.1f} GB"),
            ("Thaw itself", f"{said(container, 'sh', '-c', 'du -sm /opt/thaw | cut -f1')} MB")]  # fmt: skip


def used(container: str, about: dict[str, object]) -> list[tuple[str, str]]:
    """The server started as the image says, and asked."""
    command = about["Cmd"]
    assert isinstance(command, list)
    log = Path(os.environ.get("TMPDIR", "/tmp")) / f"{container}.log"
    with log.open("wb") as out:
        server = subprocess.Popen(inside(container, *map(str, command)), stdout=out, stderr=out, start_new_session=True)
    began = time.monotonic()
    try:
        while status("/_stcore/health") != 200:
            if time.monotonic() - began > 120 or server.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.1)
        ready = time.monotonic() - began
        check = about["Healthcheck"]["Test"]  # type: ignore[index]
        healthy = subprocess.run(inside(container, *check[1:]), capture_output=True).returncode
        token = json.loads(said(container, "./thaw", "token", "--json"))["token"]
        measured = time.monotonic()
        known = json.loads(said(container, "./thaw", "profile", "sample:shapes", "--json").splitlines()[-1])
        return [
            ("Runs as", said(container, "id", "-un")), ("Answers after", f"{ready:.1f} s"),
            ("Health check", "passes" if healthy == 0 else f"fails ({healthy})"),
            ("A page without a token", str(status("/"))), ("with it", str(status("/", token))),
            ("`/thaw/live` without", str(status("/thaw/live"))), ("with it ", str(status("/thaw/live", token))),
            ("A sample measured by a worker in it", f"{known['images']} images, {time.monotonic() - measured:.0f} s"),
            ("Its home", said(container, "sh", "-c", "ls -A /data | tr '\\n' ' '")),
        ]  # fmt: skip
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def status(path: str, token: str = "") -> int:
    headers = {"Accept": "text/html"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(ADDRESS + path, headers=headers), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
