"""Choosing the kernel's size: the smallest rectangle of taps that explains the data."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.least_squares import rounding_noise
from kernfit.learning.statistics import Statistics

# What the sums themselves cannot resolve, as a share of the after image's variance.
_SUMS_RESOLVE = 1e-13


def choose_support(statistics: Statistics, *, bias: bool = True) -> tuple[slice, slice]:
    """Return the rows and columns of taps to keep, as slices into the searched support.

    Side after side (top, bottom, left, right) is peeled off the searched rectangle as long as
    its taps are not worth their number: removing the taps R raises the squared error by exactly
    ``w_R^T (A_RR)^-1 w_R`` (A the inverse Gram matrix, w the weights), and R stays if that
    exceeds ``|R| log(n)`` residual variances, the Bayesian information criterion (G. Schwarz,
    Annals of Statistics 6, 1978). The anchor's tap always stays.

    Parameters
    ----------
    statistics : Statistics
        Over the largest support to consider.
    bias : bool, default True
        Whether a constant is learnt too.

    Returns
    -------
    tuple of slice
        ``taps[rows, columns]`` is the smallest support that explains the data.
    """
    kh, kw = statistics.shape
    means = statistics.gram[:-1, -1] / statistics.count * bias
    gram = statistics.gram[:-1, :-1] - statistics.count * np.outer(means, means)
    cross = statistics.cross[:-1] - np.outer(means, statistics.cross[-1])
    # Undetermined directions get a stiffness just above rounding: they then cost nothing to
    # remove while other taps can stand in for them.
    noise = rounding_noise(statistics.gram)
    if np.linalg.eigvalsh(gram)[0] < noise:
        gram = gram + 10 * noise * np.eye(len(gram))
    energy = statistics.energy - bias * statistics.cross[-1] ** 2 / statistics.count
    where = np.arange(len(gram)).reshape(statistics.inputs, kh, kw)

    top, bottom, left, right = 0, kh, 0, kw
    row, column = statistics.anchor
    variance = None
    while True:
        kept = where[:, top:bottom, left:right]
        index = kept.ravel()
        inverse = np.linalg.inv(gram[np.ix_(index, index)])
        weights = inverse @ cross[index]
        if variance is None:
            errors = energy - np.sum(weights * cross[index], axis=0)
            freedom = max(1, statistics.count - len(index) - bias)
            resolved = _SUMS_RESOLVE * np.maximum(energy, np.finfo(float).tiny)
            variance = np.maximum(errors, resolved) / freedom
        sides = {
            "top": kept[:, :1] if top < row else None,
            "bottom": kept[:, -1:] if bottom - 1 > row else None,
            "left": kept[:, :, :1] if left < column else None,
            "right": kept[:, :, -1:] if right - 1 > column else None,
        }
        worth = {
            side: _worth(np.searchsorted(index, taps.ravel()), inverse, weights, variance)
            - taps.size * len(variance) * np.log(statistics.count)
            for side, taps in sides.items()
            if taps is not None
        }
        weakest = min(worth, key=lambda side: worth[side], default=None)
        if weakest is None or worth[weakest] > 0:
            return slice(top, bottom), slice(left, right)
        top += weakest == "top"
        bottom -= weakest == "bottom"
        left += weakest == "left"
        right -= weakest == "right"


def _worth(removed: Array, inverse: Array, weights: Array, variance: Array) -> float:
    """Return by how many residual variances the squared error grows without these taps."""
    taps = weights[removed]
    growth = np.sum(taps * np.linalg.solve(inverse[np.ix_(removed, removed)], taps), axis=0)
    return float(np.sum(growth / variance))
