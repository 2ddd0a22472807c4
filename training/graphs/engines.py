"""The inference engines that run a graph: onnxruntime, which comes with the requirements, and OpenVINO where installed.

Which one runs is a rule by what the machine has, not a timing: a busy moment once chose an arithmetic of a third of the
speed for a whole dataset. onnxruntime computes in fp32, as exported models do; OpenVINO in bf16 where the CPU has it,
which is faster and costs a probe nothing (`python -m benchmarks.engines` prints both). No torch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Literal, Self

from core import PlanError

Name = Literal["onnxruntime", "openvino"]
SWITCH = "THAW_ENGINE"
"""torch, onnxruntime or openvino, in place of what the rule says."""


@dataclass(frozen=True)
class Engine:
    """What computes frozen features. `code` names it in cache folders and in a run's record."""

    name: Name
    version: str
    precision: Literal["fp32", "bf16"] = "fp32"

    @property
    def code(self) -> str:
        return f"{self.name}-{self.version}-{self.precision}"

    @classmethod
    def named(cls, code: str) -> Self | None:
        """The inverse of `code`; None for the code of an arithmetic of torch."""
        name, _, rest = code.partition("-")
        version, _, precision = rest.rpartition("-")
        if name not in ("onnxruntime", "openvino"):
            return None
        return cls(name, version, precision)  # type: ignore[arg-type]

    @property
    def here(self) -> bool:
        """Whether this very version is installed: another one may round otherwise."""
        return installed(self.name) == self.version

    @property
    def exact(self) -> bool:
        """Whether it computes as the exported model does."""
        return self.precision == "fp32"


def installed(name: Name) -> str | None:
    """The version of an engine, None when it is not here."""
    if util.find_spec(name) is None:
        return None
    return metadata.version(name)


def usual() -> Engine | None:
    """The engine of this machine's CPU; None where torch is to compute.

    Raises PlanError for a THAW_ENGINE that is none, or is not installed.
    """
    said = os.environ.get(SWITCH, "")
    if said == "torch":
        return None
    if said and said not in ("onnxruntime", "openvino"):
        raise PlanError(f"{SWITCH} is '{said}'; it can be torch, onnxruntime or openvino.")
    low = multiplies_bf16()
    name: Name = "openvino" if said == "openvino" or (not said and low and installed("openvino")) else "onnxruntime"
    version = installed(name)
    if version is None:
        raise PlanError(f"{SWITCH} is '{said}', which is not installed; run: pip install {name}")
    return Engine(name, version, "bf16" if name == "openvino" and low else "fp32")


def multiplies_bf16() -> bool:
    """Whether this CPU has instructions for bf16; without them it is slower than fp32, and no error."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:  # not Linux
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def exact() -> Engine:
    """What runs exported models: onnxruntime, which is always here."""
    version = installed("onnxruntime")
    assert version is not None, "it stands in requirements.txt"
    return Engine("onnxruntime", version)


def not_here(engine: Engine) -> str:
    """What to say of a run that began with an engine that this machine does not have."""
    found = installed(engine.name)
    there = f"{engine.name} {found} is installed" if found else f"{engine.name} is not installed"
    return (
        f"This run computed its frozen features by {engine.name} {engine.version} in {engine.precision}, and here "
        f"{there}: the rest of it would round otherwise. Install that version (pip install "
        f"{engine.name}=={engine.version}) and resume it, train it anew, or resume it with --other-engine: it then "
        "goes on by what is here, and its record says so."
    )
