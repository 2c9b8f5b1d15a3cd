"""How each operation of PyTorch (ATen) passes rows and columns on.

Source: the operators' schemas, and the reference pages of torch.nn.functional.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod

from kernfit.frameworks import reasons
from kernfit.frameworks.torch.products import attention, dense, einsum, product
from kernfit.frameworks.torch.step import TorchStep
from kernfit.frameworks.torch.windows import (
    adaptive,
    average_pooling,
    convolution,
    padding,
    pooling,
    resizing,
    transposed,
    unpooling,
    windows_apart,
)
from kernfit.frameworks.trace import Place, Shape
from kernfit.graph.rules import Resize, Window

__all__ = ["FOLLOW", "IGNORED", "KEPT", "TorchStep", "by_running_statistics"]

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
        return step.everywhere(reasons.PICKED)
    axes = tuple(own - (axis < own) for own in step.x.axes)
    return step.trace.step(step.name, step.op, [step.x], step.shape, axes=axes)


def _parted(step: TorchStep) -> Followed:
    axis = step.get("dim", 0) % len(step.x.shape)
    start, parts = 0, []
    for number, shape in enumerate(step.shapes):
        name = f"{step.name}:{number}"
        if step.op == "unbind":
            parts.append(step.trace.over(name, step.op, step.x, [axis], shape, reasons.PICKED))
            continue
        parts.append(step.trace.cut(name, step.op, step.x, axis, start, 1, shape))
        start += shape[axis]
    return parts


def _halved(step: TorchStep) -> Followed:
    """Follow a gated unit, which multiplies one half of an axis by the other."""
    axis = step.get("dim", -1) % len(step.x.shape)
    if step.x.axes is not None and axis in step.x.axes:
        return step.everywhere(reasons.PICKED)
    return step.kept()


def _joined(step: TorchStep) -> Followed:
    axis = step.get("dim", 0)
    if step.op != "stack":
        return step.trace.joined(step.name, step.op, step.inputs, axis, step.shape)
    axis %= len(step.shape)
    if step.x.axes is None:
        return step.kept()
    axes = tuple(own + (axis <= own) for own in step.x.axes)
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
    return step.trace.step(step.name, step.op, [step.x], after, axes=axes)


def _permuted(step: TorchStep) -> Followed:
    rank = len(step.x.shape)
    order = list(range(rank))
    if step.op == "permute":
        order = step.get("dims")
    elif step.op == "movedim":
        sources, places = (
            [axis % rank for axis in ([given] if isinstance(given, int) else given)]
            for given in (step.get("source"), step.get("destination"))
        )
        order = [axis for axis in order if axis not in sources]
        for place, source in sorted(zip(places, sources, strict=True)):
            order.insert(place, source)
    elif step.op in ("transpose", "swapaxes"):
        one = step.get("dim0", step.get("axis0")) % rank
        other = step.get("dim1", step.get("axis1")) % rank
        order[one], order[other] = other, one
    else:
        last = rank if step.op == "numpy_T" else 2  # all, or the last two
        order[-last:] = order[-last:][::-1]
    return step.trace.permute(step.name, step.op, step.x, order)


def _expanded(step: TorchStep) -> Followed:
    more = len(step.shape) - len(step.x.shape)
    if step.x.axes is None:
        return step.kept()
    axes = tuple(axis + more for axis in step.x.axes)
    if any(step.shape[a] != step.x.shape[b] for a, b in zip(axes, step.x.axes, strict=True)):
        return step.everywhere(reasons.REPEATED, None if step.x.merged else axes)
    return step.kept()


def _repeated(step: TorchStep) -> Followed:
    """Follow repeat_interleave: each element several times in a row."""
    axis, times = step.get("dim"), step.get("repeats")
    if axis is None or not isinstance(times, int):
        return step.everywhere(reasons.REPEATED)
    axis %= len(step.x.shape)
    if step.x.axes is None or axis not in step.x.axes:
        return step.kept()
    if step.x.merged:
        return step.everywhere(reasons.REPEATED)
    rules = tuple(Resize(Fraction(times if own == axis else 1)) for own in step.x.axes)
    return step.kept(rules)


def _over_dims(reason: str) -> Callable[[TorchStep], Followed]:
    def follow(step: TorchStep) -> Followed:
        dims = step.get("dim", step.get("dims"))
        rank = len(step.x.shape)
        chosen = [dims] if isinstance(dims, int) else list(dims or range(rank))
        value = step.node.meta["val"]
        if not isinstance(value, (list, tuple)):
            return _over(step, chosen, reason)
        # Several outputs, such as values and where they were, are alike.
        place = _over(step, chosen, reason)
        return [place] * len(value)

    return follow


def _compared(step: TorchStep) -> Followed:
    """Follow cosine_similarity and the like: several inputs, reduced along one axis."""
    axis = step.get("dim", 1) % len(step.x.shape)
    if step.x.axes is None or axis in step.x.axes:
        return step.everywhere(reasons.REDUCED)
    axes = step.x.axes
    if len(step.shape) < len(step.x.shape):
        axes = tuple(own - (axis < own) for own in axes)
    return step.trace.step(step.name, step.op, step.inputs, step.shape, axes=axes)


def _chosen(step: TorchStep) -> Followed:
    """Follow gather, scatter and index_select: along one axis, places are told by number."""
    axis = step.get("dim", 0) % len(step.x.shape)
    if step.x.axes is None or axis in step.x.axes:
        return step.everywhere(reasons.NUMBERED)
    return step.kept()


def _indexed(step: TorchStep) -> Followed:
    """Follow x[:, [2, 0, 1]]: one list of numbers, or a mask, along an axis of its own."""
    given = list(step.get("indices") or ())
    told = [axis for axis, item in enumerate(given) if item is not None]
    place = step.place("self")
    if place is None or len(step.inputs) > 1 or len(told) != 1 or place.axes is None:
        return step.everywhere(reasons.NUMBERED)
    if told[0] in place.axes:
        return step.everywhere(reasons.NUMBERED)
    more = len(step.shape) - len(place.shape)
    axes = tuple(axis + more * (axis > told[0]) for axis in place.axes)
    return step.trace.step(step.name, step.op, [place], step.shape, axes=axes)


def _looked_up(step: TorchStep) -> Followed:
    """Follow an embedding, which adds an axis behind the others."""
    axes = step.x.axes
    return step.trace.step(step.name, step.op, step.inputs, step.shape, axes=axes)


def by_running_statistics(step_or_op: str, arguments: dict[str, object]) -> bool:
    """Say whether this is an instance norm that takes the statistics of its training."""
    return step_or_op == "instance_norm" and not arguments.get("use_input_stats", True)


def _normalised(step: TorchStep) -> Followed:
    if by_running_statistics(step.op, step.arguments):
        return step.kept()
    rank = len(step.x.shape)
    last = len(step.get("normalized_shape", ())) or rank - 2
    return _over(step, range(rank - last, rank), reasons.NORMALISED)


def _around(step: TorchStep) -> Followed:
    dims = step.get("dims", ())
    if step.x.axes is None or {d % len(step.x.shape) for d in dims}.intersection(step.x.axes):
        return step.everywhere(reasons.TURNED, None if step.x.merged else step.x.axes)
    return step.kept()


def _everywhere(reason: str) -> Callable[[TorchStep], Followed]:
    def follow(step: TorchStep) -> Followed:
        value = step.node.meta["val"]
        place = step.everywhere(reason)
        return [place] * len(value) if isinstance(value, (list, tuple)) else place

    return follow


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
clamp threshold where lift_fresh_copy softshrink hardshrink rrelu local_response_norm copy
masked_fill nan_to_num
"""
KEPT = frozenset(_KEPT.split())


