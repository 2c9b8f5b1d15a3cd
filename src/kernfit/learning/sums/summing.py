"""Summing up a pair of images in memory, a band of rows at a time."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.lags import lag_products
from kernfit.errors import InvalidInput
from kernfit.learning.sums.footprint import seen_by
from kernfit.learning.sums.gram import gram_of_outputs, lag_gram, sum_of_squares, window_sums
from kernfit.learning.sums.origin import Sums, usual_level

# Of larger images so many pixels at a time are taken in float64.
_PIXELS = 4 << 20
# Beyond these mean squares, products of sums leave the range of numbers.
RANGE = (1e-120, 1e120)


def sum_up(
    x: Array,
    y: Array,
    shape: tuple[int, int],
    *,
    used: Array | None = None,
    weight: Array | None = None,
    threads: int | None = None,
) -> Sums:
    """Return the sums over all outputs that count.

    Parameters
    ----------
    x : ndarray, shape (in, H + kh - 1, W + kw - 1)
    y : ndarray, shape (out, H, W)
    shape : (kh, kw)
    used : ndarray of bool, shape (H, W), or None
        Which outputs count. Default all.
    weight : ndarray, shape (H, W), or None
        How much each output counts: one over the variance of its noise. It costs as much as
        patches do, for weighted sums have no lag products to be made of. Default 1.
    threads : int or None

    Returns
    -------
    Sums
        Counted from the images' usual levels.

    Raises
    ------
    InvalidInput
        If a number that counts is not finite, or too large to be squared and summed.
    """
    before = np.array([usual_level(plane) for plane in x])
    after = np.array([usual_level(plane) for plane in y])
    height, width = y.shape[1:]
    rows = max(2 * shape[0], _PIXELS // width)
    total = None
    for top in range(0, height, rows):
        part = slice(top, min(top + rows, height))
        sources = _less(x[:, part.start : part.stop + shape[0] - 1], before)
        targets = _less(y[:, part], after)
        mask = None if used is None else used[part]
        if mask is not None:
            targets[:, ~mask] = 0.0
            # What no output sees must not go in and out again: it may be larger than all the rest.
            sources[:, ~seen_by(mask, shape)] = 0.0
        largest = _largest(sources, targets)
        if not np.isfinite(largest):
            raise InvalidInput(
                "before and after must be finite where they count, got NaN or infinity: "
                "use learn, which leaves them out, or give a mask and fill them in"
            )
        if largest > RANGE[1] ** 0.5:
            refuse_range(largest)
        if weight is None:
            sums = _sums_of_band(sources, targets, shape, mask, threads)
        else:
            mask = np.ones(targets[0].shape, bool) if mask is None else mask
            sums = _weighted(sources, targets, shape, mask, weight[part], threads)
        found = Sums(*sums, before, after)
        total = found if total is None else total.combined(found, 1)
    assert total is not None
    return total


def noise_sums(
    variance: Array, shape: tuple[int, int], used: Array | None, weight: Array | None
) -> Array:
    """Return what noise of the before image adds to the diagonal of the Gram matrix, shape (P,).

    Parameters
    ----------
    variance : ndarray, shape (in, H + kh - 1, W + kw - 1)
        Of the noise, independent from pixel to pixel.
    shape : (kh, kw)
    used, weight : ndarray, shape (H, W), or None
        Which outputs count, and how much.
    """
    kh, kw = shape
    size = tuple(side - k + 1 for side, k in zip(variance.shape[1:], shape, strict=True))
    if weight is None:
        weight = np.ones(size) if used is None else used.astype(np.float64)
    added = np.zeros(len(variance) * kh * kw + 1)
    for p, plane in enumerate(variance):
        at = slice(p * kh * kw, (p + 1) * kh * kw)
        if not any(plane.strides):  # one number for all pixels
            added[at] = float(plane[0, 0]) * weight.sum()
        else:
            added[at] = lag_products(weight, plane, kh, (0, kw - 1)).ravel()
    return added


def _largest(*images: Array) -> float:
    """Return the largest absolute value, NaN if there is one."""
    ends = [end for image in images for end in (image.max(), -image.min())]
    return float(np.max(ends))


def refuse_range(size: float) -> NoReturn:
    """Say that numbers would leave their range."""
    raise InvalidInput(
        "the values of each image must differ by between 1e-60 and 1e60, got differences of "
        f"{size:.2g}: divide it by a unit first"
    )


def _less(planes: Array, levels: Array) -> Array:
    """Return planes in float64 from which a level was taken."""
    less: Array = np.subtract(planes, levels[:, np.newaxis, np.newaxis], dtype=np.float64)
    return less


def _sums_of_band(
    x: Array, y: Array, shape: tuple[int, int], used: Array | None, threads: int | None
) -> tuple[Array, Array, Array]:
    """Return Gram matrix, cross sums and energy; y is 0 where it is not used."""
    kh, kw = shape
    taps = kh * kw
    size = len(x) * taps + 1
    places = y.shape[1] * y.shape[2]
    count = places if used is None else int(np.count_nonzero(used))
    if used is not None and count < places / 2:
        gram = gram_of_outputs(x, shape, used)
    else:
        gram = np.empty((size, size))
        gram[-1, -1] = places
        for p, first in enumerate(x):
            at = slice(p * taps, (p + 1) * taps)
            gram[at, -1] = gram[-1, at] = window_sums(first, shape).ravel()
            for q in range(p, len(x)):
                second = first if q == p else x[q]
                block = lag_gram(first, second, shape, threads=threads).reshape(taps, taps)
                to = slice(q * taps, (q + 1) * taps)
                gram[at, to] = block
                gram[to, at] = block.T
        if used is not None and count < places:
            gram -= gram_of_outputs(x, shape, ~used)
    # y is 0 where it does not count, so these sums need no correction.
    return gram, _cross(x, y, shape, threads), np.array([sum_of_squares(plane) for plane in y])


def _weighted(
    x: Array, y: Array, shape: tuple[int, int], used: Array, weight: Array, threads: int | None
) -> tuple[Array, Array, Array]:
    """Return the same sums, each output times its weight."""
    gram = gram_of_outputs(x, shape, used, weight)
    heavy = y * weight
    return gram, _cross(x, heavy, shape, threads), np.einsum("oij,oij->o", heavy, y)


def _cross(x: Array, y: Array, shape: tuple[int, int], threads: int | None) -> Array:
    """Return the sum of patch times y, a 1 closing each patch, shape (P, out)."""
    kh, kw = shape
    taps = kh * kw
    cross = np.empty((len(x) * taps + 1, len(y)))
    for o, plane in enumerate(y):
        for p, source in enumerate(x):
            lags = lag_products(plane, source, kh, (0, kw - 1), threads=threads)
            cross[p * taps : (p + 1) * taps, o] = lags.ravel()
        cross[-1, o] = plane.sum()
    return cross
