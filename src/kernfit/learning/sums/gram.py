"""The Gram matrix of all patches of an image, without ever building the patches.

``G[a, b, c, d] = sum over i < H, j < W of x[i + a, j + b] * z[i + c, j + d]`` has (kh kw)^2
entries but few independent sums: along a diagonal (a + 1, b + 1, c + 1, d + 1) neighbours differ
only by border strips (Toeplitz blocks of Toeplitz blocks, with a displacement of low rank). So
about 2 kh kw lag products are summed over the image, and the rest is bookkeeping on strips.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kernfit.arrays import Array
from kernfit.correlate.lags import lag_products

# Bytes of patches gathered at a time.
_CHUNK_BYTES = 16 << 20


def lag_gram(x: Array, z: Array, shape: tuple[int, int], *, threads: int | None = None) -> Array:
    """Return the products of every patch of `x` with the same patch of `z`, summed.

    Parameters
    ----------
    x, z : ndarray, shape (H + kh - 1, W + kw - 1)
        Two planes of the same size (or twice the same), real and finite.
    shape : (kh, kw)
        Size of a patch.
    threads : int, optional
        For the sums over the image. Default: all cores.

    Returns
    -------
    ndarray of float64, shape (kh, kw, kh, kw)
        ``G[a, b, c, d] = sum_ij x[i + a, j + b] * z[i + c, j + d]``.
    """
    kh, kw = shape
    height = x.shape[0] - kh + 1
    gram = np.empty((kh, kw, kh, kw))
    gram[0] = _first_block_row(x, z, shape, threads)
    other = gram[0] if x is z else _first_block_row(z, x, shape, threads)
    gram[:, :, 0, :] = other.transpose(1, 2, 0)
    if kh > 1:
        # One step down both windows takes a row out at the top and a row in at the bottom.
        change = _row_products(x[height:], z[height:], kw) - _row_products(
            x[: kh - 1], z[: kh - 1], kw
        )
        for a in range(kh - 1):
            gram[a + 1, :, 1:, :] = gram[a, :, :-1, :] + change[a]
    return gram


def _first_block_row(x: Array, z: Array, shape: tuple[int, int], threads: int | None) -> Array:
    """Return ``G[0]``: x's top row of taps with every tap of z, shape (kw, kh, kw)."""
    kh, kw = shape
    height, width = x.shape[0] - kh + 1, x.shape[1] - kw + 1
    lags = lag_products(x[:height, :width], z, kh, (-(kw - 1), kw - 1), threads=threads)
    block = np.empty((kw, kh, kw))
    block[0] = lags[:, kw - 1 :]
    if kw == 1:
        return block
    right = x[:height, width:].astype(np.float64)
    # G[0, b, c, 0] is the lag (c, -b), but with its window over x moved b columns to the right:
    # the sums over the columns that thereby come in are added. They meet the columns of z from
    # width - kw + 1 on, of which a narrow image lacks some.
    lacking = max(0, kw - 1 - width)
    near = z[:, max(0, width - kw + 1) : width].astype(np.float64)
    entering = np.pad(_column_products(right, near, height), ((0, 0), (0, 0), (lacking, 0)))
    for b in range(1, kw):
        block[b, :, 0] = lags[:, kw - 1 - b]
        for p in range(b):
            block[b, :, 0] += entering[:, p, kw - 1 + p - b]
    # One step right takes a column out on the left and a column in on the right.
    left = x[:height, : kw - 1].astype(np.float64)
    change = _column_products(right, z[:, width:].astype(np.float64), height) - _column_products(
        left, z[:, : kw - 1].astype(np.float64), height
    )
    for b in range(kw - 1):
        block[b + 1, :, 1:] = block[b, :, :-1] + change[:, b]
    return block


def _column_products(x: Array, z: Array, height: int) -> Array:
    """Return ``sum over i < height of x[i, p] * z[i + c, q]``, shape (lags c, p, q)."""
    return np.stack([x.T @ z[c : c + height] for c in range(z.shape[0] - height + 1)])


