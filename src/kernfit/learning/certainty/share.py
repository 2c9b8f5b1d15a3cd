"""How much of a kernel is known: its errors as a share of itself."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array

# Errors of a larger share of the kernel leave little that is known of it.
LITTLE_KNOWN = 0.35
_STANDING = 3.0  # standard errors by which a tap stands out
_LEAST = 0.02  # of its squares that is the kernel's own, whatever the errors


def known_share(covariance: Array, weight: Array) -> tuple[float, int]:
    """Return the errors of a kernel as a share of it, and how many taps stand out of the noise.

    The squares of the taps hold those of their errors, which are taken off.

    Parameters
    ----------
    covariance : ndarray, shape (out, P, P)
        Of the weights of each output channel, the bias last; NaN where not determined.
    weight : ndarray, shape (out, in, kh, kw)

    Returns
    -------
    share : float
        NaN if not all taps are determined.
    standing : int

    Examples
    --------
    >>> errors = np.diag([0.1, 0.1, 1]).reshape(1, 3, 3)
    >>> share, standing = known_share(errors, np.ones((1, 1, 1, 2)))
    >>> round(share, 3), standing
    (0.333, 2)
    """
    variance = np.diagonal(covariance, axis1=1, axis2=2)[:, :-1]
    taps = weight.reshape(len(weight), -1).astype(float)
    own = np.sum(taps**2, axis=1)
    noise = variance.sum(axis=1)
    with np.errstate(all="ignore"):
        share = np.sqrt(noise / np.maximum(own - noise, _LEAST * own))
        standing = np.count_nonzero(np.abs(taps) > _STANDING * np.sqrt(variance))
    worst = share.max() if np.isfinite(own).all() and (own > 0).all() else np.nan
    return float(worst), int(standing)
