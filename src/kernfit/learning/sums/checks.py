"""What statistics are asked to hold, checked before anything is summed up."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_numbers
from kernfit.errors import InvalidInput, ResultTooLarge
from kernfit.learning.sums.least_squares import centred
from kernfit.learning.sums.origin import Sums

_MOST_BYTES = 2 << 30  # of one Gram matrix

# What noise adds to the sums is known to this share over the root of the number of pixels.
_SHAKY = 6.0


def as_weight(variance: ArrayLike, shape: tuple[int, ...], used: Array | None) -> Array:
    """Return one over the variance, 0 where a pixel does not count."""
    given = as_numbers(variance, "variance")
    if given.shape[-2:] != shape[-2:] or given.ndim > len(shape):
        raise InvalidInput(f"variance must have shape {shape}, got {given.shape}")
    spread = np.broadcast_to(given, shape).astype(np.float64)
    counts = np.ones(shape, bool) if used is None else np.broadcast_to(used, shape)
    if not np.all(np.isfinite(spread[counts]) & (spread[counts] > 0)):
        raise InvalidInput(
            "variance must be positive and finite where a pixel counts: mask the others out"
        )
    return np.divide(1.0, spread, out=np.zeros(shape), where=counts)


def not_negative(variance: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return the variance of each pixel of the before image, a single number held only once."""
    given = as_numbers(variance, "before_variance")
    if given.ndim and (given.shape[-2:] != shape[-2:] or given.ndim > len(shape)):
        raise InvalidInput(
            f"before_variance must be a number or have shape {shape}, got {given.shape}"
        )
    if not np.all(np.isfinite(given) & (given >= 0)):
        raise InvalidInput("before_variance must be finite and not negative")
    return np.broadcast_to(given, shape)


def check_detail(sums: Sums, noise: Array, count: int) -> None:
    """Refuse a before image of which little more than the told noise is left.

    Raises
    ------
    InvalidInput
    """
    least = float(np.linalg.eigvalsh(centred(sums)[0])[0])
    if least <= noise.max() * _SHAKY / np.sqrt(max(1, count)):
        raise InvalidInput(
            "before_variance must leave detail that tells the taps apart, got a variance of "
            f"{noise.max() / sums.weight:.3g} and no more than that in some of it: "
            "ask for a smaller shape, or give pairs with more detail"
        )


def either(first: Array | None, second: Array | None, sign: int) -> Array | None:
    """Add what noise added to two sets of sums."""
    if first is None or second is None:
        return first if second is None else sign * second
    total: Array = first + sign * second
    return total


def check_memory(inputs: int, shape: tuple[int, int]) -> None:
    """Refuse a support whose Gram matrix would not fit in memory.

    Raises
    ------
    ResultTooLarge
        If it needs more than 2 GiB.
    """
    weights = inputs * shape[0] * shape[1] + 1
    if weights**2 * 8 > _MOST_BYTES:
        raise ResultTooLarge(
            f"the kernel must have at most {int((_MOST_BYTES / 8) ** 0.5) - 1} taps in all "
            f"(its statistics grow with the square), got {shape[0]}x{shape[1]} taps for "
            f"{inputs} input channel{'s' if inputs > 1 else ''}: ask for a smaller shape"
        )