def _row_products(x: Array, z: Array, kw: int) -> Array:
    """Return ``sum over j of x[a, j + b] * z[c, j + d]``, shape (rows a, kw, rows c, kw).

    Along a diagonal (b + 1, d + 1) neighbours differ only by the products at both ends.
    """
    rows, width = x.shape[0], x.shape[1] - kw + 1
    same = z is x
    x = x.astype(np.float64)
    z = x if same else z.astype(np.float64)
    products = np.empty((rows, kw, rows, kw))
    products[:, 0] = _row_lags(x, z, kw)
    other = products[:, 0] if same else _row_lags(z, x, kw)
    products[:, :, :, 0] = other.transpose(1, 2, 0)
    for b in range(kw - 1):
        leaving = np.multiply.outer(x[:, b], z[:, : kw - 1])
        entering = np.multiply.outer(x[:, b + width], z[:, width:])
        products[:, b + 1, :, 1:] = products[:, b, :, :-1] + (entering - leaving)
    return products


def _row_lags(x: Array, z: Array, kw: int) -> Array:
    """Return ``sum over j of x[a, j] * z[c, j + d]``, shape (rows a, rows c, kw)."""
    rows, width = x.shape[0], x.shape[1] - kw + 1
    total = np.zeros((rows, rows * kw))
    step = max(1, _CHUNK_BYTES // (8 * rows * kw))
    for start in range(0, width, step):
        stop = min(start + step, width)
        total += x[:, start:stop] @ _windows(z[:, start : stop + kw - 1], kw).T
    return total.reshape(rows, rows, kw)


def _windows(rows: Array, kw: int) -> Array:
    """Return float64 windows of each row, shape (rows * kw, places)."""
    view = sliding_window_view(rows, kw, axis=1)  # (rows, places, kw)
    return view.transpose(0, 2, 1).reshape(rows.shape[0] * kw, -1).astype(np.float64)


def window_sums(x: Array, shape: tuple[int, int]) -> Array:
    """Return ``sum over i < H, j < W of x[i + a, j + b]``, shape (kh, kw), in float64."""
    kh, kw = shape
    height, width = x.shape[0] - kh + 1, x.shape[1] - kw + 1
    rows = np.empty((x.shape[0], kw))
    rows[:, 0] = x[:, :width].sum(axis=1, dtype=np.float64)
    for b in range(kw - 1):
        rows[:, b + 1] = rows[:, b] - x[:, b] + x[:, b + width]
    sums = np.empty((kh, kw))
    sums[0] = rows[:height].sum(axis=0)
    for a in range(kh - 1):
        sums[a + 1] = sums[a] - rows[a] + rows[a + height]
    return sums


def sum_of_squares(values: Array) -> float:
    """Return the sum of squares; not by BLAS, whose threads cost more to wake than this takes."""
    return float(np.einsum("ij,ij->", values, values))


def gram_of_outputs(
    planes: Array, shape: tuple[int, int], outputs: Array, weight: Array | None = None
) -> Array:
    """Return ``sum of p p^T`` over chosen output pixels, patch by patch, a 1 closing each patch.

    Parameters
    ----------
    planes : ndarray, shape (C, H + kh - 1, W + kw - 1)
        The image's channels.
    shape : (kh, kw)
        Size of a patch.
    outputs : ndarray of bool, shape (H, W)
        The output pixels to sum over.
    weight : ndarray, shape (H, W), optional
        How much each of them counts, not negative. Default 1.

    Returns
    -------
    ndarray of float64, shape (C kh kw + 1, C kh kw + 1)
    """
    kh, kw = shape
    size = planes.shape[0] * kh * kw + 1
    total = np.zeros((size, size))
    rows_at, columns_at = np.nonzero(outputs)
    windows = sliding_window_view(planes, shape, axis=(1, 2))  # (C, H, W, kh, kw)
    step = max(1, _CHUNK_BYTES // (8 * size))
    for start in range(0, rows_at.size, step):
        chosen = slice(start, start + step)
        patches = np.ones((rows_at[chosen].size, size))
        found = windows[:, rows_at[chosen], columns_at[chosen]]  # (C, outputs, kh, kw)
        patches[:, :-1] = found.transpose(1, 0, 2, 3).reshape(len(patches), -1)
        if weight is not None:
            patches *= np.sqrt(weight[rows_at[chosen], columns_at[chosen], np.newaxis])
        total += patches.T @ patches
    return total
