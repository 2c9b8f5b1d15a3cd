"""Circular correlation of small blocks through a Fourier transform that never leaves the cache.

A real block is *folded*: the lower half of its rows is the imaginary part, the upper half the real
part of a complex block of half as many rows. Rows are polynomials in y; what y^rows = i does to a
complex one, y^(2 rows) = -1 does to the real one: a correlation of the whole length, in which what
goes round comes back with the other sign (the right-angle convolution of R. Crandall and B. Fagin,
Discrete weighted transforms and large-integer arithmetic, Math. Comp. 62, 1994). So nothing else
here knows about real transforms. The columns are transformed first, a *strip* of them at a time,
one column in each lane of a vector. A few strips, a *sheet*, are read and written together: in an
image whose rows are a power of two apart, the lines of one strip alone would drive each other from
the cache. The result goes transposed into a stack of strips, of what were rows; each of these is
transformed, multiplied and transformed back. After its first step a strip falls into parts that
have nothing to do with each other: each goes all the way while it is in the first-level cache.
Frequencies come out in an order of their own; since the kernel's spectrum has the same, and the way
back undoes it, nobody ever puts them right.

A step takes the values of a polynomial at the roots of y^m = r apart into those at the roots of
y^(m / radix) = w, for each root w of w^radix = r: one multiplies before it adds, by numbers that
are the same for a whole part. Steps are of radix 4, with a first one of radix 2 or 3 for sizes that
are not powers of 4 (D. J. Bernstein, Multidigit multiplication for mathematicians, 2001, sections
3-5).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import from_dtype, types

from kernfit.arrays import Array
from kernfit.compiled import njit
from kernfit.correlate.vectors.lanes import join, multiply, peak, split, transpose
from kernfit.correlate.vectors.sheets import clear, fetch, fill, give

CELL = 16
"""Rows and columns of a cell, of which the largest magnitude is looked at."""
# Of NumPy, since for each literal that is passed to a function Numba compiles it anew.
YES, NO = np.bool_(True), np.bool_(False)


@lru_cache
def compiled(dtype: np.dtype[Any]) -> Any:
    """Return `_correlate` for a dtype, past Numba's search for the right types."""
    number = from_dtype(dtype)
    image, table = (types.Array(number, 2, layout, readonly=True) for layout in "AC")
    strips = stack = spectrum = types.Array(number, 4, "A")
    out, peaks = types.Array(number, 2, "A"), types.Array(number, 1, "C")
    size, flag = types.intp, types.boolean
    return _correlate.compile(
        types.void(
            *(image, image, flag, size, size, size, size, spectrum, table, table, strips, stack),
            *(out, out, flag, size, size, peaks, types.Array(number, 2, "A")),
        )
    )


