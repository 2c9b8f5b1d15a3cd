"""What each method costs, in seconds of one thread: rough, but in the right order.

The figures are those of one current core with 256-bit vectors or wider; another machine changes
all of them alike, and the choice between methods much less.
"""

from __future__ import annotations

from math import ceil, isqrt, log2, prod
from typing import Any

import numpy as np

Dtype = np.dtype[Any]
Pair = tuple[int, int]

# Nanoseconds for one tap of one output, by the dtype of the sums; others go the plain way.
_TAP = {
    "h": 0.012,
    "i": 0.035,
    "l": 0.1,
    "q": 0.1,
    "f": 0.014,
    "d": 0.028,
    "F": 0.055,
    "D": 0.11,
}
_PLAIN_TAP = 20.0
_OUTPUT = 0.06  # what an output costs besides its taps, for each pass and byte
_STEPS = 8.0  # times as much for a tap where windows or taps step
# Nanoseconds for one pixel and one of the log2(pixels) stages, there and back.
_STAGE = {"f": 0.5, "d": 0.9, "F": 1.0, "D": 1.8}
# Of transforms: larger ones leave the cache. All threads together stay below 32 MiB.
_LARGEST_BLOCK = 768
_SCRATCH = 28 << 20
_COPIES = 5  # of a block, there and back
_OVERHEAD = 500  # what a transform of a row costs besides, in the same unit


def direct_cost(outputs: int, taps: Pair, sums: Dtype, steps: bool) -> float:
    """Return the cost of multiplying every tap."""
    tap = _TAP.get(sums.char, _PLAIN_TAP) * (_STEPS if steps else 1)
    return 1e-9 * outputs * (_OUTPUT * sums.itemsize + tap * prod(taps))


def separable_cost(outputs: int, taps: Pair, rank: int, sums: Dtype, steps: bool) -> float:
    """Return the cost of `rank` passes along rows and as many along columns."""
    tap = _TAP.get(sums.char, _PLAIN_TAP) * (_STEPS if steps else 1)
    return 1e-9 * outputs * rank * (3 * _OUTPUT * sums.itemsize + tap * sum(taps))


def fourier_cost(outputs: Pair, extent: Pair, block: Pair, sums: Dtype) -> float:
    """Return the cost of overlap-save in transforms of size `block`."""
    count = prod(ceil(n / (b - e + 1)) for n, e, b in zip(outputs, extent, block, strict=True))
    stage = _STAGE.get(sums.char, _STAGE["d"])
    return 1e-9 * count * prod(block) * (stage * log2(prod(block)) + 1)


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


def largest_block(itemsize: int, threads: int) -> int:
    """Return the greatest side of a block for which that many threads have memory."""
    return min(_LARGEST_BLOCK, isqrt(_SCRATCH // (_COPIES * itemsize * threads)))


def best_block(outputs: Pair, extent: Pair, largest: int) -> Pair:
    """Return the size of transform that costs least, for outputs without steps."""

    def best(count: int, span: int) -> int:
        # So many tiles in a row, each no larger than it must be.
        least = -(-count // (largest - span + 1))
        sizes = [_round_up(-(-count // n) + span - 1) for n in range(least, least + 24)]
        return min(sizes, key=lambda b: -(-count // (b - span + 1)) * b * (log2(b) + _OVERHEAD / b))

    rows, columns = (best(max(n, 1), e) for n, e in zip(outputs, extent, strict=True))
    return rows, columns


def _round_up(least: int) -> int:
    """Return the next integer with no prime factor above 5, which transforms like."""
    candidates = []
    power5 = 1
    while power5 < 2 * least:
        power3 = power5
        while power3 < 2 * least:
            power2 = max(-(-least // power3) - 1, 0).bit_length()
            candidates.append(power3 << power2)
            power3 *= 3
        power5 *= 5
    return min(candidates)
