"""Pixels that stand out of a block: taken out before a Fourier transform, added back directly."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array

_CELL = 16
# Spikes are added one by one: more of them are not worth it.
_MOST = 1 / 256

Spikes = tuple[Array, Array, Array]


def take_out_spikes(block: Array, span: float) -> tuple[Array | None, Spikes]:
    """Split a block into pixels within `span` of its faintest cell, and the brighter others.

    Parameters
    ----------
    block : ndarray, 2-D
        Without NaN.
    span : float
        How many times brighter the brightest pixel may be.

    Returns
    -------
    rest : ndarray or None
        The block with 0 in place of the spikes; None if there are too many of them.
    spikes : (rows, columns, values)
        Infinite pixels are among them.
    """
    size = np.abs(block)
    none = (np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, block.dtype))
    cells = _cell_maxima(size)
    # A cell of zeros does not count as faint, or every mask would be full of spikes; but a block
    # of hardly anything but zeros is best added up pixel by pixel.
    seen = cells[(cells > 0) & np.isfinite(cells)]
    limit = float(seen.min()) * span if seen.size else 0.0
    if seen.size < cells.size and is_sparse(size):
        limit = 0.0
    elif not cells.size or cells.max() <= limit:
        return block, none
    bright = size > limit
    if np.count_nonzero(bright) > _MOST * block.size:
        return None, none
    rows, columns = np.nonzero(bright)
    values = block[rows, columns]
    return np.where(bright, block.dtype.type(0), block), (rows, columns, values)


def needs_care(block: Array, span: float) -> bool:
    """Whether a block has NaN or something to take out, after a closer look where one is needed."""
    if is_even(block, span):
        return False
    return bool(np.isnan(block).any()) or take_out_spikes(block, span)[0] is not block


def is_even(block: Array, span: float) -> bool:
    """Whether a block is sure to have nothing to take out, nor NaN: one quick look at it.

    Parameters
    ----------
    block : ndarray, 2-D
        Float32 or float64, or else the answer is False.
    span : float
        As for `take_out_spikes`.
    """
    if block.dtype.char not in "fd":
        return False
    from kernfit.correlate.fourier.cells import cell_range  # here, since Numba takes long to import

    found = cell_range(block, _CELL)
    if found is None:
        return False
    least, greatest, zeros = found
    return greatest <= least * span and greatest < np.inf and not (zeros and is_sparse(block))


def is_sparse(size: Array) -> bool:
    """Whether hardly anything but zeros is in a block."""
    most = _MOST * size.size
    if np.count_nonzero(size[len(size) // 2]) > most:  # of a small block one row may tell
        return False
    return bool(np.count_nonzero(size) <= most)


def _cell_maxima(size: Array) -> Array:
    if size.size == 0:
        return size
    rows, columns = (np.arange(0, n, _CELL) for n in size.shape)
    maxima: Array = np.maximum.reduceat(np.maximum.reduceat(size, rows, 0), columns, 1)
    return maxima


def add_spikes(spikes: Spikes, taps: Array, dilation: tuple[int, int], out: Array) -> None:
    """Add to `out` what the spikes give under every tap."""
    for row, column, value in zip(*spikes, strict=True):
        # The tap on the spike goes down as the output goes up: a slice of the taps, turned.
        i, a = _outputs_under(row, taps.shape[0], dilation[0], out.shape[0])
        j, b = _outputs_under(column, taps.shape[1], dilation[1], out.shape[1])
        out[i, j] += value * taps[a, b][::-1, ::-1]


def _outputs_under(position: int, taps: int, step: int, outputs: int) -> tuple[slice, slice]:
    """Return the outputs whose windows hold a position, and the taps that lie on it."""
    least = max(-(-(position - outputs + 1) // step), 0)
    most = min(position // step, taps - 1)
    if least > most:
        return slice(0, 0), slice(0, 0)
    return slice(position - most * step, position - least * step + 1, step), slice(least, most + 1)


def reach_of(marked: Array, taps: tuple[int, ...], dilation: tuple[int, int]) -> Array:
    """Return the outputs in whose window a marked pixel lies."""
    for axis, (count, step) in enumerate(zip(taps, dilation, strict=True)):
        length = marked.shape[axis] - (count - 1) * step
        moved = np.moveaxis(marked, axis, 0)
        reached = np.zeros((length, moved.shape[1]), np.bool_)
        for n in range(count):
            reached |= moved[n * step : n * step + length]
        marked = np.moveaxis(reached, 0, axis)
    return marked
