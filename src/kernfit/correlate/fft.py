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

# Of NumPy, since for each literal that is passed to a function Numba compiles it anew.
YES, NO = np.bool_(True), np.bool_(False)


@lru_cache
def compiled(dtype: np.dtype[Any]) -> Any:
    """Return `_correlate` for a dtype, past Numba's search for the right types."""
    number = from_dtype(dtype)
    image, table = (types.Array(number, 2, layout, readonly=True) for layout in "AC")
    strips = stack = spectrum = types.Array(number, 4, "A")
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
        radix = _first_radix(size)
        turns = np.outer(np.arange(size // radix), np.arange(1, 4)) / size
        steps.append(np.exp(-2j * np.pi * turns))
        size //= radix
    table: Array = np.vstack(steps).view(np.float64).astype(dtype)
    return table


@lru_cache
def order_of(size: int) -> Array:
    """Return which frequency stands where after the steps there."""
    if size == 1:
        return np.zeros(1, np.intp)
    radix = _first_radix(size)
    # The first step leaves the frequencies with the same remainder next to each other.
    rest = radix * order_of(size // radix)
    return np.concatenate([rest + k for k in range(radix)])


def _first_radix(size: int) -> int:
    return 4 if size.bit_length() % 2 else 2


@njit(inline="always")  # type: ignore[untyped-decorator]
def _split_rows(strip: Array, first: int, size: int, least: int, twiddles: Array, n: int) -> None:
    """Do the steps of radix 4 in `size` rows from `first` on, until parts have `least` rows."""
    rows = size
    while rows > least:
        step = rows // 4
        for j in range(step):
            for i in range(first + j, first + size, rows):
                split(4, strip, i, step, twiddles, n + j)
        n += step
        rows = step


@njit(inline="always")  # type: ignore[untyped-decorator]
def _join_rows(strip: Array, first: int, size: int, least: int, twiddles: Array, end: int) -> None:
    """Undo `_split_rows`, but for the product of its radices; its twiddles end before `end`."""
    step = least
    while step < size:
        end -= step
        for j in range(step):
            for i in range(first + j, first + size, 4 * step):
                join(4, strip, i, step, twiddles, end + j)
        step *= 4


@njit(nogil=True)  # type: ignore[untyped-decorator]
def turn(strip: Array, spectrum: Array, twiddles: Array, there: bool, back: bool) -> None:
    """Transform columns there, or back, or there and, times the spectrum, back.

    The way back lacks a factor of one over the size. All is one function, and the only one that is
    not inlined: the compiler takes most of its time for this.
    """
    size = strip.shape[1]
    part = size // 2 if size & 0x5555_5555 == 0 else size // 4
    # First the whole, then part after part, and the whole again.
    for first in range(-part, size + part, part):
        whole = first < 0 or first >= size
        begin, rows, least = (0, size, part) if whole else (first, part, 4)
        if whole and size == 2 * part:
            for i in range(part):
                if there and first < 0:
                    split(2, strip, i, part, twiddles, i)
                if back and first >= 0:
                    join(2, strip, i, part, twiddles, i)
            continue
        if there and first < size:
            _split_rows(strip, begin, rows, least, twiddles, 0 if whole else part)
        if not whole:
            for i in range(first, first + part, 4):
                if there and back:
                    multiply(strip, spectrum, i)
                elif there:
                    split_last(strip, i)
                else:
                    join_first(strip, i)
        if back and first >= 0:
            _join_rows(strip, begin, rows, least, twiddles, part if whole else len(twiddles) - 1)


@njit(inline="always")  # type: ignore[untyped-decorator]
def _fill(a: Array, b: Array, j: int, strips: Array) -> None:
    """Copy a sheet of ``a + i b``, from column `j` on, into strips, with zeros beyond."""
    count, parts, rows, wide = strips.shape
    for part in range(parts):
        source = b if part else a
        height, width = source.shape
        inside = j + count * wide <= width
        for i in range(rows):
            for s in range(count):
                if inside and i < height:
                    copy(source, i, j + s * wide, strips[s, part], i, 0)
                    continue
                for l in range(wide):
                    k = j + s * wide + l
                    there = i < height and k < width
                    strips[s, part, i, l] = source[i, k] if there else 0


@njit(inline="always")  # type: ignore[untyped-decorator]
def _empty(strips: Array, j: int, a: Array, b: Array, add: bool) -> None:
    """Write what of strips belongs into `a` and `b`, from column `j` on, or add it."""
    count, parts, _, wide = strips.shape
    for part in range(parts):
        target = b if part else a
        height, width = target.shape
        inside = j + count * wide <= width and not add
        for i in range(height):
            for s in range(count):
                if inside:
                    copy(strips[s, part], i, 0, target, i, j + s * wide)
                    continue
                for l in range(min(wide, width - j - s * wide)):
                    if add:
                        target[i, j + s * wide + l] += strips[s, part, i, l]
                    else:
                        target[i, j + s * wide + l] = strips[s, part, i, l]


@njit(inline="always")  # type: ignore[untyped-decorator]
def columns_there(a: Array, b: Array, twiddles: Array, strips: Array, stack: Array) -> None:
    """Transform the columns of ``a + i b`` and lay the rows of the result into strips."""
    count, parts, _, wide = strips.shape
    for j in range(0, stack.shape[2], count * wide):
        if j >= max(a.shape[1], b.shape[1]):
            for n in range(len(stack)):
                for part in range(parts):
                    for k in range(j, j + count * wide):
                        for l in range(wide):
                            stack[n, part, k, l] = 0
            continue
        _fill(a, b, j, strips)
        for s in range(count):
            strip = strips[s]
            turn(strip, strip, twiddles, YES, NO)
            for n in range(len(stack)):
                for part in range(parts):
                    transpose(strip[part], n * wide, 0, stack[n, part], j + s * wide, 0)


@njit(inline="always")  # type: ignore[untyped-decorator]
def columns_back(
    stack: Array, twiddles: Array, strips: Array, a: Array, b: Array, add: bool
) -> None:
    """Undo `columns_there` into `a` and `b`, which want only what they have room for."""
    count, parts, _, wide = strips.shape
    width = max(a.shape[1], b.shape[1])
    for j in range(0, width, count * wide):
        for s in range(min(count, -(-(width - j) // wide))):
            strip = strips[s]
            for n in range(len(stack)):
                for part in range(parts):
                    transpose(stack[n, part], j + s * wide, 0, strip[part], n * wide, 0)
            turn(strip, strip, twiddles, NO, YES)
        _empty(strips, j, a, b, add)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def transform_columns(a: Array, b: Array, down: Array, strips: Array, stack: Array) -> None:
    """Write the transform of the columns of ``a + i b`` into `stack`; that of the rows is left."""
    columns_there(a, b, down, strips, stack)


@njit(nogil=True)  # type: ignore[untyped-decorator]
def transform_row(strip: Array, along: Array) -> None:
    """Transform a strip of rows in a stack, after the columns."""
    turn(strip, strip, along, YES, NO)


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
        columns_there(
            a[i : i + rows, j : j + columns],
            b[k : k + rows * there, l : l + columns],
            down,
            strips,
            stack,
        )
        for s in range(len(stack)):
            turn(stack[s], spectrum[s], along, YES, YES)
        columns_back(
            stack,
            down,
            strips,
            out_a[i : i + height, j : j + width],
            out_b[k : k + height * there, l : l + width],
            add,
        )
