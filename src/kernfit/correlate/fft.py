"""Circular correlation of small blocks through a Fourier transform that never leaves the cache.

Two real blocks are the real and the imaginary part of one complex block: a real kernel keeps them
apart, so nothing here knows about real transforms. The columns are transformed first, a *strip* of
them at a time, one column in each lane of a vector. A few strips, a *sheet*, are read and written
together: in an image whose rows are a power of two apart, the lines of one strip alone would drive
each other from the cache. The result goes transposed into a stack of strips, of what were rows;
each of these is transformed, multiplied and transformed back. After its first step a strip falls
into parts that have nothing to do with each other: each goes all the way while it is in the
first-level cache. Frequencies come out in an order of their own; since the kernel's spectrum has
the same, and the way back undoes it, nobody ever puts them right.

The steps are those of Gentleman and Sande there and of Cooley and Tukey back, of radix 4, with
one of radix 2 for sizes that are not powers of 4 (C. Van Loan, Computational Frameworks for the
Fast Fourier Transform, SIAM 1992, sections 1.8, 1.9 and 2.4).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import from_dtype, njit, types

from kernfit.arrays import Array
from kernfit.correlate.lanes import copy, join, join_first, multiply, split, split_last, transpose


@lru_cache
def compiled(dtype: np.dtype[Any], back: bool) -> Any:
    """Return `_correlate` or `_transform` for a dtype, past Numba's search for the right types."""
    number = from_dtype(dtype)
    image, table = (types.Array(number, 2, layout, readonly=True) for layout in "AC")
    strips, stack = (types.Array(number, 4, "A") for _ in range(2))
    if not back:
        return _transform.compile(types.void(image, image, table, table, strips, stack))
    spectrum = types.Array(number, 4, "C", readonly=True)
    out = types.Array(number, 2, "A")
    size = types.intp
    return _correlate.compile(
        types.void(
            *(image, image, types.boolean, size, size, spectrum, table, table, strips, stack),
            *(out, out, types.boolean),
        )
    )


