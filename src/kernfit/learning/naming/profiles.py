"""Shapes of kernels with a parameter, on the grid of a learnt kernel, as programs make them."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array
from kernfit.kernel_families import disk as disk_kernel
from kernfit.kernel_families import motion as motion_kernel


def sampled(x: Array, sigma: float) -> Array:
    """Return a Gaussian sampled at the pixels, as SciPy and OpenCV make it; sums to 1."""
    bell = np.exp(-0.5 * (x / sigma) ** 2)
    total = bell.sum()
    return bell / total if total else bell


def integrated(x: Array, sigma: float) -> Array:
    """Return a Gaussian integrated over each pixel."""
    from scipy.special import ndtr

    edges: Array = ndtr((x + 0.5) / sigma) - ndtr((x - 0.5) / sigma)
    return edges


def boxes(x: Array, sigma: float) -> Array:
    """Return three passes of a box, as in Pillow's GaussianBlur.

    Each box has a third of the variance, the pixels at its ends a share of its height (P.
    Gwosdek and others, Theoretical foundations of Gaussian convolution by extended box
    filtering, 2011).
    """
    third = sigma**2 / 3
    radius = int((np.sqrt(12 * third + 1) - 1) / 2)
    share = (2 * radius + 1) * (radius * (radius + 1) - 3 * third)
    share /= 6 * (third - (radius + 1) ** 2)
    one = np.array([share, *[1.0] * (2 * radius + 1), share]) / (2 * (radius + share) + 1)
    three = np.convolve(np.convolve(one, one), one)
    places = np.arange(three.size) - three.size // 2
    taps: Array = np.interp(x, places, three, left=0.0, right=0.0)
    return taps


def width(x: Array, pixels: float) -> Array:
    """Return the share that each pixel has of a box so many pixels wide."""
    inside = np.minimum(x + 0.5, pixels / 2) - np.maximum(x - 0.5, -pixels / 2)
    shares: Array = np.maximum(inside, 0.0) / pixels
    return shares


def between(x: Array, place: float) -> Array:
    """Return the weights of linear interpolation at a place."""
    weights: Array = np.maximum(0.0, 1 - np.abs(x - place))
    return weights


def tilted(rows: Array, columns: Array, long: float, short: float, angle: float) -> Array:
    """Return a sampled Gaussian whose long axis lies counter-clockwise from the rows' direction."""
    turn = np.deg2rad(angle)
    along = columns * np.cos(turn) - rows * np.sin(turn)
    across = columns * np.sin(turn) + rows * np.cos(turn)
    bell: Array = np.exp(-0.5 * ((along / long) ** 2 + (across / short) ** 2))
    total = float(bell.sum())
    return bell / total if total else bell


def laplacian_of_gaussian(rows: Array, columns: Array, sigma: float) -> Array:
    """Return the Laplacian of a sampled Gaussian, as SciPy's gaussian_laplace makes it.

    The usual sampled form is the same but for a factor and a small constant.
    """
    down, right = sampled(rows, sigma), sampled(columns, sigma)
    taps: Array = down * right * ((rows**2 + columns**2) / sigma**4 - 2 / sigma**2)
    return taps


def disk(rows: Array, columns: Array, radius: float) -> Array:
    """Return the mean over a disk."""
    # Where the power is an ulp below the product, the disk's own formula takes a negative root.
    while radius**2 < radius * radius:
        radius = float(np.nextafter(radius, 0))
    return _laid(disk_kernel(radius).taps, rows, columns)


def motion(rows: Array, columns: Array, length: float, angle: float) -> Array:
    """Return the blur along a straight line."""
    return _laid(motion_kernel(length, angle).taps, rows, columns)


def _laid(taps: Array, rows: Array, columns: Array) -> Array:
    """Put a kernel of odd size on the grid; what lies beyond it is lost."""
    laid = np.zeros((rows.size, columns.size))
    at = [
        np.rint(axis.ravel()).astype(int) + size // 2
        for axis, size in zip((rows, columns), taps.shape, strict=True)
    ]
    inside = [(axis >= 0) & (axis < size) for axis, size in zip(at, taps.shape, strict=True)]
    laid[np.ix_(*inside)] = taps[np.ix_(at[0][inside[0]], at[1][inside[1]])]
    return laid
