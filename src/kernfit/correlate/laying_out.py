"""Pieces of the padded image, laid out in scratch memory by compiled code."""

from __future__ import annotations

from typing import Any

from numba import njit

from kernfit.arrays import Array
from kernfit.correlate.pointers import after, bytes_of, copy_bytes
from kernfit.errors import InvalidInput


@njit(nogil=True)  # type: ignore[untyped-decorator]
def lay_out(
    image: Any,
    steps: tuple[int, int],
    right: int,
    size: int,
    origin: int,
    apart: int,
    rows: Any,
    columns: Any,
    fill: float,
    pixels: Any,
    pitch: int,
    height: int,
    width: int,
) -> None:
    """Lay out a piece of the padded image.

    Parameters
    ----------
    image : pointer
        To the image's first pixel.
    steps : pair of int
        Bytes to the next row and column.
    right, size : int
        Where the image begins in a row of the piece, maybe before it, and how many pixels it has
        there.
    origin, apart : int
        Its first column there, and how far it is to the next.
    rows, columns : pointer
        To where the rows and columns of the piece come from.
    fill : number
        What stands outside.
    pixels : pointer
        Where the piece goes.
    pitch : int
        Bytes from one row of the piece to the next.
    height, width : int
        Of the piece.
    """
    begin = min(max(right, 0), width)
    end = min(max(right + size, begin), width)
    each = bytes_of(pixels)
    for i in range(height):
        target = after(pixels, i * pitch)
        if rows[i] < 0:
            for j in range(width):
                target[j] = fill
            continue
        source = after(image, rows[i] * steps[0])
        inner = after(source, (origin + (begin - right) * apart) * steps[1])
        if apart * steps[1] == each:
            copy_bytes(inner, after(target, begin * each), (end - begin) * each)
        else:
            for j in range(begin, end):
                target[j] = after(inner, (j - begin) * apart * steps[1])[0]
        for j in range(begin):
            target[j] = after(source, columns[j] * steps[1])[0] if columns[j] >= 0 else fill
        for j in range(end, width):
            target[j] = after(source, columns[j] * steps[1])[0] if columns[j] >= 0 else fill


@njit(nogil=True)  # type: ignore[untyped-decorator]
def check_places(places: Array, size: int) -> None:
    """Refuse places that are neither -1 nor on an axis of so many pixels."""
    least, most = 0, -1
    for n in range(len(places)):
        least, most = min(least, places[n]), max(most, places[n])
    if least < -1 or most >= size:
        raise InvalidInput("positions must be those of the image's rows and columns")
