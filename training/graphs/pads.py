"""Paddings that a graph works out from its input's shape, made constants.

Networks from TensorFlow (the EfficientNets) pad as it does, by as much as the input's side asks for. Written as ONNX
that is arithmetic on shapes, which onnxruntime carries out for every batch and cannot fuse into the convolution behind
it: 127 images a second of EfficientNet-Lite0 instead of 189 on two cores. The side is fixed, so the answer is too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray


def settle(path: Path, example: NDArray[Any]) -> None:
    """Write the paddings of a graph with one input into its file. example: a batch of it, of any length."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from training.graphs.engines import exact
    from training.graphs.sessions import Session

    model = onnx.load(str(path))
    known = {one.name for one in model.graph.initializer}
    pads = [node for node in model.graph.node if node.op_type == "Pad" and node.input[1] not in known]
    if not pads:
        return
    asked = onnx.ModelProto()
    asked.CopyFrom(model)
    del asked.graph.output[:]
    names = list(dict.fromkeys(node.input[1] for node in pads))
    asked.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.INT64, None) for name in names)
    beside = path.with_suffix(".pads.onnx")
    onnx.save(asked, str(beside))
    try:
        found = dict(zip(names, Session(exact(), beside, "paddings").run(example), strict=True))
    finally:
        beside.unlink()
    for node in pads:
        constant = f"{node.output[0]}/pads"
        model.graph.initializer.append(numpy_helper.from_array(found[node.input[1]], constant))
        node.input[1] = constant
    onnx.save(model, str(path))
