"""Noise in the before image that nobody told of: by how much it may shrink the taps."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.certainty.uncertainty import Uncertainty
from kernfit.learning.sums.least_squares import Solution

# It is said where it may move the kernel by so many times its error, and by this share.
_ERRORS, _SHARE = 2.0, 0.03
# A kernel whose noise would be so much alike in neighbours tells it from noise that came after.
_TELLS = 0.15


def noise_before(
    taps: Array,
    solution: Solution,
    uncertainty: Uncertainty,
    *,
    count: int,
    noise: float,
    residual: float,
    neighbours: float,
) -> tuple[str, float] | None:
    """Return a sentence on noise in the before image, and its variance; None if it does no harm.

    Noise of variance v adds v to the diagonal of the Gram matrix for each pixel, which draws least
    squares towards 0 (W. Fuller, Measurement error models, 1987). It goes through the kernel into
    the residual, which limits how much there can be, and makes neighbours alike as the kernel does.

    Parameters
    ----------
    taps : ndarray, shape (kh, kw)
    solution : Solution
    uncertainty : Uncertainty
    count : int
        Pixels that count.
    noise : float
        What the flattest parts of the before image have, a standard deviation.
    residual : float
        Mean square of the residual above that of rounding.
    neighbours : float
        Correlation of the residual in neighbouring pixels.

    Returns
    -------
    (sentence, variance) or None
    """
    power = float(np.sum(taps**2))
    if power <= 0 or residual <= 0 or not np.isfinite(uncertainty.covariance).all():
        return None
    most = residual / power
    beside = max(float(np.sum(taps[:, 1:] * taps[:, :-1])), float(np.sum(taps[1:] * taps[:-1])))
    if beside > _TELLS * power:
        most *= min(1.0, neighbours * power / beside)
    inverse = count * solution.inverse[:-1, :-1]
    # The Gram matrix has the noise in all its directions, so also in that of its least eigenvalue.
    variance = min(noise**2, most, 1 / float(np.linalg.eigvalsh(inverse)[-1]))
    if variance <= 0:
        return None
    weights = taps.ravel()
    moved = variance * inverse @ weights
    error = float(np.sqrt(np.trace(uncertainty.covariance[0][:-1, :-1])))
    far = float(np.linalg.norm(moved))
    share = far / np.sqrt(power)
    if share < _SHARE or far < _ERRORS * error:
        return None
    return (
        f"the before image has noise of up to {np.sqrt(variance):.2g} grey levels where it is "
        f"flattest; if that is noise and no texture, it shifts the taps by {share:.0%} of the "
        f"kernel, towards 0: give before_variance={variance:.3g} to correct that",
        variance,
    )
