"""Sums of products in float32 with the accuracy of nearly twice its digits, for want of float64.

Each rounding error is computed along, exactly, and summed up too: the error of a product from both
factors' halves (T. J. Dekker, A floating-point technique for extending the available precision,
1971), that of a sum from what comes back of its parts (D. E. Knuth, The Art of Computer
Programming, volume 2). Every operation is a call of its own, so that none is contracted or put in
another order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernfit.devices.arrays import namespace, to_host

# Cuts the 24 digits of float32 in two halves.
SPLIT = float(2**12 + 1)
_FEW = 1024  # numbers that the host adds up


@dataclass(frozen=True, eq=False)
class Halves:
    """An array and its upper and lower digits."""

    whole: Any
    upper: Any
    lower: Any

    def map(self, part: Callable[..., Any], *where: Any) -> Halves:
        """Return the same part of all three."""
        return Halves(*(part(a, *where) for a in (self.whole, self.upper, self.lower)))


def halves(array: Any) -> Halves:
    """Return a float32 array and both halves of its digits; it must lie within 1e±30."""
    scaled = array * SPLIT
    upper = scaled - (scaled - array)
    return Halves(array, upper, array - upper)


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the rounded sum and what it lacks."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def two_product(a: Halves, b: Halves) -> tuple[Any, Any]:
    """Return the rounded product and what it lacks."""
    product = a.whole * b.whole
    rest = a.upper * b.upper - product
    rest = rest + a.upper * b.lower
    rest = rest + a.lower * b.upper
    return product, rest + a.lower * b.lower


def total_of(array: Any, rest: Any = None) -> float:
    """Return the sum of all numbers of an array, and of what each of them lacks."""
    xp = namespace(array)
    high = xp.reshape(array, (-1,))
    low = xp.zeros_like(high) if rest is None else xp.reshape(rest, (-1,))
    parts = []
    while high.shape[0] > _FEW:
        half = high.shape[0] // 2
        if high.shape[0] % 2:
            parts += [high[2 * half :], low[2 * half :]]
        high, lost = two_sum(high[:half], high[half : 2 * half])
        low = low[:half] + low[half : 2 * half] + lost
    found = (to_host(part).astype(np.float64) for part in (*parts, high, low))
    return math.fsum(np.concatenate(list(found)))


def dot(a: Halves, b: Halves) -> float:
    """Return the sum of all products."""
    return total_of(*two_product(a, b))
