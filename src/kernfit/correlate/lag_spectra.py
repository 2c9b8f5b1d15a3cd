"""Lag products through the Fourier transform: for many lags it costs less than each one's sum.

A tile of y, with zeros around it, and the pixels of x that it meets are transformed; the products
of their spectra add up over a band of tiles, and one transform back gives all lags of the band
(T. G. Stockham, High-speed convolution and correlation, 1966).
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft2, rfft2

from kernfit.arrays import Array
from kernfit.correlate.threads import for_strips, thread_count

# Rows and columns of a transform: small enough for the second-level cache.
_TILE = 256
# Transforms of two such tiles and their product cost about as much as so many lags summed over
# the tile one by one.
_LAGS = 300


def pays(rows: int, span: int, size: tuple[int, ...]) -> bool:
    """Return whether so many lags of an image of some size cost less this way."""
    tile = _tile(rows, span)
    used = (tile - rows + 1) * (tile - span + 1) / tile**2
    return min(size) >= tile and rows * span * used > _LAGS


def lag_products_by_spectra(
    y: Array, x: Array, rows: int, columns: tuple[int, int], *, threads: int | None = 1
) -> Array:
    """Return what `kernfit.correlate.lags.lag_products` does; see there.

    Rounding is relative to the root of the product of both images' energies, not to each lag.
    """
    height, width = y.shape
    first, last = columns
    span = last - first + 1
    tile = _tile(rows, span)
    tall, broad = tile - rows + 1, tile - span + 1

    def band(top: int) -> Array:
        bottom = min(top + tall, height)
        spectrum = np.zeros((tile, tile // 2 + 1), np.complex128)
        for left in range(0, width, broad):
            right = min(left + broad, width)
            seen = np.zeros((tile, tile))
            # Columns of x from left + first to right - 1 + last, of which some may not be there.
            start, stop = max(left + first, 0), min(right + last, x.shape[1])
            if stop > start:
                part = x[top : bottom + rows - 1, start:stop]
                at = start - left - first
                seen[: len(part), at : at + part.shape[1]] = part
            own = np.zeros((tile, tile))
            own[: bottom - top, : right - left] = y[top:bottom, left:right]
            spectrum += np.conj(rfft2(own)) * rfft2(seen)
        lags: Array = irfft2(spectrum, s=(tile, tile))[:rows, :span]
        return lags

    tops = range(0, height, tall)
    parts = np.empty((len(tops), rows, span))

    def bands(begin: int, end: int) -> None:
        for number in range(begin, end):
            parts[number] = band(tops[number])

    for_strips(bands, len(tops), thread_count(threads))
    total: Array = parts.sum(axis=0)
    return total


def _tile(rows: int, span: int) -> int:
    """Return the side of a transform, a power of two of which most is of use."""
    tile = _TILE
    while tile < 3 * max(rows, span):
        tile *= 2
    return tile
