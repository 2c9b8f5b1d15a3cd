"""PyTorch operations that slide a window or change the size: their geometry."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from kernfit.frameworks.torch.step import TorchStep
from kernfit.frameworks.trace import Place
from kernfit.graph.graph import Pair, Rules
from kernfit.graph.rules import SAME_PLACE, Beyond, Resize, Rule, Transposed, Window

BEYOND: dict[str, Beyond] = {
    "constant": "zeros",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}


def convolution(step: TorchStep) -> Place:
    """Follow conv2d, and the general form that may be transposed."""
    if step.get("transposed", False):
        return transposed(step)
    sizes = step.weight_shape()[2:]
    stride, dilation = step.pair("stride", 1), step.pair("dilation", 1)
    given = step.get("padding", 0)
    before = after = (0, 0) if isinstance(given, str) else step.pair("padding", 0)
    if given == "same":
        total = [d * (n - 1) for d, n in zip(dilation, sizes, strict=True)]
        before = total[0] // 2, total[1] // 2
        after = total[0] - before[0], total[1] - before[1]
    row, column = (Window(sizes[a], stride[a], dilation[a], before[a], after[a]) for a in (0, 1))
    return step.slid((row, column))


def transposed(step: TorchStep) -> Place:
    """Follow conv_transpose2d."""
    sizes = step.weight_shape()[2:]
    stride, dilation = step.pair("stride", 1), step.pair("dilation", 1)
    cut, extra = step.pair("padding", 0), step.pair("output_padding", 0)
    row, column = (
        Transposed(sizes[a], stride[a], dilation[a], cut[a], cut[a] - extra[a]) for a in (0, 1)
    )
    return step.slid((row, column))


def pooling(step: TorchStep) -> Place | list[Place]:
    """Follow a maximum; with indices, both outputs."""
    place = step.slid(_pool(step, step.pair("dilation", 1)))
    return [place, place] if step.op.endswith("indices") else place


def average_pooling(step: TorchStep) -> Place:
    """Follow a mean over a window."""
    return step.slid(_pool(step, (1, 1)))


def adaptive(step: TorchStep) -> Place | list[Place]:
    """Follow pooling to a given size: whole windows where that divides the image."""
    rules: list[Rule] = []
    for axis in (-2, -1):
        length, outputs = step.x.shape[axis], step.shape[axis]
        if length == outputs:
            rules.append(SAME_PLACE)
        elif outputs > 1 and length % outputs == 0:
            rules.append(Window(length // outputs, length // outputs))
        else:
            rank = len(step.shape)
            place = step.everywhere("it pools all of it", (rank - 2, rank - 1))
            return [place, place] if step.op == "adaptive_max_pool2d" else place
    place = step.slid((rules[0], rules[1]))
    return [place, place] if step.op == "adaptive_max_pool2d" else place


def resizing(step: TorchStep) -> Place:
    """Follow nearest, bilinear and bicubic sampling."""
    methods: dict[str, tuple[Literal["nearest", "linear", "cubic"], Literal["half", "corner"]]] = {
        "upsample_nearest2d": ("nearest", "corner"),
        "_upsample_nearest_exact2d": ("nearest", "half"),
        "upsample_bilinear2d": ("linear", "half"),
        "upsample_bicubic2d": ("cubic", "half"),
    }
    method, places = methods[step.op]
    rule = Resize(Fraction(1), method, places, "half_up" if places == "half" else "floor")
    if step.get("align_corners", False):
        rule = Resize(Fraction(1), method, "ends")
    factors = step.get("scale_factors") or (0.0, 0.0)
    return step.trace.sized(step.name, step.op, step.x, step.shape, rule, factors)


def padding(step: TorchStep) -> Place:
    """Follow padding by any rule; negative numbers crop."""
    ends = list(step.get("pad", step.get("padding")))
    mode = {"reflection_pad2d": "reflect", "replication_pad2d": "replicate"}.get(step.op)
    beyond = BEYOND[mode or step.get("mode", "constant")]
    if step.x.axes is None:
        return step.kept()
    rank = len(step.x.shape)
    rules: list[Rule] = []
    for axis in step.x.axes:
        k = 2 * (rank - 1 - axis)  # from the last axis on
        before, after = ends[k : k + 2] if k < len(ends) else (0, 0)
        rules.append(Window(before=before, after=after, beyond=beyond))
    return step.kept((rules[0], rules[1]))


def _pool(step: TorchStep, dilation: Pair) -> Rules:
    size = step.pair("kernel_size", 1)
    stride, around = step.pair("stride", size), step.pair("padding", 0)
    ceil = bool(step.get("ceil_mode", False))
    row, column = (
        Window(size[a], stride[a], dilation[a], around[a], around[a], ceil) for a in (0, 1)
    )
    return row, column
