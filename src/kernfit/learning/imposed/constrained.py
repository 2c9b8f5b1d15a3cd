"""Least squares on the statistics within what is imposed on the taps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls
from scipy.special import chdtri

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.learning.certainty.uncertainty import from_blocks
from kernfit.learning.imposed.constraints import SEPARABLE, SIGN, SUM, SYMMETRIC, Imposed
from kernfit.learning.sums.least_squares import Solution, centred, follow, rounding_noise
from kernfit.learning.sums.origin import Sums
from kernfit.learning.sums.statistics import Statistics

# A sum is imposed on non-negative taps by an equation that weighs so many times all others.
_HEAVY = 1e4
# Alternating between rows and columns ends when taps change by less than this share.
_SETTLED = 1e-13
_ROUNDS = 500
# A tap takes part in a direction that is not seen if its component exceeds this.
_TOUCHED = 1e-6
# The data speak against what is imposed if chance would do so less often than this, and if it is
# more than the sums resolve.
_RARE = 1e-5
_ARITHMETIC = 1e-12


@dataclass(frozen=True)
class _Problem:
    """Minimise ``w^T gram w - 2 w^T right``, the penalty being in `gram`."""

    gram: Array
    right: Array
    noise: float
    sum_to_one: bool
    non_negative: bool

    def best(self, basis: Array) -> tuple[Array, Array]:
        """Return the best taps among combinations of columns, and the ways they can still move.

        Parameters
        ----------
        basis : ndarray, shape (taps, n)
            Not negative where signs are imposed.

        Returns
        -------
        taps : ndarray, shape (taps,)
        moves : ndarray, shape (taps, m)
            Where signs are imposed, those of taps that are held at 0 are left out.
        """
        if self.non_negative:
            basis = basis[:, self._positive(basis)]
        # In numbers of the columns: what no column has stays 0, whatever the arithmetic.
        start, turns = np.zeros(basis.shape[1]), np.eye(basis.shape[1])
        if self.sum_to_one:
            sums = basis.sum(axis=0)
            if not np.any(sums):
                raise InvalidInput("sum-to-one needs taps that may differ from 0, got none")
            start = sums / (sums @ sums)
            turns = np.linalg.svd(sums[np.newaxis])[2][1:].T
        if turns.shape[1] == 0:
            return basis @ start, basis @ turns
        inverse = within(turns, basis.T @ self.gram @ basis, self.noise)[0]
        found = start + inverse @ (basis.T @ (self.right - self.gram @ (basis @ start)))
        if self.non_negative:
            found = np.maximum(found, 0.0)
        return basis @ found, basis @ turns

    def _positive(self, basis: Array) -> Array:
        """Return which columns take part in the best combination that is not negative.

        (C. L. Lawson and R. J. Hanson, Solving Least Squares Problems, 1974, chapter 23.)
        """
        gram = basis.T @ self.gram @ basis
        scale = np.sqrt(np.maximum(np.diagonal(gram), np.finfo(float).tiny))
        scaled = gram / np.outer(scale, scale)
        root = np.linalg.cholesky(scaled + 1e-13 * len(scaled) * np.eye(len(scaled)))
        rows, target = root.T, np.linalg.solve(root, basis.T @ self.right / scale)
        if self.sum_to_one:
            heavy = _HEAVY * max(1.0, float(np.abs(target).max()))
            sums = basis.sum(axis=0) / scale
            heavy /= float(np.abs(sums).max())
            rows, target = np.vstack([rows, heavy * sums]), np.append(target, heavy)
        return np.asarray(nnls(rows, target)[0] > 0)


def constrained_least_squares(
    sums: Sums, imposed: Imposed, shape: tuple[int, int], *, bias: bool = True
) -> Solution:
    """Return the best taps within what is imposed, with the covariance that is left to them.

    A kernel that is held non-negative is as sure as one that is not: its taps at 0 may be so
    because of noise.

    Parameters
    ----------
    sums : Sums
        Of one input and one output channel.
    imposed : Imposed
        With known strengths.
    shape : (kh, kw)
    bias : bool, default True

    Returns
    -------
    Solution
    """
    gram, right = centred(sums)
    right = right[:, 0]
    means = sums.gram[:-1, -1] / sums.weight
    plain, mean = means + sums.levels, float(sums.cross[-1, 0] / sums.weight + sums.after[0])
    noise = rounding_noise(sums.gram)
    if not bias:
        gram = gram + sums.weight * np.outer(plain, plain)
        right = right + sums.weight * plain * mean
        noise += float(np.finfo(float).eps * 64 * sums.weight * (plain @ plain))
    penalty = imposed.penalty(shape, float(np.trace(gram)) / len(gram))
    problem = _Problem(gram + penalty, right, noise, SUM in imposed.names, SIGN in imposed.names)
    if SEPARABLE in imposed.names:
        taps, moves = _separable(problem, imposed, shape)
    else:
        taps, moves = problem.best(imposed.groups(shape))
    inverse = np.zeros_like(sums.gram)
    inverse[:-1, :-1], unseen = within(moves, problem.gram, noise)
    above = None
    if problem.non_negative and SEPARABLE not in imposed.names:
        above = inverse.copy()
        _, moves = replace(problem, non_negative=False).best(imposed.groups(shape))
        inverse[:-1, :-1], unseen = within(moves, problem.gram, noise)
    undetermined = np.zeros((len(unseen), len(sums.gram)))
    undetermined[:, :-1] = unseen
    determined = np.asarray((np.abs(undetermined) < _TOUCHED).all(axis=0))
    local = inverse.copy()
    if above is not None:
        follow(above, -means if bias else sums.levels, 1 / sums.weight if bias else 0.0)
    follow(inverse, -plain if bias else 0 * plain, 1 / sums.weight if bias else 0.0)
    follow(local, -means if bias else sums.levels, 1 / sums.weight if bias else 0.0)
    weights = np.append(taps, mean - plain @ taps if bias else 0.0)[:, np.newaxis]
    held = np.append(penalty @ taps, 0.0)[:, np.newaxis]
    return Solution(weights, inverse, local, undetermined, determined, held, above)


def within(moves: Array, gram: Array, noise: float) -> tuple[Array, Array]:
    """Return the inverse of a Gram matrix among some moves of the taps, and what it does not see.

    Returns
    -------
    inverse : ndarray, shape (taps, taps)
    unseen : ndarray, shape (directions, taps)
    """
    if moves.shape[1] == 0:
        return np.zeros_like(gram), np.zeros((0, len(gram)))
    # An orthonormal basis of the moves, which may depend on one another.
    left, lengths, _ = np.linalg.svd(moves, full_matrices=False)
    left = left[:, lengths > 1e-12 * lengths[0]]
    values, vectors = np.linalg.eigh(left.T @ gram @ left)
    seen = values > noise
    span = left @ vectors[:, seen]
    inverse: Array = (span / values[seen]) @ span.T
    return inverse, (left @ vectors[:, ~seen]).T


def _separable(problem: _Problem, imposed: Imposed, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Return the best taps that are a column times a row, and the ways they can still move.

    With one of them fixed the best other one is linear least squares, so they take turns.
    """
    sides = [
        Imposed((SYMMETRIC,) if SYMMETRIC in imposed.names else ()).groups((side, 1))
        for side in shape
    ]
    taps, _ = problem.best(imposed.groups(shape))
    left, lengths, right = np.linalg.svd(taps.reshape(shape))
    across = right[0]
    down = left[:, 0] * lengths[0]
    if problem.non_negative:
        across = np.abs(across)
    for _ in range(_ROUNDS):
        before = taps
        taps, _ = problem.best(np.kron(sides[0], across[:, np.newaxis]))
        down = taps.reshape(shape) @ across / (across @ across)
        down /= np.linalg.norm(down) or 1.0
        taps, _ = problem.best(np.kron(down[:, np.newaxis], sides[1]))
        across = down @ taps.reshape(shape)
        if np.abs(taps - before).max() <= _SETTLED * np.abs(taps).max():
            break
    moves = np.hstack([np.kron(sides[0], across[:, np.newaxis]), np.kron(down[:, None], sides[1])])
    if problem.sum_to_one:
        moves = moves @ np.linalg.svd(moves.sum(axis=0)[np.newaxis])[2][1:].T
    return taps, moves


