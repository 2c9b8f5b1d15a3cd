"""Polynomials of the place in an image, by which kernels and backgrounds vary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import ArrayLike

from kernfit.arrays import Array


@dataclass(frozen=True)
class Polynomial:
    """All products of Legendre polynomials in row and column up to a degree.

    Rows and columns run from -1 to 1 over the image, so the products are nearly orthogonal over it
    and the first one, the constant 1, carries the mean over the field.

    Attributes
    ----------
    degree : int
        Largest sum of both powers; -1 for no term at all.
    size : (rows, columns)
        Of the image.
    """

    degree: int
    size: tuple[int, int]

    @cached_property
    def powers(self) -> Array:
        """Power of row and column in each term, shape (terms, 2), the constant first."""
        pairs = [
            (total - power, power) for total in range(self.degree + 1) for power in range(total + 1)
        ]
        return np.array(pairs, int).reshape(-1, 2)

    def __len__(self) -> int:
        """Return the number of terms."""
        return (self.degree + 1) * (self.degree + 2) // 2

    def at(self, row: ArrayLike, column: ArrayLike) -> Array:
        """Return each term at one place, shape (terms,), or at several, shape (places, terms)."""
        down, across = (
            _legendre(np.asarray(place), length, self.degree).reshape(*np.shape(place), -1)
            for place, length in zip((row, column), self.size, strict=True)
        )
        values: Array = down[..., self.powers[:, 0]] * across[..., self.powers[:, 1]]
        return values

    def over(self, rows: slice, columns: slice) -> Array:
        """Return each term at all places of a rectangle, shape (terms, rows, columns)."""
        down, across = self._grid(rows, columns)
        values: Array = down.T[self.powers[:, 0], :, None] * across.T[self.powers[:, 1], None, :]
        return values

    def term(self, number: int, rows: slice, columns: slice) -> Array:
        """Return one term at all places of a rectangle, shape (rows, columns)."""
        down, across = self._grid(rows, columns)
        first, second = self.powers[number]
        values: Array = np.multiply.outer(down[:, first], across[:, second])
        return values

    def times(self, values: Array, rows: slice, columns: slice, out: Array) -> Array:
        """Return `out`, (terms, rows, columns): each term times values over a rectangle."""
        down, across = self._grid(rows, columns)
        parts = [values * each for each in across.T]
        for (first, second), found in zip(self.powers.tolist(), out, strict=True):
            np.multiply(parts[second], down[:, first, np.newaxis], out=found)
        return out

    def weighted(self, values: Array, rows: slice, columns: slice, out: Array) -> Array:
        """Return `out`: the sum of all terms, each times its values (terms, rows, columns).

        The values are overwritten.
        """
        down, across = self._grid(rows, columns)
        out[:] = 0
        for power, line in enumerate(across.T[: self.degree + 1]):
            # Rows first, for all terms that go alike along the columns.
            own = np.flatnonzero(self.powers[:, 1] == power)
            for n in own:
                values[n] *= down[:, self.powers[n, 0], np.newaxis]
            for n in own[1:]:
                values[own[0]] += values[n]
            values[own[0]] *= line
            out += values[own[0]]
        return out

    def combined(self, numbers: Array, rows: slice, columns: slice) -> Array:
        """Return the sum of all terms, each times its number, at all places of a rectangle."""
        down, across = self._grid(rows, columns)
        table = np.zeros((down.shape[1], across.shape[1]))
        table[self.powers[:, 0], self.powers[:, 1]] = numbers
        values: Array = (down @ table) @ across.T
        return values

    def products(self, values: Array, rows: slice, columns: slice) -> Array:
        """Return the sum over a rectangle of each term times values, shape (terms,)."""
        down, across = self._grid(rows, columns)
        found: Array = (down.T @ (values @ across))[self.powers[:, 0], self.powers[:, 1]]
        return found

    def mean_products(
        self, other: Polynomial, rows: slice, columns: slice, weights: Array | None = None
    ) -> Array:
        """Return the means of this one's terms times another's over a rectangle.

        Parameters
        ----------
        other : Polynomial
        rows, columns : slice
        weights : ndarray, shape (rows, columns), optional
            How much each place counts. Default: all alike.

        Returns
        -------
        ndarray, shape (terms, other's terms)
        """
        down, across = (
            (mine[:, :, np.newaxis] * theirs[:, np.newaxis]).reshape(len(mine), -1)
            for mine, theirs in zip(
                self._grid(rows, columns), other._grid(rows, columns), strict=True
            )
        )
        if weights is None:
            means = np.outer(down.mean(axis=0), across.mean(axis=0))
        else:
            means = down.T @ weights @ across / weights.sum()
        powers = max(self.degree, 0) + 1, max(other.degree, 0) + 1
        table = means.reshape(*powers, *powers)
        mine, theirs = self.powers, other.powers
        found: Array = table[
            mine[:, :1], theirs[:, 0][np.newaxis], mine[:, 1:], theirs[:, 1][np.newaxis]
        ]
        return found

    def _grid(self, rows: slice, columns: slice) -> tuple[Array, Array]:
        down, across = (_all_places(length, self.degree) for length in self.size)
        return down[rows], across[columns]


@lru_cache(maxsize=32)
def _all_places(length: int, degree: int) -> Array:
    return _legendre(np.arange(length), length, degree)


def _legendre(places: Array, length: int, degree: int) -> Array:
    """Return the Legendre polynomials at places along an axis, shape (places, degree + 1)."""
    values: Array = legvander(2 * places / max(1, length - 1) - 1, max(0, degree))
    return values
