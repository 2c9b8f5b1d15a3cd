"""Circular correlation of small blocks through a Fourier transform that never leaves the cache.

Two real blocks are the real and the imaginary part of one complex block: a real kernel keeps them
apart, so nothing here knows about real transforms. The columns are transformed first, a *strip* of
them at a time, one column in each lane of a vector. The result goes transposed into a stack of
strips, of what were rows; each of these is transformed, multiplied and transformed back, all in
the first-level cache. Frequencies come out in an order of their own; since the kernel's spectrum
has the same, and the way back undoes it, nobody ever puts them right.

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
    strip, stack = (types.Array(number, axes, "A") for axes in (3, 4))
    if not back:
        return _transform.compile(types.void(image, image, table, table, strip, stack))
    spectrum = types.Array(number, 4, "C", readonly=True)
    out = types.Array(number, 2, "A")
    size = types.intp
    return _correlate.compile(
        types.void(
            *(image, image, types.boolean, size, size, spectrum, table, table, strip, stack),
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
def _forward(strip: Array, twiddles: Array) -> None:
    """Transform columns, but for the last step."""
    size = strip.shape[1]
    n = 0
    rows = size
    if size & 0x5555_5555 == 0:
        n = rows = size // 2
        for i in range(rows):
            split(2, strip, i, rows, twiddles, i)
    while rows > 4:
        step = rows // 4
        for j in range(step):
            for i in range(j, size, rows):
                split(4, strip, i, step, twiddles, n + j)
        n += step
        rows = step


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _backward(strip: Array, twiddles: Array) -> None:
    """Undo `_forward`, but for a factor of a quarter of the size."""
    size = strip.shape[1]
    n = len(twiddles) - 1
    step = 4
    while 4 * step <= size:
        n -= step
        for j in range(step):
            for i in range(j, size, 4 * step):
                join(4, strip, i, step, twiddles, n + j)
        step *= 4
    if step < size:
        for i in range(step):
            join(2, strip, i, step, twiddles, i)


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _fill(source: Array, j: int, part: Array) -> None:
    """Copy a strip of `source`, from column `j` on, with zeros where there is nothing."""
    wide = part.shape[1]
    height = min(source.shape[0], len(part))
    width = max(source.shape[1] - j, 0)
    if width >= wide:
        for i in range(height):
            copy(source, i, j, part, i, 0)
    else:
        part[:height] = 0
        for i in range(height):
            for l in range(width):
                part[i, l] = source[i, j + l]
    part[height:] = 0


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _empty(part: Array, j: int, target: Array, add: bool) -> None:
    """Write what of a strip belongs into `target`, from column `j` on, or add it."""
    wide = part.shape[1]
    height, width = target.shape
    if j + wide <= width and not add:
        for i in range(height):
            copy(part, i, 0, target, i, j)
    else:
        for i in range(height):
            for l in range(min(wide, width - j)):
                if add:
                    target[i, j + l] += part[i, l]
                else:
                    target[i, j + l] = part[i, l]


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _columns(a: Array, b: Array, twiddles: Array, strip: Array, stack: Array) -> None:
    """Transform the columns of ``a + i b`` and lay the rows of the result into strips."""
    wide = strip.shape[2]
    for j in range(0, stack.shape[2], wide):
        if j >= max(a.shape[1], b.shape[1]):
            stack[:, :, j : j + wide] = 0
            continue
        _fill(a, j, strip[0])
        _fill(b, j, strip[1])
        _forward(strip, twiddles)
        for i in range(0, strip.shape[1], 4):
            split_last(strip, i)
        for n in range(len(stack)):
            for part in range(2):
                transpose(strip[part], n * wide, 0, stack[n, part], j, 0)


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _back(stack: Array, twiddles: Array, strip: Array, a: Array, b: Array, add: bool) -> None:
    """Undo `_columns` into `a` and `b`, which want only what they have room for."""
    wide = strip.shape[2]
    for j in range(0, max(a.shape[1], b.shape[1]), wide):
        for n in range(len(stack)):
            for part in range(2):
                transpose(stack[n, part], j, 0, strip[part], n * wide, 0)
        for i in range(0, strip.shape[1], 4):
            join_first(strip, i)
        _backward(strip, twiddles)
        _empty(strip[0], j, a, add)
        _empty(strip[1], j, b, add)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _transform(a: Array, b: Array, down: Array, along: Array, strip: Array, stack: Array) -> None:
    """Write the transform of ``a + i b`` into `stack`."""
    _columns(a, b, down, strip, stack)
    for n in range(len(stack)):
        _forward(stack[n], along)
        for i in range(0, stack.shape[2], 4):
            split_last(stack[n], i)


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
    strip: Array,
    stack: Array,
    out_a: Array,
    out_b: Array,
    add: bool,
) -> None:
    """Correlate block by block: two of `a` at a time, or else those of `a` and `b` together."""
    rows, columns = strip.shape[1], stack.shape[2]
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
            strip,
            stack,
        )
        for s in range(len(stack)):
            _forward(stack[s], along)
            for r in range(0, columns, 4):
                multiply(stack[s], spectrum[s], r)
            _backward(stack[s], along)
        _back(
            stack,
            down,
            strip,
            out_a[i : i + height, j : j + width],
            out_b[k : k + height * there, l : l + width],
            add,
        )
