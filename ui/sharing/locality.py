"""Whether a request comes from this computer: decided by what the request says, one by one. Pure rules.

Behind a proxy a server is bound to 127.0.0.1 and yet everybody's, so where it listens is only one of the signs. What
cannot be told from here is a proxy that hands on none of them: such a one needs `THAW_SHARED=1` (docs/sharing.md).
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers

FORWARDED = (
    "forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip",
    "x-original-host", "x-original-url", "x-scheme", "x-arr-ssl", "front-end-https",
)  # fmt: skip
"""Headers that proxies set, beside all that begin with `x-forwarded-`."""
NO = ("", "0", "no", "off", "false")


@dataclass(frozen=True)
class Bound:
    """How the server was started."""

    address: str = ""
    """Where it listens; '' = everywhere."""
    base: str = ""
    """The path below which it lies."""
    shared: bool = False
    """Whether its host says that it is shared."""

    @classmethod
    def now(cls, address: str | None, base: str) -> Bound:
        """With THAW_SHARED and THAW_TOKEN, each of which says that it is."""
        said = os.environ.get("THAW_SHARED", "").strip().lower()
        return cls(address or "", base, said not in NO or bool(os.environ.get("THAW_TOKEN", "").strip()))

    @property
    def everybodys(self) -> bool:
        """Whether every request wants signing in, whatever it says of itself."""
        return self.shared or bool(self.base) or not loopback(self.address)


def loopback(name: str | None) -> bool:
    """Whether a host name or an address can only be this computer."""
    if not name:
        return False
    plain = name.strip("[]").rstrip(".").lower()
    if plain == "localhost":
        return True
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def local(headers: Headers, client: str | None, bound: Bound) -> bool:
    """Whether only somebody at this computer can have sent the request. client: the address it came from."""
    if bound.everybodys or not loopback(client):
        return False
    if any(name.startswith("x-forwarded-") or name in FORWARDED for name in headers):
        return False
    if headers.get("sec-fetch-site") == "cross-site":
        return False
    names = [_host(f"//{host}") for host in headers.getlist("host")]
    for sent in ("origin", "referer"):
        names += [_host(value) for value in headers.getlist(sent) if value]
    return bool(headers.getlist("host")) and all(loopback(name) for name in names)


def foreign(headers: Headers) -> bool:
    """Whether the page of another server sent the request: whoever signed in here, it has nothing to ask.

    A link from elsewhere may be followed, in a window of its own.
    """
    host = headers.get("host", "").lower()
    if any(origin.lower() not in (f"http://{host}", f"https://{host}") for origin in headers.getlist("origin")):
        return True
    if headers.get("sec-fetch-site") not in ("cross-site", "same-site"):
        return False
    return headers.get("sec-fetch-mode") != "navigate" or headers.get("sec-fetch-dest") != "document"


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
