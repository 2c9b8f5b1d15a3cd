"""How sure each weight is: standard errors from how well the blocks of the image agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.threads import for_strips, thread_count
from kernfit.learning.sums.least_squares import Solution
from kernfit.learning.sums.statistics import Statistics

# A block that alone holds all that is known of a direction cannot vouch for it: its leverage
# counts as at most this.
_MOST_LEVERAGE = 0.999
# Beyond so many weights the leverage of each block is taken as its share of the whole: with that
# many taps there are many more pixels, and the correction is small.
_MANY = 300


@dataclass(frozen=True)
class Uncertainty:
    """The errors of the weights of each output channel.

    Attributes
    ----------
    covariance : ndarray, shape (out, P, P)
        NaN where a weight is not determined. Its diagonal comes from the blocks, its correlations
        from the Gram matrix.
    freedom : ndarray, shape (out, P)
        Degrees of freedom of each variance: an interval takes Student's quantile for so many.
    influence : ndarray, shape (blocks, out, P)
        How far each block pulls each weight. The variance of any combination c of weights is the
        sum over the blocks of ``(influence @ c)^2``. Empty where there were no blocks to compare.
    """

    covariance: Array
    freedom: Array
    influence: Array

    def deviations(self, output: int, own: slice) -> Array:
        """Return such numbers that any combination c of weights has variance ``sum((d @ c)^2)``.

        Parameters
        ----------
        output : int
            The channel whose weights they are.
        own : slice
            Which of its weights are combined.

        Returns
        -------
        ndarray, shape (n, weights)
            What the blocks say, or a root of the covariance where there were none.
        """
        if len(self.influence):
            return self.influence[:, output, own]
        covariance = self.covariance[output, own, own]
        if not np.isfinite(covariance).all():
            return np.full((1, len(covariance)), np.nan)
        values, vectors = np.linalg.eigh(covariance)
        root: Array = np.sqrt(np.maximum(values, 0.0))[:, np.newaxis] * vectors.T
        return root


def unknown(outputs: int, size: int) -> Uncertainty:
    """Return that nothing is known of the errors of an answer that is not the best one."""
    return Uncertainty(
        np.full((outputs, size, size), np.nan),
        np.zeros((outputs, size)),
        np.empty((0, outputs, size)),
    )


def white_noise(solution: Solution, squared_error: Array, count: int, *, bias: bool) -> Uncertainty:
    """Return the errors if the residual is white noise: its variance times the inverse Gram matrix.

    (C. F. Gauss, Theoria combinationis observationum, 1823.)

    Parameters
    ----------
    solution : Solution
    squared_error : ndarray, shape (out,)
        Sum of squared residuals.
    count : int
        Number of output pixels.
    bias : bool
        Whether the constant was learnt; if not, its error is 0.

    Returns
    -------
    Uncertainty
    """
    rank = len(solution.determined) - 1 + bias - len(solution.undetermined)
    freedom = count - rank
    variance = squared_error / freedom if freedom > 0 else np.full_like(squared_error, np.nan)
    covariance = variance[:, np.newaxis, np.newaxis] * solution.inverse
    shape = (len(squared_error), len(solution.inverse))
    return Uncertainty(
        _without_undetermined(covariance, solution),
        np.full(shape, float(max(freedom, 0))),
        np.empty((0, *shape)),
    )


def with_noise_before(solution: Solution, statistics: Statistics) -> Solution:
    """Return a solution whose inverse gives the errors where the before image had noise too.

    Times the residual's variance it is the covariance of an answer that was corrected for noise
    in the before image (W. A. Fuller, Measurement Error Models, 1987, to its leading term).
    """
    assert statistics.noise is not None
    seen = statistics.sums.gram + np.diag(statistics.noise)
    local = solution.local @ seen @ solution.local
    to_plain = statistics.sums.to_plain
    return replace(solution, local=local, inverse=to_plain @ local @ to_plain.T)


def from_blocks(
    solution: Solution,
    blocks: Sequence[Statistics],
    weights: Array,
    *,
    threads: int | None = 1,
) -> Uncertainty:
    """Return the errors that the disagreement of blocks of the image shows.

    They need not know what the noise is like: it may depend on the image and be correlated, as
    long as it does not reach far across blocks. This is the bias-reduced cluster-robust variance
    (CR2) with Satterthwaite's degrees of freedom, a delete-a-block jackknife that weighs blocks by
    the information that they carry (R. M. Bell and D. F. McCaffrey, Survey Methodology 28, 2002;
    G. W. Imbens and M. Kolesár, Review of Economics and Statistics 98, 2016).

    Parameters
    ----------
    solution : Solution
        Of all blocks together.
    blocks : sequence of Statistics
        At least two, disjoint, adding up to the whole in this order.
    weights : ndarray, shape (P, out)
        The weights, as finally refined.
    threads : int or None
        So many blocks are worked on at once.

    Returns
    -------
    Uncertainty
    """
    # Counted from the levels of the sums, where a pedestal hides nothing.
    blocks = [block.about(blocks[0]) for block in blocks]
    scale = np.sqrt(np.maximum(sum(np.diagonal(block.sums.gram) for block in blocks), 0.0))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(solution.local * np.outer(scale, scale))
    kept = values > 1e-14 * values[-1]
    # root @ root.T is the inverse Gram matrix; in its terms a block's share is `leverage`.
    root = vectors[:, kept] * np.sqrt(values[kept]) / scale[:, np.newaxis]
    to_plain = blocks[0].sums.to_plain.T
    count, outputs = len(blocks), weights.shape[1]
    influence = np.empty((count, outputs, len(scale)))
    own = np.empty((count, len(scale)))
    shared = np.empty((count, root.shape[1], len(scale)))

    def work(first: int, stop: int) -> None:
        for n in range(first, stop):
            leverage = root.T @ blocks[n].sums.gram @ root
            if len(scale) > _MANY:
                raised = root.T / np.sqrt(1 - 1 / count)
            else:
                share, axes = np.linalg.eigh(leverage)
                stretch = 1 / np.sqrt(1 - np.clip(share, 0, _MOST_LEVERAGE))
                raised = (axes * stretch) @ (axes.T @ root.T)
            pull = root.T @ blocks[n].pull(weights)
            raised = raised @ to_plain
            influence[n] = (raised.T @ pull).T
            shared[n] = leverage @ raised
            own[n] = np.sum(raised * shared[n], axis=0)

    for_strips(work, count, thread_count(threads))
    freedom = _satterthwaite(own, shared)
    variance = np.sum(influence**2, axis=0)
    # Few blocks span few directions, so their products make a poor matrix: only its diagonal is
    # used, with the correlations that the Gram matrix knows.
    spread = np.sqrt(np.diagonal(solution.inverse))
    correlation = solution.inverse / np.outer(spread, np.where(spread > 0, spread, 1)).clip(1e-300)
    error = np.sqrt(variance)
    covariance = correlation * error[:, :, np.newaxis] * error[:, np.newaxis, :]
    return Uncertainty(
        _without_undetermined(covariance, solution),
        np.broadcast_to(freedom, error.shape).copy(),
        influence,
    )


def _satterthwaite(own: Array, shared: Array) -> Array:
    """Return the degrees of freedom of each weight's variance, were the noise white.

    The variance is then a quadratic form with the matrix ``diag(own) - shared^T shared`` over the
    blocks; matched to a chi-square, it has (sum of eigenvalues)^2 / (sum of their squares).
    """
    forms = -np.einsum("brp,crp->pbc", shared, shared, optimize=True)
    index = np.arange(len(own))
    forms[:, index, index] += own.T
    trace = forms[:, index, index].sum(axis=1)
    squares = np.einsum("pbc,pbc->p", forms, forms)
    return np.where(squares > 0, trace**2 / np.where(squares > 0, squares, 1), 1.0)


def _without_undetermined(covariance: Array, solution: Solution) -> Array:
    unsure = ~solution.determined
    covariance[:, unsure, :] = np.nan
    covariance[:, :, unsure] = np.nan
    return covariance
