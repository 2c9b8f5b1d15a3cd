"""How the operations of keras.ops pass rows and columns on, as used between layers.

Source: their reference pages, and their own `compute_output_spec`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from kernfit.errors import InvalidInput
from kernfit.frameworks import reasons
from kernfit.frameworks.keras.layers import KerasStep
from kernfit.frameworks.trace import Place
from kernfit.graph.rules import SAME_PLACE, Beyond, Resize, Window

Followed = Place | list[Place]
BEYOND: dict[str, Beyond] = {
    "constant": "zeros",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "edge": "edge",
    "wrap": "wrap",
}


def _kept(step: KerasStep) -> Followed:
    shape = np.broadcast_shapes(*(place.shape for place in step.inputs))
    return step.trace.step(step.name, step.op, step.inputs, shape)


def _picked(step: KerasStep) -> Followed:
    place = step.x
    keys = list(step.argument(0) if isinstance(step.argument(0), tuple) else (step.argument(0),))
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        more = len(place.shape) - len(keys) + 1 + keys.count(None)
        keys[at : at + 1] = [slice(None)] * more
    axis = 0
    for part, key in enumerate(keys):
        name = f"{step.name}:{part}"
        if key is None:
            shape = (*place.shape[:axis], 1, *place.shape[axis:])
            place = _moved(step, name, place, shape, axis, 1)
        elif isinstance(key, int):
            shape = (*place.shape[:axis], *place.shape[axis + 1 :])
            place = step.trace.over(name, step.op, place, [axis], shape, reasons.PICKED)
            continue
        elif key != slice(None):
            start, stop, by = key.indices(place.shape[axis])
            count = len(range(start, stop, by))
            if by < 0 or count < 1:
                raise InvalidInput(
                    f"layer {step.name!r} must leave rows and columns in order, got {key}"
                )
            shape = (*place.shape[:axis], count, *place.shape[axis + 1 :])
            place = step.trace.cut(name, step.op, place, axis, start, by, shape)
        axis += 1
    return place


def _moved(
    step: KerasStep, name: str, place: Place, shape: tuple[int, ...], axis: int, more: int
) -> Place:
    """Add or take away an axis of length 1 at `axis`."""
    if place.axes is None:
        return step.trace.step(name, step.op, [place], shape)
    row, column = (a + more * (a >= axis if more > 0 else a > axis) for a in place.axes)
    return step.trace.step(name, step.op, [place], shape, axes=(row, column))


def _squeezed(step: KerasStep) -> Followed:
    place, given = step.x, step.layer.axis
    rank = len(place.shape)
    if step.op == "ExpandDims":
        axis = given % (rank + 1)
        shape = (*place.shape[:axis], 1, *place.shape[axis:])
        return _moved(step, step.name, place, shape, axis, 1)
    axes = [a for a, n in enumerate(place.shape) if n == 1] if given is None else np.ravel(given)
    gone = sorted({int(axis) % rank for axis in axes}, reverse=True)
    for axis in gone:
        shape = (*place.shape[:axis], *place.shape[axis + 1 :])
        if place.axes is not None and axis in place.axes:
            reason = "rows or columns are taken away"
            place = step.trace.everywhere(f"{step.name}:{axis}", step.op, [place], shape, reason)
        else:
            place = _moved(step, f"{step.name}:{axis}", place, shape, axis, -1)
    return place


def _padded(step: KerasStep) -> Followed:
    ends, place = step.layer.pad_width, step.x
    shape = tuple(n + sum(pair) for n, pair in zip(place.shape, ends, strict=True))
    if place.axes is None:
        return step.trace.step(step.name, step.op, [place], shape)
    beyond = BEYOND[step.layer.mode]
    row, column = (Window(before=ends[a][0], after=ends[a][1], beyond=beyond) for a in place.axes)
    return step.trace.step(step.name, step.op, [place], shape, (row, column))


def _reduced(step: KerasStep) -> Followed:
    rank, given = len(step.x.shape), step.layer.axis
    axes = range(rank) if given is None else [int(axis) % rank for axis in np.ravel(given)]
    keep = getattr(step.layer, "keepdims", False)
    shape = tuple(
        1 if a in axes else n for a, n in enumerate(step.x.shape) if keep or a not in axes
    )
    return step.trace.over(step.name, step.op, step.x, list(axes), shape, reasons.REDUCED)


def _resized(step: KerasStep) -> Followed:
    layer, place = step.layer, step.x
    kinds: dict[str, Literal["nearest", "linear", "cubic"]] = {
        "nearest": "nearest",
        "bilinear": "linear",
        "bicubic": "cubic",
    }
    if (
        layer.interpolation not in kinds
        or layer.antialias
        or layer.crop_to_aspect_ratio
        or layer.pad_to_aspect_ratio
    ):
        raise InvalidInput(
            f"layer {step.name!r} must be nearest, bilinear or bicubic, with no anti-aliasing and "
            "no aspect ratio kept: resize the image first"
        )
    if place.axes is None:
        return step.kept()
    shape = list(place.shape)
    for axis, size in zip(place.axes, layer.size, strict=True):
        shape[axis] = int(size)
    kind = kinds[layer.interpolation]
    like = Resize(Fraction(1), kind, "corner" if kind == "nearest" else "half")
    return step.trace.sized(step.name, step.op, place, tuple(shape), like, (0.0, 0.0))


def _parted(step: KerasStep) -> Followed:
    axis = step.layer.axis % len(step.x.shape)
    length, given = step.x.shape[axis], step.layer.indices_or_sections
    if isinstance(given, int):
        ends = [length * (k + 1) // given for k in range(given)]
    else:
        ends = [*(int(n) for n in given), length]
    parts, start = [], 0
    for number, end in enumerate(ends):
        shape = (*step.x.shape[:axis], end - start, *step.x.shape[axis + 1 :])
        name = f"{step.name}:{number}"
        parts.append(step.trace.cut(name, step.op, step.x, axis, start, 1, shape))
        start = end
    return parts


def _stacked(step: KerasStep) -> Followed:
    axis = step.layer.axis % (len(step.x.shape) + 1)
    shape = (*step.x.shape[:axis], len(step.inputs), *step.x.shape[axis:])
    if step.x.axes is None:
        return step.trace.step(step.name, step.op, step.inputs, shape)
    row, column = (a + (a >= axis) for a in step.x.axes)
    return step.trace.step(step.name, step.op, step.inputs, shape, axes=(row, column))


def _convolved(step: KerasStep) -> Followed:
    kernel: Any = step.argument(0)
    layer = step.layer
    size = tuple(kernel.shape)[:2]
    stride, dilation = step.pair("strides"), step.pair("dilation_rate")
    same: Literal["", "upper"] = "upper" if layer.padding == "same" else ""
    row, column = (Window(size[a], stride[a], dilation[a], same=same) for a in (0, 1))
    return step.kept((row, column))


def _pooled(step: KerasStep) -> Followed:
    size = step.pair("pool_size")
    stride = size if step.layer.strides is None else step.pair("strides")
    same: Literal["", "upper"] = "upper" if step.layer.padding == "same" else ""
    row, column = (Window(size[a], stride[a], same=same) for a in (0, 1))
    return step.kept((row, column))


def _product(step: KerasStep) -> Followed:
    reason = reasons.PRODUCT
    if len(step.inputs) == 1:
        if step.op == "Matmul" and (
            step.x.axes is None or len(step.x.shape) - 1 not in step.x.axes
        ):
            return step.kept((SAME_PLACE, SAME_PLACE))
        reason = reasons.DENSE
    return step.trace.everywhere(step.name, step.op, step.inputs, step.shape(), reason)


_KINDS: dict[Callable[[KerasStep], Followed], str] = {
    _kept: "Power Mod FloorDivide Absolute Sign Floor Ceil Round Rsqrt Sin Cos Log1p Expm1 Where "
    "Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd LogicalOr LogicalNot "
    "StopGradient LeakyRelu Elu Selu Celu HardTanh Softsign SoftShrink HardShrink Threshold "
    "LogSigmoid Relu6 Arctan Sinh Cosh Reciprocal Logaddexp ClipByValue Erf",
    _picked: "GetItem",
    _squeezed: "Squeeze ExpandDims",
    _padded: "Pad",
    _reduced: "Mean Sum Max Min Var Std Prod Argmax Argmin Any All LogSumExp Norm",
    _resized: "Resize",
    _parted: "Split",
    _stacked: "Stack",
    _convolved: "Conv DepthwiseConv SeparableConv",
    _pooled: "MaxPool AveragePool",
    _product: "Matmul Einsum Dot Tensordot",
}
FOLLOW_OPS = {name: follow for follow, names in _KINDS.items() for name in names.split()}
