"""Choosing the kernel's shape: the smallest rectangle of taps that explains the data."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.sums.least_squares import centred, rounding_noise
from kernfit.learning.sums.origin import Sums
from kernfit.learning.sums.statistics import Statistics

# What the sums themselves cannot resolve, as a share of the after image's variance.
_SUMS_RESOLVE = 1e-13
# How much more than the centred sums the means may weigh.
_MOST_CONDITION = 1e4
# What is left of detail that noise hides counts as at least this share of the noise.
_LEAST_DETAIL = 0.05
_TINY = float(np.finfo(float).tiny)


def choose_support(statistics: Statistics, *, bias: bool = True) -> tuple[slice, slice]:
    """Return the rows and columns of taps to keep, as slices into the searched support.

    Side after side (top, bottom, left, right) is peeled off the searched rectangle as long as
    its taps are not worth their number: removing the taps R raises the squared error by exactly
    ``w_R^T (A_RR)^-1 w_R`` (A the inverse Gram matrix, w the weights), and R stays if that
    exceeds ``|R| log(n)`` residual variances, the Bayesian information criterion (G. Schwarz,
    Annals of Statistics 6, 1978). The anchor's tap always stays. Where noise of the before image
    was taken off the sums, A S A takes the place of A, S being the Gram matrix with that noise.

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
    gram, cross, energy = _equations(statistics.sums, bias)
    row, column = statistics.anchor
    if not gram.any() or np.all(energy <= _SUMS_RESOLVE * statistics.sums.energy):
        # A black before image or a flat after image asks for no tap at all.
        return slice(row, row + 1), slice(column, column + 1)
    # Undetermined directions get a stiffness just above rounding: they then cost nothing to
    # remove while other taps can stand in for them.
    noise = max(rounding_noise(statistics.sums.gram), rounding_noise(gram))
    deficient = np.linalg.eigvalsh(gram)[0] < noise
    if deficient:
        gram = gram + 10 * noise * np.eye(len(gram))
    seen = None
    if statistics.noise is not None:
        # Less what noise adds, little may be left of fine detail, which then says little.
        seen = gram + np.diag(statistics.noise[:-1])
        lacking = _LEAST_DETAIL * statistics.noise.max() - np.linalg.eigvalsh(gram)[0]
        gram = gram + max(0.0, lacking) * np.eye(len(gram))
    inverse = np.linalg.inv(gram)
    weights = inverse @ cross
    errors = energy - np.sum(weights * cross, axis=0)
    if statistics.noise is not None:
        errors = np.maximum(errors, 0) + statistics.noise[:-1] @ weights**2
    freedom = max(1, statistics.count - len(gram) - bias)
    resolved = _SUMS_RESOLVE * np.maximum(energy, np.finfo(float).tiny)
    variance = np.maximum(errors, resolved) / freedom

    # `places` holds, for each tap that is left, its row and column in `inverse`.
    places = np.arange(len(gram)).reshape(statistics.inputs, *statistics.shape)
    left = np.arange(len(gram))
    top, bottom, first, last = 0, statistics.shape[0], 0, statistics.shape[1]
    while True:
        spread = inverse if seen is None else inverse @ seen[np.ix_(left, left)] @ inverse
        sides = {
            "top": places[:, :1] if top < row else None,
            "bottom": places[:, -1:] if bottom - 1 > row else None,
            "first": places[:, :, :1] if first < column else None,
            "last": places[:, :, -1:] if last - 1 > column else None,
        }
        excess = {
            side: _worth(taps.ravel(), spread, weights, variance)
            - taps.size * len(variance) * np.log(statistics.count)
            for side, taps in sides.items()
            if taps is not None
        }
        weakest = min(excess, key=lambda side: excess[side], default=None)
        if weakest is None or excess[weakest] > 0:
            return slice(top, bottom), slice(first, last)
        top += weakest == "top"
        bottom -= weakest == "bottom"
        first += weakest == "first"
        last -= weakest == "last"
        removed = sides[weakest].ravel()  # type: ignore[union-attr]
        kept = np.setdiff1d(places, removed)
        left = left[kept]
        if deficient or seen is not None:
            inverse = np.linalg.inv(gram[np.ix_(left, left)])
            weights = inverse @ cross[left]
        else:
            inverse, weights = _without(removed, kept, inverse, weights)
        places = np.arange(len(left)).reshape(len(places), bottom - top, last - first)


def _equations(sums: Sums, bias: bool) -> tuple[Array, Array, Array]:
    """Return Gram matrix and cross sums of the taps and the energy, the bias eliminated."""
    gram, cross = centred(sums)
    energy = sums.variance
    if not bias:
        # The means have to agree too. If a pedestal is in them, that is all but a condition, and
        # as such counts no more than the rest of the sums can stand.
        plain = sums.gram[:-1, -1] / sums.weight + sums.levels
        mean = sums.cross[-1] / sums.weight + sums.after
        most = _MOST_CONDITION * np.diagonal(gram).max() / max(float(plain @ plain), _TINY)
        weight = min(sums.weight, most) if most > 0 else sums.weight
        gram = gram + weight * np.outer(plain, plain)
        cross = cross + weight * np.outer(plain, mean)
        energy = energy + weight * mean**2
    return gram, cross, energy


def _worth(removed: Array, inverse: Array, weights: Array, variance: Array) -> float:
    """Return by how many residual variances the squared error grows without these taps."""
    taps = weights[removed]
    growth = np.sum(taps * np.linalg.solve(inverse[np.ix_(removed, removed)], taps), axis=0)
    return float(np.sum(growth / variance))


def _without(removed: Array, kept: Array, inverse: Array, weights: Array) -> tuple[Array, Array]:
    """Return inverse and weights once some taps are held at 0 (a Schur complement)."""
    tied = np.linalg.solve(inverse[np.ix_(removed, removed)], inverse[removed][:, kept])
    across = inverse[kept][:, removed]
    return inverse[np.ix_(kept, kept)] - across @ tied, weights[kept] - tied.T @ weights[removed]
