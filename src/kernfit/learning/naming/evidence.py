"""Learnt taps as evidence: how far another kernel is from them, and whether that can be chance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from kernfit.arrays import Array

# No program computes its taps better than this share of the largest (float32 has 6e-8).
_ARITHMETIC = 1e-6
# Standard errors are themselves uncertain by 10 to 30 %, and rounding is not quite white. Sums of
# many taps, in which errors cancel, must not be trusted beyond that: so much of each variance is
# added as if it were the tap's own.
_OWN = 0.1
# A kernel agrees while its squared distance is what chance exceeds once in a thousand, or less
# than this for each degree of freedom.
_PER_FREEDOM = 3.0
_RARE = 1e-3
# A tap further away than so many errors is another one.
REACH = 4.0


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was learnt of one kernel.

    Attributes
    ----------
    taps : ndarray, shape (kh, kw)
    covariance : ndarray, shape (kh * kw, kh * kw)
        NaN in the rows and columns of taps that are not determined.
    anchor : (row, column)
    reproduced : bool
        Whether the taps reproduce every pixel of an image of whole levels. They are then well
        within the standard errors of least squares.
    left_out : int
        Width of a margin that takes no part: the outermost taps also stand in for what the
        support was too small to hold.
    """

    taps: Array
    covariance: Array
    anchor: tuple[int, int]
    reproduced: bool = False
    left_out: int = 0

    @cached_property
    def known(self) -> Array:
        """Which taps take part, shape (kh, kw)."""
        known: Array = np.isfinite(np.diagonal(self.covariance)).reshape(self.taps.shape)
        if self.left_out:
            inner = np.zeros_like(known)
            edge = slice(self.left_out, -self.left_out)
            inner[edge, edge] = True
            known = known & inner
        return known

    @cached_property
    def error(self) -> Array:
        """Standard error of each tap, never below what arithmetic leaves; NaN if unknown."""
        variance = np.diagonal(self.covariance).reshape(self.taps.shape)
        error: Array = np.sqrt(variance + self._floor**2)
        return error

    @property
    def size(self) -> int:
        """How many taps take part."""
        return int(np.count_nonzero(self.known))

    @property
    def largest(self) -> float:
        """The largest absolute tap."""
        return float(np.abs(self.taps[self.known]).max(initial=0.0))

    @property
    def _floor(self) -> float:
        return max(_ARITHMETIC * float(np.abs(self.taps).max()), float(np.finfo(float).tiny ** 0.5))

    @cached_property
    def _root(self) -> Array:
        """Factor W of the inverse covariance of the taps that take part: W^T W."""
        index = np.flatnonzero(self.known)
        spread = self.covariance[np.ix_(index, index)].copy()
        spread[np.diag_indices(len(spread))] *= 1 + _OWN
        spread[np.diag_indices(len(spread))] += self._floor**2
        scale = np.sqrt(np.diagonal(spread))
        lower = np.linalg.cholesky(spread / np.outer(scale, scale))
        root: Array = np.linalg.inv(lower) / scale
        return root

    def within(self, margin: int) -> Evidence:
        """Return the same evidence with a margin left out."""
        return replace(self, left_out=margin)

    def in_errors(self, values: Array) -> Array:
        """Return values of all taps in units in which their errors are 1 and independent."""
        white: Array = self._root @ values[self.known]
        return white

    def distance(self, model: Array) -> float:
        """Return the squared distance of a kernel, a chi-square if it is the true one.

        (P. C. Mahalanobis, On the generalised distance in statistics, 1936.)
        """
        white = self.in_errors(self.taps - model)
        return float(white @ white)

    def gain(self, model: Array) -> tuple[float, float]:
        """Return the factor that brings a kernel nearest, and the factor's standard error."""
        white = self.in_errors(model)
        length = float(white @ white)
        if length == 0:
            return 0.0, np.inf
        return float(white @ self.in_errors(self.taps)) / length, length**-0.5

    def apart(self, model: Array) -> float:
        """Return the root mean square difference as a share of the taps' own."""
        known = self.known
        whole = float(np.linalg.norm(self.taps[known]))
        return float(np.linalg.norm((self.taps - model)[known])) / whole if whole else np.inf

    @cached_property
    def distinct(self) -> int:
        """How many different sizes the taps have, as far as their errors tell."""
        sizes = np.abs(self.taps[self.known])
        count, start = 0, -np.inf
        for at in np.argsort(sizes):
            if sizes[at] - start > 2 * REACH * self.error[self.known][at]:
                count, start = count + 1, sizes[at]
        return count

    def agrees(self, model: Array, parameters: int = 0) -> bool:
        """Whether a kernel whose parameters were fitted is compatible with the taps."""
        from scipy.special import chdtri

        freedom = max(1, self.size - parameters)
        limit = max(_PER_FREEDOM * freedom, float(chdtri(freedom, _RARE)))
        return self.distance(model) <= limit

    def chance(self, model: Array, parameters: int = 0) -> float:
        """Return the probability that taps drawn at random would agree as well.

        Each degree of freedom agrees by chance with the probability that its error has of the
        range of the taps. Zeros count only between other taps: around them they say nothing.
        """
        seen = self.known & (np.abs(model) > REACH * self.error)
        rows, columns = np.nonzero(seen)
        if len(rows) == 0:
            return 1.0
        box = np.zeros_like(seen)
        if len(rows) == 1:  # of a single tap, the zeros are all there is to say
            box[:] = True
            if self.size == 1:
                return 0.0
        box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
        error = self.error[box & self.known]
        share = np.log(np.minimum(1.0, 2 * REACH * error / (2 * self.largest))).mean()
        return float(np.exp(share * max(0, error.size - parameters)))
