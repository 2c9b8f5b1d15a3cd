"""Blocks of an image, two at a time, through the transform of `fft.py`."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from scipy.fft import fft2

from kernfit.arrays import Array
from kernfit.correlate import fft_layers
from kernfit.correlate.fft import compiled, order_of, twiddles_of
from kernfit.correlate.vector import vector_bytes
from kernfit.errors import InvalidInput

Pair = tuple[int, int]
Dtype = np.dtype[Any]

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
    if taps.dtype.kind == "c":
        return np.ascontiguousarray(_spectra(taps.astype("c16"), size, dtype))
    # As `_correlate` folds blocks: the lower half of the rows becomes imaginary parts.
    lower = taps[size[0] :]
    folded = np.zeros((min(size[0], len(taps)), taps.shape[1]), "c16")
    folded.real = taps[: size[0]]
    folded.imag[: len(lower)] = lower
    folded *= np.exp(np.arange(len(folded)) * 0.5j * np.pi / size[0])[:, None]
    return np.ascontiguousarray(_spectra(folded.conj(), size, dtype))


def _spectra(taps: Array, size: Pair, dtype: Dtype) -> Array:
    """Return the spectra of kernels, shape (..., strips, 2, columns, lanes)."""
    # In double precision whatever the dtype: its error then counts once. The spectrum of the
    # flipped kernel is the conjugate of that of the conjugate taps.
    found = fft2(taps.conj().astype("c16" if taps.dtype.kind == "c" else "f8"), size).conj()
    found /= size[0] * size[1]
    down, along = (order_of(n) for n in size)
    found = found[..., down[:, None], along]
    # Lanes are rows of frequencies, dealt out to vectors.
    parts = np.stack([found.real, found.imag], -3).astype(dtype)
    lanes = parts.reshape(*taps.shape[:-2], 2, -1, _lanes(dtype), size[1])
    return np.moveaxis(lanes, (-3, -4, -1, -2), (-4, -3, -2, -1))


def correlate_blocks(
    source: tuple[Array, Array] | tuple[Array],
    spectrum: Array,
    taps: Pair,
    out: tuple[Array, Array] | tuple[Array],
    *,
    before: Pair = (0, 0),
    add: bool = False,
    look: bool = False,
) -> Range | None:
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
    look : bool
        Whether to find how bright the cells of the source are.
    """
    dtype = spectrum.dtype
    size = len(spectrum) * spectrum.shape[3], spectrum.shape[2]
    # Vectors are loaded and stored whole.
    a, b = (
        x if x.strides[1] == x.itemsize else np.ascontiguousarray(x)
        for x in (source[0], source[-1])
    )
    folded = len(source) == 1
    down, along = twiddles_of(size[0], dtype, folded), twiddles_of(size[1], dtype)
    strips, stack, peaks = memory = _take(size, dtype)
    peaks[-3:] = np.inf, 0, 0
    compiled(dtype)(
        *(a, b, folded, *before, *taps, spectrum, down, along, strips, stack),
        *(out[0], out[-1], add, look, peaks),
    )
    found = Range(*peaks[-3:].tolist()) if look else None
    _idle.append((size, dtype, memory))
    return found


class Range(NamedTuple):
    """How bright the cells of 16x16 pixels are: the largest magnitude of each."""

    least: float  # of cells that are not all zeros; infinity if there is none
    most: float  # infinity or NaN if there is such a pixel
    zeros: float  # how many cells are all zeros

    def is_within(self, span: float) -> bool:
        """Whether no cell is more than `span` times as bright as another, but for zeros."""
        return self.most <= self.least * span and self.most < np.inf


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
        spectra[:, :, o] = _spectra(taps, size, dtype).transpose(1, 3, 0, 2, 4)
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
    fft_layers.compiled(dtype)(
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
    memory = np.empty((*count, each + (wide if each // wide % 2 == 0 else 0)), like.dtype)
    whole = memory[..., :each].reshape(*count, strips, parts, length + PAD, wide)
    return whole[..., :length, :]


def scratch(size: Pair, dtype: Dtype) -> tuple[Array, Array]:
    """Return memory for a sheet of strips of columns, and for the stack of strips of rows."""
    wide = _lanes(dtype)
    most = _SHEET // (wide * dtype.itemsize)
    count = max(n for n in range(1, most + 1) if size[1] // wide % n == 0)
    strips = np.empty((count, 2, size[0] + PAD, wide), dtype)
    stack = np.empty((size[0] // wide, 2, size[1] + PAD, wide), dtype)
    return strips[:, :, : size[0]], stack[:, :, : size[1]]
