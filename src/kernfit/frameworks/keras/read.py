"""Keras 3 models, of any backend, as graphs of layers. Needs the package keras."""

from __future__ import annotations

from typing import Any

from kernfit.errors import InvalidInput
from kernfit.frameworks.keras.function import Names, axes_of, function_of, images_of, symbolic
from kernfit.frameworks.keras.layers import FOLLOW, KerasStep
from kernfit.frameworks.keras.ops import FOLLOW_OPS
from kernfit.frameworks.trace import Place, Shape, Trace
from kernfit.graph.graph import LayerGraph, Pair

USUAL = (256, 256)  # an image size that the strides of usual models divide
FOLLOW_ALL = FOLLOW | FOLLOW_OPS


def read_keras(
    model: Any, *, shape: Pair | None = None, pointwise: frozenset[str] = frozenset()
) -> LayerGraph:
    """Return the operations of a model as a graph.

    Layers are read as they are described, nothing is computed. Those of a model within the model
    are named "outer/inner"; so are those within a layer or model that is written as a subclass,
    whose `call` is followed.

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
        If it cannot be followed, its images have several sizes, or a layer is not known.
    """
    function = function_of(model, shape or (None if _known(model) else USUAL))
    inputs = images_of(function)
    axes = axes_of(function)
    full: list[Shape] = []
    for tensor in inputs:
        sizes = list(tensor.shape)
        for axis, usual, given in zip(axes, USUAL, shape or (None, None), strict=True):
            sizes[axis] = given or sizes[axis] or usual
        full.append((1, *(int(n) for n in sizes[1:])))
    known = None not in (inputs[0].shape[axes[0]], inputs[0].shape[axes[1]]) and _known(model)
    trace = Trace.of_images(full, axes)
    places = {
        id(tensor): Place(trace.image.node, sizes, axes)
        for tensor, sizes in zip(inputs, full, strict=True)
    }
    _walk(trace, Names(), function, places, pointwise, "")
    results = [places[id(tensor)].node for tensor in function.outputs if id(tensor) in places]
    if not results:
        raise InvalidInput("the model's outputs must depend on the image, got none that does")
    trace.graph.results = tuple(dict.fromkeys(results))
    if shape is None and not known:
        trace.graph.shape = None
    return trace.graph


def _known(model: Any) -> bool:
    """Say whether a model fixes its image's size; a subclass was built with one by chance."""
    return hasattr(model, "_nodes_by_depth") or type(model).__name__ == "Sequential"


def _walk(
    trace: Trace,
    names: Names,
    function: Any,
    places: dict[int, Place],
    pointwise: frozenset[str],
    prefix: str,
) -> None:
    for depth in sorted(function._nodes_by_depth, reverse=True):
        for node in function._nodes_by_depth[depth]:
            inputs = [places[id(t)] for t in node.input_tensors if id(t) in places]
            if not inputs or type(node.operation).__name__ == "InputLayer":
                continue
            name = names.of(node.operation, prefix)
            given = _follow(trace, names, node, inputs, pointwise, name)
            several = given if isinstance(given, list) else [given] * len(node.output_tensors)
            for tensor, place in zip(node.output_tensors, several, strict=True):
                places[id(tensor)] = place
            if name not in trace.graph.nodes:  # it was made of several steps
                trace.graph.aliases[name] = several[0].node


def _follow(
    trace: Trace,
    names: Names,
    node: Any,
    inputs: list[Place],
    pointwise: frozenset[str],
    name: str,
) -> Place | list[Place]:
    layer = node.operation
    step = KerasStep(trace, layer, name, inputs, node)
    if pointwise.intersection((step.op, layer.name, name)):
        return step.kept()
    if hasattr(layer, "_nodes_by_depth") or type(layer).__name__ == "Sequential":
        return _within(trace, names, function_of(layer), name, inputs, pointwise)
    if step.op in FOLLOW_ALL and layer.__class__.__module__.startswith("keras.src."):
        return FOLLOW_ALL[step.op](step)
    if is_own(layer):
        inner = symbolic(layer, [place.shape for place in inputs])
        return _within(trace, names, inner, name, inputs, pointwise)
    raise InvalidInput(
        f"layer {name!r} has the kind {step.op!r}, of which it is not known what it looks at: "
        f"if it is element-wise, give pointwise=({step.op!r},)"
    )


def is_own(layer: Any) -> bool:
    """Say whether a layer is somebody's own, made of other layers and operations."""
    return hasattr(layer, "call") and not type(layer).__module__.startswith(
        ("keras.src.layers", "keras.src.ops")
    )


def _within(
    trace: Trace,
    names: Names,
    inner: Any,
    name: str,
    inputs: list[Place],
    pointwise: frozenset[str],
) -> Place | list[Place]:
    """Follow what is within a layer."""
    places = {id(t): place for t, place in zip(inner.inputs, inputs, strict=True)}
    _walk(trace, names, inner, places, pointwise, f"{name}/")
    return [places[id(tensor)] for tensor in inner.outputs]
