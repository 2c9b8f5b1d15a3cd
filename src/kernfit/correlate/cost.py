"""What each method costs, in seconds of one thread: rough, but in the right order.

The figures are those of one current core with 256-bit vectors or wider; another machine changes
all of them alike, and the choice between methods much less.
"""

from __future__ import annotations

import os
from itertools import product
from math import ceil, log2, prod
from typing import Any, NamedTuple

import numpy as np

Dtype = np.dtype[Any]
Pair = tuple[int, int]

# Nanoseconds for one tap of one output, by the dtype of the sums; others go the plain way.
_TAP = {
    "h": 0.0112,
    "i": 0.0222,
    "l": 0.048,
    "q": 0.048,
    "f": 0.0172,
    "d": 0.0345,
    "F": 0.078,
    "D": 0.158,
}
_PLAIN_TAP = 20.0
_OUTPUT = 0.06  # what an output costs besides its taps, for each pass and byte
_PAIRS = 0.5  # times as much where one instruction takes two taps
_STEPS = 8.0  # times as much for a tap where windows or taps step
# Of the Fourier method, for one pixel of a block: nanoseconds for each of the log2(pixels) stages,
# there and back, and what else there is to do; the share by which a MiB in use slows all of it.
_STAGE = {"f": 0.11, "d": 0.17, "F": 0.11, "D": 0.17}
_REST = {"f": 0.4, "d": 1.3, "F": 1.2, "D": 2.5}
_SLOWER = 0.12
_TILE_CALL = 20e-6  # seconds for each tile, however small
# Rows and columns of a block, a power of two.
_ROWS, _COLUMNS = (32, 64, 128, 256, 512), (32, 64, 128, 256, 512)
_TILE = (256, 512)  # pixels of a tile, in whole blocks, where these are not larger
# All threads together stay below 32 MiB. So many numbers are in use for a pixel of a tile (twice as
# many for a complex one), so many bytes more by the one thread at a time that works on a tile
# where magnitudes differ much; and so many threads should have room.
_SCRATCH = 28 << 20
_IN_USE = {False: 2.5, True: 4.5}  # True: for integers, which are converted, or with missing pixels
_UNEVEN = 14
_ROOM_FOR = min(4, os.cpu_count() or 1)
# Of layers: bytes that a tile takes, and the spectra of the kernels, which are kept;
# nanoseconds to read one of these bytes; how much a stage takes for a complex pixel and one way.
_LAYER = 14 << 20
_SPECTRA = 32 << 20
_READ = 0.1
_WAY = 3


def direct_cost(outputs: int, taps: Pair, sums: Dtype, steps: bool, pairs: bool = False) -> float:
    """Return the cost of multiplying every tap, or pairs of them; see `tap_pairs`."""
    tap = _TAP.get(sums.char, _PLAIN_TAP) * (_STEPS if steps else _PAIRS if pairs else 1)
    return 1e-9 * outputs * (_OUTPUT * sums.itemsize + tap * prod(taps))


def separable_cost(outputs: int, taps: Pair, rank: int, sums: Dtype, steps: bool) -> float:
    """Return the cost of `rank` passes along rows and as many along columns."""
    tap = _TAP.get(sums.char, _PLAIN_TAP) * (_STEPS if steps else 1)
    return 1e-9 * outputs * rank * (3 * _OUTPUT * sums.itemsize + tap * sum(taps))


def fourier_cost(outputs: Pair, extent: Pair, block: Pair, sums: Dtype) -> float:
    """Return the cost of overlap-save in transforms of size `block`."""
    down, along = (ceil(n / (b - e + 1)) for n, e, b in zip(outputs, extent, block, strict=True))
    pairs = down * along if sums.kind == "c" else ceil(down * along / 2)
    area = prod(block)
    used = 4 * area * sums.itemsize / (2 if sums.kind == "c" else 1)  # by a pair and the spectrum
    stages = 2 * area * _STAGE.get(sums.char, _STAGE["D"]) * log2(area)
    tiles = prod(ceil(n / m) for n, m in zip((down, along), blocks_of_tile(block), strict=True))
    rest = 2 * area * _REST.get(sums.char, _REST["D"])
    return 1e-9 * pairs * (stages * (1 + _SLOWER * used / 2**20) + rest) + _TILE_CALL * tiles


class LayerBlocks(NamedTuple):
    """How a layer goes through Fourier transforms, and what that costs."""

    seconds: float
    block: Pair
    tile: Pair  # in blocks
    threads: int  # for which there is memory


