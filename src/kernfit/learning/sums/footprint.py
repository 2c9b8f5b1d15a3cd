"""Which outputs see a pixel, and which pixels are seen by an output."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array


def any_under_kernel(flags: Array, shape: tuple[int, int]) -> Array:
    """Return, for each output, whether any pixel of its patch is flagged.

    Parameters
    ----------
    flags : ndarray of bool, shape (C, H + kh - 1, W + kw - 1)
    shape : (kh, kw)

    Returns
    -------
    ndarray of bool, shape (C, H, W)
    """
    for axis, taps in ((1, shape[0]), (2, shape[1])):
        places = flags.shape[axis] - taps + 1
        found = np.zeros_like(flags.take(range(places), axis=axis))
        for a in range(taps):
            index = [slice(None)] * 3
            index[axis] = slice(a, a + places)
            found |= flags[tuple(index)]
        flags = found
    return flags


def seen_by(outputs: Array, shape: tuple[int, int]) -> Array:
    """Return, for each pixel, whether any of the outputs has it in its patch.

    Parameters
    ----------
    outputs : ndarray of bool, shape (H, W)
    shape : (kh, kw)

    Returns
    -------
    ndarray of bool, shape (H + kh - 1, W + kw - 1)
    """
    kh, kw = shape
    around = np.pad(outputs, ((kh - 1, kh - 1), (kw - 1, kw - 1)))
    seen: Array = any_under_kernel(around[np.newaxis], shape)[0]
    return seen
