"""How bright the cells of a block are: one quick look, before a Fourier transform."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import from_dtype, types

from kernfit.arrays import Array
from kernfit.compiled import njit
from kernfit.correlate.vectors.lanes import lanes, raise_to


def cell_range(block: Array, cell: int) -> tuple[float, float, bool] | None:
    """Return the least and the greatest of the cells' greatest magnitudes.

    Parameters
    ----------
    block : ndarray of float32 or float64, 2-D
        It may have NaN and infinity.
    cell : int
        The side of a cell, in pixels.

    Returns
    -------
    least : float
        Of the cells that are not all zeros; NaN if there is none.
    greatest : float
        Infinity or NaN if there is such a pixel.
    zeros : bool
        Whether there is a cell of zeros.

    Or None, where the block is too narrow or its memory lies otherwise than this code wants it.
    """
    if block.strides[1] != block.itemsize or block.shape[1] < 64 or not block.flags.aligned:
        return None
    # Without their sign, numbers are in the order of their bits read as integers; NaN comes last.
    bits = block.view(f"i{block.itemsize}")
    row = np.empty(bits.shape[1], bits.dtype)
    infinite = (1 << 8 * bits.itemsize - 1) - 1
    least, greatest, zeros = _compiled(bits.dtype)(bits, cell, row, infinite)
    ends = np.array([least, greatest], bits.dtype).view(block.dtype)
    return float(ends[0]), float(ends[1]), zeros


@lru_cache
def _compiled(dtype: np.dtype[Any]) -> Any:
    number = from_dtype(dtype)
    bits, row = types.Array(number, 2, "A", readonly=True), types.Array(number, 1, "C")
    return _cell_range.compile((bits, types.intp, row, number))


@njit(nogil=True, cache=True)
def _cell_range(bits: Array, cell: int, row: Array, infinite: int) -> tuple[int, int, bool]:
    height, width = bits.shape
    wide = lanes(row)
    least = infinite
    greatest = row.dtype.type(0)
    zeros = False
    for top in range(0, height, cell):
        row[:] = 0
        for i in range(top, min(top + cell, height)):
            for j in range(0, width - wide, wide):
                raise_to(row, bits, i, j)
            raise_to(row, bits, i, width - wide)
        for left in range(0, width, cell):
            most = row[left]
            for j in range(left + 1, min(left + cell, width)):
                most = max(most, row[j])
            greatest = max(greatest, most)
            if most == 0:
                zeros = True
            else:
                least = min(least, most)
    return least, greatest, zeros
