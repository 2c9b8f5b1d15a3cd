"""Which blocks an image goes through Fourier transforms in, and what that costs.

A transform has ``rows * columns`` complex numbers: a block of a complex image, or one of a real
image with twice as many rows. Of the circular correlation of a block only those outputs are good
whose windows lie within it, or reach round it to where there is nothing but zeros: so an image with
zeros around it needs no room for all of them.
"""

from __future__ import annotations

import os
from functools import lru_cache
from itertools import product
from math import ceil, log2, prod
from typing import Any, NamedTuple

import numpy as np

Dtype = np.dtype[Any]
Pair = tuple[int, int]

# Nanoseconds for one number of a transform: for each of the log2(numbers) stages, there and back,
# and what else there is to do; the share by which a MiB in use slows all of it.
_STAGE = {"f": 0.17, "d": 0.30, "F": 0.17, "D": 0.30}
_REST = {"f": 0.8, "d": 2.0, "F": 1.2, "D": 2.5}
_SLOWER = 0.06
_TILE_CALL = 15e-6  # seconds for each tile, however small
_ROWS = (16, 32, 48, 64, 128, 192, 256, 512)
_COLUMNS = (32, 48, 64, 128, 192, 256, 512, 1024)
_TILE = (256, 512)  # pixels of a tile, in whole blocks, where these are not larger
_SPECTRUM = 100e-9  # seconds for each number of a spectrum that has to be made again
KEPT = 8 << 20
"""Bytes of spectra that are kept."""
# All threads together stay below 32 MiB, spectra included. So many numbers are in use for a pixel
# of a tile (twice as many for a complex one), so many bytes more by the one thread at a time that
# works on a tile where magnitudes differ much; and so many threads should have room.
_SCRATCH = 28 << 20
_IN_USE = {False: 2.5, True: 4.5}  # True: for integers, which are converted, or with missing pixels
_STRAIGHT = 1.15  # numbers in use where the image is read in place
_UNEVEN = 14
_COPIES = 2  # of the taps
_ROOM_FOR = min(4, os.cpu_count() or 1)


class Blocks(NamedTuple):
    """How a plane goes through Fourier transforms, and what that costs."""

    seconds: float
    size: Pair  # of a transform
    part: Pair  # how many rows and columns of taps go through one
    spare: Pair  # how many rows and columns of zeros a window begins with, or more
    tile: Pair  # outputs of the blocks that go together
    threads: int  # for which there is memory


class _Side(NamedTuple):
    """The same along one axis."""

    span: int  # pixels of a block
    part: int
    parts: int
    spare: int
    outputs: int  # of a block
    blocks: int

    @classmethod
    def of(cls, span: int, outputs: int, taps: int, zeros: int) -> _Side:
        least = outputs + taps - 1 - zeros
        if max(least, taps) <= span:
            return cls(span, taps, 1, max(outputs + taps - 1 - span, 0), outputs, 1)
        # With more than about two thirds of it for the taps, the outputs that are left would cost
        # more than to go through the block once again.
        parts = ceil(taps / (0.7 * span))
        part = ceil(taps / parts)
        each = span - part + 1
        return cls(span, part, ceil(taps / part), 0, each, ceil(outputs / each))

    def tile(self, most: int) -> int:
        """Return how many blocks there are to a tile."""
        return min(max(most // self.span, 1), self.blocks)


@lru_cache(maxsize=256)
def best_blocks(
    outputs: Pair,
    taps: Pair,
    zeros: Pair,
    sums: Dtype,
    *,
    more: bool = False,
    straight: bool = False,
) -> Blocks:
    """Return the blocks that cost least.

    They do not depend on the number of threads, nor does the result then; so sizes that leave
    memory for few threads count as if others had to wait.

    Parameters
    ----------
    outputs, taps : (rows, columns)
        Of the valid correlation with a stride and dilation of 1.
    zeros : (rows, columns)
        How many of the window's first, and of its last, are known to be zeros.
    sums : numpy.dtype
        Real or complex.
    more : bool
        Whether a tile needs more memory than its pixels: for integers, or with missing pixels.
    straight : bool
        Whether the image is read in place, without tiles, and part after part of the taps.
    """
    outputs = max(outputs[0], 1), max(outputs[1], 1)
    # Tiles of complex numbers are looked at in small parts, which do not fill large blocks.
    columns = _COLUMNS[:-1] if sums.kind == "c" else _COLUMNS
    found = [
        _blocks(size, outputs, taps, zeros, sums, more, straight)
        for size in product(_ROWS, columns)
    ]
    return min(found, key=lambda blocks: blocks.seconds / min(blocks.threads, _ROOM_FOR))


def _blocks(
    size: Pair, outputs: Pair, taps: Pair, zeros: Pair, sums: Dtype, more: bool, straight: bool
) -> Blocks:
    real = sums.kind != "c"
    spans = size[0] * 2 if real else size[0], size[1]
    down, along = sides = [
        _Side.of(*axis) for axis in zip(spans, outputs, taps, zeros, strict=True)
    ]
    parts = down.parts * along.parts
    counts = [side.tile(most) for side, most in zip(sides, _TILE, strict=True)]
    tiles = prod(ceil(side.blocks / n) for side, n in zip(sides, counts, strict=True))
    area = prod(size)
    number = sums.itemsize * (2 if real else 1)
    spectra = parts * area * number
    each = area * (
        _STAGE.get(sums.char, _STAGE["D"]) * log2(area) * (1 + _SLOWER * 2 * area * number / 2**20)
        + _REST.get(sums.char, _REST["D"])
    )
    seconds = parts * (1e-9 * each * down.blocks * along.blocks + _TILE_CALL * tiles)
    if spectra > KEPT:
        seconds += parts * area * _SPECTRUM * (1 if straight else tiles)
    tile = prod(n * side.span for n, side in zip(counts, sides, strict=True))
    left = _SCRATCH - min(spectra, KEPT) - _COPIES * prod(taps) * sums.itemsize
    if straight:  # what is uneven comes when all other work is done
        threads = left / (_STRAIGHT * number * area)
    else:
        left -= _UNEVEN * tile * (1 if real else 2)
        threads = left / (_IN_USE[more] * sums.itemsize * tile)
    wide = (down.outputs * counts[0], along.outputs * counts[1])
    return Blocks(
        seconds,
        size,
        (down.part, along.part),
        (down.spare, along.spare),
        wide,
        max(int(threads), 1),
    )
