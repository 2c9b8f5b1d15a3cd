"""A tile of two images, as both ways to sum up lag products take it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from kernfit.arrays import Array

# Columns after those that are seen, with whatever numbers in them: what fills up a panel of lags
# reads them.
SPARE = 3


@dataclass(frozen=True, slots=True)
class LagTile:
    """A tile of the outputs, in float64: own planes over it, and seen ones that they meet.

    Attributes
    ----------
    seen : ndarray, shape (planes, h + rows - 1, w + span - 1 + SPARE)
        In one piece of memory.
    others : ndarray, shape (planes, h, w)
        Own planes, in one piece of memory.
    middle : int or None
        If given, the seen planes are own planes too, and come first: from this column on.
    aside : ndarray
        Numbers that are summed up over the tiles besides.
    """

    seen: Array
    others: Array
    middle: int | None
    aside: Array

    @property
    def height(self) -> int:
        """Rows of the own planes."""
        return int(self.others.shape[1])

    @property
    def width(self) -> int:
        """Columns of the own planes."""
        return int(self.others.shape[2])

    def own(self, m: int) -> tuple[Array, int]:
        """Return an own plane, and its first column in that array."""
        if self.middle is None:
            return self.others[m], 0
        if m < len(self.seen):
            return self.seen[m], self.middle
        return self.others[m - len(self.seen)], 0


class Room:
    """Memory for the tiles of one thread, of which two at a time are in use."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], Array] = {}
        self._turn = 0

    def arrays(self, *shapes: tuple[int, ...]) -> list[Array]:
        """Return arrays of float64 for one tile, in which anything may be."""
        self._turn = 1 - self._turn
        return [self._array(n, shape) for n, shape in enumerate(shapes)]

    def _array(self, n: int, shape: tuple[int, ...]) -> Array:
        size = prod(shape)
        kept = self._kept.get((self._turn, n))
        if kept is None or kept.size < size:
            kept = self._kept[self._turn, n] = np.empty(size)
        return kept[:size].reshape(shape)
