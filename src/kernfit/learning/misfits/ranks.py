"""Whether the after image is made of the before image's own levels, as a median makes it."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array

_LEAST = 30  # pixels that speak
_OF_THE_LEVELS = 0.9
_AGAINST = 0.05


def takes_levels(before: Array, after: Array, predicted: Array) -> bool:
    """Whether each pixel that no kernel explains is one of the levels around it.

    Medians, extremes and the most frequent level give back a level that they see. By chance a
    level is there too, but then the one as far off on the other side of the prediction is there
    as often: noise does not know the way.

    Parameters
    ----------
    before : ndarray, shape (n, h, w)
        What is seen around each pixel.
    after, predicted : ndarray, shape (n,)

    Returns
    -------
    bool
    """
    after = np.round(after, 6)  # prediction and residual add up to it but for their rounding
    off = np.abs(after - predicted) > 1
    if np.count_nonzero(off) < _LEAST:
        return False
    seen, after, predicted = before[off], after[off], predicted[off]
    mirrored = np.rint(2 * predicted) - after
    there, beyond = (
        (seen == level[:, np.newaxis, np.newaxis]).any(axis=(1, 2)) for level in (after, mirrored)
    )
    for_it, against = np.count_nonzero(there & ~beyond), np.count_nonzero(beyond & ~there)
    return bool(there.mean() > _OF_THE_LEVELS and for_it >= _LEAST and against <= _AGAINST * for_it)
