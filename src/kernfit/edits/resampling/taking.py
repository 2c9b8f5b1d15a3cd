"""Take samples of a picture, compiled: along its axes one after the other, or anywhere."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array
from kernfit.compiled import njit
from kernfit.correlate.threads import for_strips
from kernfit.edits.resampling.axis import AxisWeights
from kernfit.edits.resampling.filters import Filter

_PHASES = 2048  # steps of the table within a pixel; between them weights are interpolated


def take_along_axes(
    planes: Array, rows: AxisWeights, columns: AxisWeights, *, top: float | None = None
) -> Array:
    """Return pictures resampled along rows, then along columns.

    Parameters
    ----------
    planes : ndarray
        (channels, rows, columns), float64.
    rows, columns : AxisWeights
        For the outputs along each axis.
    top : float, optional
        The highest level, if levels are rounded to whole ones between the axes, as Pillow does.

    Returns
    -------
    ndarray
        (channels, outputs along rows, outputs along columns), float64.
    """
    low = int(np.clip(rows.first.min(), 0, planes.shape[1] - 1))
    high = int(np.clip(rows.first.max() + rows.weights.shape[1], low + 1, planes.shape[1]))
    wide = np.empty((len(planes), high - low, len(columns.first)))
    done = np.empty((len(planes), len(rows.first), len(columns.first)))
    for plane, between, out in zip(planes, wide, done, strict=True):
        for_strips(
            lambda a, b, p=plane[low:high], o=between: _columns(  # type: ignore[misc]
                p[a:b], columns.first, columns.weights, o[a:b]
            ),
            high - low,
            2,
        )
        if top is not None:
            np.clip(np.floor(between + 0.5), 0, top, out=between)
        for_strips(
            lambda a, b, p=between, o=out: _rows(  # type: ignore[misc]
                p, rows.first[a:b] - low, rows.weights[a:b], o[a:b]
            ),
            len(rows.first),
            2,
        )
    return done


def take_anywhere(
    planes: Array,
    matrix: Array,
    start: Array,
    shape: tuple[int, int],
    kind: Filter,
    *,
    quantum: float = 0.0,
) -> Array:
    """Return samples of pictures on an affine grid.

    Parameters
    ----------
    planes : ndarray
        (channels, rows, columns), float64; their border goes on.
    matrix : ndarray
        2 x 2: from a step in (row, column) of the output to one in the input.
    start : ndarray
        (row, column) of the input at the output's first pixel.
    shape : pair of int
        Rows and columns of the output.
    kind : Filter
    quantum : float
        If not 0, places are rounded to multiples of it: 1/32 in OpenCV.

    Returns
    -------
    ndarray
        (channels, rows, columns), float64.
    """
    done = np.empty((len(planes), *shape))
    table = _table(kind)
    for plane, out in zip(planes, done, strict=True):
        for_strips(
            lambda a, b, p=plane, o=out: _anywhere(  # type: ignore[misc]
                p, matrix, start, a, table, 1 / quantum if quantum else 0.0, o[a:b]
            ),
            shape[0],
            2,
        )
    return done


def _table(kind: Filter) -> Array:
    """Return weights by phase, (phases + 1, taps); one tap is the nearest pixel."""
    if kind.name in ("nearest", "box"):
        return np.ones((2, 1))
    half = int(np.ceil(kind.radius))
    phases = np.arange(_PHASES + 1) / _PHASES
    weights = kind(np.arange(1 - half, half + 1) - phases[:, np.newaxis])
    return np.asarray(weights / weights.sum(1, keepdims=True))


@njit(nogil=True, cache=True)
def _columns(plane: Array, first: Array, weights: Array, out: Array) -> None:
    last = plane.shape[1] - 1
    for i in range(plane.shape[0]):
        for j in range(first.shape[0]):
            total = 0.0
            for t in range(weights.shape[1]):
                total += weights[j, t] * plane[i, min(max(first[j] + t, 0), last)]
            out[i, j] = total


@njit(nogil=True, cache=True)
def _rows(plane: Array, first: Array, weights: Array, out: Array) -> None:
    last = plane.shape[0] - 1
    for i in range(first.shape[0]):
        out[i] = 0.0
        for t in range(weights.shape[1]):
            row = min(max(first[i] + t, 0), last)
            weight = weights[i, t]
            for j in range(plane.shape[1]):
                out[i, j] += weight * plane[row, j]


@njit(nogil=True, cache=True)
def _anywhere(
    plane: Array, matrix: Array, start: Array, top: int, table: Array, fine: float, out: Array
) -> None:
    bottom, right = plane.shape[0] - 1, plane.shape[1] - 1
    taps, phases = table.shape[1], table.shape[0] - 1
    before = taps // 2 - 1
    down, across = np.empty(taps), np.empty(taps)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            row = start[0] + matrix[0, 0] * (i + top) + matrix[0, 1] * j
            column = start[1] + matrix[1, 0] * (i + top) + matrix[1, 1] * j
            if fine != 0.0:
                row = np.floor(row * fine + 0.5) / fine
                column = np.floor(column * fine + 0.5) / fine
            if taps == 1:
                y = min(max(int(np.floor(row + 0.5 + 1e-9)), 0), bottom)
                x = min(max(int(np.floor(column + 0.5 + 1e-9)), 0), right)
                out[i, j] = plane[y, x]
                continue
            y, x = int(np.floor(row)), int(np.floor(column))
            p, q = (row - y) * phases, (column - x) * phases
            m, n = min(int(p), phases - 1), min(int(q), phases - 1)
            p, q = p - m, q - n
            for t in range(taps):
                down[t] = table[m, t] + p * (table[m + 1, t] - table[m, t])
                across[t] = table[n, t] + q * (table[n + 1, t] - table[n, t])
            total = 0.0
            if (
                y >= before
                and x >= before
                and y + taps - before <= bottom
                and (x + taps - before <= right)
            ):
                for s in range(taps):
                    part = 0.0
                    for t in range(taps):
                        part += across[t] * plane[y - before + s, x - before + t]
                    total += down[s] * part
            else:
                for s in range(taps):
                    part = 0.0
                    r = min(max(y - before + s, 0), bottom)
                    for t in range(taps):
                        c = min(max(x - before + t, 0), right)
                        part += across[t] * plane[r, c]
                    total += down[s] * part
            out[i, j] = total
