"""Random graphs along one axis, and what they compute by definition: padding, sliding, scattering.

Nothing of the package's arithmetic is used here. A node's value is its Jacobian: row i says how
much each image element counts for element i.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from kernfit.graph.graph import LayerGraph
from kernfit.graph.rules import SAME_PLACE, Resize, Transposed, Window


def slide(x, rule):
    """Output i sums the taps of a window over the padded or cropped input."""
    n = len(x)
    keep = x[max(0, -rule.before) : n - max(0, -rule.after)]
    front, behind = max(0, rule.before), max(0, rule.after)
    if rule.beyond == "zeros":
        if rule.ceil:
            behind += rule.stride - 1
        padded = np.pad(keep, ((front, behind), (0, 0)))
    else:
        padded = np.pad(keep, ((front, behind), (0, 0)), mode=rule.beyond)
    rows = []
    for begin in range(0, len(padded) - (rule.size - 1) * rule.dilation, rule.stride):
        if rule.ceil and begin >= front + len(keep):
            break  # a window must begin inside
        taps = [(t + 1) * padded[begin + t * rule.dilation] for t in range(rule.size)]
        rows.append(np.sum(taps, axis=0))
    return np.array(rows).reshape(-1, x.shape[1])


def scatter(x, rule):
    """Input j adds its window to the output; then the ends are cut."""
    length = (len(x) - 1) * rule.stride + (rule.size - 1) * rule.dilation + 1
    y = np.zeros((length + max(0, -rule.after), x.shape[1]))
    for j, row in enumerate(x):
        for t in range(rule.size):
            y[j * rule.stride + t * rule.dilation] += (t + 1) * row
    return y[rule.before : length - rule.after]


def sample(x, rule):
    """Output i looks at its place in floating point, and mixes its neighbours."""
    scale = float(rule.scale)
    rows = []
    for i in range(math.floor(len(x) * rule.scale)):
        at = i / scale if rule.places == "corner" else (i + 0.5) / scale - 0.5
        if rule.method == "nearest":
            reads = [math.floor(at + 1e-9)]
        else:
            low = math.floor(at + 1e-9)
            reads = [low] if abs(at - low) < 1e-6 else [low, low + 1]
        rows.append(sum(x[min(max(j, 0), len(x) - 1)] for j in reads))
    return np.array(rows).reshape(-1, x.shape[1])


@dataclass
class Chain:
    """A graph, and a way to run it on an image of any length."""

    graph: LayerGraph
    steps: list  # (name, inputs, rule)
    values: dict = field(default_factory=dict)  # what came out at the length drawn for

    def run(self, length):
        """Jacobians of all nodes, or None where the image is too short."""
        values = {"image": np.eye(length)}
        for name, inputs, rule in self.steps:
            found = compute([values[other] for other in inputs], rule)
            if found is None:
                return None
            values[name] = found
        return values


def compute(inputs, rule):
    """One node's Jacobian, or None where its inputs do not fit."""
    if len({len(x) for x in inputs}) > 1:
        return None
    x = sum(inputs)
    if len(x) <= max(getattr(rule, "before", 0), getattr(rule, "after", 0)):
        return None
    y = {Window: slide, Transposed: scatter, Resize: sample}[type(rule)](x, rule)
    return y if len(y) >= 2 else None


def rules(scale_down):
    """Any operation; those with a stride only while the feature map is still long."""
    small = st.integers(1, 3 if scale_down else 1)
    padding = st.integers(0, 3)
    window = st.builds(
        Window,
        size=st.integers(1, 5),
        stride=small,
        dilation=st.integers(1, 3),
        before=padding,
        after=padding,
        ceil=st.booleans(),
        # As PyTorch and ONNX have it, pooling with ceil mode pads by half a window at most.
    ).filter(lambda rule: not rule.ceil or 2 * max(rule.before, rule.after) <= rule.size)
    crop = st.builds(Window, before=st.integers(-3, 0), after=st.integers(-3, 0), stride=small)
    pad = st.builds(
        Window,
        before=padding,
        after=padding,
        beyond=st.sampled_from(["zeros", "edge", "reflect", "symmetric"]),
    )
    transposed = st.builds(
        Transposed,
        size=st.integers(1, 5),
        stride=st.integers(1, 3),
        dilation=st.integers(1, 2),
        before=st.integers(0, 2),
        after=st.integers(-1, 2),
    ).filter(lambda rule: rule.after > -rule.stride)
    resize = st.builds(
        Resize,
        scale=st.sampled_from([Fraction(2), Fraction(3), Fraction(3, 2), Fraction(1, 2)]),
        method=st.sampled_from(["nearest", "linear"]),
        places=st.sampled_from(["corner", "half"]),
    ).filter(lambda rule: (rule.method, rule.places) != ("nearest", "half"))
    return st.one_of(window, window, crop, pad, transposed, resize)


@st.composite
def chains(draw, length=96, most=7, axis=0):
    """Random graphs with branches that fit together at images of `length`."""
    graph = LayerGraph()
    chain = Chain(graph, [])
    values = chain.values = {"image": np.eye(length)}
    strides = {"image": Fraction(1)}

    def put(inputs, rule):
        name = f"n{len(chain.steps)}"
        found = compute([values[other] for other in inputs], rule)
        if found is None or len(found) > 3 * length:
            return None
        chain.steps.append((name, inputs, rule))
        both = (rule, SAME_PLACE) if axis == 0 else (SAME_PLACE, rule)
        graph.put(name, type(rule).__name__, inputs, both)
        outputs, step = rule.period
        strides[name] = strides[inputs[0]] * step / outputs
        values[name] = found
        return name

    for _ in range(draw(st.integers(1, most))):
        names = list(values)
        one = draw(st.sampled_from(names[-3:]))
        partners = [other for other in names if other != one and strides[other] == strides[one]]
        if partners and draw(st.booleans()):
            other = draw(st.sampled_from(partners))
            short, long = sorted((one, other), key=lambda name: len(values[name]))
            spare = len(values[long]) - len(values[short])
            if spare:
                front = draw(st.integers(0, spare))
                long = put((long,), Window(before=-front, after=front - spare))
            if long is not None:
                put((short, long), SAME_PLACE)
        else:
            put((one,), draw(rules(strides[one] < 6)))
    return chain
