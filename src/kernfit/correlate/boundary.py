"""Gather a tile of the padded image, without ever padding the whole image."""

from functools import lru_cache

from kernfit.arrays import Array
from kernfit.correlate.axes import Axis


def gather(
    image: Array, rows: Axis, columns: Axis, fill: object, start: tuple[int, int], out: Array
) -> None:
    """Fill `out` with the padded image from position `start` (row, column) on.

    Parameters
    ----------
    image : ndarray, shape (..., H, W)
        Any strides and dtype.
    rows, columns : Axis
        They say what stands outside the image.
    fill : number
        What stands outside where the boundary is "constant".
    start : pair of int
        Position of ``out[..., 0, 0]``; the image's first pixel is (0, 0), so it may be negative.
    out : ndarray, shape (..., h, w)
        Its dtype is the one to convert to.
    """
    height, width = out.shape[-2:]
    top, bottom = _within(rows.size, start[0], height)
    left, right = _within(columns.size, start[1], width)
    across = slice(start[1] + left, start[1] + right)
    if rows.boundary == columns.boundary == "constant":
        # The common case, without a detour: tiles at the border are many and small.
        if top:
            out[..., :top, :] = fill
        if bottom < height:
            out[..., bottom:, :] = fill
        if left:
            out[..., top:bottom, :left] = fill
        if right < width:
            out[..., top:bottom, right:] = fill
        out[..., top:bottom, left:right] = image[..., start[0] + top : start[0] + bottom, across]
        return

    def fetch(r0: int, r1: int, source: slice | Array) -> None:
        """Fill the rows `r0` to `r1` of `out` from the rows `source` of the image."""
        out[..., r0:r1, left:right] = image[..., across][..., source, :]
        lines = source if isinstance(source, slice) else source[:, None]
        for c0, c1 in ((0, left), (right, width)):
            if c0 == c1:
                pass
            elif columns.boundary == "constant":
                out[..., r0:r1, c0:c1] = fill
            else:
                out[..., r0:r1, c0:c1] = image[
                    ..., lines, _sources(columns, start[1] + c0, start[1] + c1)
                ]

    if top < bottom:
        fetch(top, bottom, slice(start[0] + top, start[0] + bottom))
    for r0, r1 in ((0, top), (bottom, height)):
        if r0 == r1:
            pass
        elif rows.boundary == "constant":
            out[..., r0:r1, :] = fill
        else:
            fetch(r0, r1, _sources(rows, start[0] + r0, start[0] + r1))


def _within(size: int, first: int, length: int) -> tuple[int, int]:
    """Return which part of `length` positions from `first` on lies in an image of `size`."""
    begin = min(max(-first, 0), length)
    return begin, max(begin, min(size - first, length))


@lru_cache(maxsize=256)
def _sources(axis: Axis, start: int, stop: int) -> Array:
    """Return which pixels stand in a margin; the same few are wanted again and again."""
    found = axis.sources(start, stop)
    found.flags.writeable = False
    return found