@lru_cache
def twiddles_of(size: int, dtype: np.dtype[Any], quarter: bool = False) -> Array:
    """Return for every block of every step the numbers that its parts are multiplied by.

    A step takes a block, the values of ``y^m = r``, apart into those of ``y^(m / radix) = w``,
    where w is each of the radix-th roots of r. The table has the powers of one of these, from the
    first, for each block: those of the b-th of n blocks in row ``n + b``.

    Parameters
    ----------
    size : int
        Of the transform: 4^n, 2 * 4^n or 3 * 4^n.
    dtype : numpy.dtype
        Of real and imaginary parts.
    quarter : bool
        Whether r is i instead of 1 for the whole: frequencies lie a quarter before whole numbers.
    """
    table = np.zeros((max(size // 2, 2), 3), np.complex128)
    turns = np.array([-0.25 if quarter else 0.0])  # of r, clockwise
    while size > 1:
        radix = first_radix(size)
        steps = turns[:, None] / radix
        table[len(turns) : 2 * len(turns)] = np.exp(-2j * np.pi * steps * np.arange(1, 4))
        turns = (steps + np.arange(radix) / radix).ravel()
        size //= radix
    found: Array = table.view(np.float64).astype(dtype)
    return found


@lru_cache
def order_of(size: int) -> Array:
    """Return which frequency stands where after the steps there."""
    if size == 1:
        return np.zeros(1, np.intp)
    radix = first_radix(size)
    # The first step leaves the frequencies with the same remainder next to each other.
    rest = radix * order_of(size // radix)
    return np.concatenate([rest + k for k in range(radix)])


def first_radix(size: int) -> int:
    """Return into how many parts the first step takes a transform: all others are of radix 4."""
    if size % 3 == 0:
        return 3
    return 4 if size.bit_length() % 2 else 2


@njit(inline="always")
def _split_rows(strip: Array, first: int, size: int, least: int, twiddles: Array) -> None:
    """Do the steps of radix 4 in `size` rows from `first` on, until parts have `least` rows."""
    rows = size
    while rows > least:
        for i in range(first, first + size, rows):
            split(4, strip, i, rows // 4, twiddles, (strip.shape[1] + i) // rows)
        rows //= 4


@njit(inline="always")
def _join_rows(strip: Array, first: int, size: int, least: int, twiddles: Array) -> None:
    """Undo `_split_rows`, but for the product of its radices."""
    rows = 4 * least
    while rows <= size:
        for i in range(first, first + size, rows):
            join(4, strip, i, rows // 4, twiddles, (strip.shape[1] + i) // rows)
        rows *= 4


@njit(nogil=True)
def turn(strip: Array, spectrum: Array, twiddles: Array, there: bool, back: bool) -> None:
    """Transform columns there, or back, or there and, times the spectrum, back.

    The way back lacks a factor of one over the size. All is one function, and the only one that is
    not inlined: the compiler takes most of its time for this.
    """
    size = strip.shape[1]
    radix = 3 if size % 3 == 0 else 4 if size & 0x5555_5555 else 2
    part = size // radix
    # First the whole, then part after part, and the whole again.
    for first in range(-part, size + part, part):
        whole = first < 0 or first >= size
        if whole and radix == 2:
            if there and first < 0:
                split(2, strip, 0, part, twiddles, 1)
            if back and first >= 0:
                join(2, strip, 0, part, twiddles, 1)
            continue
        if whole and radix == 3:
            if there and first < 0:
                split(3, strip, 0, part, twiddles, 1)
            if back and first >= 0:
                join(3, strip, 0, part, twiddles, 1)
            continue
        last = 4 if there and back else 1
        begin, rows, least = (0, size, part) if whole else (first, part, last)
        if there and first < size:
            _split_rows(strip, begin, rows, least, twiddles)
        if there and back and not whole:
            for i in range(first, first + part, 4):
                multiply(strip, spectrum, i, twiddles, (size + i) // 4)
        if back and first >= 0:
            _join_rows(strip, begin, rows, least, twiddles)


@njit(inline="always")
def _look(source: Array, i: int, j: int, strips: Array, part: int, peaks: Array) -> None:
    """Find the least and the greatest of the largest magnitudes of cells that are not all zeros.

    They are the last numbers of `peaks`, and after them how many cells are all zeros.
    """
    count, _, rows, wide = strips.shape
    height, width = source.shape
    for n in range(max(-i, 0) // CELL * CELL, min(rows, height - i), CELL):
        for s in range(count):
            peak(CELL, strips[s, part], n, peaks, s * wide)
        for k in range(0, count * wide, CELL):
            if not -CELL < j + k < width:
                continue
            most = peaks[k]
            for l in range(k + 1, min(k + CELL, count * wide)):
                if peaks[l] > most or peaks[l] != peaks[l]:
                    most = peaks[l]
            if most == 0:
                peaks[-1] += 1
            elif most < peaks[-3]:
                peaks[-3] = most
            if most > peaks[-2] or most != most:
                peaks[-2] = most


@njit(inline="always")
def columns_there(
    a: Array,
    i: int,
    b: Array,
    k: int,
    j: int,
    twiddles: Array,
    strips: Array,
    stack: Array,
    look: bool,
    peaks: Array,
) -> None:
    """Transform the columns of ``a + i b`` and lay the rows of the result into strips.

    The block begins at (i, j) of `a` and (k, j) of `b`, which may be outside: there are zeros.
    """
    count, parts, _, wide = strips.shape
    for m in range(0, stack.shape[2], count * wide):
        if j + m >= max(a.shape[1], b.shape[1]) or j + m + count * wide <= 0:
            for n in range(len(stack)):
                for part in range(parts):
                    clear(stack, n, part, m, count * wide)
            continue
        for part in range(parts):
            source, first = (b, k) if part else (a, i)
            fill(source, first, j + m, strips, part)
            if look:
                _look(source, first, j + m, strips, part, peaks)
        for s in range(count):
            strip = strips[s]
            turn(strip, strip, twiddles, YES, NO)
            for n in range(len(stack)):
                for part in range(parts):
                    transpose(strip[part], n * wide, 0, stack[n, part], m + s * wide, 0)


@njit(inline="always")
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
        give(strips, 0, j, a, add)
        give(strips, 1, j, b, add)


@njit(nogil=True, cache=True)
def _correlate(
    a: Array,
    b: Array,
    folded: bool,
    top: int,
    left: int,
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
    start: int,
    stop: int,
    peaks: Array,
    ranges: Array,
) -> None:
    """Correlate some blocks: of `a` and `b` together, or else of `a`, which is `b`, folded."""
    rows, columns, wide = strips.shape[2], stack.shape[2], stack.shape[3]
    half = rows if folded else 0
    height, width = rows + half - tall + 1, columns - broad + 1
    across = -(-out_a.shape[1] // width)
    look = len(ranges) > 0
    for n in range(start, stop):
        i, j = n // across * height, n % across * width
        k = i + half
        if look:
            for c in range(3):  # not as slices: Numba would compile what says that they differ
                peaks[c - 3] = ranges[n - start, c]
        columns_there(
            a, i - top, b, k - top, j - left, down, strips, stack, look, peaks
        )  # fmt: skip
        if look:
            for c in range(3):
                ranges[n - start, c] = peaks[c - 3]
        # While the processor is busy, memory has time for what comes next.
        after = (n + 1) // across * height - top, (n + 1) % across * width - left
        for s in range(len(stack)):
            turn(stack[s], spectrum[s], along, YES, YES)
            fetch(a, after[0] + s * wide, after[1], wide, columns)
            fetch(b, after[0] + half + s * wide, after[1], wide, columns)
        columns_back(
            stack,
            down,
            strips,
            out_a[i : i + min(height, rows), j : j + width],
            out_b[k : i + height, j : j + width],
            add,
        )
