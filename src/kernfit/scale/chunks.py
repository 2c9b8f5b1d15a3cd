"""Windows over Dask arrays: each is put together from one chunk and the rims of its neighbours.

So a worker that does a tile fetches from others only the halo that its kernel needs, and for each
chunk there are two tasks more than the caller's own, whatever the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from kernfit.arrays import Array
from kernfit.scale.windows import Piece, Span, pieces

_TOP, _BOTTOM, _LEFT, _RIGHT, _WHOLE = range(5)


class Part(NamedTuple):
    """Where a part of a window comes from along one axis."""

    to: slice
    chunk: int  # -1: the fill value
    start: int  # within the chunk
    stop: int
    order: slice | Array


class Move(NamedTuple):
    """Copies pixels from one of a task's arguments into its window."""

    to: tuple[slice, slice]
    argument: int  # -1: the fill value
    side: int
    at: tuple[slice, slice]
    order: tuple[slice | Array, slice | Array]


@dataclass(frozen=True, eq=False)
class Assembly:
    """Puts a window (..., rows, columns) together from chunks and rims."""

    moves: list[Move]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    fill: Any

    def __call__(self, sources: Sequence[Any]) -> Array:
        """Return the window."""
        if len(self.moves) == 1 and self.moves[0].argument >= 0:
            return _taken(self.moves[0], sources)
        leading = next((s[0] if isinstance(s, tuple) else s).shape[:-2] for s in sources)
        window = np.empty((*leading, *self.shape), self.dtype)
        for move in self.moves:
            window[(..., *move.to)] = self.fill if move.argument < 0 else _taken(move, sources)
        return window


class Chunks:
    """The chunks of a Dask array (..., rows, columns), and the tasks that give windows over it.

    Parameters
    ----------
    array : dask.array.Array
        Axes before the last two are taken chunk by chunk.
    name : str
        The name of the tasks for the rims.
    rows, columns : list of Span
        The tiles for which windows will be wanted.
    fill : number, optional
        What stands at -1.
    """

    def __init__(
        self,
        array: Any,
        name: str,
        rows: Sequence[Span],
        columns: Sequence[Span],
        fill: Any = 0,
    ) -> None:
        self.array, self.name, self.fill = array, name, fill
        self._sizes = array.chunks[-2:]
        self._rows, self._columns = (
            [_parts(span, sizes) for span in axis]
            for axis, sizes in zip((rows, columns), self._sizes, strict=True)
        )
        self._shapes = [len(span.sources) for span in rows], [len(s.sources) for s in columns]
        self._depths = tuple(
            _depth(axis, sizes)
            for axis, sizes in zip((self._rows, self._columns), self._sizes, strict=True)
        )
        self.rims: dict[Any, Any] = {}

    def window(self, leading: tuple[int, ...], row: int, column: int) -> tuple[Assembly, list[Any]]:
        """Return what puts the window of one tile together, and the keys of what it is made of."""
        down, across = self._rows[row], self._columns[column]
        home = _largest(down), _largest(across)
        arguments: dict[Any, int] = {}
        moves = []
        for first, second in product(down, across):
            to = (first.to, second.to)
            if first.chunk < 0 or second.chunk < 0:
                moves.append(Move(to, -1, _WHOLE, (slice(0), slice(0)), (slice(0), slice(0))))
                continue
            place = (*leading, first.chunk, second.chunk)
            side = _WHOLE if (first.chunk, second.chunk) == home else self._side(first, second)
            key = (self.array.name, *place) if side == _WHOLE else self._rim(place)
            size = self._sizes[0][first.chunk], self._sizes[1][second.chunk]
            at = [slice(first.start, first.stop), slice(second.start, second.stop)]
            if side == _BOTTOM:
                at[0] = _moved(at[0], size[0] - min(self._depths[0], size[0]))
            if side == _RIGHT:
                at[1] = _moved(at[1], size[1] - min(self._depths[1], size[1]))
            number = arguments.setdefault(key, len(arguments))
            moves.append(Move(to, number, side, (at[0], at[1]), (first.order, second.order)))
        shape = self._shapes[0][row], self._shapes[1][column]
        return Assembly(moves, shape, self.array.dtype, self.fill), list(arguments)

    def _side(self, row: Part, column: Part) -> int:
        """Return which rim of its chunk holds a part, or that none does."""
        (high, wide), (deep, broad) = (
            (self._sizes[0][row.chunk], self._sizes[1][column.chunk]),
            self._depths,
        )
        if row.stop <= deep:
            return _TOP
        if row.start >= high - deep:
            return _BOTTOM
        if column.stop <= broad:
            return _LEFT
        return _RIGHT if column.start >= wide - broad else _WHOLE

    def _rim(self, place: tuple[int, ...]) -> Any:
        key = (self.name, *place)
        if key not in self.rims:
            self.rims[key] = (rim, (self.array.name, *place), *self._depths)
        return key


def rim(chunk: Array, deep: int, broad: int) -> tuple[Array, ...]:
    """Return copies of the upper and lower rows and the left and right columns of a chunk."""
    high, wide = chunk.shape[-2:]
    return (
        chunk[..., :deep, :].copy(),
        chunk[..., max(0, high - deep) :, :].copy(),
        chunk[..., :broad].copy(),
        chunk[..., max(0, wide - broad) :].copy(),
    )


def _taken(move: Move, sources: Sequence[Any]) -> Array:
    source = sources[move.argument]
    if move.side != _WHOLE:
        source = source[move.side]
    part: Array = source[(..., *move.at)]
    for index in ((..., move.order[0], slice(None)), (..., move.order[1])):
        part = part[index]
    return part


def _parts(span: Span, sizes: Sequence[int]) -> list[Part]:
    """Cut a window's places along one axis where chunks begin."""
    bounds = np.cumsum([0, *sizes[:-1]])
    return [_part(piece, bounds) for piece in pieces(span.sources, bounds)]


def _part(piece: Piece, bounds: Array) -> Part:
    if piece.start < 0:
        return Part(piece.to, -1, 0, 0, piece.order)
    chunk = int(np.searchsorted(bounds, piece.start, "right")) - 1
    first = int(bounds[chunk])
    return Part(piece.to, chunk, piece.start - first, piece.stop - first, piece.order)


def _largest(parts: list[Part]) -> int:
    """Return the chunk that most of a window lies in."""
    return max(parts, key=lambda part: part.stop - part.start).chunk


def _depth(tiles: list[list[Part]], sizes: Sequence[int]) -> int:
    """Return how deep rims must be; what reaches farther than half a chunk takes the whole."""
    deepest = 1
    for parts in tiles:
        home = _largest(parts)
        for part in parts:
            if part.chunk >= 0 and part.chunk != home:
                reach = min(part.stop, sizes[part.chunk] - part.start)
                if 2 * reach <= sizes[part.chunk]:
                    deepest = max(deepest, reach)
    return deepest


def _moved(part: slice, offset: int) -> slice:
    return slice(part.start - offset, part.stop - offset)
