"""Circular correlation of many channels: every input and every output is transformed once.

A layer adds up what all inputs give to an output. That is done to their spectra: for each
frequency a matrix of the kernels' spectra meets the inputs', for as many pairs of blocks at a time
as there is memory for, and only the sums are transformed back.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import from_dtype, types

from kernfit.arrays import Array
from kernfit.compiled import njit
from kernfit.correlate.fourier.transform import NO, YES, columns_back, columns_there, turn
from kernfit.correlate.vectors.lanes import copy, mix

PAIRS = 4
"""Of how many pairs of blocks the spectra of a frequency share each load of a kernel's."""


@lru_cache
def compiled(dtype: np.dtype[Any]) -> Any:
    """Return `_correlate` for a dtype, past Numba's search for the right types."""
    number = from_dtype(dtype)
    images, out = types.Array(number, 3, "A", readonly=True), types.Array(number, 3, "A")
    table = types.Array(number, 2, "C", readonly=True)
    strips, spectra, stacks = (types.Array(number, axes, "A") for axes in (4, 6, 6))
    size = types.intp
    return _correlate.compile(
        types.void(
            *(images, size, size, spectra, table, table, strips, stacks, stacks),
            *(strips, out),
        )
    )


@njit(inline="always")
def _mix(stacks: Array, spectra: Array, sums: Array, pixels: Array) -> None:
    """Multiply the spectra of all inputs by those of the kernels, and add up for each output."""
    pairs, inputs, strips = stacks.shape[:3]
    length = spectra.shape[1]
    for n in range(strips):
        for k in range(length):
            # Strips lie far apart: what belongs to one frequency is put together first.
            for c in range(inputs):
                for p in range(pairs):
                    for part in range(2):
                        copy(stacks[p, c, n, part], k, 0, pixels[c, p], part, 0)
            factors = spectra[n, k]
            for o in range(0, len(factors), 2):
                for p in range(0, pairs - PAIRS + 1, PAIRS):
                    mix(PAIRS, pixels, factors, o, p, sums, n, k)
                for p in range(pairs - pairs % PAIRS, pairs):
                    mix(1, pixels, factors, o, p, sums, n, k)


@njit(nogil=True, cache=True)
def _correlate(
    images: Array,
    tall: int,
    broad: int,
    spectra: Array,
    down: Array,
    along: Array,
    strips: Array,
    stacks: Array,
    sums: Array,
    pixels: Array,
    out: Array,
) -> None:
    """Correlate all blocks, two at a time, of all `images` into all planes of `out`."""
    rows = strips.shape[2]
    height, width = rows - tall + 1, stacks.shape[4] - broad + 1
    across = -(-out.shape[2] // width)
    count = across * -(-out.shape[1] // height)
    # There and back; a pair is 2 n and 2 n + 1, and the last block may have no partner.
    for p in range(len(stacks)):
        n, m = 2 * p, 2 * p + 1
        i, j = n // across * height, n % across * width
        k, l = m // across * height, m % across * width
        there = m < count
        for c in range(len(images)):
            columns_there(
                images[c, :, j:], i, images[c, : images.shape[1] * there, l:], k, 0,
                down, strips, stacks[p, c], NO, strips[0, 0, 0],
            )  # fmt: skip
            for s in range(stacks.shape[2]):
                turn(stacks[p, c, s], stacks[p, c, s], along, YES, NO)
    _mix(stacks, spectra, sums, pixels)
    for p in range(len(stacks)):
        n, m = 2 * p, 2 * p + 1
        i, j = n // across * height, n % across * width
        k, l = m // across * height, m % across * width
        there = m < count
        for o in range(len(out)):
            for s in range(stacks.shape[2]):
                turn(sums[p, o, s], sums[p, o, s], along, NO, YES)
            columns_back(
                sums[p, o],
                down,
                strips,
                out[o, i : i + height, j : j + width],
                out[o, k : k + height * there, l : l + width],
                False,
            )
