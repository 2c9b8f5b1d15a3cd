"""From a pair to its fit: placed, sized, rid of outliers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from kernfit.arrays import as_pair_of_ints
from kernfit.correlate.threads import thread_count
from kernfit.errors import InvalidInput
from kernfit.learning.answers.fit import Fit
from kernfit.learning.imposed.constraints import Imposed
from kernfit.learning.misfits.piles import clipped_at
from kernfit.learning.outliers.robust import residuals_of_fit, without_outliers
from kernfit.learning.outliers.saturated import without_saturated
from kernfit.learning.outliers.truncated import without_truncated
from kernfit.learning.pairs.equations import EquationSource
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.residual import residual
from kernfit.learning.pairs.several import Pairs, disagreement
from kernfit.learning.sizes.size_check import better_size, held_out_sizes
from kernfit.learning.sizes.survey import smallest_reproducing, survey
from kernfit.learning.smoother import with_penalty_tried
from kernfit.learning.solution import fit_pair

# Where the shape is to be found among outliers, these are first found with a kernel of this shape.
_FIRST_LOOK = 7


def learn_pair(
    pair: Pair | Pairs,
    *,
    shape: str | int | Sequence[int] = "auto",
    bias: bool = True,
    descent: float | None = None,
    steps: int = 10,
    start: ArrayLike | None = None,
    whole_levels: bool = True,
    robust: bool = False,
    constraints: str | Sequence[str] = (),
    free: ArrayLike | None = None,
    ridge: float | str | None = None,
    smooth: float | str | None = None,
    threads: int | None = None,
) -> Fit:
    """Learn from pairs whose images lie one on the other; see `learn` for the parameters."""
    threads = thread_count(threads)
    imposed = Imposed.of(constraints, free, ridge, smooth)
    if imposed and descent is not None:
        raise InvalidInput(
            f"descent knows no constraints and no penalties, got {imposed.words}: drop one"
        )

    def answer(pair: Pair | Pairs, shape: str | int | Sequence[int] = shape) -> Fit:
        size = _size(pair, shape, threads=threads)
        found = isinstance(shape, str)

        def of_size(size: tuple[int, int]) -> Fit:
            # Whatever the border's rule, a program leaves a border as wide as its kernel on every
            # side. If the shape was found and not told, zeros around the taps may hide how wide
            # that is, so the wider of the two margins serves all four sides.
            return fit_pair(
                pair,
                size,
                bias=bias,
                margin=(max(size) // 2) if found else 0,
                descent=descent,
                steps=steps,
                start=start,
                whole_levels=whole_levels,
                imposed=imposed,
                threads=threads,
            )

        fit = of_size(size)
        return smallest_reproducing(fit, of_size) if found and not imposed else fit

    def hidden(pair: Pair, fit: Fit, penalty: str) -> Fit:
        own = Imposed.of((), None, *(("auto", None) if penalty == "ridge" else (None, "auto")))
        return fit_pair(pair, fit.kernel.shape, bias=bias, imposed=own, threads=threads)

    def checked(pair: Pair, fit: Fit, told: tuple[str, ...]) -> Fit:
        """Say how well the shape that was found predicts what was held out."""
        fit = replace(fit, notes=(*fit.notes, *told))
        if not imposed and descent is None:
            fit = with_penalty_tried(fit, lambda penalty: hidden(pair, fit, penalty))
        known = isinstance(pair.before, np.ndarray) and pair.same_size and descent is None
        known = known and pair.before_variance is None  # a kernel rid of noise predicts no better
        if not (known and isinstance(shape, str) and bias and not imposed):
            return fit
        if fit.status.code == "misfit":
            return fit  # of no kernel, no shape predicts
        errors = held_out_sizes(pair, fit.kernel.shape, threads=threads)
        better = better_size(errors) if errors else None
        told = (
            ()
            if better is None
            else (
                f"parts of the image that were held out are predicted better by a {better[0]}x"
                f"{better[1]} kernel: give shape to learn that one",
            )
        )
        held_out = {size: float(np.sqrt(each.mean())) for size, each in errors.items()}
        return replace(fit, held_out=held_out, notes=(*fit.notes, *told))

    # The matrices are small: threads of their own would cost linear algebra more than they give.
    with threadpool_limits(1, user_api="blas"):
        if isinstance(pair, Pairs):
            if robust:
                # Each pair's own kernel tells its outliers.
                members = [
                    without_outliers(member, answer, residuals_of_fit)[1] for member in pair.members
                ]
                pair = replace(pair, members=tuple(members))
            return _with_disagreement(pair, answer(pair))
        pair, told = _without_piles(pair) if descent is None and type(pair) is Pair else (pair, ())
        if not robust:
            fit = answer(pair)
            if descent is None and type(pair) is Pair:
                fit, pair = without_truncated(pair, fit, answer)
            return checked(pair, _unsaturated(pair, fit, answer), told)
        if isinstance(shape, str) and pair.same_size:
            # A kernel found too small among outliers would make outliers of what it lacks.
            largest = min(_FIRST_LOOK, *pair.before.shape[1:])
            pair = without_outliers(pair, lambda part: answer(part, largest), residuals_of_fit)[1]
        fit, pair = without_outliers(pair, answer, residuals_of_fit)
        return checked(pair, _unsaturated(pair, fit, answer), told)


def _without_piles(pair: Pair) -> tuple[Pair, tuple[str, ...]]:
    """Leave out pixels at levels where the after image was clipped, and say so."""
    low, high = clipped_at(pair)
    if np.isinf(low) and np.isinf(high):
        return pair, ()
    clip = max(pair.clip[0], low), min(pair.clip[1], high)
    at = " and ".join(f"{level:.6g}" for level in (low, high) if np.isfinite(level))
    note = (
        f"pixels pile up at {at}, where the kernel goes beyond: the after image was clipped, and "
        f"they were left out, as by clip=({clip[0]:.6g}, {clip[1]:.6g})"
    )
    return replace(pair, clip=clip), (note,)


def _unsaturated(pair: Pair, fit: Fit, answer: Callable[[Pair], Fit]) -> Fit:
    # Pairs that are elsewhere than in memory know no limits of a before image.
    known = isinstance(pair.before, np.ndarray) and fit.history is None
    known = known and fit.status.kind not in ("colour", "linear light")
    return without_saturated(pair, fit, answer) if known else fit


def _with_disagreement(pairs: Pairs, fit: Fit) -> Fit:
    """Add what each pair says of the kernel that they share."""
    if pairs.interlaced:
        return fit
    residuals = []
    for member in pairs.members:
        equations: EquationSource = member.equations(fit.kernel.shape, fit.kernel.anchor)
        left = residual(equations, fit.kernel.weight, fit.kernel.bias, channels=member.channels)
        residuals.append(float(np.sqrt(left.plain / equations.count)))
    return replace(fit, notes=(*fit.notes, *disagreement(residuals)))


def _size(
    pair: Pair | Pairs, shape: str | int | Sequence[int], *, threads: int | None
) -> tuple[int, int]:
    """Return the kernel's shape, asking the data if told to."""
    if isinstance(shape, str):
        if shape != "auto":
            raise InvalidInput(
                f"shape must be 'auto', an integer or (rows, columns), got {shape!r}"
            )
        # Without a constant, taps far off would stand in for what rounding shifts all levels by.
        return survey(pair, threads=threads) if pair.same_size else pair.valid_shape
    return as_pair_of_ints(shape, "shape", least=1)
