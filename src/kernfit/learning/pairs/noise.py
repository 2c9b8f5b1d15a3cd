"""How large the noise is, as a function of the level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kernfit.arrays import Array

_CLASS = 40  # pixels at least in a class of levels
_SAMPLES = 200_000
_ROUNDS = 5
# Noise is read off the flattest tenth of blocks, which have 0.77 of the power of white noise.
_BLOCK, _LEAST_BLOCKS, _FLATTEST, _OF_WHITE = 8, 30, 0.1, 0.77
_MORE_THAN_ROUNDING = 4 / 12  # squared levels
FLAT_SIDE = 1024  # pixels each way that are looked at for noise where it is flat


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
    centres, variances, _ = _classes(errors, levels)

    def scale(at: Array) -> Array:
        inside = np.interp(at, centres, variances)
        if len(centres) > 1 and centres[-1] > centres[-2]:
            slope = (variances[-1] - variances[-2]) / (centres[-1] - centres[-2])
            inside += max(0.0, slope) * np.maximum(at - centres[-1], 0)
        deviation: Array = np.sqrt(inside)
        return deviation

    return scale


def photon_noise(errors: Array, levels: Array) -> tuple[float, float]:
    """Return a and b of a noise whose variance is ``a + b * level``: readout and photons.

    Parameters
    ----------
    errors, levels : ndarray, shape (n,)
        The residual, and the level that was predicted.

    Returns
    -------
    a, b : float
        Such that all levels from the least to the largest have a positive variance, unless there
        is no noise at all.
    """
    from scipy.optimize import nnls

    centres, variances, counts = _classes(errors, levels)
    # In terms of both ends, which must not be negative.
    low, high = float(levels.min()), float(levels.max())
    share = (centres - low) / (high - low) if high > low else np.zeros_like(centres)
    terms = np.stack([1 - share, share], axis=1)
    model = np.full_like(variances, variances.mean())
    for _ in range(_ROUNDS):
        # The error of a variance is in proportion to it.
        trust = np.sqrt(counts) / np.maximum(model, 1e-9 * (model.max() or 1.0))
        ends = nnls(terms * trust[:, np.newaxis], variances * trust)[0]
        model = terms @ ends
    least = 1e-3 * float(np.median(model))
    first, last = np.maximum(ends, least)
    slope = (last - first) / (high - low) if high > low else 0.0
    return float(first - slope * low), float(slope)


def noise_where_flat(image: Array) -> float:
    """Return the standard deviation of white noise in an image, as its flattest parts have it.

    Of a second difference across both axes smooth parts leave nothing; texture leaves something, so
    this is what noise can be at most.

    Parameters
    ----------
    image : ndarray, shape (H, W)

    Returns
    -------
    float
        0 where no part tells.
    """
    plane = image[:FLAT_SIDE, :FLAT_SIDE].astype(float)
    with np.errstate(invalid="ignore"):  # infinite pixels: their blocks do not count
        cross = (plane[:-1, :-1] - plane[1:, :-1] - plane[:-1, 1:] + plane[1:, 1:]) / 2
    rows, columns = (side // _BLOCK for side in cross.shape)
    if rows * columns < _LEAST_BLOCKS:
        return 0.0
    cut = cross[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    power = np.mean(cut**2, axis=(1, 3)).ravel()
    power = power[np.isfinite(power) & (power > 0)]
    if power.size < _LEAST_BLOCKS:
        return 0.0
    found = float(np.quantile(power, _FLATTEST)) / _OF_WHITE
    if image.dtype.kind in "iu":
        found = found - 1 / 12 if found > _MORE_THAN_ROUNDING else 0.0
    return float(np.sqrt(max(found, 0.0)))


def _classes(errors: Array, levels: Array) -> tuple[Array, Array, Array]:
    """Return mean level, variance of the residual and number of pixels in classes of level."""
    thin = slice(None, None, max(1, errors.size // _SAMPLES))
    sizes, levels = np.abs(errors[thin]), levels[thin]
    order = np.argsort(levels)
    halves = [sizes.size >> power for power in range(1, 20) if sizes.size >> power >= _CLASS]
    cuts = sorted({*halves, *(sizes.size - half for half in halves)})
    parts = [part for part in np.split(order, cuts) if part.size]
    centres = np.array([levels[part].mean() for part in parts])
    # 1.4826 times the median of the size is the standard deviation of a Gaussian.
    variances = np.array([(1.4826 * np.median(sizes[part])) ** 2 for part in parts])
    return centres, variances, np.array([part.size for part in parts])
