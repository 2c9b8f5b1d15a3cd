"""Blocks of an image, two at a time, through the transform of `transform.py`."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from scipy.fft import fft2

from kernfit.arrays import Array
from kernfit.correlate.fourier import layer_blocks
from kernfit.correlate.fourier.transform import compiled, order_of, twiddles_of
from kernfit.correlate.vectors.strips import vector_bytes
from kernfit.errors import InvalidInput
from kernfit.heap import empty_in_lines

Pair = tuple[int, int]
Dtype = np.dtype[Any]

_LARGEST = 5 << 19  # bytes of a stack that is kept for the next call
_SHEET = 256  # bytes of a row of strips that are read together: a few cache lines
PAD = 8  # rows after those of a strip, lest all strips of a stack meet in the same cache lines


def spectrum_of(taps: Array, size: Pair, dtype: Dtype) -> Array:
    """Return what the transform of a block of `size` is multiplied by, for `correlate_blocks`.

    Parameters
    ----------
    taps : ndarray, 2-D
        Real for real images and complex for complex ones; no larger than the block.
    size : (rows, columns)
        Of the transform: 4^n, 2 * 4^n or 3 * 4^n; from 16 rows and 32 columns on. A block of a
        real image has twice as many rows.
    dtype : numpy.dtype
        Of the real parts, in which blocks will be transformed.

    Returns
    -------
    ndarray
        A stack of strips.
    """
    whole = np.zeros(size, "c16")
    if taps.dtype.kind == "c":
        whole[: len(taps), : taps.shape[1]] = taps.conj()
    else:
        # As `_correlate` folds blocks: the lower half of the rows becomes imaginary parts. The
        # spectrum of the flipped kernel is the conjugate of that of the conjugate taps.
        lower = taps[size[0] :]
        whole.real[: len(taps), : taps.shape[1]] = taps[: size[0]]
        whole.imag[: len(lower), : taps.shape[1]] = lower
        whole *= np.exp(np.arange(size[0]) * 0.5j * np.pi / size[0])[:, None]
    return _strips_of(fft2(whole, overwrite_x=True), dtype)


def _strips_of(spectrum: Array, dtype: Dtype) -> Array:
    """Return the conjugate of a spectrum, over its size, in the order of a stack."""
    # In double precision whatever the dtype: its error then counts once.
    (rows, columns), wide = spectrum.shape, _lanes(dtype)
    down, along = order_of(rows), order_of(columns)
    strips = empty_in_lines((rows // wide, 2, columns, wide), dtype)
    for n, strip in enumerate(strips):
        # Lanes are rows of frequencies, dealt out to vectors.
        lanes = spectrum[down[n * wide : (n + 1) * wide]].T[along]
        np.divide(lanes.real, rows * columns, out=strip[0], casting="same_kind")
        np.divide(lanes.imag, -rows * columns, out=strip[1], casting="same_kind")
    return strips


def correlate_blocks(
    source: tuple[Array, Array] | tuple[Array],
    spectrum: Array,
    taps: Pair,
    out: tuple[Array, Array] | tuple[Array],
    *,
    before: Pair = (0, 0),
    add: bool = False,
    which: Pair | None = None,
    ranges: Array | None = None,
) -> None:
    """Write the valid correlation of `source` with the kernel of a spectrum into `out`.

    Parameters
    ----------
    source : 1 or 2 arrays, 2-D
        A real image, or the real and the imaginary parts of a complex one.
    spectrum : ndarray
        Of `spectrum_of`, in the dtype of `source`.
    taps : (rows, columns)
        The size of the kernel. It may be given as smaller by as many rows or columns of zeros as
        `source` begins and ends with, if then one block is enough for these.
    out : as many arrays
        Unit stride in the last axis; `source` has zeros around it for as many windows.
    before : (rows, columns)
        How far the first window begins before `source`; less than 0 for within it.
    add : bool
        Whether to add to what is there.
    which : (first, stop), optional
        Which blocks to do, row after row of those that `out` falls into. Default: all.
    ranges : ndarray, shape (blocks, 3), optional
        Of the dtype of `source`. For each of the blocks, of its cells of 16x16 pixels, each by its
        largest magnitude: the least that is not zero, the greatest, and how many are all zeros.
        They are combined with what is there.
    """
    dtype = spectrum.dtype
    folded = len(source) == 1
    size = len(spectrum) * spectrum.shape[3], spectrum.shape[2]
    spans = size[0] * (2 if folded else 1), size[1]
    shape = out[0].shape
    if not all(1 <= t <= n for t, n in zip(taps, spans, strict=True)):
        raise InvalidInput(f"taps must be 1x1 to {spans[0]}x{spans[1]}, got {taps[0]}x{taps[1]}")
    if source[0].shape != source[-1].shape or shape != out[-1].shape:
        raise InvalidInput("real and imaginary parts must have one shape")
    if not all(x.dtype == dtype for x in (*source, *out)):
        raise InvalidInput(f"source and out must be {dtype}, as the spectrum is")
    if not all(x.strides[1] == x.itemsize and x.flags.writeable for x in out):
        raise InvalidInput("out must be writeable, and the pixels of a row next to each other")
    count = prod(-(-n // (b - t + 1)) for n, b, t in zip(shape, spans, taps, strict=True))
    first, stop = which or (0, count)
    if not 0 <= first <= stop <= count:
        raise InvalidInput(f"there are {count} blocks, got {first} to {stop}")
    if ranges is None:
        ranges = np.empty((0, 3), dtype)
    elif ranges.shape != (stop - first, 3) or ranges.dtype != dtype:
        raise InvalidInput(f"ranges must have three numbers for every block, {dtype}")
    # Vectors are loaded and stored whole.
    a, b = (
        x if x.strides[1] == x.itemsize else np.ascontiguousarray(x)
        for x in (source[0], source[-1])
    )
    strips, stack, peaks = memory = _take(size, dtype)
    compiled(dtype)(
        *(a, b, folded, *before, *taps, spectrum),
        *(twiddles_of(size[0], dtype, folded), twiddles_of(size[1], dtype), strips, stack),
        *(out[0], out[-1], add, first, stop, peaks, ranges),
    )
    if stack.nbytes <= _LARGEST:
        _idle.append((size, dtype, memory))


# A few megabytes, of the last calls: what is taken anew has to be cleared by the system.
_idle: deque[tuple[Pair, Dtype, tuple[Array, Array, Array]]] = deque(maxlen=4)


def _take(size: Pair, dtype: Dtype) -> tuple[Array, Array, Array]:
    """Return memory for strips, a stack and peaks, which may have been used before."""
    try:
        known, number, found = _idle.pop()
        if (known, number) == (size, dtype):
            return found
    except IndexError:
        pass
    strips, stack = scratch(size, dtype)
    return strips, stack, np.empty(len(strips) * strips.shape[3] + 3, dtype)


def layer_spectra(weights: Array, size: Pair, dtype: Dtype) -> Array:
    """Return the spectra of the kernels of a layer, for `correlate_layer`.

    Parameters
    ----------
    weights : ndarray, shape (out, in, kh, kw)
        Real.
    size, dtype
        As for `spectrum_of`.

    Returns
    -------
    ndarray
        For each frequency a matrix, with an even number of outputs.
    """
    outputs, inputs = weights.shape[:2]
    wide = _lanes(dtype)
    even = outputs + outputs % 2
    spectra = np.zeros((size[0] // wide, size[1], even, inputs, 2, wide), dtype)
    for o, taps in enumerate(weights):
        for c, each in enumerate(fft2(taps.astype("f8"), size)):
            spectra[:, :, o, c] = _strips_of(each, dtype).transpose(0, 2, 1, 3)
    return spectra


def correlate_layer(source: Array, spectra: Array, taps: Pair, out: Array) -> None:
    """Write the valid correlation of all planes of `source` into those of `out`.

    Parameters
    ----------
    source : ndarray, shape (in, H, W)
        Real.
    spectra : ndarray
        Of `layer_spectra`, in the dtype of `source`.
    taps : (rows, columns)
        The size of the kernels.
    out : ndarray, shape (out, H - kh + 1, W - kw + 1)
        Unit stride in the last axis.
    """
    dtype = spectra.dtype
    even, inputs, _, wide = spectra.shape[2:]
    size = len(spectra) * wide, spectra.shape[1]
    whole = tuple(n + t - 1 for n, t in zip(out.shape[1:], taps, strict=True))
    if source.shape != (inputs, *whole) or len(out) not in (even - 1, even):
        raise InvalidInput("out must have the shape of the planes less that of the taps, plus 1")
    if source.strides[2] != source.itemsize:
        source = np.ascontiguousarray(source)
    blocks = prod(-(-n // (b - t + 1)) for n, b, t in zip(out.shape[1:], size, taps, strict=True))
    pairs = (blocks + 1) // 2
    strips, stack = scratch(size, dtype)
    stacks, sums = (_stacks((pairs, planes), stack) for planes in (inputs, even))
    pixels = np.empty((inputs, pairs, 2, wide), dtype)
    down, along = (twiddles_of(n, dtype) for n in size)
    layer_blocks.compiled(dtype)(
        *(source, *taps, spectra, down, along, strips, stacks, sums, pixels, out)
    )


@lru_cache
def _lanes(dtype: Dtype) -> int:
    return vector_bytes() // dtype.itemsize


def _stacks(count: Pair, like: Array) -> Array:
    """Return memory for stacks, of which the same place of all falls into different cache lines."""
    strips, parts, length, wide = like.shape
    each = strips * parts * (length + PAD) * wide
    # An odd number of lines apart, or vectors at least.
    memory = empty_in_lines((*count, each + (wide if each // wide % 2 == 0 else 0)), like.dtype)
    whole = memory[..., :each].reshape(*count, strips, parts, length + PAD, wide)
    return whole[..., :length, :]


def scratch(size: Pair, dtype: Dtype) -> tuple[Array, Array]:
    """Return memory for a sheet of strips of columns, and for the stack of strips of rows."""
    wide = _lanes(dtype)
    most = _SHEET // (wide * dtype.itemsize)
    count = max(n for n in range(1, most + 1) if size[1] // wide % n == 0)
    strips = empty_in_lines((count, 2, size[0] + PAD, wide), dtype)
    stack = empty_in_lines((size[0] // wide, 2, size[1] + PAD, wide), dtype)
    return strips[:, :, : size[0]], stack[:, :, : size[1]]
