"""PyTorch operations that slide a window or change the size: their geometry, in 1-D to 3-D."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from kernfit.frameworks.reasons import POOLED, SOUGHT
from kernfit.frameworks.torch.step import TorchStep
from kernfit.frameworks.trace import Place
from kernfit.graph.graph import Rules, Sizes
from kernfit.graph.rules import SAME_PLACE, Beyond, Resize, Rule, Transposed, Window

BEYOND: dict[str, Beyond] = {
    "constant": "zeros",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}


def convolution(step: TorchStep) -> Place:
    """Follow convolutions, and the general form that may be transposed."""
    if step.get("transposed", False):
        return transposed(step)
    sizes = step.weight_shape()[2:]
    count = len(sizes)
    stride, dilation = step.numbers("stride", 1, count), step.numbers("dilation", 1, count)
    given = step.get("padding", 0)
    before = after = (0,) * count if isinstance(given, str) else step.numbers("padding", 0, count)
    if given == "same":
        total = [d * (n - 1) for d, n in zip(dilation, sizes, strict=True)]
        before = tuple(n // 2 for n in total)
        after = tuple(n - n // 2 for n in total)
    return step.slid(tuple(map(Window, sizes, stride, dilation, before, after)))


def transposed(step: TorchStep) -> Place:
    """Follow transposed convolutions."""
    sizes = step.weight_shape()[2:]
    count = len(sizes)
    stride, dilation = step.numbers("stride", 1, count), step.numbers("dilation", 1, count)
    cut, extra = step.numbers("padding", 0, count), step.numbers("output_padding", 0, count)
    after = [c - e for c, e in zip(cut, extra, strict=True)]
    return step.slid(tuple(map(Transposed, sizes, stride, dilation, cut, after)))


def pooling(step: TorchStep) -> Place | list[Place]:
    """Follow a maximum; with indices, both outputs."""
    place = step.slid(_pool(step, step.numbers("dilation", 1, step.sliding)))
    return [place, place] if step.op.endswith("indices") else place


def average_pooling(step: TorchStep) -> Place:
    """Follow a mean over a window."""
    return step.slid(_pool(step, (1,) * step.sliding))


def adaptive(step: TorchStep) -> Place | list[Place]:
    """Follow pooling to a given size: whole windows where that divides the image."""
    rules: list[Rule] = []
    rank = len(step.shape)
    axes = tuple(range(rank - step.sliding, rank))
    place: Place | None = None
    for axis in axes:
        length, outputs = step.x.shape[axis], step.shape[axis]
        if length == outputs:
            rules.append(SAME_PLACE)
        elif outputs > 1 and length % outputs == 0:
            rules.append(Window(length // outputs, length // outputs))
        else:
            image = axes if step.x.axes == axes else None
            place = step.everywhere(POOLED, image)
            break
    place = place or step.slid(tuple(rules))
    return [place, place] if "max" in step.op else place


def unpooling(step: TorchStep) -> Place:
    """Follow max_unpool, which puts numbers where the maxima were."""
    pool: Any = getattr(step.node.args[1], "args", (None,))[0]
    name = str(getattr(pool, "target", ""))
    factors = [
        Fraction(after, before) if before else Fraction(0)
        for before, after in zip(step.x.shape[-2:], step.shape[-2:], strict=True)
    ]
    if "max_pool2d_with_indices" in name and all(f.denominator == 1 for f in factors):
        given = [list(argument) for argument in pool.args[1:3] if argument]
        if all([int(f) for f in factors] == (g * 2)[:2] for g in given):
            return step.slid(tuple(Transposed(int(f), int(f)) for f in factors))
    return step.everywhere(SOUGHT)


def resizing(step: TorchStep) -> Place:
    """Follow nearest, linear and cubic sampling, with and without anti-aliasing."""
    count = step.sliding
    nearest = "nearest" in step.op
    exact = step.op.startswith("_upsample_nearest_exact")
    method: Literal["nearest", "linear", "cubic"] = (
        "nearest" if nearest else "cubic" if "bicubic" in step.op else "linear"
    )
    places: Literal["half", "corner", "ends"] = "corner" if nearest and not exact else "half"
    rounding: Literal["floor", "half_up"] = "half_up" if places == "half" else "floor"
    rule = Resize(Fraction(1), method, places, rounding, smooth=step.op.endswith("_aa"))
    if step.get("align_corners", False):
        rule = Resize(Fraction(1), method, "ends")
    factors = (
        step.get("scale_factors")
        or tuple(step.get(name) or 0.0 for name in ("scales", "scales_d", "scales_h", "scales_w"))[
            1 if count > 1 else 0 :
        ][-count:]
    )
    rank = len(step.x.shape)
    if step.x.axes is not None and set(step.x.axes) - set(range(rank - count, rank)):
        return step.everywhere(SOUGHT)
    chosen = [factors[axis - (rank - count)] for axis in step.x.axes or ()]
    return step.trace.sized(step.name, step.op, step.x, step.shape, rule, chosen)


def padding(step: TorchStep) -> Place:
    """Follow padding by any rule; negative numbers crop."""
    ends = list(step.get("pad", step.get("padding")))
    modes = {"reflection": "reflect", "replication": "replicate"}
    mode = next((modes[kind] for kind in modes if step.op.startswith(kind)), None)
    beyond = BEYOND[mode or step.get("mode", "constant")]
    if step.x.axes is None or step.x.merged:
        return step.kept()
    rank = len(step.x.shape)
    rules: list[Rule] = []
    for axis in step.x.axes:
        k = 2 * (rank - 1 - axis)  # from the last axis on
        before, after = ends[k : k + 2] if k < len(ends) else (0, 0)
        rules.append(Window(before=before, after=after, beyond=beyond))
    return step.kept(tuple(rules))


def windows_apart(step: TorchStep) -> Place:
    """Follow unfolding: the pixels of each window become channels."""
    if step.op == "unfold":
        axis = step.get("dimension") % len(step.x.shape)
        if step.x.axes is None or step.x.merged:
            return step.kept() if step.x.axes is None else step.everywhere(SOUGHT)
        rule = Window(step.get("size"), step.get("step"))
        rules = tuple(rule if own == axis else SAME_PLACE for own in step.x.axes)
        return step.trace.step(step.name, step.op, [step.x], step.shape, rules, step.x.axes)
    rank = len(step.x.shape)
    if step.x.axes != (rank - 2, rank - 1) or step.x.merged:
        return step.everywhere(SOUGHT)
    settings = [step.numbers(n, 1, 2) for n in ("kernel_size", "stride", "dilation")]
    around = step.numbers("padding", 0, 2)
    rules = tuple(map(Window, *settings, around, around))
    lengths = tuple(r.length(n) for r, n in zip(rules, step.x.shape[-2:], strict=True))
    last = len(step.shape) - 1
    return step.trace.step(step.name, step.op, [step.x], step.shape, rules, (last, last), lengths)


def _pool(step: TorchStep, dilation: Sizes) -> Rules:
    count = step.sliding
    size = step.numbers("kernel_size", 1, count)
    stride, around = step.numbers("stride", size, count), step.numbers("padding", 0, count)
    ceil = (bool(step.get("ceil_mode", False)),) * count
    return tuple(map(Window, size, stride, dilation, around, around, ceil))
