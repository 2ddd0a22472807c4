"""What stands before and behind a network's graph: from cached squares to its input, and the means of its stages.

Written in ONNX's own operations, so that whoever runs the graph needs no torch, and the same as `caches.views.plain`
and as what leaves with an export: to the bit where images are as large as the network wants them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.backbones import Preprocessing
from training.backbones.shapes import places

OPSET, IR = 17, 8
"""Of ONNX: what onnxruntime has read since 2021."""
IMAGES, INPUT, JOINED = "images", "x", "stages"
_LARGEST_INT16 = 2**15


def stage_output(boundary: int) -> str:
    """The name, in a network's graph, of what goes into stage `boundary`."""
    return f"stage{boundary}"


def compose(
    network: Path, boundaries: Sequence[int], shapes: Sequence[tuple[int, ...]], side: int | None,
    prep: Preprocessing, *, means: bool, joined: bool = False,
) -> bytes:  # fmt: skip
    """The part of a network's graph that gives the activations at `boundaries`, ascending; without any, what comes
    before the network.

    shapes: of an example's activations behind every stage. side: of the squares uint8 [B, side, side, 3] that it reads;
    None = it reads the network's own input. means: the spatial means of every stage that runs follow, [B, channels].
    joined: the highest boundary has all those means in place of its activations, [B, channels of all].
    """
    import onnx
    from onnx import TensorProto, helper
    from onnx.utils import Extractor

    if not boundaries:
        assert side is not None
        return _before(side, prep)
    model = onnx.load(str(network))
    highest = max(boundaries)
    taken = range(1, highest + 1) if means or joined else boundaries
    names = [stage_output(boundary) for boundary in taken]
    graph = Extractor(model).extract_model([INPUT], names).graph
    nodes, constants = list(graph.node), list(graph.initializer)
    outputs = [output for output in graph.output if output.name in {stage_output(b) for b in boundaries}]
    inputs = [value for value in graph.input if value.name == INPUT]
    if side is not None:
        before, more = _front(side, prep)
        nodes, constants = before + nodes, more + constants
        inputs = [helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, ["batch", side, side, 3])]
    if means or joined:
        behind, found = _means(highest, shapes)
        nodes += behind
        if joined:
            nodes.append(helper.make_node("Concat", [one.name for one in found], [JOINED], axis=1))
            outputs[-1] = helper.make_tensor_value_info(JOINED, TensorProto.FLOAT, ["batch", None])
        outputs += found if means else []
    made = helper.make_graph(nodes, "frozen", inputs, outputs, constants)
    whole = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    return bytes(whole.SerializeToString())


def _before(side: int, prep: Preprocessing) -> bytes:
    from onnx import TensorProto, helper

    nodes, constants = _front(side, prep)
    ends = [
        helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, ["batch", side, side, 3]),
        helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", 3, prep.size, prep.size]),
    ]
    made = helper.make_graph(nodes, "front", ends[:1], ends[1:], constants)
    whole = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    return bytes(whole.SerializeToString())


def _means(highest: int, shapes: Sequence[tuple[int, ...]]) -> tuple[list[Any], list[Any]]:
    """(nodes, outputs) of the spatial means of stages 1..highest: over the places of maps, over tokens; vectors are
    their own."""
    from onnx import TensorProto, helper

    nodes, outputs = [], []
    for boundary in range(1, highest + 1):
        source, name = stage_output(boundary), f"mean{boundary}"
        axes = [1 + axis for axis in places(shapes[boundary - 1])]
        if not axes:
            nodes.append(helper.make_node("Identity", [source], [name]))
        else:
            nodes.append(helper.make_node("ReduceMean", [source], [name], axes=axes, keepdims=0))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", None]))
    return nodes, outputs


def _front(side: int, prep: Preprocessing) -> tuple[list[Any], list[Any]]:
    """(nodes, constants) from squares to the network's input."""
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: NDArray[Any]) -> str:
        constants.append(numpy_helper.from_array(value, f"front/{name}"))
        return f"front/{name}"

    def then(operation: str, source: str, *more: str, into: str | None = None, **how: Any) -> str:
        name = into or f"front/{len(nodes)}"
        nodes.append(helper.make_node(operation, [source, *more], [name], **how))
        return name

    crop = max(1, round(side * prep.size / prep.resize))
    offset = (side - crop) // 2
    span = [constant(name, np.array([at, at])) for name, at in (("first", offset), ("end", offset + crop))]
    at = then("Slice", IMAGES, *span, constant("axes", np.array([1, 2])))
    at = then("Transpose", at, perm=[0, 3, 1, 2])
    if crop != prep.size:
        weights = resize_weights(crop, prep.size, prep.interpolation)
        kind = np.float32 if exact_in_float32(weights) else np.float64
        weights = weights.astype(kind)
        half, low, high = (constant(n, np.array(v, kind)) for n, v in (("half", 0.5), ("low", 0), ("high", 255)))
        at = then("Cast", at, to=TensorProto.FLOAT if kind is np.float32 else TensorProto.DOUBLE)
        at = then("MatMul", at, constant("across", np.ascontiguousarray(weights.T)))
        at = then("Clip", then("Floor", then("Add", at, half)), low, high)
        at = then("MatMul", constant("down", weights), at)
        at = then("Clip", then("Floor", then("Add", at, half)), low, high)
    at = then("Cast", at, to=TensorProto.FLOAT)
    at = then("Mul", at, constant("share", np.array(1 / 255, np.float32)))
    channels = (np.array(values, np.float32).reshape(1, -1, 1, 1) for values in (prep.mean, prep.std))
    mean, std = (constant(name, value) for name, value in zip(("mean", "std"), channels, strict=True))
    then("Div", then("Sub", at, mean), std, into=INPUT)
    return nodes, constants


def resize_weights(side: int, size: int, interpolation: str) -> NDArray[np.float64]:
    """[size, side]: torch's antialiased resize of uint8 from `side` to `size` px as a matrix of whole 16-bit numbers
    over a power of two (aten/src/ATen/native/cpu/UpSampleKernel.cpp). After it torch rounds to whole bytes; sums in
    float64 are exact. interpolation: 'bicubic' or 'bilinear'."""
    scale = side / size
    reach = (4 if interpolation == "bicubic" else 2) / 2 * max(scale, 1.0)
    shrink = 1 / max(scale, 1.0)
    found = np.zeros((size, side))
    for row in range(size):
        centre = scale * (row + 0.5)
        first = max(int(centre - reach + 0.5), 0)
        end = min(int(centre + reach + 0.5), side)
        x = np.abs((np.arange(first, end) - centre + 0.5) * shrink)
        values = _cubic(x) if interpolation == "bicubic" else np.maximum(1 - x, 0)
        found[row, first:end] = values / values.sum()
    bits = 0
    while bits < 22 and int(0.5 + found.max() * 2 ** (bits + 1)) < _LARGEST_INT16:
        bits += 1
    whole: NDArray[np.float64] = np.trunc(found * 2**bits + np.where(found < 0, -0.5, 0.5))
    return whole / 2**bits


def exact_in_float32(weights: NDArray[np.float64]) -> bool:
    """Whether products of these weights with whole bytes add up exactly in float32, in whatever order: as long as every
    sum is a whole number of 24 bits over their power of two. So it is wherever an image is not shrunk to below half."""
    whole = np.abs(weights * 2**22).astype(np.int64)
    unit = (whole & -whole)[whole > 0].min()
    return bool(255 * whole.sum(axis=1).max() / unit + 1 < 2**24)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic filter with a = -0.5 at distances x >= 0."""
    a = -0.5
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
