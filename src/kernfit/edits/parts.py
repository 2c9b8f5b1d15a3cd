"""Which pixels of a pair the search looks at: windows all over the picture, or all of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.solve import CELL, SIDE, Part
from kernfit.edits.stage import Stage
from kernfit.edits.where import Where

BLOCKS = 24  # 4 x 6 over the picture
_GRID = (4, 6)
_WINDOW = 26  # pixels asked, a side
_HALOS = (4, 9, 17, 33)  # what windows show around them, the least that holds a chain's reach


@dataclass(frozen=True, eq=False)
class Levels:
    """A pair whose white is 1, and which pixels of it count.

    Attributes
    ----------
    before, after : ndarray, shape (C, H, W) and (C', H', W')
    used : ndarray of bool, shape (H', W')
    step : float
        Between the after image's levels; 0 for floating numbers.
    """

    before: Array
    after: Array
    used: Array
    step: float

    @property
    def same_size(self) -> bool:
        """Whether the images have equal sizes."""
        return self.before.shape[1:] == self.after.shape[1:]

    def _listed(self, rows: Array, columns: Array, top: int, left: int) -> tuple[Array, ...]:
        """Return the pixels that count and their blocks, block by block."""
        height, width = self.used.shape
        keep = self.used[rows, columns]
        rows, columns = rows[keep], columns[keep]
        blocks = (rows * _GRID[0] // height) * _GRID[1] + columns * _GRID[1] // width
        order = np.argsort(blocks, kind="stable")
        return rows[order] - top, columns[order] - left, blocks[order]

    @cached_property
    def whole(self) -> Part:
        """All of the pair."""
        rows, columns = (grid.ravel() for grid in np.indices(self.used.shape))
        rows, columns, blocks = self._listed(rows, columns, 0, 0)
        where = Where.whole(*self.before.shape[1:])
        return Part(self.before, self.after, rows, columns, blocks, where, self.step > 0)

    @cached_property
    def cells(self) -> Part:
        """All cells of 16x16 pixels that count as a whole, to be compared by their means."""
        height, width = self.used.shape
        rows, columns = np.indices((height // SIDE * SIDE, width // SIDE * SIDE))
        ordered = [
            grid.reshape(height // SIDE, SIDE, -1, SIDE).swapaxes(1, 2).reshape(-1, CELL)
            for grid in (rows, columns)
        ]
        whole = self.used[ordered[0], ordered[1]].all(axis=1)
        ordered = [grid[whole] for grid in ordered]
        down, across = (grid[:, CELL // 2 + SIDE // 2] for grid in ordered)
        blocks = (down * _GRID[0] // height) * _GRID[1] + across * _GRID[1] // width
        order = np.argsort(blocks, kind="stable")
        rows, columns = (grid[order].ravel() for grid in ordered)
        where = Where.whole(*self.before.shape[1:])
        return Part(
            self.before,
            self.after,
            rows,
            columns,
            np.repeat(blocks[order], CELL),
            where,
            self.step > 0,
            by_cells=True,
        )

    @cached_property
    def _windows(self) -> dict[int, list[Part]]:
        return {}

    def windows(self, halo: int) -> list[Part]:
        """Return a window of each block of the picture, with what its neighbours show of it."""
        if halo not in self._windows:
            self._windows[halo] = self.cut(_WINDOW, halo)
        return self._windows[halo]

    def cut(self, window: int, halo: int) -> list[Part]:
        """Return windows of so many pixels a side, and of so many pixels around them."""
        height, width = self.used.shape
        side = [min(window, height // _GRID[0]), min(window, width // _GRID[1])]
        areas = _GRID[0] * _GRID[1] * (side[0] + 2 * halo) * (side[1] + 2 * halo)
        if not self.same_size or min(side) < 8 or areas >= height * width:
            return [self.whole]
        parts = []
        for i in range(_GRID[0]):
            for j in range(_GRID[1]):
                middle = [height * (2 * i + 1) // (2 * _GRID[0]), width * (2 * j + 1) // 12]
                first = [m - s // 2 for m, s in zip(middle, side, strict=True)]
                top, left = max(0, first[0] - halo), max(0, first[1] - halo)
                bottom = min(height, first[0] + side[0] + halo)
                right = min(width, first[1] + side[1] + halo)
                rows, columns = np.indices(side)
                listed = self._listed(
                    rows.ravel() + first[0], columns.ravel() + first[1], top, left
                )
                if not len(listed[0]):
                    continue
                where = Where(
                    np.arange(top, bottom)[:, None],
                    np.arange(left, right)[None, :],
                    (height, width),
                )
                box = np.s_[:, top:bottom, left:right]
                own = Part(
                    self.before[box],
                    self.after[box],
                    listed[0],
                    listed[1],
                    listed[2],
                    where,
                    self.step > 0,
                )
                parts.append(own)
        return parts or [self.whole]

    def parts_for(self, chain: tuple[Stage, ...], count: int) -> list[Part]:
        """Return what a chain is polished on: windows, if they hold its reach."""
        reach = max((sum(s.reach[axis] for s in chain) for axis in (0, 1)), default=0)
        whole = len(self.whole)
        halo = next((halo for halo in _HALOS if reach <= halo), None)
        if not all(stage.local for stage in chain) or halo is None or not self.same_size:
            return [self.whole.thinned(count)]
        if all(stage.pointwise for stage in chain) or whole <= count:
            return [self.whole.thinned(count)]
        windows = self.windows(halo)
        asked = sum(len(part) for part in windows)
        if count > 1.2 * asked:
            return [self.whole.thinned(count)]
        return [p.thinned(max(50, count * len(p) // max(1, asked))) for p in windows]
