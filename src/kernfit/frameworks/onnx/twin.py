"""A model's twin that passes on only whether something arrives: 0 or 1 at every element."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.frameworks.onnx.read import load_onnx
from kernfit.frameworks.onnx.run import onnx_runner
from kernfit.frameworks.onnx.step import ELEMENTWISE
from kernfit.frameworks.onnx.values import known_values
from kernfit.frameworks.runner import Runner
from kernfit.packages import need

WEIGHED = {"Conv": 1, "ConvTranspose": 1, "FusedConv": 1, "MatMul": 1}
# Each of some elements depends on all of them.
MIXED = ("Softmax", "LogSoftmax", "LayerNormalization", "RMSNormalization", "LpNormalization")
SUMMED = ("AveragePool", "LpPool", "Resize", "Upsample")


def onnx_twin(
    model: Any,
    layer: str | None,
    pointwise: frozenset[str] = frozenset(),
    zeros: bool = False,
) -> Runner:
    """Return a function that shows which elements of a layer an image of 0 and 1 reaches.

    All weights are 1 and all biases 0, element-wise operations hand their input on or add their
    inputs, and after each sum a sign makes 1 of what is more. So nothing cancels, overflows or
    vanishes, and ONNX Runtime itself says what depends on what.

    Parameters
    ----------
    model, layer, pointwise
        As in `onnx_runner`.
    zeros : bool
        Weights that are zero stay zero.
    """
    source = load_onnx(model)
    twin = type(source)()
    twin.CopyFrom(source)
    graph = twin.graph
    onnx = need("onnx", "onnx")
    known = {tensor.name for tensor in graph.initializer}
    seen = {value.name for value in graph.input if value.name not in known}
    values = known_values(source)
    nodes: list[Any] = []
    ones: dict[str, Any] = {}
    for node in graph.node:
        moving = [name for name in node.input if name in seen]
        if not moving:
            values.compute(node)
        if not moving or node.op_type in ("Shape", "Size"):
            nodes.append(node)
            continue
        seen.update(node.output)
        called = {node.op_type, node.name}
        if node.op_type in ELEMENTWISE or called & pointwise:
            kind = "Identity" if len(moving) == 1 else "Sum"
            nodes += _with_sign(onnx, kind, node, moving)
        elif node.op_type in WEIGHED:
            weight = node.input[WEIGHED[node.op_type]]
            ones[weight] = None
            copied = type(node)()
            copied.CopyFrom(node)
            del copied.input[2:]  # the bias
            copied.input[1] = f"{weight}/ones"
            nodes += _with_sign(onnx, None, copied, moving)
        elif node.op_type in MIXED:
            nodes += _mixed(onnx, graph, node, values.opset)
        elif node.op_type in SUMMED:
            nodes += _with_sign(onnx, None, node, moving)
        else:
            nodes.append(node)
    for name in ones:
        if (shape := values.shape(name)) is not None:
            array = np.ones(shape, np.float32)
            if zeros:
                array[values.get(name) == 0] = 0
            graph.initializer.append(onnx.numpy_helper.from_array(array, f"{name}/ones"))
    del graph.node[:]
    graph.node.extend(nodes)
    return onnx_runner(twin, layer, pointwise)[0]


def _mixed(onnx: Any, graph: Any, node: Any, opset: int) -> list[Any]:
    """Return nodes that add to every element the sum over the axes of a softmax or a norm."""
    usual = 1 if opset < 13 and node.op_type.endswith("Softmax") else -1
    axis = next((a.i for a in node.attribute if a.name == "axis"), usual)
    last = node.op_type.startswith(("Layer", "RMS")) and axis < 0
    axes = list(range(axis, 0)) if last else [axis]
    total, name = f"{node.output[0]}/total", f"{node.output[0]}/axes"
    inputs, options = [node.input[0], name], {}
    if opset < 13:
        inputs, options = [node.input[0]], {"axes": axes}
    else:
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(axes, np.int64), name))
    summed = onnx.helper.make_node("ReduceSum", inputs, [total], total, keepdims=1, **options)
    return [summed, *_with_sign(onnx, "Sum", node, [node.input[0], total])]


def _with_sign(onnx: Any, kind: str | None, node: Any, moving: list[str]) -> list[Any]:
    """Return a node, or one of another kind in its place, with a sign behind it."""
    inner = f"{node.output[0]}/sum"
    if kind is None:
        changed = type(node)()
        changed.CopyFrom(node)
        changed.output[0] = inner
        changed.name = f"{node.name}/sum"
    else:
        changed = onnx.helper.make_node(kind, moving, [inner], f"{node.name}/sum")
    # The sign bears the name, so that a layer is found under its own.
    return [changed, onnx.helper.make_node("Sign", [inner], [node.output[0]], node.name)]
