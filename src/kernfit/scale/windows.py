"""Windows: which pixels stand behind a part of the output, wherever these are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.axes import Axis

# Returns the pixels from one row and column up to another.
Reader = Callable[[tuple[int, int], tuple[int, int]], Array]


@dataclass(frozen=True, eq=False)
class Span:
    """A strip of the output along one axis.

    Attributes
    ----------
    first, last : int
        Its outputs, from and up to.
    sources : ndarray of int
        Which pixel stands at each place of the window over them; -1 where the fill value does.
    """

    first: int
    last: int
    sources: Array


@dataclass(frozen=True, eq=False)
class Piece:
    """A run of places of a window whose pixels lie side by side.

    Attributes
    ----------
    to : slice
        The places.
    start, stop : int
        The pixels, from and up to; -1 and 0 for the fill value.
    order : slice or ndarray
        Which of these stands at each place.
    """

    to: slice
    start: int
    stop: int
    order: slice | Array


def spans(axis: Axis, cuts: Iterable[int]) -> list[Span]:
    """Cut the outputs of an axis at the given places."""
    return [
        Span(first, last, axis.sources(*axis.window(first, last)))
        for first, last in pairwise(cuts)
        if last > first
    ]


def even_cuts(total: int, size: int) -> list[int]:
    """Return where strips of so many outputs begin, and the end."""
    return [*range(0, total, size), total]


def pieces(sources: Array, bounds: Array | None = None) -> list[Piece]:
    """Cut the places of a window into runs, each of neighbouring pixels between two bounds.

    Parameters
    ----------
    sources : ndarray of int
        As in `Span`.
    bounds : ndarray of int, optional
        Where the chunks of the axis begin, sorted; no run crosses one.
    """
    jumps = np.abs(np.diff(sources)) > 1
    jumps |= (sources[1:] < 0) != (sources[:-1] < 0)
    if bounds is not None:
        chunk = np.searchsorted(bounds, sources, "right")
        jumps |= np.diff(chunk) != 0
    ends = [0, *(np.flatnonzero(jumps) + 1).tolist(), len(sources)]
    found = []
    for begin, end in pairwise(ends):
        part = sources[begin:end]
        low, high = int(part.min()), int(part.max())
        straight = high - low + 1 == end - begin and (end - begin == 1 or part[0] < part[-1])
        order = slice(None) if straight else part - low
        found.append(Piece(slice(begin, end), low, high + 1, order))
    return found


def gather(
    read: Reader, planes: int, dtype: np.dtype[Any], rows: Array, columns: Array, fill: Any
) -> Array:
    """Return the window whose pixels are those of the given rows and columns.

    Parameters
    ----------
    read : callable
        Returns a box of pixels (planes, rows, columns).
    planes : int
    dtype : dtype
    rows, columns : ndarray of int
        As in `Span`.
    fill : number
        What stands at -1.

    Returns
    -------
    ndarray, shape (planes, len(rows), len(columns))
    """
    down, across = pieces(rows), pieces(columns)
    if len(down) == len(across) == 1 and min(down[0].start, across[0].start) >= 0:
        return _taken(read, down[0], across[0])
    window = np.empty((planes, len(rows), len(columns)), dtype)
    for row in down:
        for column in across:
            inside = (slice(None), row.to, column.to)
            if row.start < 0 or column.start < 0:
                window[inside] = fill
            else:
                window[inside] = _taken(read, row, column)
    return window


def _taken(read: Reader, row: Piece, column: Piece) -> Array:
    box = read((row.start, row.stop), (column.start, column.stop))
    return box[:, row.order][:, :, column.order]
