"""How each operation of ONNX passes rows and columns on.

Source: the operator schemas of ONNX, opsets 7 to 23.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kernfit.frameworks import reasons
from kernfit.frameworks.onnx.step import ELEMENTWISE, Step
from kernfit.frameworks.onnx.windows import (
    convolution,
    depth_to_space,
    padding,
    pooling,
    resizing,
    space_to_depth,
    transposed,
)
from kernfit.frameworks.trace import Place, Shape

__all__ = ["FOLLOW", "Step"]

Followed = Place | dict[str, Place] | None


def _elementwise(step: Step) -> Followed:
    return step.elementwise()


def _sizes(step: Step) -> Followed:
    """Note a size: it depends on the image's size, but not on what the image shows."""
    shape = step.x.shape
    if step.op == "Size":
        step.values.put(step.node.output[0], np.array(np.prod(shape), np.int64))
    else:
        start, end = step.attribute("start", 0), step.attribute("end")
        step.values.put(step.node.output[0], np.array(shape[start:end], np.int64))
    return None


def _global(step: Step) -> Followed:
    shape = (*step.x.shape[:2], *(1 for _ in step.x.shape[2:]))
    return _over(step, range(2, len(step.x.shape)), shape, reasons.POOLED)


def _reduced(step: Step) -> Followed:
    rank = len(step.x.shape)
    axes = step.numbers("axes", 1)
    if axes is None and step.op.startswith("Arg"):
        axes = [step.attribute("axis", 0)]
    if not axes:
        if step.attribute("noop_with_empty_axes", 0):
            return step.kept(step.x.shape)
        axes = list(range(rank))
    gone = {axis % rank for axis in axes}
    keep = step.attribute("keepdims", 1)
    shape = tuple(
        1 if a in gone else n for a, n in enumerate(step.x.shape) if keep or a not in gone
    )
    return _over(step, sorted(gone), shape, reasons.REDUCED)


def _softmax(step: Step) -> Followed:
    rank = len(step.x.shape)
    # Before opset 13, everything from the axis on is taken together.
    axis = step.attribute("axis", -1 if step.values.opset >= 13 else 1) % rank
    axes = [axis] if step.values.opset >= 13 else range(axis, rank)
    return _over(step, axes, step.x.shape, reasons.WEIGHED)


def _normalised(step: Step) -> Followed:
    rank = len(step.x.shape)
    axes: Sequence[int] = range(2, rank)
    if step.op in ("LayerNormalization", "RMSNormalization", "SkipLayerNormalization"):
        axes = range(step.attribute("axis", -1) % rank, rank)
    elif step.op == "MeanVarianceNormalization":
        axes = step.numbers("axes") or [0, 2, 3]
    elif step.op == "LpNormalization":
        axes = [step.attribute("axis", -1)]
    return _over(step, axes, step.x.shape, reasons.NORMALISED)


def _transposed_axes(step: Step) -> Followed:
    order = step.numbers("perm") or list(range(len(step.x.shape)))[::-1]
    return step.trace.permute(step.name, step.op, step.x, order)


