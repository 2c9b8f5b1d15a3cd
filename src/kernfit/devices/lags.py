"""Lag products on an array's own device: in float64, or in compensated float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.devices.arrays import dtype_of, namespace, to_host
from kernfit.devices.compensated import dot, halves, total_of

# Transforms of two tiles of an image and their product cost less than so many sums over it.
_LAGS = 40
_TILE = 1024  # rows and columns of a transform, at most


def lag_products(y: Any, x: Any, rows: int, columns: tuple[int, int]) -> Array:
    """Return ``sum over i, j of y[i, j] * x[i + a, j + b]`` for a range of lags.

    Parameters
    ----------
    y : array, shape (H, W)
        In float64 or float32.
    x : array, shape (H + rows - 1, at least 1)
        Of the same dtype. It counts as 0 beyond its columns.
    rows : int
        The lags a go from 0 up to this.
    columns : (first, last)
        The lags b, both included.

    Returns
    -------
    ndarray of float64, shape (rows, last - first + 1)
        From float64 exact to 1e-15 or so of the root of the product of both energies; from
        float32, summed with compensation, to 1e-13.
    """
    first, last = columns
    span = last - first + 1
    x = _framed(x, -first, int(y.shape[1]) + span - 1)
    if dtype_of(y) == np.float64:
        # JAX compiles anew for each lag that is summed by itself.
        many = rows * span > _LAGS or "jax" in namespace(y).__name__
        if many and hasattr(namespace(y), "fft"):
            return _by_spectra(y, x, rows, span)

        def lag(a: int, b: int) -> float:
            return _product(y, window(x, a, b, y))

    else:
        own, seen = halves(y), halves(x)

        def lag(a: int, b: int) -> float:
            return dot(own, seen.map(window, a, b, y))

    return np.array([[lag(a, b) for b in range(span)] for a in range(rows)])


def _framed(x: Any, left: int, width: int) -> Any:
    """Return columns of x from `left` before its first on, so many in all, with 0 beyond it."""
    xp = namespace(x)
    taken = x[:, max(0, -left) : min(int(x.shape[1]), width - left)]
    before, height = max(0, left), int(x.shape[0])
    sides = [before, width - before - int(taken.shape[1])]
    zeros = [xp.zeros((height, n), dtype=x.dtype, device=x.device) for n in sides]
    return xp.concat([zeros[0], taken, zeros[1]], axis=1) if any(sides) else taken


def window(x: Any, top: int, left: int, like: Any) -> Any:
    """Return a part of x with the shape of another array."""
    height, width = (int(n) for n in like.shape)
    if "jax" in namespace(x).__name__:  # one program for all places
        import jax

        return jax.lax.dynamic_slice(x, (top, left), (height, width))
    return x[top : top + height, left : left + width]


def total(values: Any) -> float:
    """Return the sum of all values, with compensation where they are float32."""
    if dtype_of(values) != np.float64:
        return total_of(values)
    return float(namespace(values).sum(values))


def square(values: Any) -> float:
    """Return the sum of all squares, with compensation where they are float32."""
    if dtype_of(values) == np.float64:
        return _product(values, values)
    parts = halves(values)
    return dot(parts, parts)


def _product(a: Any, b: Any) -> float:
    return float(namespace(a).sum(a * b))


def _by_spectra(y: Any, x: Any, rows: int, span: int) -> Array:
    """Add up the products of both spectra over tiles; see `kernfit.correlate.lags.spectra`."""
    xp = namespace(y)
    height, width = (int(n) for n in y.shape)
    tile = _tile(height, rows), _tile(width, span)
    tall, broad = tile[0] - rows + 1, tile[1] - span + 1
    at = (-2, -1)
    spectrum: Any = 0
    for top in range(0, height, tall):
        bottom = min(top + tall, height)
        for left in range(0, width, broad):
            right = min(left + broad, width)
            own = xp.fft.rfftn(y[top:bottom, left:right], s=tile, axes=at)
            seen = x[top : bottom + rows - 1, left : right + span - 1]
            spectrum = spectrum + xp.conj(own) * xp.fft.rfftn(seen, s=tile, axes=at)
    return to_host(xp.fft.irfftn(spectrum, s=tile, axes=at)[:rows, :span])


def _tile(size: int, lags: int) -> int:
    """Return a power of two that holds an image and its lags, or a good part of it."""
    whole, least = 1 << (size + lags - 2).bit_length(), 1 << (2 * lags - 1).bit_length()
    return max(min(_TILE, whole), least)
