"""Weights along one axis: which pixels of a row an output pixel is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.resampling.filters import Filter


@dataclass(frozen=True)
class AxisWeights:
    """For each output pixel along an axis, the first input pixel and the weights from there on.

    Attributes
    ----------
    first : ndarray of int
        (outputs,); may lie before the image, whose first pixel then goes on.
    weights : ndarray
        (outputs, taps), each row summing to 1.
    """

    first: Array
    weights: Array


def axis_weights(
    centres: Array, size: int, step: float, kind: Filter, *, antialias: bool, shorten: bool
) -> AxisWeights:
    """Return the weights with which pixels are taken along one axis.

    Parameters
    ----------
    centres : ndarray
        (outputs,): where each output pixel lies, in pixels of the input, whose first has its centre
        at 0.
    size : int
        Pixels of the input.
    step : float
        Pixels of the input from one output to the next.
    kind : Filter
    antialias : bool
        Whether the kernel is widened to the output's pixels where these are the coarser ones.
    shorten : bool
        Whether weights beyond the border are left out and the others made up to 1, as Pillow does,
        instead of going on with the border's pixel.

    Returns
    -------
    AxisWeights
    """
    if kind.name == "nearest":
        # Halves go up, as the edges of a pixel belong to the pixel that begins there.
        whole = np.floor(centres + 0.5 + 1e-9).astype(np.int64)
        return AxisWeights(whole, np.ones((len(centres), 1)))
    wide = max(1.0, abs(step)) if antialias else 1.0
    if kind.name == "area":
        reach = (wide + 1) / 2
    elif kind.name == "gaussian":
        return _smoothed(centres, size, wide, kind)
    else:
        reach = kind.radius * wide
    first = np.floor(centres - reach + 1e-9).astype(np.int64) + 1
    taps = int(np.ceil(2 * reach - 1e-9)) + (kind.name == "box")
    places = first[:, np.newaxis] + np.arange(taps)
    apart = places - centres[:, np.newaxis]
    if kind.name == "area":
        weights = np.clip((wide + 1) / 2 - np.abs(apart), 0, min(wide, 1.0))
    elif kind.name == "box":
        scaled = apart / wide
        weights = ((scaled > -0.5 - 1e-9) & (scaled <= 0.5 - 1e-9)).astype(float)
    else:
        weights = kind(apart / wide)
    return _made_up(first, places, weights, size, shorten)


def _smoothed(centres: Array, size: int, wide: float, kind: Filter) -> AxisWeights:
    """Return the weights of a Gaussian, then linear interpolation, as scikit-image does it."""
    sigma = kind.numbers[0] * (wide - 1)
    reach = int(4 * sigma + 0.5)
    near = np.floor(centres + 1e-9).astype(np.int64)
    part = centres - near
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-9)) ** 2)
    taps /= taps.sum()
    weights = np.zeros((len(centres), 2 * reach + 2))
    weights[:, :-1] += (1 - part)[:, np.newaxis] * taps
    weights[:, 1:] += part[:, np.newaxis] * taps
    return AxisWeights(near - reach, weights)


def _made_up(first: Array, places: Array, weights: Array, size: int, shorten: bool) -> AxisWeights:
    if shorten:
        inside = np.where((places >= 0) & (places < size), weights, 0.0)
        # An output wholly beyond the border takes the border's pixel.
        weights = np.where(np.abs(inside.sum(1, keepdims=True)) > 1e-6, inside, weights)
    return AxisWeights(first, weights / weights.sum(1, keepdims=True))
