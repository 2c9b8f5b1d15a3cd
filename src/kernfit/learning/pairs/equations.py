"""Equations: output pixels with their patches, in memory or wherever they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.threads import for_strips
from kernfit.learning.sums.statistics import Statistics

# The rows and columns of the outputs that are looked at together where each is looked at.
_STRIP = (128, 32768)


class Strip(NamedTuple):
    """Some outputs, and their equations."""

    rows: slice
    columns: slice
    equations: Equations


class EquationSource(Protocol):
    """The equations of a pair, wherever its pixels are: what the learning asks of them."""

    @property
    def left_out(self) -> dict[str, int]:
        """How many pixels of the after image do not count, by reason."""

    @property
    def size(self) -> int:
        """Number of outputs, in all channels, whether they count or not."""

    @property
    def count(self) -> int:
        """Number of outputs that count, in all channels."""

    def sums(
        self,
        function: Callable[[Equations], Any],
        shape: tuple[int, int],
        number: int = 1,
        *,
        threads: int = 1,
    ) -> list[Any]:
        """Return what a function, whose results add up, gives for each of about so many blocks."""

    def strips(self, shape: tuple[int, int], every: int = 1) -> Iterator[Strip]:
        """Give the outputs strip by strip; only every so many-th strip if told so."""


@dataclass(frozen=True)
class Equations:
    """Output pixels that have their whole patch, and which of them count.

    Attributes
    ----------
    x : ndarray, shape (in, H + kh - 1, W + kw - 1)
        The before image, finite: 0 where it was not, since nothing that counts sees it.
    y : ndarray, shape (out, H, W)
        The after image over the outputs.
    used : ndarray of bool, shape (out, H, W)
        Which of them count.
    left_out : dict
        How many pixels of the after image do not, by reason.
    variance : ndarray, shape (1 or out, H, W), or None
        Of the noise of each pixel of the after image, if that is known.
    before_variance : ndarray, shape of x, or None
        Of the noise of each pixel of the before image, if it is to be corrected for.
    """

    x: Array
    y: Array
    used: Array
    left_out: dict[str, int]
    variance: Array | None = None
    before_variance: Array | None = None

    @property
    def size(self) -> int:
        """Number of outputs, in all channels, whether they count or not."""
        return self.y.size

    @property
    def count(self) -> int:
        """Number of outputs that count, in all channels."""
        return int(np.count_nonzero(self.used))

    def sums(
        self,
        function: Callable[[Equations], Any],
        shape: tuple[int, int],
        number: int = 1,
        *,
        threads: int = 1,
    ) -> list[Any]:
        """Return what a function, whose results add up, gives for each of about so many blocks.

        Parameters
        ----------
        function : callable
            From equations to something that can be added.
        shape : (kh, kw)
            The support: each block takes along the pixels that its patches reach.
        number : int
            How many blocks there should be at least, if the image has as many rows and columns.
        threads : int
            So many blocks are worked on at once.
        """
        grid = block_grid(self.y.shape[1:], number)
        found: list[Any] = [None] * len(grid)

        def work(first: int, stop: int) -> None:
            for n in range(first, stop):
                found[n] = function(self.part(shape, *grid[n]))

        for_strips(work, len(grid), threads)
        return found

    def strips(self, shape: tuple[int, int], every: int = 1) -> Iterator[Strip]:
        """Give the outputs strip by strip; only every so many-th strip if told so."""
        for rows, columns in strip_grid(self.y.shape[1:], every):
            yield Strip(rows, columns, self.part(shape, rows, columns))

    def part(self, shape: tuple[int, int], rows: slice, columns: slice) -> Equations:
        """Return some of the outputs, with the pixels that their patches reach."""
        reach = (
            slice(rows.start, rows.stop + shape[0] - 1),
            slice(columns.start, columns.stop + shape[1] - 1),
        )
        inside = (slice(None), rows, columns)
        variance = None if self.variance is None else self.variance[inside]
        noise = None if self.before_variance is None else self.before_variance[:, *reach]
        return Equations(self.x[:, *reach], self.y[inside], self.used[inside], {}, variance, noise)

    def statistics(
        self, shape: tuple[int, int], anchor: tuple[int, int], *, channels: str, threads: int | None
    ) -> Statistics:
        """Sum them up."""
        # Fully mixed channels share one mask, which `Pair.equations` has made equal for all.
        mask = self.used if channels == "alike" else self.used[0]
        variance = self.variance
        if variance is not None and channels == "full":
            variance = variance[0]
        return Statistics.of(
            self.x,
            self.y,
            shape,
            anchor=anchor,
            mask=mask,
            variance=variance,
            before_variance=self.before_variance,
            channels=channels,
            threads=threads,
        )


def block_grid(size: tuple[int, ...], number: int) -> list[tuple[slice, slice]]:
    """Cut so many rows and columns into a grid of about `number` blocks, as square as may be."""
    height, width = size
    down = min(height, max(1, round(np.sqrt(number * height / width))))
    across = min(width, -(-number // down))
    down = min(height, -(-number // across))
    rows = [height * n // down for n in range(down + 1)]
    columns = [width * n // across for n in range(across + 1)]
    return [
        (slice(top, bottom), slice(left, right))
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]


def strip_grid(size: tuple[int, ...], every: int) -> list[tuple[slice, slice]]:
    """Cut so many rows and columns into strips, and return every so many-th."""
    strips = [
        (slice(top, min(top + _STRIP[0], size[0])), slice(left, min(left + _STRIP[1], size[1])))
        for top in range(0, size[0], _STRIP[0])
        for left in range(0, size[1], _STRIP[1])
    ]
    return strips[::every]
