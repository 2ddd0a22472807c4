"""The inference engines that run a graph: onnxruntime, which comes with the requirements, and OpenVINO where installed.

Which one runs is a rule by what the machine has, not a timing: a busy moment once chose an arithmetic of a third of the
speed for a whole dataset. onnxruntime computes in fp32, as exported models do; OpenVINO in bf16 where the CPU has it,
which is faster and costs a probe nothing (`python -m benchmarks.engines` prints both). No torch.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from core import PlanError
from training.machine import Parts
from training.machine.cpu import cores

Name = Literal["onnxruntime", "openvino"]
SWITCH = "THAW_ENGINE"
"""torch, onnxruntime or openvino, in place of what the rule says."""
BATCH = 8
"""Images a pass. Features do not depend on it: both engines are bit-equal over batch sizes. Larger ones are no faster
on two cores and take memory: of 352 images, loading included, 8 at a time took 167 MB and 32 took 478."""


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
        f"{engine.name}=={engine.version}) and resume it, or train it anew."
    )


class Session:
    """One graph, ready to run. Both engines are set up and used in a thread of its own: onnxruntime's first session has
    the thread that makes it flush denormal numbers to zero from then on, and a solver's thread must not depend on that.
    """

    def __init__(self, engine: Engine, file: Path, what: str) -> None:
        """file: an .onnx with one input. what: is computed, for the sentence when memory runs out."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=engine.name)
        opened = _onnxruntime if engine.name == "onnxruntime" else _openvino
        self._run = self._thread.submit(opened, engine, file).result()
        self._parts = Parts(what)

    def run(self, inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """The graph's outputs, in order, of a batch [B, ...]; in smaller batches once memory has run out."""
        pieces = self._thread.submit(self._parts.run, self._run, inputs).result()
        if len(pieces) == 1:
            return pieces[0]
        return [np.concatenate(of) for of in zip(*pieces, strict=True)]


class Runs(Protocol):
    """A graph, or several one after the other."""

    def run(self, inputs: NDArray[Any]) -> list[NDArray[Any]]: ...


class Chain:
    """What one gives, through another."""

    def __init__(self, first: Runs, then: Runs) -> None:
        self._first, self._then = first, then

    def run(self, inputs: NDArray[Any]) -> list[NDArray[Any]]:
        (between,) = self._first.run(inputs)
        return self._then.run(between)


def _onnxruntime(engine: Engine, file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    # Threads that wait spin by default: alone it changes nothing, beside a busy core it took a third more time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})


def _openvino(engine: Engine, file: Path) -> Any:
    import openvino

    hint = {"fp32": "f32", "bf16": "bf16"}[engine.precision]
    core = openvino.Core()
    core.set_property({"CACHE_DIR": str(file.parent)})
    # Without the hint it computes in bf16 where the CPU can: its worst image was 10.9 % off.
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": cores()}
    settings["PERFORMANCE_HINT"] = "LATENCY"  # every core on one batch; for throughput it wants several at once
    compiled = core.compile_model(core.read_model(str(file)), "CPU", settings)
    request = compiled.create_infer_request()

    def run(batch: NDArray[Any]) -> list[NDArray[Any]]:
        found = request.infer([batch])
        return [np.array(found[output]) for output in compiled.outputs]

    return run

