"""Solving for a kernel that varies: block sums as a start, exact residuals to the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import lapack

from kernfit.arrays import Array
from kernfit.learning.pairs.equations import Equations
from kernfit.learning.sums.statistics import Statistics
from kernfit.learning.varying.exact import exact_equations
from kernfit.learning.varying.kernel_field import KernelField
from kernfit.learning.varying.sums import Block, BlockResidual, Design, block_residual

# Refinement ends when its next step would change the numbers by less than this share of their
# errors, in the mean square, or after so many steps.
_SHARE = 0.03
_STEPS = 30
# An output that is taken off costs as many multiply-adds as half the square of how many numbers
# there are; a step of refinement costs each output two for each number, and three steps are saved.
_WORTH_IT = 12
# The images' own rounding, as a share of their energy: below it there is nothing to gain.
_ROUNDING = 1e-25
# Reciprocal condition, each number measured by its own power, below which there is only rounding.
_CONDITION = 1e-13
# A number takes part in a direction that is not seen if its component exceeds this.
_TOUCHED = 1e-6


@dataclass(frozen=True)
class Normal:
    """The inverse of the normal matrix and what it does not see.

    Attributes
    ----------
    inverse : ndarray, shape (numbers, numbers)
        Within what is imposed, such as a constant sum.
    determined : ndarray of bool, shape (numbers,)
    """

    inverse: Array
    determined: Array


def normal(design: Design, matrix: Array) -> Normal:
    """Invert a normal matrix, on what it sees, under the design's constraint."""
    scale = np.sqrt(np.diagonal(matrix))
    scale = np.where(scale > 0, scale, 1.0)
    scaled = matrix / scale / scale[:, np.newaxis]
    determined = np.ones(len(matrix), bool)
    factor, failed = lapack.dpotrf(scaled, lower=1)
    rcond = 0.0 if failed else lapack.dpocon(factor, np.abs(scaled).sum(axis=0).max(), uplo="L")[0]
    if rcond > _CONDITION:
        half = lapack.dpotri(factor, lower=1, overwrite_c=1)[0]  # 0 above its diagonal
        inverse = half + half.T
        inverse[np.diag_indices_from(inverse)] /= 2
    else:
        values, vectors = np.linalg.eigh(scaled)
        seen = values > _CONDITION * values[-1]
        inverse = (vectors[:, seen] / values[seen]) @ vectors[:, seen].T
        determined = (np.abs(vectors[:, ~seen]) < _TOUCHED).all(axis=1)
    inverse /= scale
    inverse /= scale[:, np.newaxis]
    if design.constant_sum and len(design.kernel) > 1:
        # The sums of all terms but the first are held at 0.
        sums = np.zeros((len(design.kernel) - 1, len(design)))
        for n, row in enumerate(sums, start=1):
            row[n * design.taps : (n + 1) * design.taps] = 1
        across = inverse @ sums.T
        inverse -= across @ np.linalg.solve(sums @ across, across.T)
    return Normal(inverse, determined)


@dataclass(frozen=True)
class VaryingSolution:
    """The least-squares field, and the sums over its residual.

    Attributes
    ----------
    design : Design
    numbers : ndarray, shape (numbers,)
    field : KernelField
    normal : Normal
    residual : BlockResidual
        Of `field`, to the accuracy of arithmetic.
    steps : int
        Steps of refinement that were taken.
    """

    design: Design
    numbers: Array
    field: KernelField
    normal: Normal
    residual: BlockResidual
    steps: int


def _begin(
    design: Design,
    equations: Equations,
    origin: tuple[int, int],
    blocks: list[Block],
    threads: int | None,
) -> tuple[Normal, Array]:
    """Return the inverse of the normal matrix, and the numbers, as well as they are had at once.

    Exactly if pixels count alike, but for a few that do not count. Else the matrix is that of the
    blocks, which takes the image to be alike within each.
    """
    unused = equations.size - equations.count
    if equations.variance is None and unused * len(design) <= _WORTH_IT * equations.size:
        matrix, cross = exact_equations(design, equations, origin, threads=threads)
        known = normal(design, matrix)
        return known, known.inverse @ cross
    known = normal(design, design.normal_matrix(blocks))
    cross = np.sum([design.from_block(block, block.sums.cross[:, 0]) for block in blocks], axis=0)
    return known, known.inverse @ cross


