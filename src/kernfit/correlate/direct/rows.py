"""The direct method: every tap times every pixel.

Each output pixel is summed in one fixed order, ``a`` outer and ``b`` inner, so the result has the
same bits for any number of threads and any tiling of the output.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.threads import for_strips

Strip = Callable[[Array, Array, Array], object]

Pair = tuple[np.dtype[Any], np.dtype[Any]]


def _pairs(*codes: tuple[str, str]) -> frozenset[Pair]:
    return frozenset((np.dtype(image), np.dtype(sums)) for image, sums in codes)


COMPILED_PAIRS = _pairs(
    *(("f4", "f4"), ("f8", "f8"), ("i8", "i8")),
    *(("u1", "i2"), ("i2", "i4"), ("u2", "i4")),
)
"""Pairs of dtypes for which there is vector code: of the pixels, and of the taps and sums."""

# Those of integers with fractional taps, whose sums become levels, see `levels.py`.
_LEVELS = _pairs(("u1", "f4"), ("i1", "f4"), ("u2", "f8"), ("i2", "f8"))

# Those whose pixels are converted on the way, a few rows at a time, to spare compiling more.
_CONVERTED = _pairs(
    *(("f4", "f8"), ("u1", "i4")),
    *((code, "i8") for code in ("i1", "i2", "i4", "u1", "u2", "u4", "u8")),
)
_COMPLEX = _pairs(("c8", "c8"), ("c16", "c16"))

SUPPORTED_PAIRS = COMPILED_PAIRS | _CONVERTED | _COMPLEX
"""Pairs of dtypes that are fast: of the pixels, and of the taps and sums."""

_WORTH_A_THREAD = 2**21  # multiplications; below about 50 microseconds a thread comes too late
# Copies are made of one tile after another, so that they stay in the cache.
_TILE_COLUMNS = 2048
_TILE_BYTES = 2**19

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


def correlate_planes(images: Array, taps: Array, out: Array) -> None:
    """Write the valid correlation of planes into those of `out`, with taps for each of these.

    Many small planes take much less time so than one by one.

    Parameters
    ----------
    images : ndarray, shape (n, H, W)
        Each serves as many planes of `out`, one after another.
    taps : ndarray, shape (m, kh, kw)
        C-contiguous, of the dtype in which the sums are kept; m is a multiple of n.
    out : ndarray, shape (m, H - kh + 1, W - kw + 1)
        The dtype of `taps`, unit stride in the last axis.
    """
    count, each = len(images), len(out) // len(images)
    if (images.dtype, taps.dtype) not in COMPILED_PAIRS:
        for n, target in enumerate(out):
            correlate_rows(images[n // each], taps[n], target)
        return
    places = [_numbers_up_to(n) for n in images.shape[1:]]
    steps = images.strides[0], out.strides[0], each
    strip = compiled_strip(images.dtype, taps.dtype)
    compiled_planes()(
        images[0], taps, out[0], strip, *places, 0, 0, 0, *steps, 0, count, 0, out.shape[1], False
    )


def _prepare(pair: Pair) -> Strip:
    """Return the function for a pair of dtypes; vector code is compiled, or loaded, now."""
    strip: Strip
    if pair in COMPILED_PAIRS | _LEVELS:
        strip = partial(_compiled_strip, compiled_planes(), compiled_strip(*pair))
    elif pair in _CONVERTED:
        strip = _through_scratch
    elif pair in _COMPLEX:
        part = np.empty(0, pair[1]).real.dtype
        real = partial(_compiled_strip, compiled_planes(), compiled_strip(part, part))
        strip = partial(_by_parts, real)
    else:
        strip = _sum_plainly
    _strips[pair] = strip
    return strip


@cache
def compiled_planes() -> Any:
    """Return `planes.correlate_planes`, past Numba's search for the right types."""
    # Here, since Numba takes most of a second to import.
    from numba import types

    from kernfit.correlate.direct.planes import correlate_planes

    number = types.intp
    # Of elements that nobody knows.
    image, taps = (
        types.Array(types.voidptr, *kind, readonly=True) for kind in ((2, "A"), (3, "C"))
    )
    out = types.Array(types.voidptr, 2, "A")
    places = types.Array(number, 1, "C", readonly=True)
    return correlate_planes.compile((image, taps, out, number, places, places, *([number] * 11)))


