"""ONNX operations that slide a window or change the size: their geometry.

Source: the operator schemas of ONNX, opsets 7 to 23.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from kernfit.frameworks.onnx.step import Step
from kernfit.frameworks.trace import Place
from kernfit.graph.graph import Rules
from kernfit.graph.rules import Beyond, Resize, Transposed, Window

BEYOND: dict[str, Beyond] = {
    "constant": "zeros",
    "reflect": "reflect",
    "edge": "edge",
    "wrap": "wrap",
}


def convolution(step: Step) -> Place:
    """Follow Conv and its quantised forms."""
    weight = step.shape(3 if step.op == "QLinearConv" else 1)
    if weight is None:
        raise step.refuse("the size of its weights is not known")
    rules = _window(step, list(weight[2:]), ceil=False)
    return _slid(step, rules, weight[0])


def pooling(step: Step) -> Place:
    """Follow a maximum or a mean over a window."""
    rules = _window(step, step.numbers("kernel_shape") or [], bool(step.attribute("ceil_mode", 0)))
    return _slid(step, rules, step.x.shape[1])


def transposed(step: Step) -> Place:
    """Follow ConvTranspose."""
    weight = step.shape(1)
    if weight is None:
        raise step.refuse("the size of its weights is not known")
    sizes = list(weight[2:])
    strides = step.numbers("strides") or [1, 1]
    dilations = step.numbers("dilations") or [1, 1]
    pads = step.numbers("pads") or [0] * 4
    extra = step.numbers("output_padding") or [0, 0]
    wanted = step.numbers("output_shape")
    automatic = step.attribute("auto_pad", "NOTSET")
    rules: list[Transposed] = []
    for axis in range(len(sizes)):
        before, after = pads[axis], pads[axis + len(sizes)]
        reach = (sizes[axis] - 1) * dilations[axis] + 1
        length = step.x.shape[axis + 2]
        if wanted is not None or automatic.startswith("SAME"):
            outputs = wanted[axis - len(sizes)] if wanted else length * strides[axis]
            total = strides[axis] * (length - 1) + extra[axis] + reach - outputs
            before = total // 2 if automatic == "SAME_UPPER" else total - total // 2
            after = total - before
        elif automatic == "VALID":
            before = after = 0
        rules.append(
            Transposed(sizes[axis], strides[axis], dilations[axis], before, after - extra[axis])
        )
    return _slid(step, (rules[0], rules[1]), weight[1] * int(step.attribute("group", 1)))


def depth_to_space(step: Step) -> Place:
    """Follow DepthToSpace: channels become pixels."""
    block = int(step.attribute("blocksize", 1))
    return _slid(step, (Resize(Fraction(block)),) * 2, step.x.shape[1] // block**2)


def space_to_depth(step: Step) -> Place:
    """Follow SpaceToDepth: pixels become channels."""
    block = int(step.attribute("blocksize", 1))
    return _slid(step, (Window(block, block),) * 2, step.x.shape[1] * block**2)


def padding(step: Step) -> Place:
    """Follow Pad; negative numbers crop."""
    pads = step.numbers("pads", 1) or []
    rank = len(step.x.shape)
    chosen = step.numbers("axes", 3)
    axes = range(rank) if chosen is None else [axis % rank for axis in chosen]
    ends = {axis: (pads[k], pads[k + len(axes)]) for k, axis in enumerate(axes)}
    shape = tuple(n + sum(ends.get(axis, (0, 0))) for axis, n in enumerate(step.x.shape))
    beyond = BEYOND[step.attribute("mode", "constant")]
    if step.x.axes is None:
        return step.kept(shape)
    row, column = (
        Window(before=ends.get(axis, (0, 0))[0], after=ends.get(axis, (0, 0))[1], beyond=beyond)
        for axis in step.x.axes
    )
    return step.kept(shape, (row, column))


def resizing(step: Step) -> Place:
    """Follow Resize and Upsample."""
    rank = len(step.x.shape)
    old = step.op == "Upsample" or len(step.node.input) == 2
    scales = step.attribute("scales") if step.op == "Upsample" else None
    if scales is None and (number := 1 if old else 2) < len(step.node.input):
        given = step.value(number)
        scales = None if given is None or given.size == 0 else given.tolist()
    sizes = None if old else step.numbers("sizes", 3)
    if step.attribute("antialias", 0) or step.attribute("keep_aspect_ratio_policy", "stretch") != (
        "stretch"
    ):
        raise step.refuse("anti-aliasing and aspect ratios are not known here")
    axes = [axis % rank for axis in step.numbers("axes") or range(rank)]
    shape, factors = list(step.x.shape), [0.0] * rank
    for k, axis in enumerate(axes):
        if sizes:
            shape[axis] = sizes[k]
        elif scales is not None:
            factors[axis] = scales[k]
            # Scales are stored as float32: 0.33333334 stands for 1/3.
            exact = Fraction(scales[k]).limit_denominator(1000)
            shape[axis] = int(shape[axis] * exact)
    rule = _sampling(step, old)
    chosen = [factors[axis] for axis in step.x.axes or (0, 0)]
    return step.trace.sized(step.name, step.op, step.x, tuple(shape), rule, chosen)


def _sampling(step: Step, old: bool) -> Resize:
    modes: dict[str, Literal["nearest", "linear", "cubic"]] = {
        "nearest": "nearest",
        "linear": "linear",
        "bilinear": "linear",
        "cubic": "cubic",
    }
    method = modes[step.attribute("mode", "nearest")]
    where = step.attribute("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    if where == "tf_half_pixel_for_nn":  # the same places, halves rounded up
        return Resize(Fraction(1), "nearest", "half", "half_up")
    places: dict[str, Literal["half", "corner", "ends"]] = {
        "half_pixel": "half",
        "pytorch_half_pixel": "half",
        "half_pixel_symmetric": "half",
        "asymmetric": "corner",
        "align_corners": "ends",
    }
    if where not in places:
        raise step.refuse(f"its coordinates are {where!r}")
    rounding: dict[str, Literal["floor", "ceil", "half_down", "half_up"]] = {
        "floor": "floor",
        "ceil": "ceil",
        "round_prefer_floor": "half_down",
        "round_prefer_ceil": "half_up",
    }
    nearest = rounding[step.attribute("nearest_mode", "floor" if old else "round_prefer_floor")]
    return Resize(Fraction(1), method, places[where], nearest)


def _window(step: Step, sizes: list[int], ceil: bool) -> Rules:
    count = len(sizes)
    strides = step.numbers("strides") or [1] * count
    dilations = step.numbers("dilations") or [1] * count
    pads = step.numbers("pads") or [0] * 2 * count
    automatic = step.attribute("auto_pad", "NOTSET")
    same: dict[str, Literal["", "upper", "lower"]] = {
        "SAME_UPPER": "upper",
        "SAME_LOWER": "lower",
    }
    row, column = (
        Window(
            sizes[axis],
            strides[axis],
            dilations[axis],
            0 if automatic == "VALID" else pads[axis],
            0 if automatic == "VALID" else pads[axis + count],
            ceil,
            same.get(automatic, ""),
        )
        for axis in (-2, -1)
        for axis in (axis + count,)
    )
    return row, column


def _slid(step: Step, rules: Rules, channels: int) -> Place:
    rank = len(step.x.shape)
    lengths = (
        rule.at(n).length(n) for rule, n in zip(rules, step.x.shape[rank - 2 :], strict=True)
    )
    shape = (step.x.shape[0], channels, *lengths)
    if min(shape) < 1:
        raise step.refuse(
            f"nothing comes out of it for an image of {step.trace.graph.shape}; a larger shape=, "
            "perhaps"
        )
    return step.trace.slide(step.name, step.op, step.x, shape, rules)
