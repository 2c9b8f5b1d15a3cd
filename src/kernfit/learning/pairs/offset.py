"""Where an after image that was cropped lies within its before image."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput

# Wholes are compared at up to so many pixels, and if they have so many.
_LARGEST_SIDE, _LEAST_SIDE = 640, 32
# So alike must the slopes of two images be if one is to show the other, or a part of it.
SURELY_THERE = 0.5


def find_offset(before: Array, after: Array) -> tuple[tuple[int, int], float]:
    """Return the place of the after image within the before image, and how surely it is there.

    The lengths of both images' slopes are compared, for blurring, sharpening and looking for
    edges leave those alike: normalised cross-correlation over all places, by Fourier transform
    (J. P. Lewis, Fast normalized cross-correlation, Vision Interface 1995).

    Parameters
    ----------
    before : ndarray, shape (channels, H, W)
    after : ndarray, shape (channels, H', W'), H' <= H and W' <= W

    Returns
    -------
    offset : (row, column)
        The top left corner of the after image in the before image, up to the pixel or two by
        which a lopsided kernel moves what it shows.
    correlation : float
        1 if the slopes are proportional there, 0 if they have nothing in common.
    """
    from scipy.signal import fftconvolve

    scene, part = slope(before), slope(after)
    part = part - part.mean()
    window = np.ones_like(part)
    product = fftconvolve(scene, part[::-1, ::-1], mode="valid")
    mean = fftconvolve(scene, window, mode="valid") / part.size
    power = fftconvolve(scene**2, window, mode="valid") - part.size * mean**2
    floor = 1e-9 * max(float(np.sum(scene**2)), np.finfo(float).tiny)
    norm = np.sqrt(np.maximum(power, floor) * max(float(np.sum(part**2)), np.finfo(float).tiny))
    score = product / norm
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    return (int(row), int(column)), float(score[row, column])


def likeness_of_wholes(before: Array, after: Array) -> float:
    """Return how alike two images are if the one is the other at another size.

    Parameters
    ----------
    before, after : ndarray, shape (channels, H, W) and (channels, H', W')

    Returns
    -------
    float
        Correlation of the lengths of their slopes; 0 if one is too small to say.
    """
    from scipy.ndimage import gaussian_filter, zoom

    first, second = (_small(image) for image in (before, after))
    if min(first.shape + second.shape) < _LEAST_SIDE:
        return 0.0
    ratios = [short / long for short, long in zip(second.shape, first.shape, strict=True)]
    first = gaussian_filter(first, [max(0.0, 0.5 * (1 / ratio - 1)) for ratio in ratios])
    # Pixels are areas here, as programs that resize images have them.
    fitted = zoom(first, ratios, order=1, mode="nearest", grid_mode=True)
    height, width = (min(sides) for sides in zip(fitted.shape, second.shape, strict=True))
    return likeness(fitted[np.newaxis, :height, :width], second[np.newaxis, :height, :width])


def refuse_resized(before: Array, after: Array) -> NoReturn:
    """Refuse an after image that shows all of before at another size."""
    sizes = [f"{image.shape[-2]}x{image.shape[-1]}" for image in (before, after)]
    raise InvalidInput(
        "after must show before at the same scale, got the whole of it resized from "
        f"{sizes[0]} to {sizes[1]}: bring both to the same size first"
    )


def likeness(first: Array, second: Array) -> float:
    """Return the correlation of the lengths of the slopes of two images of one size."""
    one, other = (slope(image) for image in (first, second))
    one, other = one - one.mean(), other - other.mean()
    power = float(np.sqrt(np.sum(one**2) * np.sum(other**2)))
    return float(np.sum(one * other)) / power if power > 0 else 0.0


def _small(planes: Array) -> Array:
    """Return the channels' mean, over squares of pixels where it is large."""
    image = np.nan_to_num(planes.astype(np.float64).mean(axis=0), posinf=0, neginf=0)
    factor = -(-max(image.shape) // _LARGEST_SIDE)
    rows, columns = (side // factor * factor for side in image.shape)
    tiles = image[:rows, :columns].reshape(rows // factor, factor, columns // factor, factor)
    small: Array = tiles.mean(axis=(1, 3))
    return small


def slope(planes: Array) -> Array:
    """Return the length of the slope of the channels' mean, 0 where that is not known.

    Smoothed, because a kernel may answer on both sides of an edge, or beside it.
    """
    from scipy.ndimage import gaussian_filter

    image = planes.astype(np.float64).mean(axis=0)
    rows, columns = np.gradient(image)
    slope: Array = gaussian_filter(np.nan_to_num(np.hypot(rows, columns), posinf=0, neginf=0), 2)
    return slope
