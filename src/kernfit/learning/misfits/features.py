"""What other programs than kernels would leave in a residual: functions of the before image."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array

REACH = 3  # pixels around each that the functions look at
_TOGETHER = 1000  # neighbourhoods that stay in the second-level cache


def tone(predicted: Array) -> Array:
    """Return functions of the level: curves, and bends at its quartiles."""
    level = _standard(predicted)
    bends = [np.maximum(level - at, 0) for at in np.quantile(level, (0.1, 0.25, 0.5, 0.75, 0.9))]
    return np.column_stack([level**2, level**3, *bends])


def detail(windows: Array, fine: Array, coarse: Array) -> Array:
    """Return functions of the neighbourhood that no kernel is: ranks, thresholds, contrasts.

    Parameters
    ----------
    windows : ndarray, shape (n, 7, 7)
        Of the before image, the pixel in question in the middle.
    fine, coarse : ndarray, shape (n,)
        Their `details`.

    Returns
    -------
    ndarray, shape (n, features)
    """
    sizes = _size(fine), _size(coarse)
    parts = [slice(at, at + _TOGETHER) for at in range(0, len(windows), _TOGETHER)]
    return np.concatenate(
        [_detail(windows[part], fine[part], coarse[part], *sizes) for part in parts]
    )


def _detail(windows: Array, fine: Array, coarse: Array, scale: float, coarse_scale: float) -> Array:
    """Return the functions of some of the neighbourhoods."""
    middle = windows[:, REACH, REACH]
    near = windows[:, 2:5, 2:5].reshape(-1, 9)
    wide = windows[:, 1:6, 1:6].reshape(-1, 25)
    rough, rougher = near.std(axis=1), windows.std(axis=(1, 2))
    down = windows[:, 4, 2:5] @ [1, 2, 1] - windows[:, 2, 2:5] @ [1, 2, 1]
    right = windows[:, 2:5, 4] @ [1, 2, 1] - windows[:, 2:5, 2] @ [1, 2, 1]
    weights = np.exp(-0.5 * (_grid()[0] ** 2 + _grid()[1] ** 2) / 1.5**2)
    ranks = [
        np.partition(near, 4, axis=1)[:, 4] - middle,
        np.partition(wide, 12, axis=1)[:, 12] - middle,
        near.min(axis=1) - middle,
        near.max(axis=1) - middle,
    ]
    thresholds = [
        shape
        for part, size in ((fine, scale), (coarse, coarse_scale))
        for shape in (
            np.abs(part),
            np.tanh(4 * part / size),
            np.clip(part, -size, size),
            np.clip(part, -4 * size, 4 * size),
        )
    ]
    apart = windows - middle[:, np.newaxis, np.newaxis]
    bilateral = []
    for width in (1.0, 4.0):
        near_in_level = weights * np.exp(-0.5 * (apart / (width * scale)) ** 2)
        pulled = np.einsum("nij,nij->n", near_in_level, apart)
        bilateral.append(pulled / near_in_level.sum(axis=(1, 2)))
    contrasts = [
        np.hypot(down, right),
        rough,
        fine * rough,
        coarse / (rougher + scale),
    ]
    return np.column_stack([*ranks, *thresholds, *bilateral, *contrasts])


def drift(rows: Array, columns: Array) -> Array:
    """Return a surface of second degree over the field; rows and columns go from -1 to 1."""
    return np.column_stack([rows, columns, rows**2, rows * columns, columns**2])


def slopes(windows: Array) -> Array:
    """Return how fast the image changes down and to the right, shape (n, 2)."""
    down = windows[:, 4, 2:5].sum(axis=1) - windows[:, 2, 2:5].sum(axis=1)
    right = windows[:, 2:5, 4].sum(axis=1) - windows[:, 2:5, 2].sum(axis=1)
    return np.column_stack([down, right]) / 6


def details(windows: Array) -> tuple[Array, Array]:
    """Return how far a pixel stands out from a narrow and from a wide neighbourhood."""
    rows, columns = _grid()
    parts = []
    for sigma in (0.8, 2.0):
        bell = np.exp(-0.5 * (rows**2 + columns**2) / sigma**2)
        parts.append(windows[:, REACH, REACH] - np.einsum("nij,ij->n", windows, bell / bell.sum()))
    return parts[0], parts[1]


def times(first: Array, second: Array) -> Array:
    """Return all products of the columns of two sets of functions."""
    products: Array = (first[:, :, np.newaxis] * second[:, np.newaxis]).reshape(len(first), -1)
    return products


def _grid() -> tuple[Array, Array]:
    rows, columns = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    return rows, columns


def _standard(values: Array) -> Array:
    spread = float(values.std())
    standard: Array = (values - values.mean()) / (spread or 1.0)
    return standard


def _size(values: Array) -> float:
    """Return the typical size of values, never 0."""
    return float(np.median(np.abs(values))) or float(values.std()) or 1.0
