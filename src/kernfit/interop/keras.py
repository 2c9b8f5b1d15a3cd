"""Keras 3 models, of any backend, as graphs of layers. Needs the package keras."""

from __future__ import annotations

from typing import Any

from kernfit.errors import InvalidInput
from kernfit.interop.keras_layers import FOLLOW, KerasStep
from kernfit.interop.trace import Place, Shape, Trace
from kernfit.see.graph import LayerGraph, Pair

USUAL = (256, 256)  # an image size that the strides of usual models divide


def read_keras(
    model: Any, *, shape: Pair | None = None, pointwise: frozenset[str] = frozenset()
) -> LayerGraph:
    """Return the operations of a functional or sequential model as a graph.

    Layers are read as they are described, nothing is computed. Those of a model within the model
    are named "outer/inner".

    Parameters
    ----------
    model : keras.Model
    shape : (rows, columns), optional
        Of the image. Default: the model's own, or 256 x 256 where it takes any.
    pointwise : frozenset of str
        Names of layer classes (such as "LeakyReLU") or of layers.

    Raises
    ------
    InvalidInput
        If the model is written as a subclass, takes several images, or a layer is not known.
    """
    function = function_of(model)
    if len(function.inputs) != 1 or len(function.inputs[0].shape) != 4:
        raise InvalidInput(
            "the model must have exactly one image input with four axes, got "
            f"{[tuple(tensor.shape) for tensor in function.inputs]}: cut the model"
        )
    axes = axes_of(function)
    full = list(function.inputs[0].shape)
    full[0] = 1
    known = None not in (full[axes[0]], full[axes[1]])
    for axis, usual, given in zip(axes, USUAL, shape or (None, None), strict=True):
        full[axis] = given or full[axis] or usual
    start: Shape = tuple(int(n) for n in full)
    trace = Trace(start, axes)
    places = {id(function.inputs[0]): trace.image}
    _walk(trace, function, places, pointwise, "")
    results = [places[id(tensor)].node for tensor in function.outputs if id(tensor) in places]
    if not results:
        raise InvalidInput("the model's outputs must depend on the image, got none that does")
    trace.graph.results = tuple(dict.fromkeys(results))
    if shape is None and not known:
        trace.graph.shape = None
    return trace.graph


def function_of(model: Any) -> Any:
    """Return the graph of tensors within a model."""
    if type(model).__name__ == "Sequential" and model.built:
        model = model._functional
    if not hasattr(model, "_nodes_by_depth"):
        raise InvalidInput(
            "a Keras model must be functional, or sequential and built, got "
            f"{type(model).__name__}: call it on keras.Input(...) and make keras.Model of that"
        )
    return model


def axes_of(function: Any) -> Pair:
    """Return the image's row and column axes, by what the layers say."""
    for operation in function.operations:
        inner = getattr(operation, "data_format", None)
        if inner in ("channels_first", "channels_last"):
            return (2, 3) if inner == "channels_first" else (1, 2)
    return 1, 2


def _walk(
    trace: Trace, function: Any, places: dict[int, Place], pointwise: frozenset[str], prefix: str
) -> None:
    for depth in sorted(function._nodes_by_depth, reverse=True):
        for node in function._nodes_by_depth[depth]:
            inputs = [places[id(t)] for t in node.input_tensors if id(t) in places]
            if not inputs:
                continue
            given = _follow(trace, node, inputs, pointwise, prefix)
            for tensor in node.output_tensors:
                places[id(tensor)] = given


def _follow(
    trace: Trace, node: Any, inputs: list[Place], pointwise: frozenset[str], prefix: str
) -> Place:
    layer = node.operation
    name = f"{prefix}{layer.name}"
    while name in trace.graph.nodes:  # a layer that is used more than once
        name += "'"
    if hasattr(layer, "_nodes_by_depth") or type(layer).__name__ == "Sequential":
        inner = function_of(layer)
        places = {id(t): place for t, place in zip(inner.inputs, inputs, strict=True)}
        _walk(trace, inner, places, pointwise, f"{name}/")
        given = places[id(inner.outputs[0])]
        trace.graph.aliases[name] = given.node
        return given
    step = KerasStep(trace, layer, name, inputs, node.output_tensors[0].shape)
    if pointwise.intersection((step.op, layer.name, name)):
        return step.kept()
    if step.op not in FOLLOW:
        raise InvalidInput(
            f"layer {name!r} has the kind {step.op!r}, of which it is not known what it looks at: "
            f"if it is element-wise, give pointwise=({step.op!r},)"
        )
    return FOLLOW[step.op](step)
