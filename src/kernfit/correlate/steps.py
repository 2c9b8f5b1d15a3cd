"""The direct method with strides and dilation, and the way in to the one without."""

from __future__ import annotations

import numpy as np
from numba import njit

from kernfit.arrays import Array
from kernfit.correlate.direct import correlate_rows

Pair = tuple[int, int]
ONE = (1, 1)


def correlate_steps(
    image: Array, taps: Array, out: Array, stride: Pair = ONE, dilation: Pair = ONE
) -> None:
    """Write the valid correlation of `image` with `taps` into `out`.

    ``out[i, j] = sum over a, b of
    image[i * stride[0] + a * dilation[0], j * stride[1] + b * dilation[1]] * taps[a, b]``

    Parameters
    ----------
    image : ndarray, 2-D
        Exactly the pixels that `out` needs.
    taps : ndarray, 2-D
        Of the dtype of `out`, C-contiguous.
    out : ndarray, 2-D
        Unit stride in the last axis.
    stride, dilation : (rows, columns)
        Pixels between two windows, and between two taps.
    """
    if stride == ONE and dilation == ONE:
        correlate_rows(image, taps, out)
    elif taps.dtype.char in "gG":
        _sum_plainly(image, taps, out, stride, dilation)
    elif out.size:
        rows = np.repeat(np.arange(taps.shape[0]) * dilation[0], taps.shape[1])
        across = np.arange(taps.shape[1]) * dilation[1]
        source, columns = _phases(image, across, taps.dtype, stride[1])
        _sum_taps(source, rows, np.tile(columns, taps.shape[0]), taps.ravel(), stride[0], out)


def _phases(
    image: Array, across: Array, dtype: np.dtype[np.generic], step: int
) -> tuple[Array, Array]:
    """Return the image with every `step`-th column side by side, and where each tap's begin.

    Then a tap meets the pixels of neighbouring outputs in neighbouring memory.
    """
    source = np.empty(image.shape, dtype)
    starts, start = [], 0
    for phase in range(step):
        columns = image[:, phase::step]
        source[:, start : start + columns.shape[1]] = columns
        starts.append(start)
        start += columns.shape[1]
    return source, np.array(starts)[across % step] + across // step


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _sum_taps(
    source: Array, rows: Array, columns: Array, taps: Array, step: int, out: Array
) -> None:
    width = out.shape[1]
    total = np.empty(width, out.dtype)
    for i in range(out.shape[0]):
        total[:] = 0
        for t in range(taps.size):
            tap = taps[t]
            row = source[i * step + rows[t], columns[t] : columns[t] + width]
            for j in range(width):
                total[j] += row[j] * tap
        out[i] = total


def _sum_plainly(image: Array, taps: Array, out: Array, stride: Pair, dilation: Pair) -> None:
    """Sum with NumPy alone, for dtypes that the compiler does not know."""
    height, width = out.shape
    out[...] = 0
    for (a, b), tap in np.ndenumerate(taps):
        top, left = a * dilation[0], b * dilation[1]
        out += (
            image[
                top : top + (height - 1) * stride[0] + 1 : stride[0],
                left : left + (width - 1) * stride[1] + 1 : stride[1],
            ]
            * tap
        )
