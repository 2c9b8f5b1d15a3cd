"""What each method costs, in seconds of one thread: rough, but in the right order.

The figures are those of one current core with 256-bit vectors or wider; another machine changes
all of them alike, and the choice between methods much less.
"""

from __future__ import annotations

from math import ceil, log2, prod
from typing import Any

import numpy as np

Dtype = np.dtype[Any]
Pair = tuple[int, int]

# Nanoseconds for one tap of one output, by the dtype of the sums; others go the plain way.
_TAP = {"h": 0.012, "i": 0.02, "l": 0.08, "q": 0.08, "f": 0.02, "d": 0.04, "F": 0.08, "D": 0.16}
_PLAIN_TAP = 20.0
_OUTPUT = 0.3  # what an output costs besides its taps, for each pass
_STEPS = 3.0  # times as much for a tap where windows or taps step
# Nanoseconds for one pixel and one of the log2(pixels) stages, there and back.
_STAGE = {"f": 0.6, "d": 1.0, "F": 1.2, "D": 2.0}
# Of transforms: larger ones leave the cache, and scratch memory must stay below 32 MiB.
_BLOCKS = (128, 192, 256, 384, 512, 768)


def direct_cost(outputs: int, taps: Pair, sums: Dtype, steps: bool) -> float:
    """Return the cost of multiplying every tap."""
    tap = _TAP.get(sums.char, _PLAIN_TAP) * (_STEPS if steps else 1)
    return 1e-9 * outputs * (_OUTPUT + tap * prod(taps))


def separable_cost(outputs: int, taps: Pair, rank: int, sums: Dtype, steps: bool) -> float:
    """Return the cost of `rank` passes along rows and as many along columns."""
    tap = _TAP.get(sums.char, _PLAIN_TAP) * (_STEPS if steps else 1)
    return 1e-9 * outputs * rank * (3 * _OUTPUT + tap * sum(taps))


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
    patches = channels // rows * depth * 0.1 * product.itemsize
    return 1e-9 * outputs * (flop * channels * depth + patches + channels * _OUTPUT)


def best_block(outputs: Pair, extent: Pair) -> Pair:
    """Return the size of transform that costs least, for outputs without steps."""

    def best(count: int, span: int) -> int:
        least = span + min(count, 8) - 1
        enough = _round_up(span + count - 1)
        sizes = [b for b in _BLOCKS if least <= b < enough] + [enough]
        # The whole axis at once is one candidate, but not where it would be too much memory.
        sizes = [b for b in sizes if b <= _BLOCKS[-1]] or [_round_up(max(2 * span, 512))]
        return min(sizes, key=lambda b: ceil(count / (b - span + 1)) * b * log2(b + 1))

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
