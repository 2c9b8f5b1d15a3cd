"""Measure a receptive field on the running model, and compare it with what was worked out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import ending_at, framework_of, given, graph_of, names
from kernfit.frameworks.runner import Runner
from kernfit.graph.extent import Span
from kernfit.graph.field import AXES, fields_of
from kernfit.graph.graph import Pair

LEAST = 64  # pixels of the axis that is not measured


@dataclass(frozen=True)
class Check:
    """One element's window along one axis, worked out and measured.

    Attributes
    ----------
    axis : {"rows", "columns"}
    element : int
    expected, measured : (first, last) or None
        Pixels within the image; None: it depends on nothing.
    """

    axis: str
    element: int
    expected: Span
    measured: Span

    @property
    def equal(self) -> bool:
        """Whether both are the same."""
        return self.expected == self.measured


@dataclass(frozen=True)
class Verification:
    """What was measured of one layer.

    Attributes
    ----------
    layer : str
    checks : tuple of Check

    Examples
    --------
    >>> found = Verification("conv", (Check("rows", 5, (4, 6), (4, 6)),))
    >>> print(found)
    conv: all 1 measured windows are as worked out
    """

    layer: str
    checks: tuple[Check, ...]

    @property
    def equal(self) -> bool:
        """Whether every window is what was worked out."""
        return all(check.equal for check in self.checks)

    @property
    def bound(self) -> bool:
        """Whether every measured window lies within the one that was worked out."""
        return all(
            check.measured is None
            or (
                check.expected is not None
                and check.expected[0] <= check.measured[0]
                and check.measured[1] <= check.expected[1]
            )
            for check in self.checks
        )

    def __str__(self) -> str:
        """Say it in a line."""
        if self.equal:
            return f"{self.layer}: all {len(self.checks)} measured windows are as worked out"
        odd = next(check for check in self.checks if not check.equal)
        kind = "an upper bound: some" if self.bound else "wrong:"
        return (
            f"{self.layer}: what was worked out is {kind} windows differ, such as {odd.axis} of "
            f"element {odd.element}: {odd.expected} worked out, {odd.measured} measured"
        )


def verify(
    model: Any,
    layer: str | None = None,
    *,
    pointwise: Collection[str] = (),
    zeros: bool = False,
    example_inputs: Mapping[str, Any] | None = None,
) -> Verification:
    """Measure a layer's windows on the running model and compare them with `receptive_field`.

    A twin of the model is run in its own framework, with all weights 1 and element-wise
    operations handing on whether anything arrives. Images that are 1 up to some row, or from some
    row on, and 0 elsewhere show where a window begins and ends. All elements of one period
    around the middle are measured (at most 8), along both axes.

    Parameters
    ----------
    model : path, onnx.ModelProto, torch.nn.Module or Keras model
    layer : str, optional
        Default: the model's (first) output.
    pointwise : collection of str
        As in `receptive_field`.
    example_inputs : mapping, optional
        As in `receptive_field`.
    zeros : bool, default False
        Weights of the model that are zero stay zero: a layer whose outer taps are dead sees less
        than was worked out, which then is an upper ``bound``.

    Returns
    -------
    Verification
        With ``equal``; where groups of channels never mix, the answer may be an upper ``bound``.

    Raises
    ------
    InvalidInput
        If the layer sees the whole image, or the model cannot be run.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from kernfit import catalogue, verify
    >>> from kernfit.interop.kernels import to_onnx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(catalogue["box_3"], path := Path(folder) / "box.onnx")
    ...     print(verify(path))
    kernel: all 2 measured windows are as worked out
    """
    marked = names(pointwise)
    model = given(model, example_inputs)
    twin_of = framework_of(model).twin
    if twin_of is None:
        raise InvalidInput(
            "model must be one of PyTorch, Keras or ONNX to be measured: layers and kernels are "
            "worked out only"
        )
    model = ending_at(model, layer, marked)
    twin = twin_of(model, layer, marked, zeros)
    checks: list[Check] = []
    target = ""
    for axis in (0, 1):
        shape = _shape_to_measure(model, layer, marked, axis)
        graph = graph_of(model, shape=shape, pointwise=marked)
        target = graph.find(layer)
        extent = fields_of(graph)[target].axes[axis].extent
        assert extent is not None  # as its shape was found
        channels = graph.nodes[graph.image].channels or 1
        # How many elements there are depends on the padding: the model itself says it.
        count = twin(np.zeros((channels, *shape), np.float32)).shape[1 + axis]
        for element in range(
            count // 2, min(count, count // 2 + len(extent.spans), count // 2 + 8)
        ):
            span = extent.span(element)
            inside = None if span is None else (max(0, span[0]), min(shape[axis] - 1, span[1]))
            found = _measured(twin, (channels, *shape), axis, element, inside)
            checks.append(Check(AXES[axis], element, inside, found))
    return Verification(target, tuple(checks))


def _shape_to_measure(model: Any, layer: str | None, pointwise: frozenset[str], axis: int) -> Pair:
    """Return an image size that holds a window along one axis and is small along the other.

    The model's own size where it takes no such one; windows then end at the image's borders.
    """
    graph = graph_of(model, pointwise=pointwise)
    field = fields_of(graph)[graph.find(layer)]
    extent = field.axes[axis].extent
    if extent is None:
        raise InvalidInput(
            f"layer must see a part of the image to be measured, got {field.layer!r}, which sees "
            f"all {AXES[axis]} of it: {field.axes[axis].whole}"
        )
    # Multiples of 64 suit the strides of most models.
    long = -(-(extent.size + 4 * extent.inputs) // LEAST) * LEAST
    other = field.axes[1 - axis].extent
    short = LEAST if other is None else -(-max(LEAST, 2 * other.inputs) // LEAST) * LEAST
    strips = [(long, short)]
    if other is not None:  # a window without padding needs more than a strip
        strips.append((long, -(-(other.size + other.inputs) // LEAST) * LEAST))
    shapes = strips if axis == 0 else [(columns, rows) for rows, columns in strips]
    if graph.shape is not None:  # a model that takes no other size is measured at its own
        shapes.append((graph.shape[0], graph.shape[1]))
    for shape in shapes[:-1]:
        try:
            graph_of(model, shape=shape, pointwise=pointwise)
        except InvalidInput:
            continue
        return shape
    return shapes[-1]


def _measured(
    twin: Runner, shape: tuple[int, int, int], axis: int, element: int, guess: Span
) -> Span:
    """Return the first and last pixel that reach an element, found by halving."""
    length = shape[1 + axis]

    def reached(first: int, last: int) -> bool:
        """Whether pixels from first to last, both included, reach the element."""
        if last < first:
            return False
        image = np.zeros(shape, np.float32)
        np.moveaxis(image, 1 + axis, 0)[first : last + 1] = 1
        answer = np.moveaxis(twin(image), 1 + axis, 0)
        return bool((answer[element] != 0).any())

    if not reached(0, length - 1):
        return None
    if guess is not None:
        low, high = guess
        # Nothing outside, and something at each end: then the guess is right.
        outside = reached(0, low - 1) or reached(high + 1, length - 1)
        if not outside and reached(low, low) and reached(high, high):
            return guess
    first = _halved(lambda last: reached(0, last), length)
    last = length - 1 - _halved(lambda count: reached(length - 1 - count, length - 1), length)
    return first, last


def _halved(holds: Any, length: int) -> int:
    """Return the least number for which something holds that holds for all larger ones."""
    low, high = 0, length - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
