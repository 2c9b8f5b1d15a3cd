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
    total: float  # the sum of all taps
    smallest: float  # a sum of valid taps this small is zero but for rounding

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


def omission_of(taps: Array, weigh: Apply, error: float) -> Omission:
    """Return how to leave out pixels under `taps`, weighed to within `error` of a unit.

    Raises
    ------
    InvalidInput
        If the taps are complex or sum to zero: nothing can be scaled up then.
    """
    if taps.dtype.kind == "c":
        raise InvalidInput(
            f"nan='omit' needs real taps, got dtype {taps.dtype}: use nan='propagate'"
        )
    weights = taps.astype(np.float64)
    total = float(weights.sum())
    smallest = 2 * max(error, np.finfo(np.float64).eps * weights.size * float(abs(weights).sum()))
    if not abs(total) > smallest:
        raise InvalidInput(
            f"nan='omit' needs taps whose sum is not zero, got the sum {total:g}: use "
            "nan='propagate', or fill the missing pixels first"
        )
    return Omission(weigh, total, smallest)
