"""Gather a tile of the padded image, without ever padding the whole image."""

from kernfit.arrays import Array
from kernfit.correlate.axes import Axis


def gather(
    image: Array, rows: Axis, columns: Axis, fill: object, start: tuple[int, int], out: Array
) -> None:
    """Fill `out` with the padded image from position `start` (row, column) on.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        Any strides and dtype.
    rows, columns : Axis
        They say what stands outside the image.
    fill : number
        What stands outside where the boundary is "constant".
    start : pair of int
        Position of ``out[0, 0]``; the image's first pixel is (0, 0), so it may be negative.
    out : ndarray, 2-D
        Its dtype is the one to convert to.
    """
    (top, bottom), (left, right) = (
        _within(axis.size, first, length)
        for axis, first, length in zip((rows, columns), start, out.shape, strict=True)
    )
    middle = image[start[0] + top : start[0] + bottom, start[1] + left : start[1] + right]
    out[top:bottom, left:right] = middle

    def fetch(r0: int, r1: int, c0: int, c1: int) -> None:
        """Fill ``out[r0:r1, c0:c1]``, a margin, pixel by pixel."""
        if r0 == r1 or c0 == c1:
            return
        row = rows.sources(start[0] + r0, start[0] + r1)
        column = columns.sources(start[1] + c0, start[1] + c1)
        part = out[r0:r1, c0:c1]
        # Index -1 fetches the last pixel, which the fill value then replaces.
        part[...] = image[row[:, None], column]
        part[row < 0] = fill
        part[:, column < 0] = fill

    fetch(0, top, 0, out.shape[1])
    fetch(bottom, out.shape[0], 0, out.shape[1])
    fetch(top, bottom, 0, left)
    fetch(top, bottom, right, out.shape[1])


def _within(size: int, first: int, length: int) -> tuple[int, int]:
    """Return which part of `length` positions from `first` on lies in an image of `size`."""
    begin = min(max(-first, 0), length)
    return begin, max(begin, min(size - first, length))
