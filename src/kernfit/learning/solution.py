"""From a pair and a support to the answer: sum up, solve, look at the residual, judge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.threads import thread_count
from kernfit.kernel import Kernel
from kernfit.learning.answers.fit import Fit
from kernfit.learning.answers.verdict import advised_of_noise, judge, under, with_share, with_weak
from kernfit.learning.certainty.noisy_before import noise_before
from kernfit.learning.certainty.uncertainty import (
    Uncertainty,
    from_blocks,
    unknown,
    white_noise,
    with_noise_before,
)
from kernfit.learning.certainty.undetermined import weak_directions
from kernfit.learning.imposed.constrained import constrained_least_squares, speaks_against
from kernfit.learning.imposed.strengths import with_strengths
from kernfit.learning.misfits.clues import Clues, look_at
from kernfit.learning.misfits.structure import Structure, structure
from kernfit.learning.pairs.equations import Equations, EquationSource
from kernfit.learning.pairs.levels import within_levels
from kernfit.learning.pairs.noise import FLAT_SIDE, noise_where_flat
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.residual import Residual, residual, residual_strips
from kernfit.learning.pairs.several import Pairs
from kernfit.learning.request import Request
from kernfit.learning.sums.checks import check_memory
from kernfit.learning.sums.descent import Descent
from kernfit.learning.sums.least_squares import Solution
from kernfit.learning.sums.statistics import Statistics

# Standard errors compare so many blocks of the image. More would give more degrees of freedom,
# fewer are farther from one another.
_BLOCKS = 25
# With fewer pixels for each weight in a block, blocks say little and white noise is assumed.
_PIXELS_PER_WEIGHT = 2
# With so many weights that all blocks' sums would take more, white noise is assumed too.
_BLOCK_BYTES = 1 << 30
# A mean square below so many times the floor's may be rounding alone.
_ONLY_ROUNDING = 1.3
# A residual this many times above its floor is more than rounding of one result; programs that
# round between steps stay below.
_ABOVE_FLOOR = 1.35
# Where the residual is so many times what was told of its noise, or less, that is said.
_OTHER_NOISE = 1.2
# A residual below this share of the after image's spread is that of arithmetic in float32.
_ARITHMETIC = 1e-6
# Of larger images, strips spread over the whole show the structure of the residual.
_PIXELS = 4_000_000
# To find the weights that rounding hides: first by the 2 % of the pixels farthest off, which tells
# most; if that misses a pixel, by all that lie beyond their half level.
_FAR_SHARES = (0.02, 0.0)


@dataclass(frozen=True)
class _Question:
    """What all steps need to know.

    Attributes
    ----------
    equations : EquationSource
    statistics : Statistics
        Of all equations.
    blocks : list of Statistics
        Of parts of the image that add up to the whole; a single one if there are few pixels.
    """

    equations: EquationSource
    statistics: Statistics
    blocks: list[Statistics]
    bias: bool
    channels: str
    threads: int | None

    def arranged(self, weights: Array) -> tuple[Array, Array]:
        """Split weights (P, out) into taps (out, in, kh, kw) and bias (out,)."""
        sums = self.statistics
        taps = weights[:-1].T.reshape(sums.outputs, sums.inputs, *sums.shape)
        return taps, weights[-1]

    def residual(self, weights: Array) -> Residual:
        taps, bias = self.arranged(weights)
        return residual(
            self.equations,
            taps,
            bias,
            levels=self.statistics.sums.before,
            channels=self.channels,
            threads=self.threads,
        )


def fit_pair(
    pair: Pair | Pairs,
    shape: tuple[int, int],
    request: Request,
    *,
    margin: int = 0,
) -> Fit:
    """Learn a kernel of given shape from a pair.

    Parameters
    ----------
    pair : Source
    shape : (kh, kw)
    request : Request
        Its bias, constraints and solver.
    margin : int, default 0
        Width of the border that is left out at least.
    """
    bias, imposed, threads = request.model.bias, request.model.imposed, request.solver.threads
    descent, whole_levels = request.solver.descent, request.solver.whole_levels
    anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
    equations: EquationSource = pair.equations(shape, anchor, margin=margin)
    blocks = _blocks(pair, equations, shape, anchor, threads)
    total = blocks[0]
    for block in blocks[1:]:
        total += block
    question = _Question(equations, total, blocks, bias, pair.channels, threads)
    if imposed:
        imposed.check(shape, total.inputs, total.outputs)
        imposed = with_strengths(imposed, blocks, bias=bias)
        solution = constrained_least_squares(total.sums, imposed, shape, bias=bias)
    else:
        solution = total.solve(bias=bias)

    path: Descent | None = None
    if descent is not None:
        path = total.descend(descent, request.solver.steps, request.solver.start, bias=bias)
        # Weights out of all bounds: their residual would say nothing, and may not be finite.
        weights = path.weights[0 if path.diverged else -1]
        left = question.residual(weights)
        uncertainty = unknown(total.outputs, len(total.sums.gram))
    else:
        weights, left = _refined(question, solution)
        if imposed:
            weights[:-1, 0] = imposed.exactly(weights[:-1, 0], solution.weights[:-1, 0], shape)
        uncertainty = _uncertainty(question, solution, weights, left)
        exact = whole_levels and pair.after.dtype.kind in "iu" and bias
        if exact and not left.noise and not imposed:
            weights, left = _beyond_rounding(question, weights, left)

    taps, offset = question.arranged(weights)
    used = equations.count
    whole = pair.after.dtype.kind in "iu"
    floor = rounding = 1 / np.sqrt(12) if whole else _half_precision(pair)
    if left.noise:
        floor = float(np.sqrt(left.noise / used))
    rms = float(np.sqrt(left.plain / used))
    chi2 = float(left.squared.sum() / used) if left.noise else None
    # Where variances were given, pixels are measured by their own.
    noise = floor if chi2 is None else rms / max(np.sqrt(chi2), 1e-300)
    variance = float(total.sums.variance.sum())
    r2 = float(1 - left.squared.sum() / variance) if variance > 0 else np.nan
    kernel = Kernel(taps, offset, anchor=anchor)
    found = _structure(question, pair, kernel, rms, noise, r2)
    status = judge(
        solution,
        total,
        rms,
        path,
        reproduced=whole and left.reproduced == used,
        found=found,
        floor=rounding,
        r2=r2,
    )
    weak = weak_directions(uncertainty.covariance, kernel.weight)
    status = with_share(with_weak(status, weak, total), uncertainty.covariance, kernel.weight)
    untold: tuple[str, ...] = ()
    if found is not None and not imposed and path is None and status.kind in ("", "non-linear"):
        above = rms**2 - noise**2
        told = _noise_untold(question, pair, solution, uncertainty, taps, above, found[0])
        if told is not None:
            untold = (told[0],)
            status = advised_of_noise(status, told[1])
    if imposed:
        status = under(status, imposed, speaks_against(solution, total, blocks, bias=bias), rms)
    return Fit(
        kernel=kernel,
        uncertainty=uncertainty,
        residual_rms=rms,
        residual_floor=floor,
        r2=r2,
        used=used,
        reproduced=left.reproduced if whole else None,
        left_out=equations.left_out,
        status=status,
        undetermined=solution.undetermined[:, :-1].reshape(-1, total.inputs, *shape),
        weak=weak.reshape(-1, total.inputs, *shape),
        history=path,
        chi2=chi2,
        notes=(
            *_noise_notes(chi2),
            *_noise_before_notes(total, weights, left.squared.sum()),
            *untold,
        ),
    )


def _noise_untold(
    question: _Question,
    pair: Pair | Pairs,
    solution: Solution,
    uncertainty: Uncertainty,
    taps: Array,
    above: float,
    found: Structure,
) -> tuple[str, float] | None:
    """Say so if the before image may have noise that draws the taps towards 0, and its variance."""
    on_device = pair.at_hand and not isinstance(pair.before, np.ndarray)
    if taps.shape[:2] != (1, 1) or on_device:
        return None
    # Of images that are read in parts, a corner; from a device nothing is fetched for that.
    corner = np.asarray(pair.before[:, :FLAT_SIDE, :FLAT_SIDE])
    return noise_before(
        taps[0, 0],
        solution,
        uncertainty,
        count=question.statistics.count,
        noise=min(noise_where_flat(plane) for plane in corner),
        residual=above,
        neighbours=found.neighbours,
    )


def _noise_notes(chi2: float | None) -> tuple[str, ...]:
    """Say so if the given variance is not that of the residual."""
    if chi2 is None or 1 / _OTHER_NOISE**2 < chi2 < _OTHER_NOISE**2:
        return ()
    return (f"the residual is {np.sqrt(chi2):.3g} times what the given variance says",)


def _noise_before_notes(total: Statistics, weights: Array, squared: float) -> tuple[str, ...]:
    """Say how much of the residual the noise of the before image makes."""
    if total.noise is None or not squared:
        return ()
    share = float(np.sum(total.noise @ weights**2)) / squared
    if share > _OTHER_NOISE:
        return (
            "the given before_variance would make a residual "
            f"{np.sqrt(share):.3g} times as large as it is: the correction is too strong",
        )
    return (f"noise of the before image makes {min(share, 1):.0%} of the residual's square",)


def _half_precision(pair: Pair | Pairs) -> float:
    """Return what rounding to float16 leaves of an after image; 0 of other floating numbers."""
    if pair.after.dtype != np.float16:
        return 0.0
    values = np.asarray(pair.after[:, ::4, ::4])
    steps = np.spacing(np.abs(values[np.isfinite(values)])).astype(np.float64)
    return float(np.sqrt(np.mean(steps**2) / 12)) if steps.size else 0.0


def _structure(
    question: _Question, pair: Pair | Pairs, kernel: Kernel, rms: float, floor: float, r2: float
) -> tuple[Structure, Clues] | None:
    """Measure the structure of the residual, if it is more than rounding."""
    if question.statistics.noise is not None:
        return None  # the before image's noise follows the image, as a misfit does
    spread = rms / np.sqrt(1 - r2) if r2 < 1 else np.inf
    if rms <= max(_ABOVE_FLOOR * floor, _ARITHMETIC * spread):
        return None
    given = residual_strips(
        question.equations,
        kernel.weight,
        kernel.bias,
        channels=question.channels,
        threads=question.threads,
        every=max(1, question.equations.size // _PIXELS),
    )
    strips = [strip for strip in given if strip.used.any()]
    found = structure(strips, kernel.anchor, pair.clip)
    return look_at(pair, kernel, found, strips, r2=r2, floor=floor)


def _blocks(
    pair: Pair | Pairs,
    equations: EquationSource,
    shape: tuple[int, int],
    anchor: tuple[int, int],
    threads: int | None,
) -> list[Statistics]:
    """Sum up the equations block by block, or as a whole if blocks would say little."""
    planes = len(pair.after)
    inputs = len(pair.before) if pair.channels == "full" else 1
    weights = inputs * shape[0] * shape[1] + 1
    check_memory(inputs, shape)
    needed = _BLOCKS * _PIXELS_PER_WEIGHT * weights * planes
    enough = equations.size >= needed and _BLOCKS * weights**2 * 8 <= _BLOCK_BYTES
    # Either the blocks are shared out, or what is to be summed up in one.
    number, each = (_BLOCKS, 1) if enough else (1, threads)
    look = partial(
        Equations.statistics, shape=shape, anchor=anchor, channels=pair.channels, threads=each
    )
    found = equations.sums(look, shape, number, threads=thread_count(threads))
    first, *others = (block for block in found if block.count)
    blocks = [first, *(block.about(first) for block in others)]
    return blocks if equations.count >= needed else [sum(blocks[1:], blocks[0])]


def _refined(question: _Question, solution: Solution) -> tuple[Array, Residual]:
    """Take one step of refinement with the exact residual, and say what is then left."""
    left = question.residual(solution.weights)
    noise = question.statistics.noise
    if noise is not None:
        # The residual holds the before image's noise too, which has to go as it did from the sums.
        pull = left.cross + noise[:, np.newaxis] * solution.weights
        weights = solution.weights + question.statistics.sums.to_plain @ (solution.local @ pull)
        if not question.bias:
            weights[-1] = 0.0
        return weights, question.residual(weights)
    # At the best answer a penalty pulls as hard as the residual does.
    moves = solution.local if solution.moves is None else solution.moves
    correction = moves @ (left.cross - solution.held)
    gain = np.sum(correction * (left.cross + solution.held), axis=0)
    squared = np.maximum(left.squared - gain, 0.0)
    share = squared.sum() / (left.squared.sum() or 1.0)
    refined = replace(left, squared=squared, plain=left.plain * share)
    weights = solution.weights + question.statistics.sums.to_plain @ correction
    if not question.bias:
        weights[-1] = 0.0
    return weights, refined


def _uncertainty(
    question: _Question, solution: Solution, weights: Array, left: Residual
) -> Uncertainty:
    if len(question.blocks) > 1:
        return from_blocks(solution, question.blocks, weights, threads=question.threads)
    if question.statistics.noise is not None:
        solution = with_noise_before(solution, question.statistics)
    return white_noise(solution, left.squared, question.statistics.count, bias=question.bias)


def _beyond_rounding(question: _Question, weights: Array, left: Residual) -> tuple[Array, Residual]:
    """Look for weights that leave only rounding, if that may be all that is left."""
    used = question.equations.count
    if left.squared.sum() > _ONLY_ROUNDING / 12 * used:
        return weights, left
    for share in _FAR_SHARES:
        closer = within_levels(
            question.equations,
            question.statistics.sums,
            weights,
            question.statistics.shape,
            channels=question.channels,
            share=share,
        )
        check = question.residual(closer)
        # Any bias that keeps all residuals within half a level will do; in the middle of those
        # few predictions lie halfway between two levels.
        closer[-1] += (check.lowest + check.highest) / 2
        check = question.residual(closer)
        if check.reproduced == used:
            return closer, check
    return weights, left
