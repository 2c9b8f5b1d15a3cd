"""ONNX models as graphs of layers. Needs the package onnx."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput, KernfitError, RefusedFile
from kernfit.files import size_of_file
from kernfit.frameworks.onnx.ops import FOLLOW, Step
from kernfit.frameworks.onnx.values import known_values
from kernfit.frameworks.reasons import never_pointwise, refuse_as_pointwise
from kernfit.frameworks.trace import Place, Shape, Trace
from kernfit.graph.graph import LayerGraph, Pair
from kernfit.graph.refusals import UnknownOperation
from kernfit.packages import need

USUAL = (512, 512)  # an image size that the strides of usual models divide
MOST_CHANNELS = 4  # of an image whose channels come last


def load_onnx(model: Any, *, weights: bool = True) -> Any:
    """Return a model as an `onnx.ModelProto`.

    Parameters
    ----------
    model : path or onnx.ModelProto
    weights : bool
        Also read weights that are kept in files beside it.

    Raises
    ------
    RefusedFile
        If the file is missing or no ONNX model.
    """
    onnx = need("onnx", "onnx")
    if not isinstance(model, (str, os.PathLike)):
        return model
    size_of_file(model)
    try:
        proto = onnx.load(os.fspath(model), load_external_data=False)
        missing = _missing(proto, Path(model).parent) if weights else None
        if missing is None and weights:
            onnx.load_external_data_for_model(proto, os.fspath(Path(model).parent))
    # Its reader answers damage with several kinds of errors of its own.
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise RefusedFile(f"{model} is not a readable ONNX file ({reason}): export it again") from (
            error
        )
    if missing is not None:
        raise RefusedFile(
            f"{model} keeps weights in {missing!r} beside it, which is not there: bring it"
        )
    if not proto.graph.node and not proto.graph.output:
        raise RefusedFile(f"{model} holds no ONNX graph: export it again")
    return proto


def _missing(proto: Any, folder: Path) -> str | None:
    """Return the name of a file with weights that is not there, or None."""
    for tensor in proto.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location" and not (folder / entry.value).is_file():
                return str(entry.value)
    return None


def image_inputs(proto: Any) -> tuple[dict[str, list[int | None]], Pair]:
    """Return the sizes of the image inputs (None: any) by name, and their row and column axes.

    Inputs with four axes are images, unless they are known to have one pixel.

    Raises
    ------
    InvalidInput
        If there is none, or they are known to have different sizes.
    """
    found: dict[str, list[int | None]] = {}
    for value in all_inputs(proto):
        sizes = [
            dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
            for dim in value.type.tensor_type.shape.dim
        ]
        if len(sizes) == 4 and [1, 1] not in (sizes[1:3], sizes[2:]):
            found[value.name] = sizes
    axes = {name: _axes_of(sizes) for name, sizes in found.items()}
    kinds = {(axes[name], *(sizes[a] for a in axes[name])) for name, sizes in found.items()}
    if len(kinds) != 1:
        names = ", ".join(f"{name} {tuple(sizes)}" for name, sizes in found.items()) or "none"
        raise InvalidInput(
            "the model must have an image input with four axes (batch, channels, rows, columns), "
            f"or several of one size, got {names}: cut the model, for example with "
            "onnx.utils.extract_model"
        )
    return found, next(iter(axes.values()))


def with_inputs(model: Any, fixed: Mapping[str, Any]) -> Any:
    """Return a model some of whose inputs are constants, by their names.

    Raises
    ------
    InvalidInput
        If it has no such input.
    """
    onnx = need("onnx", "onnx")
    proto = type(source := load_onnx(model))()
    proto.CopyFrom(source)
    known = {value.name: value for value in all_inputs(proto)}
    for name, value in fixed.items():
        if name not in known:
            raise InvalidInput(
                f"example_inputs must name inputs of the model, {', '.join(known)}, got {name!r}"
            )
        kind = onnx.helper.tensor_dtype_to_np_dtype(known[name].type.tensor_type.elem_type)
        array = np.asarray(value).astype(kind)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
        proto.graph.input.remove(known[name])
    return proto


def all_inputs(proto: Any) -> list[Any]:
    """Return what the model is given, without its stored weights."""
    stored = {tensor.name for tensor in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in stored]


def _axes_of(sizes: list[int | None]) -> Pair:
    """Return the row and column axes of an image; few channels behind many rows are the last."""
    front, rows, last = sizes[1] or 0, sizes[2] or 2**20, sizes[3] or 0
    few = 0 < last <= MOST_CHANNELS < rows and not 0 < front <= MOST_CHANNELS
    return (1, 2) if few else (2, 3)


def read_onnx(
    model: Any, *, shape: Pair | None = None, pointwise: frozenset[str] = frozenset()
) -> LayerGraph:
    """Return the operations of an ONNX model as a graph.

    Parameters
    ----------
    model : path or onnx.ModelProto
    shape : (rows, columns), optional
        Default: the model's own, or 512 x 512 where it takes any.
    pointwise : frozenset of str
        Names of operations (such as "Sigmoid") or of nodes.

    Raises
    ------
    InvalidInput
        If an operation is not known.
    RefusedFile
        If the file is no ONNX model.
    """
    proto = load_onnx(model, weights=False)
    _check_order(proto)
    images, axes = image_inputs(proto)
    full: dict[str, Shape] = {}
    for name, sizes in images.items():
        lengths = list(sizes)
        for position, (axis, usual) in enumerate(zip(axes, USUAL, strict=True)):
            lengths[axis] = shape[position] if shape else sizes[axis] or usual
        full[name] = (1, *(size or 1 for size in lengths[1:]))
    trace = Trace.of_images(list(full.values()), axes, "+".join(full))
    values = known_values(proto)
    places = {name: Place(trace.image.node, sizes, axes) for name, sizes in full.items()}
    for number, node in enumerate(proto.graph.node):
        called = node.name or f"{node.op_type}_{number}"
        if called in trace.graph.nodes:  # names need not be unique
            called = f"{called}_{number}"
        step = Step(trace, node, called, places, values)
        if not step.inputs:
            step.compute()
            continue
        given = _followed(step, called, pointwise)
        for output in node.output:
            if given is not None:
                # Outputs of one operation have the same window, if not the same channels.
                places[output] = given if isinstance(given, Place) else given[output]
                trace.graph.aliases.setdefault(output, places[output].node)
    given_out = [places[o.name].node for o in proto.graph.output if o.name in places]
    if not given_out:
        raise InvalidInput("the model's outputs must depend on the image, got none that does")
    trace.graph.results = tuple(dict.fromkeys(given_out))
    return _as_known(trace.graph, proto, axes, shape)


def _followed(step: Step, called: str, pointwise: frozenset[str]) -> Any:
    """Return where an operation puts rows and columns, or refuse it."""
    node, follow = step.node, FOLLOW.get(step.op)
    own = node.domain not in ("", "ai.onnx", "com.microsoft")
    if pointwise.intersection((node.op_type, node.name, called)):
        if not own:
            refuse_as_pointwise(node.op_type)
        follow = FOLLOW["Identity"]
    elif own or follow is None:
        advice = f"if it is element-wise, give pointwise=({node.op_type!r},)"
        if not own and never_pointwise(node.op_type):
            advice = "it is not element-wise: choose a layer before it"
        raise UnknownOperation(
            f"node {called!r} has the operation {node.op_type!r}, of which it is not known "
            f"what it looks at: {advice}"
        )
    try:
        return follow(step)
    except KernfitError:
        raise
    # Settings that contradict each other fail in any way.
    except Exception as error:
        raise InvalidInput(
            f"node {called!r} ({node.op_type}) must have settings that fit its inputs, got "
            f"{type(error).__name__}: {' '.join(str(error).split())[:100]}: check the model"
        ) from error


def _check_order(proto: Any) -> None:
    """Refuse nodes that read what none before them gives: a cycle, or a graph out of order."""
    known = {value.name for value in (*proto.graph.input, *proto.graph.initializer)}
    known |= {tensor.values.name for tensor in proto.graph.sparse_initializer} | {""}
    for number, node in enumerate(proto.graph.node):
        missing = next((tensor for tensor in node.input if tensor not in known), None)
        if missing is not None:
            raise RefusedFile(
                f"node {node.name or f'{node.op_type}_{number}'!r} must read what is given before "
                f"it, got {missing!r}, which no node before it gives, as in a cycle: export the "
                "model again"
            )
        known.update(node.output)


def _as_known(graph: LayerGraph, proto: Any, axes: Pair, shape: Pair | None) -> LayerGraph:
    """Forget an image size that nobody has given."""
    sizes = next(iter(image_inputs(proto)[0].values()))
    if shape is None and None in (sizes[axes[0]], sizes[axes[1]]):
        graph.shape = None
    return graph


def cut_behind(model: Any, layer: str, pointwise: frozenset[str] = frozenset()) -> Any:
    """Return a model that ends at a layer: what comes behind may not take images of any size.

    Raises
    ------
    InvalidInput
        If there is no such layer.
    """
    proto = load_onnx(model)
    graph = read_onnx(proto, pointwise=pointwise)
    target = graph.find(layer)
    wanted = {tensor for tensor, node in graph.aliases.items() if node == target}
    cut = type(proto)()
    cut.CopyFrom(proto)
    kept: list[Any] = []
    for number, node in reversed(list(enumerate(cut.graph.node))):
        if wanted.intersection(node.output):
            node.name = node.name or f"{node.op_type}_{number}"  # as it is called in the whole
            wanted.update(node.input)
            kept.insert(0, node)
    kept = [type(node).FromString(node.SerializeToString()) for node in kept]
    del cut.graph.node[:]
    cut.graph.node.extend(kept)
    del cut.graph.output[:]
    for tensor, node_name in graph.aliases.items():
        if node_name == target:
            cut.graph.output.add(name=tensor)
    return cut


def attributes(node: Any) -> dict[str, Any]:
    """Return a node's attributes as Python values; text is decoded."""
    onnx = need("onnx", "onnx")
    found = {}
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        found[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return found


def weights_of(proto: Any) -> dict[str, Array]:
    """Return the stored arrays by name."""
    onnx = need("onnx", "onnx")
    return {t.name: np.asarray(onnx.numpy_helper.to_array(t)) for t in proto.graph.initializer}
