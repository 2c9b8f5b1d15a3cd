"""The light behind levels: sRGB, one way and the other."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array


def to_linear(levels: Array, peak: float) -> Array:
    """Return sRGB levels in linear light, white staying `peak` (IEC 61966-2-1)."""
    share = levels / peak
    low = share <= 0.04045
    linear: Array = np.where(low, share / 12.92, (np.maximum(share, 0) + 0.055) ** 2.4 / 1.055**2.4)
    return peak * linear


def to_levels(linear: Array, peak: float) -> Array:
    """Return linear light as sRGB levels: the inverse of `to_linear`."""
    share = linear / peak
    low = share <= 0.0031308
    levels: Array = np.where(low, 12.92 * share, 1.055 * np.maximum(share, 0) ** (1 / 2.4) - 0.055)
    return peak * levels


def white_of(image: Array) -> float | None:
    """Return the level of white of an image that may be sRGB; None if it cannot be."""
    if image.dtype.kind == "u" and image.dtype.itemsize <= 2:
        return float(np.iinfo(image.dtype).max)
    known = image[np.isfinite(image)] if image.dtype.kind == "f" else np.empty(0)
    return 1.0 if known.size and known.min() >= 0 and known.max() <= 1 else None
