"""How each layer of Keras passes rows and columns on.

Source: the layers' reference pages, and their own `compute_output_shape`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from kernfit.errors import InvalidInput
from kernfit.frameworks import reasons
from kernfit.frameworks.trace import Place, Shape, Trace
from kernfit.graph.graph import Rules
from kernfit.graph.rules import SAME_PLACE, Resize, Rule, Transposed, Window


class KerasStep:
    """A layer while the reader walks over a model.

    Parameters
    ----------
    trace : Trace
    layer : keras.Operation
    name : str
        In the graph.
    inputs : list of Place
    node : keras.Node
        Its call, with arguments and outputs.
    """

    def __init__(self, trace: Trace, layer: Any, name: str, inputs: list[Place], node: Any) -> None:
        self.trace, self.layer, self.name, self.inputs = trace, layer, name, inputs
        self.op = type(layer).__name__
        self._node = node

    @property
    def x(self) -> Place:
        """The first input."""
        return self.inputs[0]

    def shape(self, rules: Rules = (SAME_PLACE, SAME_PLACE)) -> Shape:
        """Return the output's shape for the image at hand, by the rules of its rows and columns."""
        full = [1, *self._node.output_tensors[0].shape[1:]]
        lengths = {}
        for axis, rule in zip(self.x.axes or (), rules, strict=False):
            lengths[axis] = rule.at(self.x.shape[axis]).length(self.x.shape[axis])
        same = len(full) == len(self.x.shape)
        for axis, n in enumerate(full):
            if same and axis in lengths:
                full[axis] = lengths[axis]
            elif n is None:
                full[axis] = self.x.shape[axis] if axis < len(self.x.shape) else 1
        return tuple(int(n) for n in full)

    def kept(self, rules: Rules = (SAME_PLACE, SAME_PLACE)) -> Place:
        """Add the layer with rows and columns where they were."""
        return self.trace.step(self.name, self.op, self.inputs, self.shape(rules), rules)

    def over(self, axes: Sequence[int], reason: str) -> Place:
        """Add a layer that mixes all elements along some axes."""
        shape = self.shape()
        if len(shape) < len(self.x.shape) or shape != self.x.shape:
            return self.trace.everywhere(self.name, self.op, self.inputs, shape, reason)
        return self.trace.over(self.name, self.op, self.x, axes, shape, reason)

    def argument(self, number: int) -> Any:
        """Return an argument of the call behind the tensor."""
        return self._node.arguments.args[1 + number]

    def pair(self, name: str) -> tuple[int, int]:
        """Return a setting of one or two numbers as (rows, columns)."""
        value = getattr(self.layer, name)
        return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _kept(step: KerasStep) -> Place:
    return step.kept()


def _window(step: KerasStep) -> Place:
    pooling = hasattr(step.layer, "pool_size")
    size = step.pair("pool_size" if pooling else "kernel_size")
    stride = step.pair("strides")
    dilation = (1, 1) if pooling else step.pair("dilation_rate")
    same = "upper" if step.layer.padding == "same" else ""
    row, column = (Window(size[a], stride[a], dilation[a], same=same) for a in (0, 1))  # type: ignore[arg-type]
    return step.kept((row, column))


def _transposed(step: KerasStep) -> Place:
    if getattr(step.layer, "output_padding", None) is not None:
        raise InvalidInput(
            f"layer {step.name!r} must have no output_padding, got {step.layer.output_padding}: "
            "crop or pad behind it"
        )
    size, stride, dilation = (step.pair(n) for n in ("kernel_size", "strides", "dilation_rate"))
    rules: list[Rule] = []
    for axis in (0, 1):
        spare = (size[axis] - 1) * dilation[axis] + 1 - stride[axis]
        before, after = 0, min(spare, 0)
        if step.layer.padding == "same":
            before = max(spare, 0) // 2
            after = spare - before
        rules.append(Transposed(size[axis], stride[axis], dilation[axis], before, after))
    return step.kept((rules[0], rules[1]))


def _larger(step: KerasStep) -> Place:
    methods = {
        "nearest": Resize(Fraction(1)),
        "bilinear": Resize(Fraction(1), "linear", "half"),
        "bicubic": Resize(Fraction(1), "cubic", "half"),
    }
    if step.layer.interpolation not in methods:
        raise InvalidInput(
            f"layer {step.name!r} must be nearest, bilinear or bicubic, got "
            f"{step.layer.interpolation!r}: choose one of them"
        )
    like = methods[step.layer.interpolation]
    row, column = (
        SAME_PLACE if n == 1 else Resize(Fraction(n), like.method, like.places)
        for n in step.pair("size")
    )
    return step.kept((row, column))


