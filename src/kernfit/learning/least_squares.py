"""Exact least squares on the statistics, by a rank-revealing factorisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array

# A direction counts as not seen when its share of the statistics drowns in their rounding: each
# entry of the Gram matrix carries an error of a few units in the last place of its largest one.
_ROUNDING = 64 * np.finfo(np.float64).eps
# A tap takes part in a direction that is not seen if its component exceeds this (unit vectors).
_TOUCHED = 1e-6


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
    undetermined : ndarray, shape (directions, P)
        Orthonormal combinations of taps that change no prediction.
    determined : ndarray of bool, shape (P,)
        Whether each weight is free of all of these.
    condition : float
        Largest over smallest eigenvalue among the directions that are seen (bias taken out).
    """

    weights: Array
    inverse: Array
    undetermined: Array
    determined: Array
    condition: float


def rounding_noise(gram: Array) -> float:
    """Return the eigenvalue of the centred taps below which there is only rounding.

    Centring cancels, so the error to beat is that of the sums before it.
    """
    return float(_ROUNDING * (len(gram) - 1) * np.diagonal(gram)[:-1].max(initial=0.0))


def least_squares(gram: Array, cross: Array, *, bias: bool = True) -> Solution:
    """Solve ``gram @ weights = cross`` for the weights of smallest norm.

    Parameters
    ----------
    gram : ndarray, shape (P, P)
        Sum of ``p p^T``; its last row and column belong to the constant 1, its last entry is the
        number of output pixels.
    cross : ndarray, shape (P, out)
        Sum of ``p y``.
    bias : bool, default True
        Whether the constant takes part. It is eliminated first, so that the norm which decides
        among equally good answers is that of the taps alone.

    Returns
    -------
    Solution
    """
    taps = len(gram) - 1
    count = gram[-1, -1]
    means = gram[:-1, -1] / count if bias else np.zeros(taps)
    centred = gram[:-1, :-1] - count * np.outer(means, means)
    right = cross[:-1] - np.outer(means, cross[-1])
    values, vectors = np.linalg.eigh(centred)
    seen = values > rounding_noise(gram)
    span = vectors[:, seen]
    unseen = vectors[:, ~seen].T
    inverse = np.zeros_like(gram)
    inverse[:-1, :-1] = (span / values[seen]) @ span.T
    weights = np.zeros_like(cross)
    weights[:-1] = inverse[:-1, :-1] @ right
    # One step of refinement takes away most of the solution's own rounding.
    weights[:-1] += inverse[:-1, :-1] @ (right - centred @ weights[:-1])
    determined = np.ones(taps + 1, dtype=bool)
    determined[:-1] = (np.abs(unseen) < _TOUCHED).all(axis=0)
    undetermined = np.zeros((len(unseen), taps + 1))
    undetermined[:, :-1] = unseen
    if bias:
        weights[-1] = (cross[-1] / count) - means @ weights[:-1]
        leverage = inverse[:-1, :-1] @ means
        inverse[:-1, -1] = inverse[-1, :-1] = -leverage
        inverse[-1, -1] = 1 / count + means @ leverage
        # A combination of taps that sums to something over the mean patch shifts the bias.
        undetermined[:, -1] = -unseen @ means
        reach = np.abs(undetermined[:, -1]) / max(1.0, float(np.linalg.norm(means)))
        determined[-1] = bool((reach < _TOUCHED).all())
    condition = float(values[-1] / values[seen][0]) if seen.any() else np.inf
    return Solution(weights, inverse, undetermined, determined, condition)