@cache
def compiled_strip(pixels: np.dtype[Any], sums: np.dtype[Any]) -> int:
    """Return the address of the code that sums these dtypes, for what `compiled_planes` returns.

    The pair must be one for which there is vector code.
    """
    from kernfit.correlate.vectors.strips import address_of_strip

    return int(address_of_strip(pixels, sums))


def as_integer(value: Any, dtype: np.dtype[Any]) -> int:
    """Return the integer that has the same bytes as a number of this dtype."""
    return int.from_bytes(np.asarray(value, dtype).tobytes(), sys.byteorder, signed=True)


def _compiled_strip(compiled: Any, strip: int, image: Array, taps: Array, out: Array) -> None:
    places = [_numbers_up_to(n) for n in image.shape]
    compiled(image, taps[None], out, strip, *places, 0, 0, 0, 0, 0, 1, 0, 1, 0, len(out), False)


@lru_cache(maxsize=64)
def _numbers_up_to(count: int) -> Array:
    numbers = np.arange(count, dtype=np.intp)
    numbers.flags.writeable = False
    return numbers


def _through_scratch(image: Array, taps: Array, out: Array) -> None:
    """Correlate copies that have a dtype for which there is vector code."""
    dtype = np.dtype("i2") if taps.dtype == np.int32 else taps.dtype
    compiled = compiled_planes(), compiled_strip(dtype, taps.dtype)
    rows, columns = _tile_shape(image, taps, out)
    pixels = np.empty((rows + taps.shape[0] - 1) * (columns + taps.shape[1] - 1), dtype)
    for source, target in _tiles(image, taps, out, (rows, columns)):
        copy = pixels[: source.size].reshape(source.shape)
        copy[...] = source
        _compiled_strip(*compiled, copy, taps, target)


def _tile_shape(image: Array, taps: Array, out: Array) -> tuple[int, int]:
    """Return the rows and columns of tiles whose copies stay in the cache."""
    # Across the memory of a transposed image, short rows: each touches a line for every column.
    most = _TILE_COLUMNS if abs(image.strides[0]) >= abs(image.strides[1]) else 128
    columns = max(1, min(out.shape[1], most))
    return min(out.shape[0], max(taps.shape[0], _TILE_BYTES // (columns * out.itemsize))), columns


def _tiles(
    image: Array, taps: Array, out: Array, shape: tuple[int, int]
) -> Iterator[tuple[Array, Array]]:
    """Cut `out` into tiles; yield each with the part of the image that it needs, before it."""
    rows, columns = shape
    for i in range(0, out.shape[0], rows or 1):
        for j in range(0, out.shape[1], columns):
            target = out[i : i + rows, j : j + columns]
            bottom, right = (
                start + n + k - 1
                for start, n, k in zip((i, j), target.shape, taps.shape, strict=True)
            )
            yield image[i:bottom, j:right], target


def _by_parts(real: Strip, image: Array, taps: Array, out: Array) -> None:
    """Correlate the real and imaginary parts of the image with those of the taps."""
    taps_real, taps_imag = (np.ascontiguousarray(part) for part in (taps.real, taps.imag))
    shape = _tile_shape(image, taps, out)
    halo = tuple(n + k - 1 for n, k in zip(shape, taps.shape, strict=True))
    pixels = np.empty((2, *halo), taps_real.dtype)
    sums = np.empty((2, *shape), taps_real.dtype)
    # Infinity less infinity is a value like any other here, not worth a warning.
    with np.errstate(all="ignore"):
        for source, target in _tiles(image, taps, out, shape):
            x, y = pixels[:, : source.shape[0], : source.shape[1]]
            u, v = sums[:, : target.shape[0], : target.shape[1]]
            x[...], y[...] = source.real, source.imag
            real(x, taps_real, u)
            real(y, taps_imag, v)
            np.subtract(u, v, out=target.real)
            real(x, taps_imag, u)
            real(y, taps_real, v)
            np.add(u, v, out=target.imag)


def _sum_plainly(image: Array, taps: Array, out: Array) -> None:
    """Sum with NumPy alone, for dtypes without vector code."""
    height, width = out.shape
    out[...] = 0
    with np.errstate(all="ignore"):
        for (a, b), tap in np.ndenumerate(taps):
            out += image[a : a + height, b : b + width].astype(out.dtype) * tap