def layer_blocks(
    outputs: Pair, extent: Pair, planes: Pair, groups: int, sums: Dtype
) -> LayerBlocks | None:
    """Return the size of transform that costs least for `planes`, (outputs, inputs) of a group.

    None where the spectra of the kernels, or of the inputs, would take too much memory.
    """
    if min(outputs) <= 0:
        return None
    found = []
    for block in product(_ROWS, _COLUMNS):
        area = prod(block)
        number = 2 * sums.itemsize * area  # bytes of the spectrum of a plane
        even = (planes[0] + 1) // 2 * 2
        spectra = even * planes[1] * number
        # Stacks have some columns more than they need, and the tile's own pixels are copied.
        used = (even + planes[1]) * number * (1 + 8 / block[1]) + groups * planes[1] * number
        pairs = int(_LAYER / used)
        if any(e > b for e, b in zip(extent, block, strict=True)) or pairs == 0:
            continue
        if groups * spectra > _SPECTRA:
            continue
        down, along = (
            ceil(n / (b - e + 1)) for n, e, b in zip(outputs, extent, block, strict=True)
        )
        broad = min(along, 2 * pairs)
        tall = min(down, max(2 * pairs // broad, 1))
        tiles = ceil(down / tall) * ceil(along / broad)
        every = tiles * ceil(tall * broad / 2)
        pixel = _WAY * _STAGE[sums.char] * log2(area)
        transforms = every * sum(planes) * area * pixel
        products = every * area * prod(planes) * 4 * _TAP[sums.char]
        reading = tiles * spectra * _READ
        seconds = 1e-9 * groups * (transforms + products + reading) + tiles * _TILE_CALL
        threads = max(int(_SCRATCH / (used * ceil(tall * broad / 2))), 1)
        found.append(LayerBlocks(seconds, block, (tall, broad), threads))
    return min(found, default=None)


def adding_cost(outputs: int, sums: Dtype) -> float:
    """Return the cost of adding one plane to another."""
    return 1e-9 * outputs * 0.1 * sums.itemsize


def blas_cost(outputs: int, channels: int, rows: int, depth: int, product: Dtype) -> float:
    """Return the cost of a matrix product for `channels` planes, `rows` to a matrix.

    Every patch is laid out once for each group; a matrix of few rows cannot hide that.
    """
    flop = _TAP.get(product.char, _PLAIN_TAP)
    patches = channels // rows * depth * 0.2 * product.itemsize
    return (
        1e-9 * outputs * (flop * channels * depth + patches + channels * _OUTPUT * product.itemsize)
    )


def best_block(outputs: Pair, extent: Pair, sums: Dtype, more: bool = False) -> tuple[Pair, Pair]:
    """Return the size of transform that costs least, and that of the parts of the taps.

    It does not depend on the number of threads, nor does the result then; so sizes that leave
    memory for few threads count as if others had to wait. `more` is for `fourier_threads`.
    """

    def weighed(block: Pair) -> float:
        part = part_of(extent, block)
        parts = prod(ceil(e / p) for e, p in zip(extent, part, strict=True))
        threads = min(fourier_threads(block, sums, more), _ROOM_FOR)
        return parts * fourier_cost(outputs, part, block, sums) / threads

    block = min(product(_ROWS, _COLUMNS), key=weighed)
    return block, part_of(extent, block)


def part_of(extent: Pair, block: Pair) -> Pair:
    """Return how much of the taps goes through one transform: up to two thirds of it.

    With more, the outputs that are left cost more than to go through it once again.
    """
    counts = (ceil(3 * e / (2 * b)) for e, b in zip(extent, block, strict=True))
    rows, columns = (ceil(e / n) for e, n in zip(extent, counts, strict=True))
    return rows, columns


def blocks_of_tile(block: Pair) -> Pair:
    """Return how many blocks a tile has: two at least, since real ones go in pairs."""
    rows, columns = (max(n // b, 1) for n, b in zip(_TILE, block, strict=True))
    return rows, max(columns, 2 // rows)


def fourier_threads(block: Pair, sums: Dtype, more: bool = False) -> int:
    """Return for how many threads there is memory; `more` if a tile needs more than its pixels."""
    tile = prod(n * b for n, b in zip(blocks_of_tile(block), block, strict=True))
    left = _SCRATCH - _UNEVEN * tile * (2 if sums.kind == "c" else 1)
    return max(int(left / (_IN_USE[more] * sums.itemsize * tile)), 1)
