"""8-bit integers from an exported model, by onnxruntime's static quantisation with ranges from training images."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class _Squares(CalibrationDataReader):
    def __init__(self, batches: Sequence[NDArray[np.uint8]]) -> None:
        self._batches: Iterator[NDArray[np.uint8]] = iter(batches)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"images": batch}


def quantise(source: Path, target: Path, batches: Sequence[NDArray[np.uint8]]) -> None:
    """Write `target`: the convolutions of `source` in 8 bits, everything else (metadata too) as it was.

    The head stays as it is: in 8 bits a solved one lost 14 points on hand signs, and it is 1 % of the file
    (benchmarks/results/export_check.md). batches: squares uint8 [B, side, side, 3] whose activations give the ranges.
    """
    ready = target.with_suffix(".prepared.onnx")
    logging.getLogger().setLevel(logging.ERROR)  # it warns of choices that are made on purpose here
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            quant_pre_process(source, ready, skip_symbolic_shape=True)
            quantize_static(
                ready, target, _Squares(batches), quant_format=QuantFormat.QDQ, per_channel=True,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                op_types_to_quantize=["Conv", "Add", "Mul", "Clip", "Relu", "GlobalAveragePool"],
            )  # fmt: skip
    finally:
        ready.unlink(missing_ok=True)
