"""Many channels at once: every tap of every channel is a pixel at a fixed distance.

The rows of all input channels that a strip of outputs needs are copied one after another, the
phases of a stride each on its own. The outputs of the strip are then positions in one long row, and
the pixel under a tap lies equally far from each of them. Where a row's outputs end, a few positions
belong to no output; their sums are left behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.problem import Problem

_STRIP = 1 << 20  # bytes of pixels and sums, to stay in the second-level cache
_WIDEST = 512  # outputs
# Those of `products.py`, which loads Numba.
OUTPUTS = 8
_POSITIONS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The taps along one axis, in steps of the stride."""

    stride: int
    phases: Array  # that there are: how far from a whole number of strides a tap can be
    phase: Array  # of each tap, as its place in `phases`
    distance: Array  # of each tap, in whole strides


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """Sums of products for strips of outputs, all channels of a group at once."""

    taps: Array  # (groups, blocks of outputs, depth, outputs of a block), contiguous, floating
    outputs: int  # of a group
    rows: Steps
    columns: Steps

    def __call__(self, source: Array, sums: Array) -> None:
        """Write the correlation of the planes of `source` into those of `sums`."""
        height, width = sums.shape[1:]
        if not sums.size:
            return
        groups, blocks = self.taps.shape[:2]
        inputs = len(source) // groups
        wide = min(width, _WIDEST)
        planes = inputs * len(self.rows.phases) * len(self.columns.phases) + blocks * OUTPUTS
        high = min(max(_STRIP // (planes * wide * source.itemsize), 1), height)
        for i in range(0, height, high):
            for j in range(0, width, wide):
                window = source[:, i * self.rows.stride :, j * self.columns.stride :]
                target = sums[:, i : i + high, j : j + wide]
                for g in range(groups):
                    pixels = window[g * inputs : (g + 1) * inputs]
                    part = target[g * self.outputs : (g + 1) * self.outputs]
                    self._sum(pixels, self.taps[g], part)

    def _sum(self, source: Array, taps: Array, target: Array) -> None:
        from kernfit.correlate.products import sum_products  # only where used: it loads Numba

        rows, columns = self.rows, self.columns
        height, width = target.shape[1:]
        pitch = width + int(columns.distance.max())
        shape = (
            len(source),
            len(rows.phases),
            len(columns.phases),
            height + int(rows.distance.max()),
            pitch,
        )
        # The last positions look beyond the last pixel, at what must be a number all the same.
        pixels = np.zeros(prod(shape) + pitch + _POSITIONS, taps.dtype)
        copy = pixels[: prod(shape)].reshape(shape)
        for a, i in enumerate(rows.phases):
            for b, j in enumerate(columns.phases):
                part = source[:, i :: rows.stride, j :: columns.stride][:, : shape[3], :pitch]
                copy[:, a, b, : part.shape[1], : part.shape[2]] = part
        channel, row, column, line, _ = (prod(shape[n:]) for n in range(1, 6))
        down = rows.phase * row + rows.distance * line
        right = columns.phase * column + columns.distance
        offsets = np.arange(len(source))[:, None, None] * channel + down[:, None] + right
        count = -(-height * pitch // _POSITIONS) * _POSITIONS
        sums = np.empty((len(taps), OUTPUTS, count), taps.dtype)
        sum_products(pixels, offsets.ravel(), taps, sums)
        lines = sums.reshape(-1, count)[: self.outputs, : height * pitch]
        target[...] = lines.reshape(-1, height, pitch)[:, :, :width]


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
    return Channels(np.ascontiguousarray(taps), outputs, rows, columns)


def _steps(taps: int, stride: int, dilation: int) -> Steps:
    distance, phase = np.divmod(np.arange(taps) * dilation, stride)
    phases, number = np.unique(phase, return_inverse=True)
    return Steps(stride, phases, number, distance)
