"""Sum, centroid and width of a kernel, with their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel
from kernfit.learning.certainty.uncertainty import Uncertainty


@dataclass(frozen=True)
class Moments:
    """What a kernel does to brightness, place and sharpness.

    Attributes
    ----------
    sum, sum_stderr : float
        Sum of the taps: by how much a flat area gets brighter.
    centroid, centroid_stderr : (row, column)
        Mean place of the taps, in pixels from the anchor, down and right: the shift that the
        kernel applies is this, the other way. NaN if the sum is not told from 0.
    width, width_stderr : (row, column)
        Standard deviation of the taps' places, in pixels, for each axis. NaN where negative taps
        leave it undefined.
    """

    sum: float
    sum_stderr: float
    centroid: tuple[float, float]
    centroid_stderr: tuple[float, float]
    width: tuple[float, float]
    width_stderr: tuple[float, float]


def moments(kernel: Kernel, uncertainty: Uncertainty) -> Moments:
    """Return the moments of a kernel with one input and one output channel.

    Errors are propagated to first order (the delta method) through what each block of the image
    says, or through the covariance where there are no blocks.

    Parameters
    ----------
    kernel : Kernel
    uncertainty : Uncertainty
        Of the same kernel.

    Returns
    -------
    Moments

    Raises
    ------
    InvalidInput
        If the kernel mixes channels.
    """
    if kernel.weight.shape[:2] != (1, 1):
        raise InvalidInput(
            "moments needs a kernel with one input and one output channel, got "
            f"{kernel.weight.shape[1]} in and {kernel.weight.shape[0]} out"
        )
    taps = kernel.taps.astype(np.float64)
    total = float(taps.sum())
    total_error = _error(np.ones(taps.shape), uncertainty)
    centroid, centroid_error, width, width_error = [], [], [], []
    defined = abs(total) > 3 * total_error and abs(total) > 1e-9 * np.abs(taps).sum()
    for axis in (0, 1):
        place = np.indices(taps.shape)[axis] - float(kernel.anchor[axis])
        mean = float(np.sum(place * taps)) / total if defined else np.nan
        centroid.append(mean)
        centroid_error.append(_error((place - mean) / (total or np.nan), uncertainty))
        square = float(np.sum((place - mean) ** 2 * taps)) / total if defined else np.nan
        spread = float(np.sqrt(square)) if square > 0 else np.nan
        width.append(0.0 if square == 0 else spread)
        slope = ((place - mean) ** 2 - square) / ((total or np.nan) * 2 * spread)
        width_error.append(0.0 if square == 0 else _error(slope, uncertainty))
    return Moments(
        total,
        total_error,
        (centroid[0], centroid[1]),
        (centroid_error[0], centroid_error[1]),
        (width[0], width[1]),
        (width_error[0], width_error[1]),
    )


def _error(slopes: Array, uncertainty: Uncertainty) -> float:
    """Return the standard error of a sum of taps, each times its slope."""
    along = np.append(slopes.ravel(), 0.0)
    if np.isnan(along).any() or np.isnan(uncertainty.covariance[0]).any():
        return float("nan")
    if len(uncertainty.influence):
        return float(np.sqrt(np.sum((uncertainty.influence[:, 0] @ along) ** 2)))
    return float(np.sqrt(along @ uncertainty.covariance[0] @ along))