def _edges(step: KerasStep) -> Place:
    sign = -1 if step.op == "Cropping2D" else 1
    ends = step.layer.cropping if sign < 0 else step.layer.padding
    row, column = (Window(before=sign * front, after=sign * behind) for front, behind in ends)
    return step.kept((row, column))


def _merged(step: KerasStep) -> Place:
    if step.op == "Concatenate":
        axis = step.layer.axis
        return step.trace.joined(step.name, step.op, step.inputs, axis, step.shape())
    return step.kept()


def _global(step: KerasStep) -> Place:
    keep = step.layer.keepdims
    axes = step.x.axes if keep and step.x.axes is not None else None
    shape = tuple(1 if axes and a in axes else n for a, n in enumerate(step.shape()))
    reason = reasons.POOLED
    return step.trace.everywhere(step.name, step.op, step.inputs, shape, reason, axes)


def _softmax(step: KerasStep) -> Place:
    axis = step.layer.axis
    axes = [axis] if isinstance(axis, int) else list(axis)
    return step.over(axes, reasons.WEIGHED)


def _normalised(step: KerasStep) -> Place:
    reason = reasons.NORMALISED
    if step.op == "GroupNormalization":
        return step.over(step.x.axes or (1, 2), reason)
    axis = step.layer.axis
    return step.over([axis] if isinstance(axis, int) else list(axis), reason)


def _dense(step: KerasStep) -> Place:
    rank = len(step.x.shape)
    if step.x.axes is None or rank - 1 in step.x.axes:
        reason = reasons.DENSE
        return step.trace.everywhere(step.name, step.op, step.inputs, step.shape(), reason)
    return step.kept()


def _laid_out(step: KerasStep) -> Place:
    total = math.prod(step.x.shape)
    if step.op == "Flatten":
        return step.trace.reshape(step.name, step.op, step.x, (1, total))
    wanted = getattr(step.layer, "target_shape", None)
    wanted = [*step.layer.newshape] if wanted is None else [1, *wanted]
    known = math.prod(n for n in wanted if n is not None and n != -1)
    shape = tuple(total // known if n is None or n == -1 else int(n) for n in wanted)
    if math.prod(shape) != total:
        raise InvalidInput(
            f"layer {step.name!r} must lay out {step.x.shape}, which is not {shape} at this image "
            "size: give shape=(rows, columns)"
        )
    return step.trace.reshape(step.name, step.op, step.x, shape)


def _permuted(step: KerasStep) -> Place:
    given = getattr(step.layer, "dims", None)
    order = step.layer.axes if given is None else (0, *given)
    rank = len(step.x.shape)
    chosen = range(rank)[::-1] if order is None else [int(axis) for axis in order]
    return step.trace.permute(step.name, step.op, step.x, chosen)


def _attention(step: KerasStep) -> Place:
    return step.trace.everywhere(step.name, step.op, step.inputs, step.shape(), reasons.ATTENTION)


_KINDS: dict[Callable[[KerasStep], Place], str] = {
    _kept: "Activation ReLU LeakyReLU PReLU ELU Dropout SpatialDropout2D GaussianNoise "
    "GaussianDropout AlphaDropout BatchNormalization Rescaling Identity Normalization "
    "ActivityRegularization Relu Relu6 Sigmoid Silu Gelu Tanh Softplus HardSigmoid HardSilu Abs "
    "Clip Square Sqrt Exp Log Negative Cast",
    _window: "Conv2D DepthwiseConv2D SeparableConv2D MaxPooling2D AveragePooling2D",
    _transposed: "Conv2DTranspose",
    _larger: "UpSampling2D",
    _edges: "ZeroPadding2D Cropping2D",
    _merged: "Add Subtract Multiply Divide TrueDivide Average Maximum Minimum Concatenate",
    _global: "GlobalAveragePooling2D GlobalMaxPooling2D",
    _softmax: "Softmax",
    _normalised: "LayerNormalization GroupNormalization UnitNormalization",
    _dense: "Dense",
    _laid_out: "Flatten Reshape",
    _permuted: "Permute Transpose",
    _attention: "Attention AdditiveAttention MultiHeadAttention GroupQueryAttention",
}
FOLLOW = {name: follow for follow, names in _KINDS.items() for name in names.split()}