def _in_nd(*names: str) -> str:
    return " ".join(f"{name}{count}d" for name in names for count in (1, 2, 3))


_KINDS: dict[Callable[[TorchStep], Followed], str] = {
    _kept: _KEPT,
    _picked: "getitem",
    convolution: _in_nd("conv") + " convolution",
    transposed: _in_nd("conv_transpose"),
    pooling: _in_nd("max_pool") + " max_pool2d_with_indices max_pool3d_with_indices",
    average_pooling: _in_nd("avg_pool"),
    adaptive: _in_nd("adaptive_avg_pool", "adaptive_max_pool"),
    unpooling: "max_unpool2d",
    resizing: _in_nd("upsample_nearest", "_upsample_nearest_exact") + " upsample_linear1d "
    "upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_bilinear2d_aa "
    "_upsample_bicubic2d_aa",
    padding: "pad constant_pad_nd " + _in_nd("reflection_pad", "replication_pad"),
    windows_apart: "unfold im2col",
    _shuffled: "pixel_shuffle pixel_unshuffle",
    _cut: "slice narrow",
    _selected: "select",
    _parted: "chunk split split_with_sizes unsafe_chunk unsafe_split tensor_split unbind",
    _halved: "glu",
    _joined: "cat concat concatenate stack",
    _reshaped: "view reshape flatten unflatten _unsafe_view channel_shuffle view_as reshape_as",
    _squeezed: "squeeze unsqueeze",
    _permuted: "permute transpose swapaxes t numpy_T mT mH adjoint movedim",
    _expanded: "expand expand_as broadcast_to repeat tile",
    _repeated: "repeat_interleave",
    _over_dims(reasons.REDUCED): "mean sum amax amin var std logsumexp norm linalg_vector_norm "
    "argmax argmin prod max min var_mean std_mean all any",
    _over_dims(reasons.WEIGHED): "softmax log_softmax _softmax _log_softmax cumsum cumprod",
    _over_dims(reasons.SORTED): "sort argsort topk kthvalue median mode",
    _compared: "cosine_similarity cross linalg_cross",
    _chosen: "gather scatter scatter_add index_select",
    _indexed: "index",
    _looked_up: "embedding one_hot",
    _normalised: "layer_norm group_norm instance_norm rms_norm",
    dense: "linear",
    product: "matmul bmm mm addmm baddbmm mv dot",
    einsum: "einsum",
    attention: "scaled_dot_product_attention _native_multi_head_attention",
    _around: "roll flip",
    _everywhere(reasons.SOUGHT): "grid_sampler grid_sampler_2d grid_sampler_3d nonzero cdist",
    _everywhere(reasons.RECURRENT): "lstm gru rnn_tanh rnn_relu",
    _everywhere(reasons.TRANSFORMED): "fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_fftn fft_ifftn "
    "fft_rfftn fft_irfftn fft_fft fft_ifft fft_rfft fft_irfft _fft_c2c _fft_r2c _fft_c2r",
}
FOLLOW = {name: follow for follow, names in _KINDS.items() for name in names.split()}
