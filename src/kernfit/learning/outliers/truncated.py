"""Noise beside clipping: pixels are left out by the level that is predicted, not by their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.answers.fit import Fit
from kernfit.learning.outliers.robust import residuals_of_fit
from kernfit.learning.pairs.noise import scale_by_level
from kernfit.learning.pairs.pair import Pair

_ABOVE_FLOOR = 1.35  # of a smaller residual there is nothing but rounding
# So many standard deviations from a limit, clipping takes next to nothing of the noise.
_MARGIN = 3.0
_MOST = 0.6  # of the pixels may be left out for that
_ROUNDS = 2

# Said of images that are read in parts: what is predicted for a pixel is not at hand there.
TRUNCATED = (
    "the pixels beside the clipped ones have lost part of their noise, which shifts the taps "
    "somewhat: in memory they would be left out too"
)


def without_truncated(pair: Pair, fit: Fit, answer: Callable[[Pair], Fit]) -> tuple[Fit, Pair]:
    """Leave out all pixels whose noise clipping may have cut, whichever way it went.

    Pixels at a limit are left out because their level is not known. Of those predicted near it,
    that leaves the ones whose noise went the other way: a truncated sample, whose mean is off
    (J. Tobin, Econometrica 26, 1958). What is predicted does not depend on the noise.

    Parameters
    ----------
    pair : Pair
    fit : Fit
        Of that pair.
    answer : callable
        Fits a pair.

    Returns
    -------
    fit : Fit
    pair : Pair
        Without those pixels.
    """
    start = pair.near
    for _ in range(_ROUNDS):
        if not is_truncated(pair, fit):
            break
        near = _near_limits(replace(pair, near=start), fit)
        if near is None or (pair.near is not None and np.array_equal(near, pair.near)):
            break
        pair = replace(pair, near=near)
        fit = answer(pair)
    return fit, pair


def is_truncated(pair: Pair, fit: Fit) -> bool:
    """Whether there is noise beside clipping, so that what is left is a truncated sample."""
    noisy = fit.left_out["clipped"] and fit.residual_rms > _ABOVE_FLOOR * fit.residual_floor
    return bool(noisy) and fit.status.code != "misfit" and pair.variance is None


def _near_limits(pair: Pair, fit: Fit) -> Array | None:
    """Return which pixels are predicted near a limit; None if there are none, or too many."""
    equations, errors = residuals_of_fit(pair, fit)
    used = np.broadcast_to(equations.used, errors.shape)
    predicted = np.where(used, equations.y, 0) - errors
    spread = scale_by_level(errors[used], predicted[used])(predicted)
    low, high = pair.clip
    close = (predicted < low + _MARGIN * spread) | (predicted > high - _MARGIN * spread)
    close &= used
    if not close.any() or np.count_nonzero(close) > _MOST * np.count_nonzero(used):
        return None
    near = np.zeros(pair.after.shape, bool)
    top, left = fit.kernel.anchor if pair.same_size else (0, 0)
    near[:, top : top + close.shape[1], left : left + close.shape[2]] = close
    return near
