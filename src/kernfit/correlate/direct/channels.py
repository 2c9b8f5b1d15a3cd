"""Many channels at once: every tap of every channel is a pixel at a fixed distance.

What that means for memory is told in `products.py`, the compiled half of this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.axes import Axis
from kernfit.correlate.direct.rows import as_integer
from kernfit.correlate.problem import Problem
from kernfit.correlate.threads import for_strips

_STRIP = 1 << 19  # bytes of pixels, to stay in the second-level cache
_WIDEST = 512  # outputs
_STRIPS_EACH = 4  # for every thread
OUTPUTS = 8
"""How many outputs share the pixels of a block, as in `products.py`, which loads Numba."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The taps along one axis, in steps of the stride."""

    stride: int
    phases: Array  # that there are: how far from a whole number of strides a tap can be
    phase: Array  # of each tap, as its place in `phases`
    distance: Array  # of each tap, in whole strides

    def places(self, sources: Array, outputs: int) -> Array:
        """Return which pixel stands at each position of each phase, from where all pixels stand."""
        count = outputs + int(self.distance.max())
        positions = np.arange(count) * self.stride + self.phases[:, None]
        beyond = positions >= len(sources)
        return np.where(beyond, -1, sources[np.minimum(positions, len(sources) - 1)])

    def begins(self, before: int, size: int) -> Array:
        """Return where the image begins in each phase, its first pixel there, and how many."""
        begin = np.maximum(-((self.phases - before) // self.stride), 0)
        first = begin * self.stride + self.phases - before
        return np.stack([begin, first, np.maximum(-((first - size) // self.stride), 0)], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """Sums of products for strips of outputs, all channels of a group at once."""

    taps: Array  # (groups, blocks of outputs, depth, outputs of a block), contiguous, floating
    inputs: int  # of a group
    outputs: int  # of a group
    rows: Steps
    columns: Steps

    def __call__(self, source: Array, sums: Array) -> None:
        """Write the correlation of the planes of `source` into those of `sums`."""
        rows, columns = (
            Axis(n, 0, 0, 0, steps.stride)
            for n, steps in zip(source.shape[1:], (self.rows, self.columns), strict=True)
        )
        places = [np.arange(n) for n in source.shape[1:]]
        if not sums.size:
            return
        out = sums if sums.dtype == self.taps.dtype else np.empty(sums.shape, self.taps.dtype)
        work = StraightChannels(self, (rows, columns), places, sums.shape[1:])
        work.run(source, out, 1)
        if out is not sums:
            sums[...] = out

    def straight(self, rows: Axis, columns: Axis, fill: Any, bias: Any) -> StraightChannels:
        """Return the same for whole images, borders included."""
        places = [axis.sources(*axis.window(0, axis.outputs)) for axis in (rows, columns)]
        shape = rows.outputs, columns.outputs
        return StraightChannels(self, (rows, columns), places, shape, fill, bias)


class StraightChannels:
    """All that a layer needs besides the image.

    Parameters
    ----------
    worker : Channels
        The layer.
    axes : (rows, columns)
        Of the image.
    places : (rows, columns)
        Which pixel stands at each position of the padded image.
    shape : (rows, columns)
        Of an output plane.
    fill : number
        What stands outside.
    bias : ndarray, shape (out, 1, 1), optional
        What is added.
    """

    __slots__ = ("_arrays", "_compiled", "_height", "_options", "_strip")

    def __init__(
        self,
        worker: Channels,
        axes: tuple[Axis, Axis],
        places: list[Array],
        shape: tuple[int, ...],
        fill: Any = 0,
        bias: Any = None,
    ) -> None:
        taps, rows, columns = worker.taps, worker.rows, worker.columns
        maps = [
            np.ascontiguousarray(steps.places(where, n), np.intp)
            for steps, where, n in zip((rows, columns), places, shape, strict=True)
        ]
        down, right = int(rows.distance.max()), int(columns.distance.max())
        wide = min(shape[1], _WIDEST)
        pitch = wide + right
        planes = worker.inputs * len(rows.phases) * len(columns.phases)
        high = min(max(_STRIP // (planes * pitch * taps.itemsize) - down, 1), shape[0])
        high = -(-shape[0] // -(-shape[0] // high))  # strips of about the same height
        # From plane to plane, and from line to line.
        area = (high + down) * pitch
        a = (rows.phase * len(columns.phases) * area + rows.distance * pitch)[:, None]
        b = columns.phase * area + columns.distance
        each = len(rows.phases) * len(columns.phases) * area
        offsets = np.arange(worker.inputs)[:, None, None] * each + a + b
        begins = columns.begins(axes[1].before, axes[1].size)
        addend = np.zeros(0) if bias is None else np.ravel(bias)
        self._arrays = taps, addend.astype(taps.dtype)
        self._options = (
            (*maps, begins.astype(np.intp), offsets.ravel().astype(np.intp)),
            (
                worker.inputs,
                worker.outputs,
                columns.stride,
                as_integer(fill, taps.dtype),
                high,
                wide,
            ),
        )
        self._strip, self._height = high, shape[0]
        self._compiled: Any = None

    def run(self, image: Array, out: Array, threads: int) -> bool:
        """Write the result for `image` into `out`, both of the shape and dtype planned for."""
        if self._compiled is None:
            self._compiled = compiled_channels(), compiled_sums(self._arrays[0].dtype)
        if out.strides[-1] != out.itemsize:
            copy = np.empty(out.shape, out.dtype)
            self.run(image, copy, threads)
            out[...] = copy
            return True
        batch = image.shape[:-3]
        count = prod(batch)
        strips = -(-self._height // self._strip)
        if threads > 1 and count * strips < threads * _STRIPS_EACH:
            strips = min(-(-threads * _STRIPS_EACH // max(count, 1)), self._height)
        edges = [self._height * n // strips for n in range(strips + 1)]

        def work(first: int, stop: int) -> None:
            for n in range(first, stop):
                sample, strip = divmod(n, strips)
                at = np.unravel_index(sample, batch) if batch else ()
                self._run(image[at], out[at], edges[strip], edges[strip + 1])

        for_strips(work, count * strips, threads)
        return True

    def _run(self, image: Array, out: Array, first: int, stop: int) -> None:
        taps, bias = self._arrays
        places, options = self._options
        steps = image.strides[0], out.strides[0]
        call, sums = self._compiled
        call(image[0], taps, bias, out[0], *sums, *places, *steps, *options, first, stop)


@cache
def compiled_channels() -> Any:
    """Return `products.correlate_channels`, past Numba's search for the right types."""
    from numba import types

    from kernfit.correlate.direct.products import correlate_channels

    number, unknown = types.intp, types.voidptr

    def array(dtype: Any, axes: int) -> Any:
        return types.Array(dtype, axes, "C", readonly=True)

    return correlate_channels.compile((
        types.Array(unknown, 2, "A", readonly=True), array(unknown, 4), array(unknown, 1),
        types.Array(unknown, 2, "A"), number, number, array(number, 2), array(number, 2),
        array(number, 2), array(number, 1), *[number] * 10,
    ))  # fmt: skip


@cache
def compiled_sums(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the addresses of the code that depends on the dtype."""
    from kernfit.correlate.direct.products import addresses_of_sums

    sums, addition = addresses_of_sums(dtype)
    return sums, addition


def channels_of(problem: Problem, dtype: np.dtype[np.generic]) -> Channels:
    """Return the worker for a layer, whose sums are kept in `dtype`."""
    weights, groups = problem.weights, problem.groups
    outputs = len(weights) // groups
    blocks = -(-outputs // OUTPUTS)
    # Outputs are filled up to whole blocks, and those of a block stand side by side.
    taps = np.zeros((groups, blocks * OUTPUTS, weights[0].size), dtype)
    taps[:, :outputs] = weights.reshape(groups, outputs, -1)
    taps = taps.reshape(groups, blocks, OUTPUTS, -1).transpose(0, 1, 3, 2)
    rows, columns = (
        _steps(*axis)
        for axis in zip(weights.shape[2:], problem.stride, problem.dilation, strict=True)
    )
    return Channels(np.ascontiguousarray(taps), weights.shape[1], outputs, rows, columns)


def _steps(taps: int, stride: int, dilation: int) -> Steps:
    distance, phase = np.divmod(np.arange(taps) * dilation, stride)
    phases, number = np.unique(phase, return_inverse=True)
    return Steps(stride, phases, number, distance)
