"""How each operation of PyTorch (ATen) passes rows and columns on.

Source: the operators' schemas, and the reference pages of torch.nn.functional.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod

from kernfit.frameworks.torch.step import TorchStep
from kernfit.frameworks.torch.windows import (
    adaptive,
    average_pooling,
    convolution,
    padding,
    pooling,
    resizing,
    transposed,
)
from kernfit.frameworks.trace import Place, Shape
from kernfit.graph.rules import Resize, Window

__all__ = ["FOLLOW", "IGNORED", "KEPT", "TorchStep"]

Followed = Place | list[Place] | None

# They look at sizes and types only, or give nothing.
_IGNORED = """
zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full new_empty
sym_size size _assert_tensor_metadata _assert_async _assert_scalar
"""
IGNORED = frozenset(_IGNORED.split())


def _kept(step: TorchStep) -> Followed:
    return step.kept()


def _picked(step: TorchStep) -> Followed:
    return step.outputs(step.node.args[1])


def _shuffled(step: TorchStep) -> Followed:
    if step.op == "pixel_shuffle":
        return step.slid((Resize(Fraction(step.get("upscale_factor"))),) * 2)
    factor = step.get("downscale_factor")
    return step.slid((Window(factor, factor),) * 2)


def _cut(step: TorchStep) -> Followed:
    axis = step.get("dim", 0) % len(step.x.shape)
    length = step.x.shape[axis]
    end = step.get("end")
    if step.op == "narrow":
        start, by = step.get("start", 0) % length, 1
    else:
        start, _, by = slice(step.get("start"), end, step.get("step", 1)).indices(length)
    return step.trace.cut(step.name, step.op, step.x, axis, start, by, step.shape)


def _selected(step: TorchStep) -> Followed:
    rank = len(step.x.shape)
    axis = step.get("dim", 0) % rank
    if step.x.axes is None or axis in step.x.axes:
        return step.everywhere("it picks one row or column")
    axes = step.x.axes[0] - (axis < step.x.axes[0]), step.x.axes[1] - (axis < step.x.axes[1])
    return step.trace.step(step.name, step.op, [step.x], step.shape, axes=axes)


def _parted(step: TorchStep) -> Followed:
    axis = step.get("dim", 0) % len(step.x.shape)
    start, parts = 0, []
    for number, shape in enumerate(step.shapes):
        name = f"{step.name}:{number}"
        if step.op == "unbind":
            parts.append(step.trace.over(name, step.op, step.x, [axis], shape, "it takes it apart"))
            continue
        parts.append(step.trace.cut(name, step.op, step.x, axis, start, 1, shape))
        start += shape[axis]
    return parts


def _joined(step: TorchStep) -> Followed:
    axis = step.get("dim", 0)
    if step.op != "stack":
        return step.trace.joined(step.name, step.op, step.inputs, axis, step.shape)
    axis %= len(step.shape)
    if step.x.axes is None:
        return step.kept()
    axes = step.x.axes[0] + (axis <= step.x.axes[0]), step.x.axes[1] + (axis <= step.x.axes[1])
    return step.trace.step(step.name, step.op, step.inputs, step.shape, axes=axes)


def _reshaped(step: TorchStep) -> Followed:
    return step.trace.reshape(step.name, step.op, step.x, step.shape)


def _squeezed(step: TorchStep) -> Followed:
    before, after = step.x.shape, step.shape
    if step.x.axes is None:
        return step.kept()
    if step.op == "unsqueeze":
        axis = step.get("dim") % len(after)
        axes = tuple(a + (axis <= a) for a in step.x.axes)
    else:
        dims = step.get("dim")
        chosen = range(len(before)) if dims is None else [dims] if isinstance(dims, int) else dims
        gone = {axis % len(before) for axis in chosen if before[axis] == 1}
        if gone.intersection(step.x.axes):
            return _reshaped(step)
        axes = tuple(a - sum(g < a for g in gone) for a in step.x.axes)
    return step.trace.step(step.name, step.op, [step.x], after, axes=(axes[0], axes[1]))


def _permuted(step: TorchStep) -> Followed:
    rank = len(step.x.shape)
    order = list(range(rank))
    if step.op == "permute":
        order = step.get("dims")
    elif step.op in ("transpose", "swapaxes"):
        one = step.get("dim0", step.get("axis0")) % rank
        other = step.get("dim1", step.get("axis1")) % rank
        order[one], order[other] = other, one
    else:
        order.reverse()  # t, numpy_T
    return step.trace.permute(step.name, step.op, step.x, order)


def _expanded(step: TorchStep) -> Followed:
    more = len(step.shape) - len(step.x.shape)
    if step.x.axes is None:
        return step.kept()
    axes = step.x.axes[0] + more, step.x.axes[1] + more
    if any(step.shape[a] != n for a, n in zip(axes, step.x.lengths, strict=True)):
        return step.everywhere("rows or columns are repeated", axes)
    return step.kept()


def _over_dims(reason: str) -> Callable[[TorchStep], Followed]:
    def follow(step: TorchStep) -> Followed:
        dims = step.get("dim", step.get("dims"))
        rank = len(step.x.shape)
        chosen = [dims] if isinstance(dims, int) else list(dims or range(rank))
        return _over(step, chosen, reason)

    return follow


def _normalised(step: TorchStep) -> Followed:
    rank = len(step.x.shape)
    last = len(step.get("normalized_shape", ())) or rank - 2
    return _over(step, range(rank - last, rank), "it is normalised by statistics of all of it")


def _dense(step: TorchStep) -> Followed:
    rank = len(step.x.shape)
    if step.x.axes is None or rank - 1 in step.x.axes:
        return step.everywhere("a dense layer sees all")
    return step.kept()


def _product(step: TorchStep) -> Followed:
    if len(step.inputs) > 1:
        return step.everywhere("a product of two feature maps, as in attention")
    if step.place("self") is not None and step.op == "matmul":
        return _dense(step)
    return step.everywhere("a dense layer sees all")


def _attention(step: TorchStep) -> Followed:
    return step.everywhere("attention")


def _around(step: TorchStep) -> Followed:
    dims = step.get("dims", ())
    if step.x.axes is None or {d % len(step.x.shape) for d in dims}.intersection(step.x.axes):
        return step.everywhere("it turns rows or columns around", step.x.axes)
    return step.kept()


def _over(step: TorchStep, axes: Sequence[int], reason: str) -> Place:
    shape: Shape = step.shape
    if prod(shape) == 1 and len(shape) == 0:  # one number for all
        return step.everywhere(reason)
    return step.trace.over(step.name, step.op, step.x, axes, shape, reason)


# Element by element, beside those that PyTorch itself marks as such.
_KEPT = """
batch_norm _native_batch_norm_legit_no_training dropout feature_dropout alpha_dropout
feature_alpha_dropout native_dropout contiguous clone detach alias to _to_copy type_as prelu
softplus hardtanh hardswish hardsigmoid silu gelu leaky_relu elu selu celu mish relu6 log_sigmoid
clamp threshold where lift_fresh_copy softshrink hardshrink rrelu local_response_norm
"""
KEPT = frozenset(_KEPT.split())

_KINDS: dict[Callable[[TorchStep], Followed], str] = {
    _kept: _KEPT,
    _picked: "getitem",
    convolution: "conv2d convolution",
    transposed: "conv_transpose2d",
    pooling: "max_pool2d max_pool2d_with_indices",
    average_pooling: "avg_pool2d",
    adaptive: "adaptive_avg_pool2d adaptive_max_pool2d",
    resizing: "upsample_nearest2d _upsample_nearest_exact2d upsample_bilinear2d upsample_bicubic2d",
    padding: "pad constant_pad_nd reflection_pad2d replication_pad2d",
    _shuffled: "pixel_shuffle pixel_unshuffle",
    _cut: "slice narrow",
    _selected: "select",
    _parted: "chunk split split_with_sizes unsafe_chunk unsafe_split tensor_split unbind",
    _joined: "cat concat concatenate stack",
    _reshaped: "view reshape flatten unflatten _unsafe_view channel_shuffle",
    _squeezed: "squeeze unsqueeze",
    _permuted: "permute transpose swapaxes t numpy_T",
    _expanded: "expand expand_as broadcast_to repeat",
    _over_dims(
        "it reduces all of it"
    ): "mean sum amax amin var std logsumexp norm linalg_vector_norm argmax argmin prod",
    _over_dims("it weighs all of it"): "softmax log_softmax _softmax _log_softmax cumsum",
    _normalised: "layer_norm group_norm instance_norm rms_norm",
    _dense: "linear",
    _product: "matmul bmm mm addmm baddbmm mv dot",
    _attention: "scaled_dot_product_attention _native_multi_head_attention",
    _around: "roll flip",
}
FOLLOW = {name: follow for follow, names in _KINDS.items() for name in names.split()}