def _reshaped(step: Step) -> Followed:
    before = step.x.shape
    total = int(np.prod(before))
    if step.op == "Flatten":
        axis = step.attribute("axis", 1) % (len(before) + 1)
        front = int(np.prod(before[:axis]))
        wanted = [front, total // front]
    elif step.op == "Squeeze":
        axes = step.numbers("axes", 1)
        gone = {axis % len(before) for axis in axes or [a for a, n in enumerate(before) if n == 1]}
        wanted = [n for axis, n in enumerate(before) if axis not in gone]
    elif step.op == "Unsqueeze":
        axes = step.numbers("axes", 1) or []
        rank = len(before) + len(axes)
        new, rest = {axis % rank for axis in axes}, iter(before)
        wanted = [1 if axis in new else next(rest) for axis in range(rank)]
    else:
        wanted = step.numbers("shape", 1) or []
        if not step.attribute("allowzero", 0):
            wanted = [before[axis] if n == 0 else n for axis, n in enumerate(wanted)]
    if -1 in wanted:
        known = int(np.prod([n for n in wanted if n != -1]))
        wanted = [total // known if n == -1 else n for n in wanted]
    if int(np.prod(wanted)) != total:
        raise step.refuse(f"{before} cannot be laid out as {tuple(wanted)} at this image size")
    if step.op in ("Squeeze", "Unsqueeze") and step.x.axes is not None:
        return _renumbered(step, tuple(wanted))
    return step.trace.reshape(step.name, step.op, step.x, tuple(wanted))


def _renumbered(step: Step, shape: Shape) -> Followed:
    """Follow axes of length 1 that come or go: told by number, as other axes may be 1 too."""
    assert step.x.axes is not None
    rank = len(step.x.shape)
    if step.op == "Unsqueeze":
        new = {axis % len(shape) for axis in step.numbers("axes", 1) or []}
        kept = [axis for axis in range(len(shape)) if axis not in new]
        axes = kept[step.x.axes[0]], kept[step.x.axes[1]]
        return step.trace.step(step.name, step.op, [step.x], shape, axes=axes)
    given = step.numbers("axes", 1)
    gone = {axis % rank for axis in given or [a for a, n in enumerate(step.x.shape) if n == 1]}
    if gone.intersection(step.x.axes):
        return step.trace.reshape(step.name, step.op, step.x, shape)
    kept = [axis for axis in range(rank) if axis not in gone]
    axes = kept.index(step.x.axes[0]), kept.index(step.x.axes[1])
    return step.trace.step(step.name, step.op, [step.x], shape, axes=axes)


def _sliced(step: Step) -> Followed:
    starts, ends = step.numbers("starts", 1) or [], step.numbers("ends", 2) or []
    axes = step.numbers("axes", 3) or list(range(len(starts)))
    steps = step.numbers("steps", 4) or [1] * len(starts)
    place = step.x
    for part, (start, end, axis, by) in enumerate(zip(starts, ends, axes, steps, strict=True)):
        axis %= len(place.shape)
        begin, stop, by = slice(start, end, by).indices(place.shape[axis])
        count = len(range(begin, stop, by))
        if place.axes is not None and axis in place.axes and (by < 0 or count < 1):
            raise step.refuse("it turns rows or columns around, or leaves none")
        shape = (*place.shape[:axis], count, *place.shape[axis + 1 :])
        name = step.name if part == len(starts) - 1 else f"{step.name}:{part}"
        place = step.trace.cut(name, step.op, place, axis, begin, max(by, 1), shape)
    return place if starts else step.kept(place.shape)


def _split(step: Step) -> Followed:
    axis = step.attribute("axis", 0) % len(step.x.shape)
    length, count = step.x.shape[axis], len(step.node.output)
    part = -(-length // count)
    lengths = step.numbers("split", 1) or [min(part, length - part * k) for k in range(count)]
    found, start = {}, 0
    for number, (output, size) in enumerate(zip(step.node.output, lengths, strict=True)):
        shape = (*step.x.shape[:axis], size, *step.x.shape[axis + 1 :])
        name = f"{step.name}:{number}"
        found[output] = step.trace.cut(name, step.op, step.x, axis, start, 1, shape)
        start += size
    return found


def _concatenated(step: Step) -> Followed:
    shapes = [step.shape(number) for number in range(len(step.node.input))]
    axis = step.attribute("axis", 1) % len(step.x.shape)
    total = sum(shape[axis] for shape in shapes if shape is not None)
    shape = (*step.x.shape[:axis], total, *step.x.shape[axis + 1 :])
    return step.trace.joined(step.name, step.op, step.inputs, axis, shape)


def _expanded(step: Step) -> Followed:
    if step.op == "Tile":
        repeats = step.numbers("repeats", 1) or []
        shape = tuple(n * r for n, r in zip(step.x.shape, repeats, strict=True))
    else:
        shape = np.broadcast_shapes(step.x.shape, tuple(step.numbers("shape", 1) or []))
    place = step.x
    more = len(shape) - len(place.shape)
    axes = None if place.axes is None else (place.axes[0] + more, place.axes[1] + more)
    if axes is not None and any(shape[a] != n for a, n in zip(axes, place.lengths, strict=True)):
        return step.trace.everywhere(step.name, step.op, [place], shape, reasons.REPEATED, axes)
    return step.kept(shape)


def _product(step: Step) -> Followed:
    one, other = step.place(0), step.place(1)
    shapes = step.shape(0), step.shape(1)
    if step.op == "Gemm" or shapes[0] is None or shapes[1] is None:
        columns = shapes[1][0 if step.attribute("transB", 0) else 1] if shapes[1] else 1
        return step.trace.everywhere(
            step.name, step.op, step.inputs, (step.x.shape[0], columns), reasons.DENSE
        )
    shape = _matmul_shape(shapes[0], shapes[1])
    if one is not None and other is not None:
        reason = reasons.PRODUCT
        return step.trace.everywhere(step.name, step.op, step.inputs, shape, reason)
    summed = -1 if one is not None else -2
    if step.x.axes is not None and summed % len(step.x.shape) in step.x.axes:
        reason = reasons.DENSE
        return step.trace.everywhere(step.name, step.op, step.inputs, shape, reason)
    return step.kept(shape)


def _matmul_shape(one: Shape, other: Shape) -> Shape:
    """Return NumPy's shape of a matrix product."""
    front = np.broadcast_shapes(one[:-2], other[:-2])
    return (*front, *one[-2:-1], *(other[-1:] if len(other) > 1 else ()))


def _gathered(step: Step) -> Followed:
    axis = step.attribute("axis", 0) % len(step.x.shape)
    picked = step.shape(1)
    if step.place(0) is None or picked is None or step.x.axes is None or axis in step.x.axes:
        return step.trace.everywhere(
            step.name, step.op, step.inputs, step.x.shape, reasons.NUMBERED
        )
    shape = (*step.x.shape[:axis], *picked, *step.x.shape[axis + 1 :])
    axes = tuple(a + (len(picked) - 1) * (a > axis) for a in step.x.axes)
    return step.trace.step(step.name, step.op, step.inputs, shape, axes=(axes[0], axes[1]))


def _attention(step: Step) -> Followed:
    return step.trace.everywhere(step.name, step.op, step.inputs, step.x.shape, reasons.ATTENTION)


def _over(step: Step, axes: Sequence[int], shape: Shape, reason: str) -> Place:
    return step.trace.over(step.name, step.op, step.x, axes, shape, reason)


_KINDS: dict[Callable[[Step], Followed], str] = {
    _elementwise: " ".join(sorted(ELEMENTWISE)),
    _sizes: "Shape Size",
    convolution: "Conv ConvInteger QLinearConv FusedConv",
    transposed: "ConvTranspose",
    pooling: "MaxPool AveragePool LpPool QLinearAveragePool",
    _global: "GlobalAveragePool GlobalMaxPool GlobalLpPool QLinearGlobalAveragePool",
    _reduced: "ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum "
    "ReduceLogSumExp ReduceSumSquare ArgMax ArgMin",
    _softmax: "Softmax LogSoftmax Hardmax",
    _normalised: "InstanceNormalization GroupNormalization LayerNormalization RMSNormalization "
    "SkipLayerNormalization MeanVarianceNormalization LpNormalization",
    resizing: "Resize Upsample",
    padding: "Pad",
    depth_to_space: "DepthToSpace",
    space_to_depth: "SpaceToDepth",
    _transposed_axes: "Transpose",
    _reshaped: "Reshape Flatten Squeeze Unsqueeze",
    _sliced: "Slice",
    _split: "Split",
    _concatenated: "Concat",
    _expanded: "Expand Tile",
    _product: "MatMul Gemm",
    _gathered: "Gather",
    _attention: "Attention MultiHeadAttention",
}
FOLLOW = {name: follow for follow, names in _KINDS.items() for name in names.split()}
