"""Images to be cut, and runs to be stopped."""

import numpy as np
from scipy.ndimage import gaussian_filter

from kernfit import correlate2d


class Interrupted(Exception):
    pass


def texture(shape, seed=0):
    """A smooth random image of 8-bit levels."""
    noise = np.random.default_rng(seed).normal(size=shape)
    return np.clip(gaussian_filter(noise, (0,) * (len(shape) - 2) + (2, 2)) * 400 + 120, 0, 255)


def pair(shape=(520, 430), dtype=np.uint8, taps=(3, 5)):
    """An image and what an asymmetric kernel makes of it."""
    before = np.rint(texture(shape)).astype(dtype)
    kernel = np.random.default_rng(1).normal(size=taps)
    kernel /= np.abs(kernel).sum()
    options = {"dtype": dtype, "overflow": "saturate"} if before.dtype.kind in "iu" else {}
    return before, correlate2d(before, kernel, mode="same", boundary="edge", **options)
