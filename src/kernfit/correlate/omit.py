"""Missing pixels are left out, and the sum is scaled up by the weight that went missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput

Apply = Callable[[Array, Array], None]


@dataclass(frozen=True, slots=True)
class Omission:
    """``sum of valid k * x, times sum of all k / sum of valid k``.

    This is the interpolation of missing pixels in ``astropy.convolution``: the same as filling
    each with the weighted mean of the others in the window.
    """

    weigh: Apply  # the same correlation, from float64 to float64
    total: Array  # the sum of all taps; shape (), or (out, 1, 1)
    smallest: Array  # a sum of valid taps this small is zero but for rounding; shape of total

    def apply(self, correlate: Apply, source: Array, missing: Array, sums: Array) -> None:
        """Write into `sums` the correlation of `source` without its `missing` pixels.

        Outputs whose valid taps sum to zero, for example for want of any valid pixel, become NaN.
        """
        if not missing.any():
            correlate(source, sums)
            return
        correlate(np.where(missing, source.dtype.type(0), source), sums)
        # Weigh what is missing, not what is there: that is exactly 0 where nothing is, whatever
        # the tile, and leaves such an output as it was.
        lost = np.empty(sums.shape)
        self.weigh(missing.astype(np.float64), lost)
        valid = self.total - lost
        valid[np.abs(valid) <= self.smallest] = np.nan
        factor = self.total / valid
        factor[lost == 0] = 1
        np.multiply(sums, factor, out=sums, casting="same_kind")


def omission_of(weights: Array, weigh: Apply, error: float, axes: int) -> Omission:
    """Return how to leave out pixels under `weights`, weighed to within `error` of a unit.

    Parameters
    ----------
    weights : ndarray, shape (out, in / groups, kh, kw)
        The taps.
    weigh : callable
        The correlation with them from float64 to float64.
    error : float
        Its error bound.
    axes : {2, 3}
        Of a sample: 3 if it has channels.

    Raises
    ------
    InvalidInput
        If the taps are complex or sum to zero: nothing can be scaled up then.
    """
    if weights.dtype.kind == "c":
        raise InvalidInput(
            f"nan='omit' needs real taps, got dtype {weights.dtype}: use nan='propagate'"
        )
    rows = weights.astype(np.float64).reshape(len(weights), -1)
    total = rows.sum(1)
    smallest = 2 * np.maximum(error, np.finfo(np.float64).eps * rows.shape[1] * abs(rows).sum(1))
    if not (abs(total) > smallest).all():
        raise InvalidInput(
            f"nan='omit' needs taps whose sum is not zero, got the sum {total.min():g}: use "
            "nan='propagate', or fill the missing pixels first"
        )
    shape = (-1, 1, 1) if axes == 3 else ()
    return Omission(weigh, total.reshape(shape), smallest.reshape(shape))
