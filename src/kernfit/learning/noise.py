"""How large the noise is, as a function of the level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kernfit.arrays import Array

_CLASS = 40  # pixels at least in a class of levels
_SAMPLES = 200_000


def scale_by_level(errors: Array, levels: Array) -> Callable[[Array], Array]:
    """Return the typical size of the residual as a function of the level.

    Its square is interpolated, for the variance of photon noise is linear in the level. Classes
    get smaller towards both ends, where few pixels may span most of the levels.

    Parameters
    ----------
    errors, levels : ndarray, shape (n,)
        The residual, and the level it belongs to.

    Returns
    -------
    callable
        Takes levels of any shape, returns standard deviations.
    """
    thin = slice(None, None, max(1, errors.size // _SAMPLES))
    sizes, levels = np.abs(errors[thin]), levels[thin]
    order = np.argsort(levels)
    halves = [sizes.size >> power for power in range(1, 20) if sizes.size >> power >= _CLASS]
    cuts = sorted({*halves, *(sizes.size - half for half in halves)})
    parts = [part for part in np.split(order, cuts) if part.size]
    centres = np.array([levels[part].mean() for part in parts])
    # 1.4826 times the median of the size is the standard deviation of a Gaussian.
    variances = np.array([(1.4826 * np.median(sizes[part])) ** 2 for part in parts])

    def scale(at: Array) -> Array:
        inside = np.interp(at, centres, variances)
        if len(parts) > 1 and centres[-1] > centres[-2]:
            slope = (variances[-1] - variances[-2]) / (centres[-1] - centres[-2])
            inside += max(0.0, slope) * np.maximum(at - centres[-1], 0)
        deviation: Array = np.sqrt(inside)
        return deviation

    return scale
