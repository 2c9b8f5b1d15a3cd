"""Blocks of an image, two at a time, through the transform of `fft.py`."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

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
        Real or complex, no larger than the block.
    size : (rows, columns)
        Of the block: powers of two, from 32 on.
    dtype : numpy.dtype
        Of the real parts, in which blocks will be transformed.

    Returns
    -------
    ndarray
        A stack of strips.
    """
    return np.ascontiguousarray(_spectra(taps, size, dtype))


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
    add: bool = False,
) -> None:
    """Write the valid correlation of `source` with the kernel of a spectrum into `out`.

    Parameters
    ----------
    source : 1 or 2 arrays, 2-D
        A real image, or the real and the imaginary parts of a complex one.
    spectrum : ndarray
        Of `spectrum_of`, in the dtype of `source`.
    taps : (rows, columns)
        The size of the kernel.
    out : as many arrays
        As large as `source` less `taps`, plus 1; unit stride in the last axis.
    add : bool
        Whether to add to what is there.
    """
    dtype = spectrum.dtype
    size = len(spectrum) * spectrum.shape[3], spectrum.shape[2]
    # Vectors are loaded and stored whole.
    a, b = (
        x if x.strides[1] == x.itemsize else np.ascontiguousarray(x)
        for x in (source[0], source[-1])
    )
    down, along = (twiddles_of(n, dtype) for n in size)
    strips, stack = scratch(size, dtype)
    # A real image is its own partner: one block of it goes with the next.
    compiled(dtype)(
        *(a, b, len(source) == 1, *taps, spectrum, down, along, strips, stack),
        *(out[0], out[-1], add),
    )


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
    count = min(_SHEET // (wide * dtype.itemsize), size[1] // wide)
    strips = np.empty((count, 2, size[0] + PAD, wide), dtype)
    stack = np.empty((size[0] // wide, 2, size[1] + PAD, wide), dtype)
    return strips[:, :, : size[0]], stack[:, :, : size[1]]
