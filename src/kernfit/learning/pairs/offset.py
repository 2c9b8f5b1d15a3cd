"""Where an after image that was cropped lies within its before image."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array


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


def slope(planes: Array) -> Array:
    """Return the length of the slope of the channels' mean, 0 where that is not known.

    Smoothed, because a kernel may answer on both sides of an edge, or beside it.
    """
    from scipy.ndimage import gaussian_filter

    image = planes.astype(np.float64).mean(axis=0)
    rows, columns = np.gradient(image)
    slope: Array = gaussian_filter(np.nan_to_num(np.hypot(rows, columns), posinf=0, neginf=0), 2)
    return slope
