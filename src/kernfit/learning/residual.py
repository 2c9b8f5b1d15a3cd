"""The residual: what the kernel leaves unexplained, from a second look at the images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import correlate2d
from kernfit.correlate.lags import lag_products
from kernfit.learning.pair import Equations

_ROWS = 256  # rows of the residual image held at a time


@dataclass(frozen=True)
class Residual:
    """Sums over the residual image ``y - (k * x + b)``.

    They are exact where ``energy - ...`` from the statistics would cancel.

    Attributes
    ----------
    squared : ndarray, shape (out,)
        Sum of squares over the outputs that count.
    cross : ndarray, shape (P, out)
        Sum of patch times residual: zero, but for rounding, at the least-squares answer. Solving
        for it once more is the step of refinement that gives accuracy back.
    """

    squared: Array
    cross: Array


def residual(equations: Equations, weight: Array, bias: Array, *, channels: str) -> Residual:
    """Sum up the residual of a kernel over the equations of a pair.

    Parameters
    ----------
    equations : Equations
    weight : ndarray, shape (out, in, kh, kw)
        (1, 1, kh, kw) where channels are alike.
    bias : ndarray, shape (out,)
    channels : {"alike", "full"}

    Returns
    -------
    Residual
    """
    outputs, inputs, kh, kw = weight.shape
    squared = np.zeros(outputs)
    cross = np.zeros((inputs * kh * kw + 1, outputs))
    for o, (plane, used) in enumerate(zip(equations.y, equations.used, strict=True)):
        # Alike: plane o sees channel o through the one kernel. Full: all channels, its own row.
        out = o if channels == "full" else 0
        sources = equations.x if channels == "full" else equations.x[o : o + 1]
        for start in range(0, len(plane), _ROWS):
            stop = min(start + _ROWS, len(plane))
            seen = sources[:, start : stop + kh - 1].astype(np.float64)
            error = plane[start:stop] - bias[out]
            for p, source in enumerate(seen):
                error -= correlate2d(source, weight[out, p])
            error[~used[start:stop]] = 0.0
            squared[out] += np.sum(error * error)
            for p, source in enumerate(seen):
                lags = lag_products(error, source, kh, (0, kw - 1))
                cross[p * kh * kw : (p + 1) * kh * kw, out] += lags.ravel()
            cross[-1, out] += error.sum()
    return Residual(squared, cross)
