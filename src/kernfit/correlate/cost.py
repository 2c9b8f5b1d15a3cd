"""What each method costs, in seconds of one thread: rough, but in the right order.

The figures are those of one current core with 256-bit vectors or wider; another machine changes
all of them alike, and the choice between methods much less.
"""

from __future__ import annotations

from itertools import product
from math import ceil, log2, prod
from typing import Any, NamedTuple

import numpy as np

Dtype = np.dtype[Any]
Pair = tuple[int, int]

# Nanoseconds for one tap of one output, by kind and bytes of the sums (not by the letter, which one
# type has several of and which differs between systems); others go the plain way.
_TAP = {
    ("i", 2): 0.0112,
    ("i", 4): 0.0222,
    ("i", 8): 0.048,
    ("f", 4): 0.0172,
    ("f", 8): 0.0345,
    ("c", 8): 0.078,
    ("c", 16): 0.158,
}
_PLAIN_TAP = 20.0
_OUTPUT = 0.06  # what an output costs besides its taps, for each pass and byte
_PAIRS = 0.5  # times as much where one instruction takes two taps
_STEPS = 8.0  # times as much for a tap where windows or taps step
# Of layers by Fourier transforms: rows and columns of a block; nanoseconds for a real pixel, for
# each of the log2(pixels) stages, there and back; seconds for each tile, however small; bytes that
# all threads take together, that one tile takes, and that the spectra of the kernels take, which
# are kept; nanoseconds to read one of these bytes; how much a stage takes for a complex pixel and
# one way.
_ROWS, _COLUMNS = (32, 64, 128, 256, 512), (32, 64, 128, 256, 512)
_STAGE = {4: 0.11, 8: 0.17}
_TILE_CALL = 20e-6
_SCRATCH = 28 << 20
_LAYER = 14 << 20
_SPECTRA = 32 << 20
_READ = 0.1
_WAY = 3


def tap_cost(sums: Dtype) -> float:
    """Return the nanoseconds for one tap of one output."""
    return _TAP.get((sums.kind, sums.itemsize), _PLAIN_TAP)


def direct_cost(outputs: int, taps: Pair, sums: Dtype, steps: bool, pairs: bool = False) -> float:
    """Return the cost of multiplying every tap, or pairs of them; see `tap_pairs`."""
    tap = tap_cost(sums) * (_STEPS if steps else _PAIRS if pairs else 1)
    return 1e-9 * outputs * (_OUTPUT * sums.itemsize + tap * prod(taps))


def separable_cost(outputs: int, taps: Pair, rank: int, sums: Dtype, steps: bool) -> float:
    """Return the cost of `rank` passes along rows and as many along columns."""
    tap = tap_cost(sums) * (_STEPS if steps else 1)
    return 1e-9 * outputs * rank * (3 * _OUTPUT * sums.itemsize + tap * sum(taps))


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
        pixel = _WAY * _STAGE[sums.itemsize] * log2(area)
        transforms = every * sum(planes) * area * pixel
        products = every * area * prod(planes) * 4 * tap_cost(sums)
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
    flop = tap_cost(product)
    patches = channels // rows * depth * 0.2 * product.itemsize
    return (
        1e-9 * outputs * (flop * channels * depth + patches + channels * _OUTPUT * product.itemsize)
    )
