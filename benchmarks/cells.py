"""The cells of the table: which kernels, images, dtypes and numbers of threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

KERNELS = (3, 5, 7, 9, 11, 13, 15, 21, 31, 63, 127)
SIZES = ("64", "512", "4096", "1000x3000")
DTYPES = ("float32", "float64", "uint8")
THREADS = (1, 2)


@dataclass(frozen=True, slots=True)
class Cell:
    """One kernel on one image."""

    dtype: str
    size: str
    kernel: int
    threads: int

    @property
    def name(self) -> str:
        """As in --cells and in the raw results."""
        return f"{self.dtype}-{self.size}-k{self.kernel}-t{self.threads}"

    @property
    def shape(self) -> tuple[int, int]:
        """Of the image."""
        rows, _, columns = self.size.partition("x")
        return int(rows), int(columns or rows)

    def inputs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return an image and taps that no method can take a short cut with: of full rank.

        Pixels of 8 bits come with whole taps, so that every sum is a whole number.
        """
        rng = np.random.default_rng(self.kernel)
        size = self.kernel, self.kernel
        if self.dtype == "uint8":
            return rng.integers(0, 256, self.shape, np.uint8), rng.integers(-3, 4, size)
        image, taps = rng.standard_normal(self.shape), rng.standard_normal(size)
        return image.astype(self.dtype), taps.astype(self.dtype)


def all_cells() -> Iterator[Cell]:
    """Yield every cell, what belongs to one table together."""
    for dtype, size, threads, kernel in product(DTYPES, SIZES, THREADS, KERNELS):
        yield Cell(dtype, size, kernel, threads)


def quick_cells() -> Iterator[Cell]:
    """Yield a few cells for a first impression."""
    for dtype, size, kernel in product(("float32", "uint8"), ("64", "512"), (3, 9, 31)):
        yield Cell(dtype, size, kernel, 1)


def chosen(cells: Iterator[Cell], filters: list[str]) -> list[Cell]:
    """Return the cells whose names have all the parts of one of the filters, as "uint8-64-k3"."""
    wanted = [set(each.split("-")) for each in filters] or [set()]
    return [cell for cell in cells if any(each <= set(cell.name.split("-")) for each in wanted)]
