"""Where pixels lie in their picture: what a stage that depends on the place must know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array


@dataclass(frozen=True, eq=False)
class Where:
    """The places of pixels in the whole picture.

    Attributes
    ----------
    rows, columns : ndarray
        Of each pixel, counted from 0 in the whole picture; they broadcast against the axes of the
        image behind its channels.
    size : (rows, columns)
        Of the whole picture.
    """

    rows: Array
    columns: Array
    size: tuple[int, int]

    @classmethod
    def whole(cls, rows: int, columns: int) -> Where:
        """Return the places of all pixels of a picture."""
        return cls(np.arange(rows)[:, None], np.arange(columns)[None, :], (rows, columns))

    def strip(self, first: int, last: int) -> Where:
        """Return the places of the rows from `first` to before `last`, of a whole picture."""
        return Where(self.rows[first:last], self.columns, self.size)

    def at(self, rows: Array, columns: Array) -> Where:
        """Return the places of single pixels of a whole picture."""
        return Where(rows, columns, self.size)
