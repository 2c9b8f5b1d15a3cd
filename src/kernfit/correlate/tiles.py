"""Cut the output into tiles, so that scratch memory stays small whatever the image and kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kernfit.correlate.axes import Axis

# All threads together keep below 32 MiB; one tile also wants to stay in a core's own cache.
_ALL_THREADS = 24 << 20
_ONE_TILE = 2 << 20
# Below this many output pixels the borders are not worth tiles of their own.
_SMALL = 1 << 15
_STRIPS_EACH = 4  # for every thread, so that a slow one delays nobody


class Tile(NamedTuple):
    """A rectangle of outputs; `inside` where their windows lie within the image."""

    top: int
    bottom: int
    left: int
    right: int
    inside: bool


def tiles_of(
    rows: Axis,
    columns: Axis,
    *,
    itemsize: int,
    in_place: bool,
    threads: int = 1,
    block: tuple[int, int] | None = None,
) -> tuple[Tile, ...]:
    """Return tiles that cover every output exactly once.

    Parameters
    ----------
    rows, columns : Axis
        The geometry.
    itemsize : int
        Bytes of a pixel in the tile's scratch memory.
    in_place : bool
        Whether tiles within the image need no scratch memory at all.
    threads : int
        How many will share the tiles.
    block : pair of int, optional
        The greatest size of a tile, where the method has one of its own.
    """
    height, width = rows.outputs, columns.outputs
    step = block or _tile_size(rows, columns, itemsize, threads)
    if block is not None or not in_place:
        areas = [(0, height, 0, width)]
    elif rows.inside == (0, height) and columns.inside == (0, width):
        areas = []
    elif height * width <= _SMALL:
        areas = [(0, height, 0, width)]
        return tuple(_cut(areas, step, rows, columns))
    else:
        (top, bottom), (left, right) = rows.inside, columns.inside
        areas = [
            (0, top, 0, width),
            (bottom, height, 0, width),
            (top, bottom, 0, left),
            (top, bottom, right, width),
        ]
    tiles = list(_cut(areas, step, rows, columns))
    if in_place and block is None:
        strip = height if threads == 1 else -(-height // (threads * _STRIPS_EACH))
        inside = (*rows.inside, *columns.inside)
        tiles += _cut([inside], (max(strip, 1), width), rows, columns)
    return tuple(tiles)


def _cut(
    areas: list[tuple[int, int, int, int]], step: tuple[int, int], rows: Axis, columns: Axis
) -> Iterator[Tile]:
    for top, bottom, left, right in areas:
        if left >= right:
            continue
        for i in range(top, bottom, step[0]):
            for j in range(left, right, step[1]):
                i1, j1 = min(i + step[0], bottom), min(j + step[1], right)
                inside = (
                    rows.inside[0] <= i
                    and i1 <= rows.inside[1]
                    and columns.inside[0] <= j
                    and j1 <= columns.inside[1]
                )
                yield Tile(i, i1, j, j1, inside)


def _tile_size(rows: Axis, columns: Axis, itemsize: int, threads: int) -> tuple[int, int]:
    """Return the (rows, columns) of outputs whose scratch memory fits one tile's share."""
    budget = min(_ONE_TILE, _ALL_THREADS // threads) // itemsize

    def pixels(height: int, width: int) -> int:
        # The gathered window and the sums.
        spans = (height - 1) * rows.stride + rows.extent, (width - 1) * columns.stride
        return spans[0] * (spans[1] + columns.extent) + height * width

    # Few rows would gather most of their window again and again: rather narrow the tile.
    height, width = max(rows.extent // rows.stride, 8), max(columns.outputs, 1)
    while width > 64 and pixels(height, width) > budget:
        width = -(-width // 2)
    while height > 1 and pixels(height, width) > budget:
        height //= 2
    each = width + rows.stride * ((width - 1) * columns.stride + columns.extent)
    height += max(budget - pixels(height, width), 0) // each
    if threads > 1:
        height = min(height, -(-max(rows.outputs, 1) // (threads * _STRIPS_EACH)))
    return height, width
