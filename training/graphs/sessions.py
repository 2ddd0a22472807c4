"""One graph run by one engine, in a thread of its own. No torch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from training.graphs.engines import Engine
from training.machine import Parts
from training.machine.cpu import cores

BATCH = 8
"""Images that an engine is given at once, however many are asked for. Features do not depend on it: both engines are
bit-equal over batch sizes. Larger ones are no faster on two cores and take memory: of 352 images, loading included, 8
at a time took 167 MB and 32 took 478."""


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
        """The outputs, in order, of any examples [B, ...]: `BATCH` at a time, fewer once memory has run out."""

        def all_of_them() -> list[list[NDArray[Any]]]:
            starts = range(0, len(inputs), BATCH)
            return [out for start in starts for out in self._parts.run(self._run, inputs[start : start + BATCH])]

        pieces = self._thread.submit(all_of_them).result()
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