def solve_varying(
    design: Design,
    equations: Equations,
    blocks: list[Block],
    template: KernelField,
    *,
    threads: int | None,
) -> VaryingSolution:
    """Return the least-squares field.

    The answer of the normal equations is refined by exact residuals, in which the polynomials
    have their value in every pixel, until what is left to gain is far below the errors; so how
    good the normal matrix is decides how many steps that takes, and not the answer. Each step is
    a conjugate-gradient step preconditioned by that matrix (M. R. Hestenes and E. Stiefel,
    Journal of Research NBS 49, 1952, in its flexible form), taken from fresh residuals.

    Parameters
    ----------
    design : Design
    equations : Equations
    blocks : list of Block
        Of all that counts in these equations.
    template : KernelField
        Says where the field lies; its numbers do not matter.
    threads : int, optional

    Returns
    -------
    VaryingSolution
    """
    known, numbers = _begin(design, equations, template.anchor, blocks, threads)
    energy = sum(float(block.sums.energy.sum()) for block in blocks)
    count = sum(block.sums.count for block in blocks)

    def look(numbers: Array) -> BlockResidual:
        field = design.field(numbers, template.size, template.anchor, same_size=template.same_size)
        return block_residual(design, field, blocks, threads=threads)

    left = look(numbers)
    pull = left.pulls.sum(axis=0)
    move = step = known.inverse @ pull
    steps = 0
    while steps < _STEPS:
        gain = float(step @ pull)
        variance = float(left.squared.sum()) / max(1, count)
        if gain <= max(_SHARE**2 * len(design) * variance, _ROUNDING * energy):
            break
        trial = look(numbers + move)
        curvature = float((pull - trial.pulls.sum(axis=0)) @ move)
        if curvature <= 0:  # rounding is all that is left
            break
        length = float(pull @ move) / curvature
        # The residual is linear in the numbers, so the best length needs no look of its own.
        numbers = numbers + length * move
        left = left.towards(trial, length, move)
        before, pull = pull, left.pulls.sum(axis=0)
        step = known.inverse @ pull
        move = step + max(0.0, float(step @ (pull - before)) / gain) * move
        steps += 1
    field = design.field(numbers, template.size, template.anchor, same_size=template.same_size)
    return VaryingSolution(design, numbers, field, known, left, steps)


def around_solution(solution: VaryingSolution, blocks: list[Block]) -> list[Block]:
    """Return the blocks with sums in which the exact answer is constant within each.

    What the field does within a block is taken off; only what another field would change is then
    taken to be constant within a block, which is little where that other one is nearly as good.
    """
    found = []
    for n, sums in enumerate(residual_sums(solution, blocks)):
        local = solution.design.at_block(blocks[n], solution.numbers)
        moved = sums.gram @ local
        again = Statistics.of_sums(
            sums.gram,
            sums.cross + moved[:, np.newaxis],
            sums.energy + 2 * local @ sums.cross[:, 0] + local @ moved,
            sums.count,
            sums.shape,
            sums.anchor,
        )
        found.append(replace(blocks[n], sums=again))
    return found


def residual_sums(solution: VaryingSolution, blocks: list[Block]) -> list[Statistics]:
    """Return each block's statistics with the residual in the place of the after image."""
    left, taps = solution.residual, solution.design.taps
    return [
        Statistics.of_sums(
            block.sums.gram,
            np.append(left.pulls[n, :taps], left.total[n])[:, np.newaxis],
            left.squared[n : n + 1],
            block.sums.count,
            block.sums.shape,
            block.sums.anchor,
        )
        for n, block in enumerate(blocks)
    ]
