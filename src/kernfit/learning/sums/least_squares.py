"""Exact least squares on the statistics, by a rank-revealing factorisation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.sums.origin import Sums

# A direction counts as not seen when its share of the statistics drowns in their rounding: each
# entry of the Gram matrix carries an error of a few units in the last place of its largest one.
_ROUNDING = 64 * np.finfo(np.float64).eps
# A tap takes part in a direction that is not seen if its component exceeds this (unit vectors).
_TOUCHED = 1e-6
# A triangle of fewer rows is not worth halving.
_LEAST_HALF = 16


@dataclass(frozen=True)
class Solution:
    """The weights that minimise the squared error, and what could not be told.

    Attributes
    ----------
    weights : ndarray, shape (P, out)
        Taps and, last, the bias (0 where none was asked for). Where the data leave a choice, the
        taps of smallest norm.
    inverse : ndarray, shape (P, P)
        Pseudo-inverse of the Gram matrix: times the residual's variance, the covariance.
    local : ndarray, shape (P, P)
        The same of the images less the levels that the sums are counted from.
    undetermined : ndarray, shape (directions, P)
        Orthonormal combinations of taps that change no prediction.
    determined : ndarray of bool, shape (P,)
        Whether each weight is free of all of these.
    held : ndarray, shape (P, out), or float
        How hard a penalty pulls at the weights; 0 without one.
    moves : ndarray, shape (P, P), or None
        Where taps are held at 0 by their sign: `local` of the others.
    """

    weights: Array
    inverse: Array
    local: Array
    undetermined: Array
    determined: Array
    held: Array | float = 0.0
    moves: Array | None = None

    @cached_property
    def condition(self) -> float:
        """Largest over smallest eigenvalue among the directions that are seen (bias taken out)."""
        values = np.linalg.eigvalsh(self.inverse[:-1, :-1])[len(self.undetermined) :]
        return float(values[-1] / values[0]) if values.size else np.inf


def rounding_noise(gram: Array) -> float:
    """Return the eigenvalue of the centred taps below which there is only rounding.

    Centring cancels, so the error to beat is that of the sums before it, about their levels.
    """
    return float(_ROUNDING * (len(gram) - 1) * np.diagonal(gram)[:-1].max(initial=0.0))


def centred(sums: Sums) -> tuple[Array, Array]:
    """Return the Gram matrix of the taps and their cross sums, the means taken off."""
    means = sums.gram[:-1, -1] / sums.weight
    gram = sums.gram[:-1, :-1] - sums.weight * np.outer(means, means)
    return gram, sums.cross[:-1] - np.outer(means, sums.cross[-1])


def least_squares(sums: Sums, *, bias: bool = True) -> Solution:
    """Return the weights that minimise the squared error, those of smallest norm.

    Parameters
    ----------
    sums : Sums
    bias : bool, default True
        Whether the constant takes part. It is eliminated first, so that the norm which decides
        among equally good answers is that of the taps alone.

    Returns
    -------
    Solution
    """
    taps = len(sums.gram) - 1
    gram, right = centred(sums)
    noise = rounding_noise(sums.gram)
    # Where the plain images' means lie; a pedestal may be in them, but was not in the sums so far.
    means = sums.gram[:-1, -1] / sums.weight
    plain, mean = means + sums.levels, sums.cross[-1] / sums.weight + sums.after
    inverse = np.zeros_like(sums.gram)
    weights = np.zeros_like(sums.cross)
    whole = _inverse_if_seen(gram, noise) if bias else None
    if whole is not None:
        inverse[:-1, :-1] = whole
        weights[:-1] = whole @ right
        unseen = np.empty((0, taps))
    else:
        values, vectors = np.linalg.eigh(gram)
        seen = values > noise
        span, lengths, unseen = vectors[:, seen], np.sqrt(values[seen]), vectors[:, ~seen].T
        target = span.T @ right / lengths[:, np.newaxis]
        if not bias:
            # The means have to agree too: one more equation, put beside a root of the others, for
            # in sums of squares it would drown them.
            rows = np.vstack([lengths[:, np.newaxis] * span.T, np.sqrt(sums.weight) * plain])
            target = np.vstack([target, np.sqrt(sums.weight) * mean])
            left, lengths, right_vectors = np.linalg.svd(rows)
            least = max(noise**0.5, 8 * np.finfo(float).eps * taps * lengths[0])
            rank = int(np.count_nonzero(lengths > least))
            span, unseen = right_vectors[:rank].T, right_vectors[rank:]
            lengths, target = lengths[:rank], left[:, :rank].T @ target
        inverse[:-1, :-1] = (span / lengths**2) @ span.T
        weights[:-1] = span @ (target / lengths[:, np.newaxis])
    determined = np.ones(taps + 1, dtype=bool)
    determined[:-1] = (np.abs(unseen) < _TOUCHED).all(axis=0)
    undetermined = np.zeros((len(unseen), taps + 1))
    undetermined[:, :-1] = unseen
    if bias:
        # One step of refinement takes away most of the solution's own rounding.
        weights[:-1] += inverse[:-1, :-1] @ (right - gram @ weights[:-1])
        weights[-1] = mean - plain @ weights[:-1]
        # A combination of taps that sums to something over the mean patch shifts the bias.
        undetermined[:, -1] = -unseen @ plain
        reach = np.abs(undetermined[:, -1]) / max(1.0, float(np.linalg.norm(plain)))
        determined[-1] = bool((reach < _TOUCHED).all())
    local = inverse.copy()
    follow(inverse, -plain if bias else 0 * plain, 1 / sums.weight if bias else 0.0)
    follow(local, -means if bias else sums.levels, 1 / sums.weight if bias else 0.0)
    return Solution(weights, inverse, local, undetermined, determined)


def _inverse_if_seen(gram: Array, noise: float) -> Array | None:
    """Return the inverse if all eigenvalues are surely above the noise, else None.

    Their reciprocals sum up to its trace, so that none is smaller than one over that. It takes a
    third of the time of the eigenvalues themselves.
    """
    try:
        root = _inverse_of_triangle(np.linalg.cholesky(gram))
    except np.linalg.LinAlgError:
        return None
    inverse: Array = root.T @ root
    return inverse if noise * np.trace(inverse) < 1 else None


def _inverse_of_triangle(lower: Array) -> Array:
    """Return the inverse of a lower triangular matrix, half by half."""
    half = len(lower) // 2
    if half < _LEAST_HALF:
        return np.linalg.inv(lower)
    inverse = np.zeros_like(lower)
    top, bottom = (_inverse_of_triangle(lower[at, at]) for at in (np.s_[:half], np.s_[half:]))
    inverse[:half, :half], inverse[half:, half:] = top, bottom
    inverse[half:, :half] = -bottom @ (lower[half:, :half] @ top)
    return inverse


def follow(inverse: Array, slopes: Array, own: float) -> None:
    """Fill in the bias, which follows the taps by these slopes and has a variance of its own."""
    leverage = inverse[:-1, :-1] @ slopes
    inverse[:-1, -1] = inverse[-1, :-1] = leverage
    inverse[-1, -1] = own + slopes @ leverage