def speaks_against(
    solution: Solution, total: Statistics, blocks: Sequence[Statistics], *, bias: bool
) -> float | None:
    """Return the residual without what was imposed, if the data speak clearly against that.

    The squared error grows by what is imposed; by chance alone it grows by as many residual
    variances as there are taps fewer to choose, a chi-square, times the factor by which the
    blocks disagree more than white noise would (R. A. Fisher, 1922, for white noise).

    Parameters
    ----------
    solution : Solution
        Within what is imposed.
    total : Statistics
    blocks : sequence of Statistics
        Adding up to `total`.
    bias : bool

    Returns
    -------
    float or None
        Root mean square, in the after image's unit.
    """
    free = total.solve(bias=bias)
    least, most = (float(total.squared_error(each.weights).sum()) for each in (free, solution))
    rest = np.linalg.eigvalsh(solution.local[:-1, :-1])
    fewer = len(rest) - int(np.count_nonzero(rest > 1e-12 * max(rest[-1], 1e-300)))
    fewer -= len(free.undetermined)
    freedom = total.count - len(rest)
    if fewer <= 0 or freedom <= 0:
        return None
    excess = 1.0
    if len(blocks) > 1:
        white = np.diagonal(free.inverse)[:-1] * least / freedom
        found = np.diagonal(from_blocks(free, blocks, free.weights).covariance[0])[:-1]
        known = np.isfinite(found) & (white > 0)
        if known.any():
            excess = max(1.0, float(np.mean(found[known] / white[known])))
    chance = excess * float(chdtri(fewer, _RARE)) * least / freedom
    if most - least <= max(chance, _ARITHMETIC * float(total.sums.energy.sum())):
        return None
    return float(np.sqrt(least / total.count))
