"""A real nginx before a real server, with the configuration that Thaw ships or with its own (Debian: nginx-light)."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).parents[1] / "deploy" / "nginx.conf"
DEFAULTS = "server { listen 127.0.0.1:PORT; location / { proxy_pass http://127.0.0.1:8501; client_max_body_size 0; } }"
"""What a first try looks like: the Host of the upstream, HTTP/1.0, nothing forwarded."""


@dataclass(frozen=True)
class Proxy:
    """url: where it answers, without a path. folder: its own, with `tmp/` where nginx would keep bodies."""

    url: str
    folder: Path


def found() -> str | None:
    """nginx's program; None where it is not installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def proxy(folder: Path, upstream: int, *, shipped: bool = True) -> Iterator[Proxy]:
    """nginx before the server on port `upstream`, ended with the block. shipped: `deploy/nginx.conf` as it stands, but
    for names and ports, by TLS with a certificate made for it; else DEFAULTS."""
    port = free_port()
    (folder / "tmp").mkdir(parents=True)
    if shipped:
        _certificate(folder)
        site = SHIPPED.read_text(encoding="utf-8")
        for was, becomes in (
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("/etc/ssl/thaw/fullchain.pem", f"{folder}/cert.pem"),
            ("/etc/ssl/thaw/privkey.pem", f"{folder}/key.pem"),
        ):
            assert was in site, f"{SHIPPED.name} has no '{was}' any more"
            site = site.replace(was, becomes)
    else:
        site = DEFAULTS.replace("PORT", str(port))
    site = site.replace("127.0.0.1:8501", f"127.0.0.1:{upstream}")
    kept = " ".join(
        f"{kind}_temp_path {folder}/tmp/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; events {{}}\n"
        f"http {{ access_log off; {kept}\n{site}\n}}\n"
    )
    program = found()
    assert program is not None
    process = subprocess.Popen([program, "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        _wait(process, port, folder)
        yield Proxy(f"http{'s' * shipped}://localhost:{port}", folder)
    finally:
        process.terminate()
        process.wait(10)


def trusting() -> ssl.SSLContext:
    """For requests to a certificate that was made a moment ago."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            raise RuntimeError((folder / "error.log").read_text())
        time.sleep(0.05)
    raise RuntimeError("nginx does not answer")
