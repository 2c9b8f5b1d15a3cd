"""Measure a receptive field on the running model, and compare it with what was worked out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import (
    dimensions_of,
    ending_at,
    framework_of,
    given,
    graph_of,
    names,
)
from kernfit.frameworks.runner import Runner
from kernfit.graph.extent import Span
from kernfit.graph.field import fields_of
from kernfit.graph.graph import Sizes, axis_names

LEAST = 64  # pixels of an axis that is not measured, in 1-D and 2-D
LEAST_OF_VOLUMES = 16


@dataclass(frozen=True)
class Check:
    """One element's window along one axis, worked out and measured.

    Attributes
    ----------
    axis : str
        "rows" or "columns", in 3-D also "planes".
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

    See Also
    --------
    verify : Makes one.

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
    shape: Sizes | None = None,
    progress: Callable[[int, int], None] | None = None,
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
    shape : (rows, columns), optional
        Of the image to measure on. Default: one that holds a window along one axis and is small
        along the others.
    progress : function, optional
        Called with the number of windows measured, and of all.
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

    See Also
    --------
    receptive_field : What is verified.

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
    tasks: list[tuple[_Reach, int, Span, str]] = []
    target = ""
    for axis in range(dimensions_of(model)):
        size = _shape_to_measure(model, layer, marked, axis) if shape is None else shape
        graph = graph_of(model, shape=size, pointwise=marked)
        size, target = graph.shape or (), graph.find(layer)
        extent = fields_of(graph)[target].axes[axis].extent
        name = axis_names(graph.dimensions)[axis]
        if extent is None:
            whole = fields_of(graph)[target].axes[axis].whole
            raise InvalidInput(
                f"layer must see a part of the image to be measured, got {target!r}, which sees "
                f"all {name} of it: {whole}"
            )
        reach = _Reach(twin, (graph.nodes[graph.image].channels or 1, *size), axis)
        # How many elements there are depends on the padding: the model itself says it.
        first, count = reach.count // 2, min(len(extent.spans), 8)
        for element in range(first, min(reach.count, first + count)):
            span = extent.span(element)
            inside = None if span is None else (max(0, span[0]), min(size[axis] - 1, span[1]))
            tasks.append((reach, element, inside, name))
    checks = []
    for done, (reach, element, inside, name) in enumerate(tasks, 1):
        checks.append(Check(name, element, inside, reach.measured(element, inside)))
        if progress is not None:
            progress(done, len(tasks))
    return Verification(target, tuple(checks))


def _shape_to_measure(model: Any, layer: str | None, pointwise: frozenset[str], axis: int) -> Sizes:
    """Return an image size that holds a window along one axis and is small along the other.

    The model's own size where it takes no such one; windows then end at the image's borders.
    """
    graph = graph_of(model, pointwise=pointwise)
    field = fields_of(graph)[graph.find(layer)]
    extent = field.axes[axis].extent
    if extent is None:
        raise InvalidInput(
            f"layer must see a part of the image to be measured, got {field.layer!r}, which sees "
            f"all {axis_names(graph.dimensions)[axis]} of it: {field.axes[axis].whole}"
        )
    # Multiples of 64, or 16, suit the strides of most models.
    least = LEAST if graph.dimensions < 3 else LEAST_OF_VOLUMES
    long = -(-(extent.size + 4 * extent.inputs) // least) * least
    others = [other.extent for other in field.axes]
    short = [
        least if other is None else -(-max(least, 2 * other.inputs) // least) * least
        for other in others
    ]
    # A window without padding needs more than a strip.
    wide = [
        least if other is None else -(-(other.size + other.inputs) // least) * least
        for other in others
    ]
    shapes = [
        tuple(long if own == axis else n for own, n in enumerate(lengths))
        for lengths in (short, wide)
    ]
    if graph.shape is not None:  # a model that takes no other size is measured at its own
        shapes.append(graph.shape)
    for shape in shapes[:-1]:
        try:
            graph_of(model, shape=shape, pointwise=pointwise)
        except InvalidInput:
            continue
        return shape
    return shapes[-1]


class _Reach:
    """Runs a twin on images that are 1 along a part of one axis; one pass serves all elements."""

    def __init__(self, twin: Runner, shape: Sizes, axis: int) -> None:
        self._twin, self._shape, self._axis = twin, shape, axis
        self._length = shape[1 + axis]
        self._known: dict[tuple[int, int], Array] = {}
        self.count = len(self._elements(0, -1))

    def _elements(self, first: int, last: int) -> Array:
        """Say which elements pixels from first to last, both included, reach."""
        if (first, last) not in self._known:
            image = np.zeros(self._shape, np.float32)
            np.moveaxis(image, 1 + self._axis, 0)[first : last + 1] = 1
            answer = np.moveaxis(self._twin(image), 1 + self._axis, 0)
            self._known[first, last] = (answer != 0).reshape(len(answer), -1).any(1)
        return self._known[first, last]

    def measured(self, element: int, guess: Span) -> Span:
        """Return the first and last pixel that reach an element, found by halving."""
        length = self._length

        def reached(first: int, last: int) -> bool:
            return last >= first and bool(self._elements(first, last)[element])

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
