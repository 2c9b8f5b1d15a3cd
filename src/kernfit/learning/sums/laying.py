"""Pixels less a level, laid into the memory of a tile, and their sums."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import from_dtype, types

from kernfit.arrays import Array
from kernfit.compiled import njit
from kernfit.correlate.vectors.pointers import after, fetch, pointer_to
from kernfit.heap import LINE

# Others are turned into float64 first.
_DTYPES = np.dtype("f4"), np.dtype("f8")
# Rows that are asked of memory before their turn. The rows of a tile are short, and begin where no
# processor foresees it.
_ROWS_AHEAD = 4
# Of NumPy, since for each literal that is passed to a function Numba compiles it anew.
_NONE = np.intp(0)


def lay_tile(
    x: Array, less: Array, seen: Array, left: int, column: int, y: Array, less_y: Array, own: Array
) -> Array:
    """Write parts of two images, less their levels, and return the sums over the outputs.

    All goes into one call of compiled code, since threads wait for Python's lock after each.

    Parameters
    ----------
    x : ndarray, shape (in, rows, columns)
    less : ndarray, shape (in,)
        The level that is taken from each plane.
    seen : ndarray of float64, shape (in, rows, left + columns or more)
        Where x goes, with zeros on both sides.
    left : int
        How many of those come first.
    column : int
        The pixels that are summed up begin there in each row of `seen`, for as many rows and
        columns as y has.
    y : ndarray, shape (out, height, width)
    less_y : ndarray, shape (out,)
    own : ndarray of float64, shape of y
        Where y goes.

    Returns
    -------
    ndarray of float64, shape (2, in + out)
        For each plane the sum of its values and that of their squares.
    """
    if x.dtype != y.dtype or x.dtype not in _DTYPES:
        x, y = x.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
    x, y = (each if each.strides[2] == each.itemsize else each.copy() for each in (x, y))
    sums = np.empty((2, len(x) + len(y)))
    _compiled(x.dtype)(x, less, seen, left, column, y, less_y, own, sums)
    return sums


@lru_cache
def _compiled(dtype: np.dtype[Any]) -> Any:
    """Return `_lay_tile` for a dtype, past Numba's search for the right types."""
    pixels = types.Array(from_dtype(dtype), 3, "A", readonly=True)
    planes, numbers = (types.Array(types.float64, n, "C") for n in (3, 1))
    size, sums = types.intp, types.Array(types.float64, 2, "C")
    return _lay_tile.compile(
        types.void(pixels, numbers, planes, size, size, pixels, numbers, planes, sums)
    )


@njit(nogil=True, cache=True)
def _lay_tile(
    x: Array,
    less: Array,
    seen: Array,
    left: int,
    column: int,
    y: Array,
    less_y: Array,
    own: Array,
    sums: Array,
) -> None:
    height, width = own.shape[1:]
    for p in range(len(x)):
        sums[0, p], sums[1, p] = _lay_plane(x[p], less[p], seen[p], left, column, height, width)
    for o in range(len(y)):
        n = len(x) + o
        sums[0, n], sums[1, n] = _lay_plane(y[o], less_y[o], own[o], _NONE, _NONE, height, width)


@njit(nogil=True, fastmath={"reassoc", "contract"})
def _lay_plane(
    source: Array, level: float, plane: Array, left: int, column: int, height: int, width: int
) -> tuple[float, float]:
    """Write a plane less a level, and return the sums of values and squares of a part.

    `source` has unit stride in its rows.
    """
    rows, wide = source.shape
    total = squares = 0.0
    for i in range(rows):
        pixels = after(pointer_to(source), i * source.strides[0])
        if i + _ROWS_AHEAD < rows:
            ahead = after(pixels, _ROWS_AHEAD * source.strides[0])
            for n in range(0, wide * source.itemsize, LINE):
                fetch(after(ahead, n))
        row = after(pointer_to(plane), i * plane.strides[0])
        for j in range(left):
            row[j] = 0.0
        for j in range(wide):
            row[left + j] = pixels[j] - level
        for j in range(left + wide, plane.shape[1]):
            row[j] = 0.0
        if i < height:
            for j in range(column, column + width):
                total += row[j]
                squares += row[j] * row[j]
    return total, squares
