"""The direct method: every tap times every pixel, row by row.

Each output pixel is summed in one fixed order, ``a`` outer and ``b`` inner, so the result has the
same bits for any number of threads and any tiling of the output.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from kernfit.arrays import Array
from kernfit.correlate.threads import for_strips

_INTEGERS = "bhilqBHILQ"
SUPPORTED_PAIRS: frozenset[tuple[np.dtype[Any], np.dtype[Any]]] = frozenset(
    (np.dtype(image), np.dtype(sums))
    for image, sums in [
        ("f4", "f4"), ("f4", "f8"), ("f8", "f8"), ("u1", "i2"), ("u1", "i4"), ("i2", "i4"),
        ("u2", "i4"), ("c8", "c8"), ("c16", "c16"), *((code, "i8") for code in _INTEGERS),
    ]
)  # fmt: skip


def correlate_rows(image: Array, taps: Array, out: Array, *, threads: int = 1) -> None:
    """Write the valid correlation of `image` with `taps` into `out`.

    ``out[i, j] = sum over a, b of image[i + a, j + b] * taps[a, b]``

    Parameters
    ----------
    image : ndarray
        Shape (H, W), any strides; it may be read-only.
    taps : ndarray
        Shape (kh, kw), C-contiguous, of the dtype in which the sums are kept.
    out : ndarray
        Shape (H - kh + 1, W - kw + 1), the dtype of `taps`, unit stride in the last axis.
    threads : int
        How many threads may work at once. The result does not depend on it.

    Notes
    -----
    The caller has checked the shapes, and that integer sums fit the dtype of `taps`. The pairs of
    dtypes in `SUPPORTED_PAIRS` are fast; all others are exact and slow.
    """
    kernel = _sum_rows if (image.dtype, taps.dtype) in SUPPORTED_PAIRS else _sum_rows_plainly
    reach = taps.shape[0] - 1

    def work(first: int, stop: int) -> None:
        kernel(image[first : stop + reach], taps, out[first:stop])

    for_strips(work, out.shape[0] if out.shape[1] else 0, threads)


@njit(nogil=True, cache=True)  # type: ignore[misc]
def _sum_rows(image: Array, taps: Array, out: Array) -> None:
    height, width = out.shape
    for i in range(height):
        out[i, :] = 0
        for a in range(taps.shape[0]):
            for b in range(taps.shape[1]):
                tap = taps[a, b]
                for j in range(width):
                    out[i, j] += image[i + a, j + b] * tap


def _sum_rows_plainly(image: Array, taps: Array, out: Array) -> None:
    height, width = out.shape
    out[...] = 0
    for a, row in enumerate(taps):
        for b, tap in enumerate(row):
            out += image[a : a + height, b : b + width].astype(out.dtype) * tap
