"""From a pair and a support to the answer: sum up, solve, look at the residual, judge."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array
from kernfit.kernel import Kernel
from kernfit.learning.descent import Descent
from kernfit.learning.fit import Fit, Status
from kernfit.learning.least_squares import Solution
from kernfit.learning.levels import within_levels
from kernfit.learning.pair import Pair
from kernfit.learning.residual import Residual, residual
from kernfit.learning.statistics import Statistics
from kernfit.learning.uncertainty import covariance, describe_undetermined

# A residual this many times above its floor is more than rounding.
_ABOVE_FLOOR = 2.0
# A mean square below so many times the floor's may be rounding alone.
_ONLY_ROUNDING = 1.3
# To find the weights that rounding hides: first by the 2 % of the pixels farthest off, which tells
# most; if that misses a pixel, by all that lie beyond their half level.
_FAR_SHARES = (0.02, 0.0)
# Descent counts as arrived when its loss exceeds the least possible one by less than this share.
_ARRIVED = 1e-6


def fit_pair(
    pair: Pair,
    shape: tuple[int, int],
    *,
    bias: bool = True,
    margin: int = 0,
    descent: float | None = None,
    steps: int = 10,
    start: ArrayLike | None = None,
    threads: int | None = None,
) -> Fit:
    """Learn a kernel of given shape from a pair; see `learn` for the other parameters.

    Parameters
    ----------
    margin : int, default 0
        Width of the border that is left out at least.
    """
    anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
    equations = pair.equations(shape, anchor, margin=margin)
    statistics = equations.statistics(shape, anchor, channels=pair.channels, threads=threads)
    solution = statistics.solve(bias=bias)
    used = int(np.count_nonzero(equations.used))
    floor = 1 / np.sqrt(12) if pair.after.dtype.kind in "iu" else 0.0
    path: Descent | None = None
    weights = solution.weights
    if descent is not None:
        path = statistics.descend(descent, steps, start, bias=bias)
        weights = path.weights[-1]
    if path is not None and path.diverged:
        # Weights out of all bounds: their residual says nothing, and may not be finite.
        weights = path.weights[0]

    def residual_of(weights: Array) -> Residual:
        return residual(
            equations, *_arranged(weights, statistics), channels=pair.channels, threads=threads
        )

    errors = residual_of(weights)
    squared = errors.squared
    if path is None:
        correction = solution.inverse @ errors.cross
        weights = weights + correction
        squared = np.maximum(squared - np.sum(correction * errors.cross, axis=0), 0.0)
        if floor and bias and squared.sum() < _ONLY_ROUNDING * floor**2 * used:
            for share in _FAR_SHARES:
                closer = within_levels(
                    equations,
                    statistics.gram,
                    weights,
                    shape,
                    channels=pair.channels,
                    share=share,
                )
                check = residual_of(closer)
                if check.reproduced == used:
                    weights, errors, squared = closer, check, check.squared
                    break

    spread = covariance(solution, squared, statistics.count, bias=bias)
    if path is not None:
        spread = np.full_like(spread, np.nan)
    stderr = np.sqrt(np.diagonal(spread, axis1=1, axis2=2)).T  # (P, out)
    weight, offset = _arranged(weights, statistics)
    error, offset_error = _arranged(stderr, statistics)
    variance = statistics.energy - statistics.cross[-1] ** 2 / statistics.count
    rms = float(np.sqrt(squared.sum() / (statistics.count * len(squared))))
    unseen = solution.undetermined[:, :-1]
    return Fit(
        kernel=Kernel(weight, offset, anchor=anchor),
        stderr=error[0, 0] if error.shape[:2] == (1, 1) else error,
        bias_stderr=offset_error,
        covariance=spread,
        residual_rms=rms,
        residual_floor=floor,
        r2=float(1 - squared.sum() / variance.sum()) if variance.sum() > 0 else np.nan,
        used=used,
        reproduced=errors.reproduced if floor else None,
        left_out=equations.left_out,
        status=_judge(solution, statistics, rms, floor, path, exact=errors.reproduced == used),
        undetermined=unseen.reshape(-1, statistics.inputs, *shape),
        history=path,
    )


def _arranged(weights: Array, statistics: Statistics) -> tuple[Array, Array]:
    """Split weights (P, out) into taps (out, in, kh, kw) and bias (out,)."""
    taps = weights[:-1].T.reshape(statistics.outputs, statistics.inputs, *statistics.shape)
    return taps, weights[-1]


def _judge(
    solution: Solution,
    statistics: Statistics,
    rms: float,
    floor: float,
    path: Descent | None,
    *,
    exact: bool,
) -> Status:
    """Say whether to believe the answer."""
    if path is not None and path.diverged:
        return Status(
            "diverged",
            f"The descent diverged after {len(path.losses) - 1} steps, so its start is shown",
            f"Give a learning rate below {path.largest_rate:.3g}.",
        )
    if len(solution.undetermined):
        words = describe_undetermined(
            solution.undetermined[:, :-1], statistics.inputs, statistics.shape
        )
        return Status(
            "undetermined",
            f"Not every tap is determined: {words}. The answer of smallest norm is shown",
            "Add an image that does, or ask for a smaller shape.",
        )
    if path is not None:
        least = float(statistics.squared_error(solution.weights).sum())
        if path.losses[-1] > least * (1 + _ARRIVED) + _ARRIVED * float(statistics.energy.sum()):
            return Status(
                "unfinished",
                f"The descent has not arrived: its loss is {path.losses[-1]:.4g}, the least "
                f"possible {least:.4g}",
                f"Take more steps, or a learning rate nearer to (below) {path.largest_rate:.3g}.",
            )
    if floor and rms > _ABOVE_FLOOR * floor:
        return Status(
            "misfit",
            f"The residual is {rms / floor:.1f} times what rounding alone would leave: there is "
            "noise, or the program did more than slide a kernel",
            "Look at the residual image before you trust the kernel.",
        )
    if exact and floor:
        return Status("good", "Rounded to whole levels, the kernel gives every pixel exactly")
    return Status("good", "The kernel explains the after image")
