"""Which versions of what a run was trained with: the packages whose numbers decide its arithmetic. No torch."""

from __future__ import annotations

import functools
import platform
from importlib import metadata

PACKAGES = ("torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn", "safetensors")


@functools.cache
def versions() -> dict[str, str]:
    """Name -> version, Python's first; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
