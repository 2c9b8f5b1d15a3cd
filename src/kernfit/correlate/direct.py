"""The direct method: every tap times every pixel.

Each output pixel is summed in one fixed order, ``a`` outer and ``b`` inner, so the result has the
same bits for any number of threads and any tiling of the output.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.threads import for_strips

Strip = Callable[[Array, Array, Array], object]

Pair = tuple[np.dtype[Any], np.dtype[Any]]


def _pairs(*codes: tuple[str, str]) -> frozenset[Pair]:
    return frozenset((np.dtype(image), np.dtype(sums)) for image, sums in codes)


# Those for which there is vector code: dtype of the pixels, dtype of the taps and sums.
_COMPILED = _pairs(
    *(("f4", "f4"), ("f8", "f8"), ("i8", "i8")),
    *(("u1", "i2"), ("u1", "i4"), ("i2", "i4"), ("u2", "i4")),
)
# Those whose pixels are converted on the way, row by row.
_CONVERTED = _pairs(
    ("f4", "f8"), *((code, "i8") for code in ("i1", "i2", "i4", "u1", "u2", "u4", "u8"))
)
_COMPLEX = _pairs(("c8", "c8"), ("c16", "c16"))

SUPPORTED_PAIRS = _COMPILED | _CONVERTED | _COMPLEX
"""Pairs of dtypes that are fast: of the pixels, and of the taps and sums."""

_WORTH_A_THREAD = 2**21  # multiplications; below about 50 microseconds a thread comes too late
_SCRATCH_BYTES = 2**19  # at a time, so that it stays in the cache

_strips: dict[Pair, Strip] = {}


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
    dtypes in `SUPPORTED_PAIRS` are fast; all others are right but slow.
    """
    pair = image.dtype, taps.dtype
    strip = _strips.get(pair) or _prepare(pair)
    if threads > 1:
        threads = min(threads, 1 + out.size * taps.size // _WORTH_A_THREAD)
    if threads == 1:
        strip(image, taps, out)
        return
    reach = taps.shape[0] - 1

    def work(first: int, stop: int) -> None:
        strip(image[first : stop + reach], taps, out[first:stop])

    for_strips(work, out.shape[0], threads)


def _prepare(pair: Pair) -> Strip:
    """Return the function for a pair of dtypes; vector code is compiled, or loaded, now."""
    strip: Strip
    if pair in _COMPILED:
        strip = _compiled_strip(_compile(*pair))
    elif pair in _CONVERTED:
        strip = partial(_through_scratch, _compile(pair[1], pair[1]))
    elif pair in _COMPLEX:
        part = np.empty(0, pair[1]).real.dtype
        strip = partial(_by_parts, _compiled_strip(_compile(part, part)))
    else:
        strip = _sum_plainly
    _strips[pair] = strip
    return strip


def _compile(pixels: np.dtype[Any], sums: np.dtype[Any]) -> Any:
    """Return `correlate_strip` for these dtypes, past Numba's search for the right types."""
    # Here, since Numba takes most of a second to import.
    from numba import from_dtype, types

    from kernfit.correlate.vector import correlate_strip

    image, total = from_dtype(pixels), from_dtype(sums)
    return correlate_strip.compile(
        types.boolean(
            types.Array(image, 2, "A", readonly=True),
            types.Array(total, 2, "C", readonly=True),
            types.Array(total, 2, "A"),
        )
    )


def _compiled_strip(compiled: Any) -> Strip:
    def strip(image: Array, taps: Array, out: Array) -> None:
        if not compiled(image, taps, out):
            _through_scratch(compiled, image, taps, out)

    return strip


def _through_scratch(compiled: Any, image: Array, taps: Array, out: Array) -> None:
    """Correlate copies that have the dtype, the layout and the width that `compiled` wants."""
    height, width = out.shape
    tall, broad = taps.shape
    wide = max(width, 64)  # no vector has more lanes than bytes
    columns = wide + broad - 1
    step = max(tall, _SCRATCH_BYTES // (columns * taps.itemsize))
    step = min(step, height)
    scratch = np.zeros((step + tall - 1, columns), _pixels_of(taps.dtype, image.dtype))
    sums = np.empty((step, wide), out.dtype)
    for first in range(0, height if width else 0, step or 1):
        rows = min(step, height - first)
        copy = scratch[: rows + tall - 1]
        copy[:, : image.shape[1]] = image[first : first + rows + tall - 1]
        if not compiled(copy, taps, sums[:rows]):
            raise AssertionError("scratch memory must be fit for vector code")
        out[first : first + rows] = sums[:rows, :width]


def _pixels_of(sums: np.dtype[Any], image: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the pixels for which there is vector code."""
    return image if (image, sums) in _COMPILED else sums


def _by_parts(real: Strip, image: Array, taps: Array, out: Array) -> None:
    """Correlate the real and imaginary parts of the image with those of the taps."""
    tall = taps.shape[0]
    taps_real, taps_imag = (np.ascontiguousarray(part) for part in (taps.real, taps.imag))
    step = max(tall, _SCRATCH_BYTES // max(1, image[:1].nbytes))
    one, two = (np.empty((min(step, out.shape[0]), out.shape[1]), taps_real.dtype) for _ in "12")
    # Infinity less infinity is a value like any other here, not worth a warning.
    with np.errstate(all="ignore"):
        for first in range(0, out.shape[0], step):
            target = out[first : first + step]
            rows = image[first : first + target.shape[0] + tall - 1]
            rows_real, rows_imag = (np.ascontiguousarray(part) for part in (rows.real, rows.imag))
            a, b = one[: target.shape[0]], two[: target.shape[0]]
            real(rows_real, taps_real, a)
            real(rows_imag, taps_imag, b)
            np.subtract(a, b, out=target.real)
            real(rows_real, taps_imag, a)
            real(rows_imag, taps_real, b)
            np.add(a, b, out=target.imag)


def _sum_plainly(image: Array, taps: Array, out: Array) -> None:
    """Sum with NumPy alone, for dtypes without vector code."""
    height, width = out.shape
    out[...] = 0
    with np.errstate(all="ignore"):
        for (a, b), tap in np.ndenumerate(taps):
            out += image[a : a + height, b : b + width].astype(out.dtype) * tap
