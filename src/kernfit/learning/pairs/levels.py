"""Whole levels: what an image rounded to integers says beyond least squares.

Rounding is no noise: it moves no pixel by more than half a level. Near smooth parts of an image
it even depends on the image, which shifts least squares by far more than its standard errors say.
The kernel that keeps every pixel within its half level has no such shift, and with n pixels is
known to about 1/n instead of 1/sqrt(n).
"""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.pairs.equations import EquationSource
from kernfit.learning.pairs.residual import patch_sums, residual_strips
from kernfit.learning.sums.origin import Sums
from kernfit.learning.sums.patches import patch_products

SEARCHED = 2_000_000  # of larger images, strips spread over the whole serve
_STEPS = 12
_MOST_FAR = 200_000  # of them give the curvature
_STIFFNESS = 1e-6  # of the full Gram matrix, where too few are far off to tell all taps
_STILL = 1e-9  # levels: a step that changes no prediction by more ends the search


def within_levels(
    equations: EquationSource,
    sums: Sums,
    weights: Array,
    shape: tuple[int, int],
    *,
    channels: str,
    share: float,
) -> Array:
    """Return the weights that keep the largest residuals as small as they get.

    Newton's method on ``sum of max(|e| - h, 0)^2``, e the residuals: only the pixels beyond a
    band of half-width h matter. (V. Vapnik's epsilon-insensitive loss, squared; The Nature of
    Statistical Learning Theory, 1995.)

    Parameters
    ----------
    equations : EquationSource
        With whole levels in ``y``.
    sums : Sums
        Of the same equations.
    weights : ndarray, shape (P, out)
        Of least squares: where the search starts.
    shape : (kh, kw)
    channels : {"alike", "full"}
    share : float
        h is half a level, or less where no more than this share of the pixels lies beyond.

    Returns
    -------
    ndarray, shape (P, out)
        Whether they do keep every pixel within its half level is for the caller to check.
    """
    every = max(1, equations.size // SEARCHED)
    gram, to_plain = sums.gram, sums.to_plain
    scale = np.sqrt(np.diagonal(gram))
    scale = np.where(scale > 0, scale, 1.0)
    found = weights.copy()
    band = 0.5
    for _ in range(_STEPS):
        taps = found[:-1].T.reshape(found.shape[1], -1, *shape)
        pull = np.zeros_like(found)
        curvature = np.zeros((found.shape[1], *gram.shape))
        reach = []
        strips = residual_strips(
            equations, taps, found[-1], channels=channels, levels=sums.before, every=every
        )
        for strip in strips:
            size = np.abs(strip.error)
            if strip.used.any():
                reach.append(float(np.quantile(size[strip.used], 1 - share)))
            far = size > band
            beyond = np.where(far, strip.error - np.copysign(band, strip.error), 0.0)
            pull[:, strip.output] += patch_sums(beyond, strip.seen, shape, None)
            curvature[strip.output] += _gram_of_some(strip.seen, shape, far)
        narrower = min(0.5, float(np.mean(reach)))
        settled, band = abs(narrower - band) < _STILL, narrower
        change = np.zeros_like(found)
        for o in range(found.shape[1]):
            stiff = curvature[o] + _STIFFNESS / every * gram
            step = np.linalg.lstsq(stiff / np.outer(scale, scale), pull[:, o] / scale, rcond=1e-12)
            change[:, o] = step[0] / scale
        found += to_plain @ change
        if settled and np.abs(change * scale[:, np.newaxis]).max() < _STILL * scale[-1]:
            break
    return found


def _gram_of_some(seen: Array, shape: tuple[int, int], outputs: Array) -> Array:
    """Return the Gram matrix of the chosen outputs, estimated from a part if they are many."""
    rows, columns = np.nonzero(outputs)
    thin = max(1, rows.size // (_MOST_FAR // 16))
    chosen = np.zeros_like(outputs)
    chosen[rows[::thin], columns[::thin]] = True
    nothing = np.empty((0, *outputs.shape))
    return thin * patch_products(seen, nothing, shape, chosen)[0]
