"""How sure a kernel that varies is, from how far blocks of the image disagree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.threads import for_strips, thread_count
from kernfit.learning.varying.solution import VaryingSolution, normal
from kernfit.learning.varying.sums import Block

# A block that alone holds all that is known of a direction cannot vouch for it.
_MOST_LEVERAGE = 0.999
_STIFF = 1e-12
# Beyond so many taps the leverage of each block is taken as its share of the whole.
_MANY = 300


@dataclass(frozen=True, eq=False)
class FieldErrors:
    """How sure the numbers of a field are.

    Attributes
    ----------
    roots : ndarray, shape (n, numbers)
        The variance of a combination c of numbers is the sum of ``(roots @ c)^2``. Of blocks that
        are compared, a row is how far one of them pulls each number; else the rows are those of
        a root of the covariance. NaN in numbers that the data do not determine.
    from_blocks : bool
        Whether they compare blocks.
    """

    roots: Array
    from_blocks: bool

    def variance(self, pulls: Array) -> Array:
        """Return the variance of combinations whose pulls ``roots @ c`` are given by column."""
        variance: Array = np.sum(pulls**2, axis=0)
        return variance

    def freedom(self, pulls: Array) -> Array:
        """Return the degrees of freedom of each of these variances.

        A few bright stars may carry most of what is known, and then few blocks decide: as many
        take part in effect as ``(sum of pulls^2)^2 / (sum of pulls^4)`` (F. E. Satterthwaite,
        Biometrics Bulletin 2, 1946), one of which goes for the mean.
        """
        if not self.from_blocks:
            return np.full(pulls.shape[1:], np.inf, float)
        fourth = np.sum(pulls**4, axis=0)
        blocks = np.ones_like(fourth)
        np.divide(np.sum(pulls**2, axis=0) ** 2, fourth, out=blocks, where=fourth > 0)
        freedom: Array = np.maximum(blocks - 1, 1)
        return freedom


def field_errors(
    solution: VaryingSolution, blocks: list[Block], *, threads: int | None
) -> FieldErrors:
    """Return the errors of a field.

    Where pixels count by the inverse of their noise's variance, the noise is known but for its
    size: the errors are those of independent noise, times the mean factor by which the blocks
    disagree more than that, if they do. Elsewhere nothing is taken to be known, and each block
    speaks for itself.
    """
    roots = block_influence(solution, blocks, threads=threads)
    weighted = blocks[0].weights is not None
    if weighted:
        count = sum(block.sums.count for block in blocks)
        freedom = max(1, count - len(solution.design))
        noise = float(solution.residual.squared.sum()) / freedom
        white = np.maximum(solution.normal.inverse.diagonal(), 0) * noise
        ratio = np.sum(roots[:, white > 0] ** 2, axis=0) / white[white > 0]
        roots = _root(solution.normal.inverse) * np.sqrt(noise * max(1.0, float(ratio.mean())))
    roots[:, ~solution.normal.determined] = np.nan
    return FieldErrors(roots, not weighted)


def _root(matrix: Array) -> Array:
    """Return R for which ``R^T R`` is a matrix without negative eigenvalues."""
    try:
        root: Array = np.linalg.cholesky(matrix).T
    except np.linalg.LinAlgError:  # something is held, or not determined
        values, vectors = np.linalg.eigh(matrix)
        root = (vectors * np.sqrt(np.maximum(values, 0))).T
    return root


def block_influence(
    solution: VaryingSolution, blocks: list[Block], *, threads: int | None
) -> Array:
    """Return how far each block pulls each number, shape (blocks, numbers).

    The variance of any combination of numbers is the sum over the blocks of its influence
    squared: the bias-reduced cluster-robust variance (CR2), as for a kernel that is the same
    everywhere; see `kernfit.learning.certainty.uncertainty.from_blocks`. For that correction taps
    and bias are taken to be constant over a block, so that a small matrix does for each, and no
    block can know more than all. With ``G = L L^T``, what a block sees, and V the inverse of the
    sum of ``D^T G D``, its leverage has the eigenvalues of ``L^T D V D^T L``.
    """
    design, inverse = solution.design, solution.normal.inverse
    pulls = solution.residual.pulls
    plain: Array = pulls @ inverse
    if design.taps + 1 > _MANY:
        least = min(0.9, len(design.kernel) / len(blocks))
        plain /= np.sqrt(1 - least)
        return plain
    alike = normal(design, design.normal_matrix(blocks, constant=True))
    seen = design.seen_by(blocks, alike.inverse)
    pushed = np.empty_like(pulls)

    def work(first: int, stop: int) -> None:
        for n in range(first, stop):
            gram = blocks[n].sums.gram
            # A trace of stiffness, for flat blocks have no Cholesky factor.
            stiff = _STIFF * (gram.diagonal() + gram.diagonal().mean())
            root = np.linalg.cholesky(gram + np.diag(stiff))
            share, axes = np.linalg.eigh(root.T @ seen[n] @ root)
            share = np.clip(share, 0, _MOST_LEVERAGE)
            # (I - F^T F)^(-1/2) in terms of the small matrix F F^T.
            raised = np.where(
                share > 1e-9, (1 / np.sqrt(1 - share) - 1) / np.maximum(share, 1e-9), 0.5
            )
            across = root @ axes
            own = design.at_block(blocks[n], plain[n])
            pushed[n] = design.from_block(blocks[n], across @ (raised * (own @ across)))

    for_strips(work, len(blocks), thread_count(threads))
    influence: Array = (pulls + pushed) @ inverse
    return influence
