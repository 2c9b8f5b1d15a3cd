"""Cut the output into tiles, so that scratch memory stays small whatever the image and kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kernfit.correlate.axes import Axis

# All threads together keep below 32 MiB; one tile also wants to stay in a core's own cache.
_ALL_THREADS = 24 << 20
_ONE_TILE = 2 << 20
# Borders are taken this many bytes wide at least, a vector: what is narrower is slow.
_BORDER = 64
# Below this many bytes of outputs the borders are not worth tiles of their own.
_SMALL = 640 << 10
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
    reads_image: bool,
    needs_scratch: bool,
    planes: int = 1,
    samples: int = 1,
    threads: int = 1,
    block: tuple[int, int] | None = None,
) -> tuple[Tile, ...]:
    """Return tiles that cover every output exactly once.

    Parameters
    ----------
    rows, columns : Axis
        The geometry.
    itemsize : int
        Bytes of a pixel of one plane in the tile's scratch memory.
    reads_image : bool
        Whether tiles within the image need not be gathered. Only the borders are, then.
    needs_scratch : bool
        Whether tiles within the image need scratch memory all the same.
    planes : int
        How many there are to a sample.
    samples : int
        To how many the same tiles apply; many keep all threads busy without more tiles.
    threads : int
        How many will share the tiles.
    block : pair of int, optional
        The greatest size of a tile, where the method has one of its own.
    """
    height, width = rows.outputs, columns.outputs
    # All threads together have some memory, and enough strips to share.
    pixels = min(_ONE_TILE, _ALL_THREADS // threads) // (itemsize * planes)
    strips = 1 if threads == 1 else -(-threads * _STRIPS_EACH // max(samples, 1))
    size = block or _tile_size(rows, columns, pixels, strips, width)
    small = (rows.inside, columns.inside) != ((0, height), (0, width))
    small = small and height * width * itemsize <= _SMALL
    if block or not reads_image or small:
        return tuple(_cut((0, height, 0, width), size, rows, columns))
    (top, bottom), (left, right) = rows.inside, columns.inside
    least = _BORDER // itemsize
    left = min(max(left, least), right) if left else 0
    right = max(min(right, width - least), left) if right < width else width
    narrow = _tile_size(rows, columns, pixels, min(strips, threads), max(left, width - right))
    inner = size if needs_scratch else (max(-(-height // strips), 1), max(width, 1))
    # The large ones come first: the small ones then fill up what time the threads have left.
    tiles = [*_cut((top, bottom, left, right), inner, rows, columns)]
    tiles += _cut((0, top, 0, width), size, rows, columns)
    tiles += _cut((bottom, height, 0, width), size, rows, columns)
    tiles += _cut((top, bottom, 0, left), narrow, rows, columns)
    tiles += _cut((top, bottom, right, width), narrow, rows, columns)
    return tuple(tiles)


def _cut(
    area: tuple[int, int, int, int], size: tuple[int, int], rows: Axis, columns: Axis
) -> Iterator[Tile]:
    top, bottom, left, right = area
    if left >= right:
        return
    for i in range(top, bottom, size[0]):
        for j in range(left, right, size[1]):
            i1, j1 = min(i + size[0], bottom), min(j + size[1], right)
            inside = (
                rows.inside[0] <= i
                and i1 <= rows.inside[1]
                and columns.inside[0] <= j
                and j1 <= columns.inside[1]
            )
            yield Tile(i, i1, j, j1, inside)


def _tile_size(rows: Axis, columns: Axis, budget: int, strips: int, width: int) -> tuple[int, int]:
    """Return the (rows, columns) of outputs, at most `width`, for so many pixels of scratch."""

    def pixels(height: int, width: int) -> int:
        # The gathered window and the sums.
        spans = (height - 1) * rows.stride + rows.extent, (width - 1) * columns.stride
        return spans[0] * (spans[1] + columns.extent) + height * width

    # Few rows would gather most of their window again and again: rather narrow the tile.
    height, width = max(rows.extent // rows.stride, 8), max(width, 1)
    while width > 64 and pixels(height, width) > budget:
        width = -(-width // 2)
    while height > 1 and pixels(height, width) > budget:
        height //= 2
    each = width + rows.stride * ((width - 1) * columns.stride + columns.extent)
    height += max(budget - pixels(height, width), 0) // each
    return min(height, -(-max(rows.outputs, 1) // strips)), width
