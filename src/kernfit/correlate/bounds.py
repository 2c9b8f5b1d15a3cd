"""How far a result can be from the exact one, before any pixel is seen.

Every bound is in units of the largest magnitude among the image, the fill value and the bias, and
counts the rounding of pixels and taps to the dtype of the sums, of the sums, and of the result. It
holds unless a number over- or underflows. With u the unit roundoff, ``gamma(n) = n u / (1 - n u)``
bounds n roundings in a row (N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
SIAM 2002, chapter 3).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.dtypes import Numbers

Dtype = np.dtype[Any]

_ROWS = 64  # of taps that are looked at together, for a large kernel would take much memory


def unit(dtype: Dtype) -> float:
    """Return the unit roundoff of a floating or complex dtype, half its epsilon."""
    return float(np.finfo(dtype).eps) / 2


def gamma(count: int, dtype: Dtype) -> float:
    """Return the bound for `count` roundings in a row."""
    total = count * unit(dtype)
    return total / (1 - total) if total < 1 else math.inf


def direct_bound(taps: Array, sums: Dtype) -> float:
    """Bound the sum of all products, added one by one, row after row.

    The product that comes first goes through the most roundings: its own, and one for each that is
    added later.
    """
    later = np.arange(taps.size, 0, -1) + 1 + (2 if sums.kind == "c" else 0)
    total = later * unit(sums)
    if total[0] >= 1:
        return math.inf
    return float((total / (1 - total) * abs(taps).ravel()).sum())


def sum_bound(taps: Array, sums: Dtype) -> float:
    """Bound the sum of all products, in whatever order they are added."""
    # A complex product takes two roundings and the square root of 2: three.
    roundings = taps.size + (2 if sums.kind == "c" else 0)
    return gamma(roundings, sums) * total_of(taps)


def separable_bound(taps: Array, terms: tuple[tuple[Array, Array], ...], sums: Dtype) -> float:
    """Bound the sum of the terms, each a pass along the rows and one along the columns."""
    wide = np.clongdouble if sums.kind == "c" else np.longdouble
    left = 0.0
    for first in range(0, len(taps), _ROWS):
        part = slice(first, first + _ROWS)
        rest = taps[part].astype(wide)
        for column, row in terms:
            rest = rest - column[part].astype(wide) * row.astype(wide)
        left += total_of(rest)
    size = passes = 0.0
    for column, row in terms:
        size += total_of(column) * total_of(row)
        across, down = direct_bound(row, sums), direct_bound(column, sums)
        passes += across * total_of(column) + down * (total_of(row) + across)
    adds = gamma(len(terms) - 1, sums) * (size + passes)
    # The last term is for the rounding of `left` itself.
    return passes + adds + left + size * 2 * float(np.finfo(wide).eps)


def fourier_bound(taps: Array, spectrum: Array, block: tuple[int, int], sums: Dtype) -> float:
    """Bound the result of overlap-save in transforms of size `block`, for one part of the taps.

    The errors of a transform's many roundings are taken as independent: their root mean square
    then grows with the square root of the number of stages and is even over the block (N. J.
    Higham and T. Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci.
    Comput. 41, 2019). Where an image repeats the signs of the taps, so that outputs are as large as
    they can be, errors repeat as well and meet there: the last term. The factors are twice the
    worst seen over kernels and images of many kinds.
    """
    stages = np.log2(block[0] * block[1])
    # The spectrum is that of `blocks.spectrum_of`: in two planes, and over the size of the block.
    peak = float(np.hypot(spectrum[:, 0], spectrum[:, 1]).max()) * block[0] * block[1]
    norm = float(np.sqrt((abs(taps) ** 2).sum()))
    return float(unit(sums) * np.sqrt(stages) * (3 * peak + 10 * norm + total_of(taps)))


def layer_bound(weights: Array, block: tuple[int, int], sums: Dtype) -> float:
    """Bound the sum over input planes, `weights` (in, kh, kw), added up as spectra.

    Planes may be alike, and so may be their errors.
    """
    # The peak of a spectrum is no more than the sum of magnitudes, nor much less for few taps.
    totals = abs(weights).sum((1, 2))
    spectra = np.abs(np.fft.rfft2(weights.astype(np.float64), block)).max((1, 2))
    norms = np.sqrt((weights**2).sum((1, 2)))
    stages = np.log2(block[0] * block[1])
    each = np.sqrt(stages) * (3 * np.minimum(spectra, totals) + 10 * norms + totals)
    return float(unit(sums) * each.sum() + gamma(len(weights), sums) * spectra.sum())


def fourier_worst(taps: Array, block: tuple[int, int]) -> float:
    """Bound the same in double precision with no assumption at all (Higham, theorem 24.2).

    It is some hundred times too large, but an integer needs no more than an error below a half.
    """
    area = block[0] * block[1]
    stages = 7 * float(np.log2(area)) + 2
    # Two real blocks are transformed as one of complex numbers, the square root of 2 as large.
    return 3 * gamma(int(stages) + 1, np.dtype("f8")) * total_of(taps) * float(np.sqrt(2 * area))


def whole_bound(method: float, taps: Array, bias: Array, image: Dtype, numbers: Numbers) -> float:
    """Return the bound on the finished result, `method` being that on the sums alone."""
    total = total_of(taps)
    if not math.isfinite(total):
        return math.inf  # nothing is certain about taps that are not finite
    bound = method
    if not numbers.are_integers:
        wide = np.result_type(taps, np.longdouble)
        lines = taps.reshape(-1, taps.shape[-1])
        for first in range(0, len(lines), _ROWS):
            part = lines[first : first + _ROWS]
            bound += total_of(part.astype(wide) - part.astype(numbers.sums))
        if image.kind in "iu" and image.itemsize * 8 > np.finfo(numbers.load).nmant:
            bound += unit(numbers.load) * total
        if bias.any():
            bound += 2 * unit(numbers.sums) * (total + 1)
    if numbers.result.kind in "fc" and numbers.result != numbers.sums:
        bound += unit(numbers.result) * (total + bool(bias.any()) + bound)
    return bound


def total_of(taps: Array) -> float:
    """Return the sum of magnitudes."""
    return float(abs(taps).sum())
