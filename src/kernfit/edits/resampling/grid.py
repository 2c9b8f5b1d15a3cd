"""An affine grid: where the pixels of the after image lie in the before image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array

Shape = tuple[int, int]


@dataclass(frozen=True)
class Grid:
    """Places ``source = centre + matrix (output - centre) + shift``, in (row, column).

    Both centres are those of the pictures, ``(rows - 1) / 2`` and ``(columns - 1) / 2``.

    Attributes
    ----------
    matrix : ndarray
        2 x 2: from a step in the output to one in the source.
    shift : ndarray
        (2,), in pixels of the source.
    source, output : pair of int
        Rows and columns of the pictures.
    """

    matrix: Array
    shift: Array
    source: Shape
    output: Shape

    @property
    def start(self) -> Array:
        """Where the output's first pixel lies."""
        return np.asarray(middle(self.source) + self.shift - self.matrix @ middle(self.output))

    def at(self, places: Array) -> Array:
        """Return where outputs lie in the source; places (..., 2)."""
        return np.asarray(self.start + places @ self.matrix.T)

    def moved(self, matrix: Array, shift: Array) -> Grid:
        """Return the grid after a small motion of the output about its centre."""
        return Grid(
            self.matrix @ (np.eye(2) + matrix),
            self.shift + self.matrix @ shift,
            self.source,
            self.output,
        )

    def window(self, top: int, left: int, shape: Shape) -> Grid:
        """Return the grid of a part of the output."""
        start = self.at(np.array([top, left], float))
        shift = start + self.matrix @ middle(shape) - middle(self.source)
        return Grid(self.matrix, shift, self.source, shape)

    def rescaled(self, source: Shape, output: Shape) -> Grid:
        """Return the grid between the same pictures in other sizes."""
        grow = np.array(source) / self.source
        shrink = np.array(self.output) / output
        return Grid(grow[:, np.newaxis] * self.matrix * shrink, grow * self.shift, source, output)

    def apart(self, other: Grid) -> float:
        """Return how far corners lie apart at most, in pixels of the output."""
        between = np.linalg.solve(self.matrix, (corners(self) - corners(other)).T)
        return float(np.abs(between).max())

    def inside(self, margin: float = 0.0) -> Array:
        """Return which outputs lie in the source, with a margin: (rows, columns), bool."""
        rows, columns = np.ogrid[: self.output[0], : self.output[1]]
        kept = np.ones(self.output, bool)
        for axis in (0, 1):
            place = self.start[axis] + self.matrix[axis, 0] * rows + self.matrix[axis, 1] * columns
            kept &= (place >= margin - 0.5) & (place <= self.source[axis] - 0.5 - margin)
        return kept


def middle(shape: Shape) -> Array:
    """Return the place of a picture's centre."""
    return (np.array(shape, float) - 1) / 2


def corners(grid: Grid) -> Array:
    """Return where the output's corner pixels lie in the source, (4, 2)."""
    high, wide = grid.output[0] - 1, grid.output[1] - 1
    return grid.at(np.array([[0, 0], [0, wide], [high, 0], [high, wide]], float))


def frame(source: Shape, output: Shape, turn: Array) -> Grid:
    """Return the grid that lays the whole output over the whole source, turned or mirrored."""
    sizes = np.abs(turn) @ np.array(output, float)
    return Grid((np.array(source) / sizes)[:, np.newaxis] * turn, np.zeros(2), source, output)


def turns() -> list[Array]:
    """Return the eight ways in which a rectangle is turned by quarters or mirrored."""
    ways = []
    for swap in (np.eye(2), np.eye(2)[::-1]):
        ways += [swap * np.array([[a], [b]]) for a in (1, -1) for b in (1, -1)]
    return ways
