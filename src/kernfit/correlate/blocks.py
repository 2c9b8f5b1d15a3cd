"""Blocks of an image, two at a time, through the transform of `fft.py`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.fft import fft2

from kernfit.arrays import Array
from kernfit.correlate.fft import compiled, order_of, twiddles_of
from kernfit.correlate.vector import vector_bytes

Pair = tuple[int, int]
Dtype = np.dtype[Any]

_SHEET = 256  # bytes of a row of strips that are read together: a few cache lines
_PAD = 8  # rows after those of a strip, lest all strips of a stack meet in the same cache lines


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
    # In double precision whatever the dtype: its error then counts once. The spectrum of the
    # flipped kernel is the conjugate of that of the conjugate taps.
    found = fft2(taps.conj().astype("c16" if taps.dtype.kind == "c" else "f8"), size).conj()
    found /= size[0] * size[1]
    down, along = (order_of(n) for n in size)
    # Lanes are rows of frequencies, dealt out to vectors.
    lanes = found[down[:, None], along].reshape(-1, _lanes(dtype), size[1]).transpose(0, 2, 1)
    return np.ascontiguousarray(np.stack([lanes.real, lanes.imag], 1), dtype)


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
    compiled(dtype, back=True)(
        *(a, b, len(source) == 1, *taps, spectrum, down, along, strips, stack),
        *(out[0], out[-1], add),
    )


@lru_cache
def _lanes(dtype: Dtype) -> int:
    return vector_bytes() // dtype.itemsize


def scratch(size: Pair, dtype: Dtype) -> tuple[Array, Array]:
    """Return memory for a sheet of strips of columns, and for the stack of strips of rows."""
    wide = _lanes(dtype)
    count = min(_SHEET // (wide * dtype.itemsize), size[1] // wide)
    strips = np.empty((count, 2, size[0] + _PAD, wide), dtype)
    stack = np.empty((size[0] // wide, 2, size[1] + _PAD, wide), dtype)
    return strips[:, :, : size[0]], stack[:, :, : size[1]]
