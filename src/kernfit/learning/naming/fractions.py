"""The simplest fractions: integers over a common divisor that agree with all taps."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.naming.evidence import Evidence

LARGEST = 4096  # divisor looked for
# At most this probability over the divisor, that a kernel of other taps would have agreed with one
# of the divisors so far: programs have small ones.
_CHANCE = 0.1
# Standard errors between a tap and its fraction; fewer where only rounding is left.
_REACH, _REACH_REPRODUCED = 4.0, 1.0
_LARGEST_SHARE = 64  # integer looked for where they add up to the divisor
_LONGEST = 49  # taps written out in a sentence


def simplest_fractions(evidence: Evidence) -> tuple[Array, int] | None:
    """Return the integers and the smallest divisor that agree with the taps, if any do.

    With a divisor large enough every kernel agrees. So the search ends where taps drawn at random
    would have agreed with one of the divisors tried so far, at a probability that follows from
    the errors. Taps that are equal, zero, or what others leave of a whole sum are no evidence.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    (integers, divisor) or None
        Integers of the shape of the taps, 0 where a tap is not known.

    Examples
    --------
    >>> taps = np.array([[0.5, 0.25], [0.125, -0.25]])
    >>> integers, divisor = simplest_fractions(Evidence(taps, np.zeros((4, 4)), (0, 0)))
    >>> as_fractions(integers, divisor)
    '(4 2 / 1 -2) / 8'
    """
    known = evidence.known
    errors = _REACH_REPRODUCED if evidence.reproduced else _REACH
    taps, reach = evidence.taps[known], errors * evidence.error[known]
    widths = _independent(taps, reach)
    total = evidence.covariance[known.ravel()][:, known.ravel()].sum()
    total_reach = _REACH * np.sqrt(max(total, 0.0) + np.sum(evidence.error[known] ** 2) / taps.size)
    divisors = np.arange(1, LARGEST + 1)[:, np.newaxis]
    chance = np.cumsum(np.prod(np.minimum(1.0, 2 * widths * divisors), axis=1))
    divisors = divisors[: int(np.argmax(np.append(chance * divisors[:, 0], np.inf) > _CHANCE))]
    near = np.rint(taps * divisors)
    agree = (np.abs(taps - near / divisors) <= reach).all(axis=1)
    agree &= np.abs(taps.sum() - near.sum(axis=1) / divisors[:, 0]) <= total_reach
    for index in np.flatnonzero(agree):
        integers, divisor = np.zeros(evidence.taps.shape, np.int64), int(divisors[index, 0])
        integers[known] = near[index].astype(np.int64)
        if integers.any() and evidence.agrees(integers / divisor):
            return integers, divisor
    return _shares(evidence, taps, reach, total_reach)


def _shares(
    evidence: Evidence, taps: Array, reach: Array, total_reach: float
) -> tuple[Array, int] | None:
    """Return small integers over their own sum: few different taps tell no large divisor else.

    Of a kernel that sums to a whole number the integers give the divisor. So the search is for the
    ratios of the taps to the largest one, and ends where random ratios would agree.
    """
    largest, whole = float(np.abs(taps).max()), round(float(taps.sum()))
    if whole < 1 or abs(taps.sum() - whole) > total_reach:
        return None
    others = _apart(np.abs(taps), reach)[:-1]
    chance = 0.0
    for top in range(1, _LARGEST_SHARE + 1):
        chance += float(np.prod(np.minimum(1.0, 2 * others * top / largest)))
        if chance * top > _CHANCE:
            break
        shares = np.rint(taps * top / largest).astype(np.int64)
        divisor, rest = divmod(int(shares.sum()), whole)
        if rest or divisor < 1 or (np.abs(taps - shares / divisor) > reach).any():
            continue
        integers = np.zeros(evidence.taps.shape, np.int64)
        integers[evidence.known] = shares
        if evidence.agrees(integers / divisor):
            return integers, divisor
    return None


def as_fractions(integers: Array, divisor: int) -> str:
    """Return "(1 2 / 3 4) / 5"; of a large kernel only the range and the divisor.

    Parameters
    ----------
    integers : ndarray of int, shape (kh, kw)
    divisor : int

    Returns
    -------
    str
    """
    if integers.size > _LONGEST:
        rows, columns = integers.shape
        text = f"{rows}x{columns} whole numbers from {integers.min()} to {integers.max()}"
        return text if divisor == 1 else f"{text}, divided by {divisor}"
    else:
        text = f"({' / '.join(' '.join(str(tap) for tap in row) for row in integers)})"
    return text if divisor == 1 else f"{text} / {divisor}"


def _apart(sizes: Array, reach: Array) -> Array:
    """Return the reach of each different size, the smallest first; zeros are none."""
    order = np.argsort(sizes)
    order = order[sizes[order] > reach[order]]
    if order.size == 0:
        return np.empty(0)
    # Of a group of equal taps the best known speaks.
    new = np.diff(sizes[order], prepend=-np.inf) > 2 * reach[order]
    widths: Array = np.minimum.reduceat(reach[order], np.flatnonzero(new))
    return widths


def _independent(taps: Array, reach: Array) -> Array:
    """Return the reach of each tap that is evidence of its own."""
    widths = _apart(np.abs(taps), reach)
    whole = abs(taps.sum() - np.rint(taps.sum())) <= reach.max()
    if whole and widths.size > 1:
        widths = np.delete(widths, widths.argmax())
    return widths