@lru_cache
def twiddles_of(size: int, dtype: np.dtype[Any]) -> Array:
    """Return the factors w, w^2 and w^3 of every step there, one after another."""
    steps = []
    while size > 1:
        radix = 4 if size.bit_length() % 2 else 2
        turns = np.outer(np.arange(size // radix), np.arange(1, 4)) / size
        steps.append(np.exp(-2j * np.pi * turns))
        size //= radix
    table: Array = np.vstack(steps).view(np.float64).astype(dtype)
    return table


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _split_whole(strip: Array, twiddles: Array) -> int:
    """Do the first step, and return how many rows each of its parts has."""
    size = strip.shape[1]
    if size & 0x5555_5555 == 0:
        part: int = size // 2
        for i in range(part):
            split(2, strip, i, part, twiddles, i)
    else:
        part = size // 4
        for i in range(part):
            split(4, strip, i, part, twiddles, i)
    return part


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _join_whole(strip: Array, part: int, twiddles: Array) -> None:
    """Undo `_split_whole`, but for its radix."""
    if 2 * part == strip.shape[1]:
        for i in range(part):
            join(2, strip, i, part, twiddles, i)
    else:
        for i in range(part):
            join(4, strip, i, part, twiddles, i)


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _split_part(strip: Array, first: int, part: int, twiddles: Array) -> None:
    """Do the other steps in one part, from row `first` on, but for the last."""
    n = rows = part
    while rows > 4:
        step = rows // 4
        for j in range(step):
            for i in range(first + j, first + part, rows):
                split(4, strip, i, step, twiddles, n + j)
        n += step
        rows = step


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _join_part(strip: Array, first: int, part: int, twiddles: Array) -> None:
    """Undo `_split_part`, but for the product of its radices."""
    n = len(twiddles) - 1
    step = 4
    while 4 * step <= part:
        n -= step
        for j in range(step):
            for i in range(first + j, first + part, 4 * step):
                join(4, strip, i, step, twiddles, n + j)
        step *= 4


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _there(strip: Array, twiddles: Array) -> None:
    """Transform columns."""
    part = _split_whole(strip, twiddles)
    for first in range(0, strip.shape[1], part):
        _split_part(strip, first, part, twiddles)
        for i in range(first, first + part, 4):
            split_last(strip, i)


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _back_again(strip: Array, twiddles: Array) -> None:
    """Undo `_there`, but for a factor of the size."""
    part = strip.shape[1] // (2 if strip.shape[1] & 0x5555_5555 == 0 else 4)
    for first in range(0, strip.shape[1], part):
        for i in range(first, first + part, 4):
            join_first(strip, i)
        _join_part(strip, first, part, twiddles)
    _join_whole(strip, part, twiddles)


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _there_and_back(strip: Array, spectrum: Array, twiddles: Array) -> None:
    """Transform columns, multiply them and transform them back, part by part."""
    part = _split_whole(strip, twiddles)
    for first in range(0, strip.shape[1], part):
        _split_part(strip, first, part, twiddles)
        for i in range(first, first + part, 4):
            multiply(strip, spectrum, i)
        _join_part(strip, first, part, twiddles)
    _join_whole(strip, part, twiddles)


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _fill(source: Array, j: int, strips: Array, part: int, rows: int) -> None:
    """Copy a sheet of `source`, from column `j` on, into strips, with zeros where nothing is."""
    count, wide = strips.shape[0], strips.shape[3]
    height = min(source.shape[0], rows)
    width = max(source.shape[1] - j, 0)
    if width >= count * wide:
        for i in range(height):
            for s in range(count):
                copy(source, i, j + s * wide, strips[s, part], i, 0)
    else:
        strips[:, part, :height] = 0
        for i in range(height):
            for l in range(width):
                strips[l // wide, part, i, l % wide] = source[i, j + l]
    strips[:, part, height:] = 0


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _empty(strips: Array, part: int, j: int, target: Array, add: bool) -> None:
    """Write what of strips belongs into `target`, from column `j` on, or add it."""
    count, wide = strips.shape[0], strips.shape[3]
    height, width = target.shape
    if j + count * wide <= width and not add:
        for i in range(height):
            for s in range(count):
                copy(strips[s, part], i, 0, target, i, j + s * wide)
    else:
        for i in range(height):
            for l in range(min(count * wide, width - j)):
                if add:
                    target[i, j + l] += strips[l // wide, part, i, l % wide]
                else:
                    target[i, j + l] = strips[l // wide, part, i, l % wide]


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _columns(a: Array, b: Array, twiddles: Array, strips: Array, stack: Array) -> None:
    """Transform the columns of ``a + i b`` and lay the rows of the result into strips."""
    count, _, rows, wide = strips.shape
    for j in range(0, stack.shape[2], count * wide):
        if j >= max(a.shape[1], b.shape[1]):
            stack[:, :, j : j + count * wide] = 0
            continue
        _fill(a, j, strips, 0, rows)
        _fill(b, j, strips, 1, rows)
        for s in range(count):
            _there(strips[s], twiddles)
            for n in range(len(stack)):
                for part in range(2):
                    transpose(strips[s, part], n * wide, 0, stack[n, part], j + s * wide, 0)


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _back(stack: Array, twiddles: Array, strips: Array, a: Array, b: Array, add: bool) -> None:
    """Undo `_columns` into `a` and `b`, which want only what they have room for."""
    count, _, _, wide = strips.shape
    width = max(a.shape[1], b.shape[1])
    for j in range(0, width, count * wide):
        for s in range(min(count, -(-(width - j) // wide))):
            for n in range(len(stack)):
                for part in range(2):
                    transpose(stack[n, part], j + s * wide, 0, strips[s, part], n * wide, 0)
            _back_again(strips[s], twiddles)
        _empty(strips, 0, j, a, add)
        _empty(strips, 1, j, b, add)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _transform(a: Array, b: Array, down: Array, along: Array, strips: Array, stack: Array) -> None:
    """Write the transform of ``a + i b`` into `stack`."""
    _columns(a, b, down, strips, stack)
    for n in range(len(stack)):
        _there(stack[n], along)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _correlate(
    a: Array,
    b: Array,
    paired: bool,
    tall: int,
    broad: int,
    spectrum: Array,
    down: Array,
    along: Array,
    strips: Array,
    stack: Array,
    out_a: Array,
    out_b: Array,
    add: bool,
) -> None:
    """Correlate block by block: two of `a` at a time, or else those of `a` and `b` together."""
    rows, columns = strips.shape[2], stack.shape[2]
    height, width = rows - tall + 1, columns - broad + 1
    across = -(-out_a.shape[1] // width)
    count = across * -(-out_a.shape[0] // height)
    for n in range(0, count, 2 if paired else 1):
        m = n + 1 if paired else n
        i, j = n // across * height, n % across * width
        k, l = m // across * height, m % across * width
        there = m < count  # or the last block has no partner
        _columns(
            a[i : i + rows, j : j + columns],
            b[k : k + rows * there, l : l + columns],
            down,
            strips,
            stack,
        )
        for s in range(len(stack)):
            _there_and_back(stack[s], spectrum[s], along)
        _back(
            stack,
            down,
            strips,
            out_a[i : i + height, j : j + width],
            out_b[k : k + height * there, l : l + width],
            add,
        )
