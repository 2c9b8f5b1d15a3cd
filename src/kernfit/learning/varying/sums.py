"""Sums of a pair for a kernel that varies: block by block, and exactly over the residual."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.lags.sums import lag_products_of_all
from kernfit.correlate.threads import for_strips, thread_count
from kernfit.learning.pairs.equations import Equations, block_grid
from kernfit.learning.pairs.residual import ResidualStrip
from kernfit.learning.sums.gram import sum_of_squares
from kernfit.learning.sums.statistics import Statistics
from kernfit.learning.varying.kernel_field import KernelField
from kernfit.learning.varying.polynomial import Polynomial


@dataclass(frozen=True)
class Block:
    """A rectangle of the after image: where it is, its equations and their sums.

    Attributes
    ----------
    rows, columns : slice
    equations : Equations
    sums : Statistics
    weights : ndarray, shape (rows, columns), or None
        How much each output counts; None: all alike.
    means : dict
        Means of polynomials over the block, kept once they are known.
    """

    rows: slice
    columns: slice
    equations: Equations
    sums: Statistics
    weights: Array | None = None
    means: dict[tuple[int, int, bool], Array] = dataclasses.field(default_factory=dict)

    def mean(self, terms: Polynomial, *, detail: bool) -> Array:
        """Return the mean of each term over the block, shape (terms,).

        Parameters
        ----------
        terms : Polynomial
        detail : bool
            Whether each pixel counts by how far the before image there is from its mean, for that
            is where the kernel shows: a block may have all its stars in one corner.
        """
        return self.mean_products(terms, Polynomial(0, terms.size), detail=detail)[:, 0]

    def mean_products(self, first: Polynomial, second: Polynomial, *, detail: bool) -> Array:
        """Return the means of the terms of one polynomial times those of another."""
        key = (first.degree, second.degree, detail)
        if key not in self.means:
            self.means[key] = first.mean_products(
                second, self.rows, self.columns, self._detail() if detail else None
            )
        return self.means[key]

    def _detail(self) -> Array:
        """Return the squared distance of each pixel's level from the mean."""
        row, column = self.sums.anchor
        used = self.equations.used[0]
        level = self.equations.x[0, row : row + len(used), column : column + used.shape[1]]
        level = np.where(used, level, 0).astype(np.float64)
        detail = np.where(used, level - level.sum() / np.count_nonzero(used), 0.0) ** 2
        if self.weights is not None:
            detail *= self.weights
        return detail if detail.any() else used.astype(np.float64)


@dataclass(frozen=True)
class Design:
    """Which numbers describe a kernel that varies: a kernel for each term, then the background.

    Attributes
    ----------
    kernel, background : Polynomial
    shape : (kh, kw)
    constant_sum : bool
        Whether the kernel's sum, the photometric scale, shall be the same everywhere.
    """

    kernel: Polynomial
    background: Polynomial
    shape: tuple[int, int]
    constant_sum: bool = False

    @property
    def taps(self) -> int:
        """Number of taps."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return len(self.kernel) * self.taps + len(self.background)

    def at_block(self, block: Block, numbers: Array) -> Array:
        """Return the taps and the bias in a block, shape (taps + 1, ...) of numbers (all, ...)."""
        split = len(self.kernel) * self.taps
        terms, levels = self._terms(block)
        taps = np.tensordot(terms, numbers[:split].reshape(len(terms), self.taps, -1), 1)
        level = np.tensordot(levels, numbers[split:].reshape(len(levels), taps.shape[1]), 1)
        found = np.concatenate([taps, level[np.newaxis]])
        return found.reshape(-1, *numbers.shape[1:])

    def from_block(self, block: Block, sums: Array) -> Array:
        """Return what sums over taps and bias, (taps + 1,) or more columns, say of the numbers.

        The transpose of `at_block`.
        """
        terms, levels = self._terms(block)
        parts = (np.multiply.outer(terms, sums[:-1]), np.multiply.outer(levels, sums[-1]))
        return np.concatenate([part.reshape(-1, *sums.shape[1:]) for part in parts])

    def normal_matrix(self, blocks: list[Block], *, constant: bool = False) -> Array:
        """Return the Gram matrix of all numbers, sums of block Gram matrices times polynomials.

        Parameters
        ----------
        blocks : list of Block
        constant : bool, default False
            False takes what the before image looks like to be the same all over a block, but for
            how much detail there is. True takes taps and bias to be constant over a block.
        """
        if constant:
            return self._constant_matrix(blocks)
        counts = np.array([block.sums.gram[-1, -1] for block in blocks])
        means = np.array([block.sums.gram[:-1, -1] for block in blocks]) / counts[:, np.newaxis]
        grams = np.array([block.sums.gram[:-1, :-1] for block in blocks])
        flat = counts[:, np.newaxis, np.newaxis] * means[:, :, np.newaxis] * means[:, np.newaxis]
        grams -= flat

        def products(first: Polynomial, second: Polynomial, *, detail: bool = False) -> Array:
            found = [block.mean_products(first, second, detail=detail) for block in blocks]
            return np.array(found).reshape(len(blocks), len(first) * len(second)).T

        # The patches' mean goes with the place alone, what stands out from it with its own place.
        inner = products(self.kernel, self.kernel, detail=True) @ grams.reshape(len(blocks), -1)
        inner += products(self.kernel, self.kernel) @ flat.reshape(len(blocks), -1)
        mixed = products(self.kernel, self.background) @ (counts[:, np.newaxis] * means)
        return self.joined(inner, mixed, products(self.background, self.background) @ counts)

    def _constant_matrix(self, blocks: list[Block]) -> Array:
        grams = np.array([block.sums.gram for block in blocks])
        terms, levels = self._terms_of(blocks)
        return self.joined(
            _products(terms, terms).T @ grams[:, :-1, :-1].reshape(len(blocks), -1),
            _products(terms, levels).T @ grams[:, :-1, -1],
            _products(levels, levels).T @ grams[:, -1, -1],
        )

    def joined(self, inner: Array, mixed: Array, own: Array) -> Array:
        """Return a matrix over all numbers from its parts, one for each product of two terms.

        Parameters
        ----------
        inner : ndarray of (terms, terms, taps, taps)
        mixed : ndarray of (terms, levels, taps)
            In any shape of as many numbers; levels are terms of the background.
        own : ndarray of (levels, levels)
        """
        terms, levels, split = len(self.kernel), len(self.background), len(self.kernel) * self.taps
        matrix = np.empty((len(self), len(self)))
        inside = inner.reshape(terms, terms, self.taps, self.taps).transpose(0, 2, 1, 3)
        matrix[:split, :split] = inside.reshape(split, split)
        across = mixed.reshape(terms, levels, self.taps).transpose(0, 2, 1).reshape(split, levels)
        matrix[:split, split:], matrix[split:, :split] = across, across.T
        matrix[split:, split:] = own.reshape(levels, levels)
        return matrix

    def seen_by(self, blocks: list[Block], matrix: Array) -> Array:
        """Return what each block's taps and bias see of a symmetric matrix over all numbers.

        That is ``D matrix D^T``, D being `at_block`, shape (blocks, taps + 1, taps + 1).
        """
        terms, levels = self._terms_of(blocks)
        taps, split = self.taps, len(self.kernel) * self.taps
        found = np.empty((len(blocks), taps + 1, taps + 1))
        inner = matrix[:split, :split].reshape(len(self.kernel), taps, -1, taps)
        pairs = inner.transpose(0, 2, 1, 3).reshape(-1, taps**2)
        found[:, :-1, :-1] = (_products(terms, terms) @ pairs).reshape(-1, taps, taps)
        mixed = matrix[:split, split:].reshape(len(self.kernel), taps, len(self.background))
        pairs = mixed.transpose(0, 2, 1).reshape(-1, taps)
        found[:, :-1, -1] = found[:, -1, :-1] = _products(terms, levels) @ pairs
        found[:, -1, -1] = _products(levels, levels) @ matrix[split:, split:].ravel()
        return found

    def _terms(self, block: Block) -> tuple[Array, Array]:
        return block.mean(self.kernel, detail=True), block.mean(self.background, detail=False)

    def _terms_of(self, blocks: list[Block]) -> tuple[Array, Array]:
        terms, levels = zip(*map(self._terms, blocks), strict=True)
        return np.array(terms), np.array(levels)

    def field(
        self, numbers: Array, size: tuple[int, int], anchor: tuple[int, int], *, same_size: bool
    ) -> KernelField:
        """Return the field that numbers describe."""
        taps, bias = self._split(numbers)
        return KernelField(
            taps.reshape(-1, *self.shape),
            bias,
            self.kernel.degree,
            self.background.degree,
            size,
            anchor if same_size else (0, 0),
            same_size,
        )

    def _split(self, numbers: Array) -> tuple[Array, Array]:
        split = len(self.kernel) * self.taps
        return numbers[:split].reshape(len(self.kernel), self.taps), numbers[split:]


def _products(first: Array, second: Array) -> Array:
    """Return all products of the columns of two tables, row by row."""
    products: Array = first[:, :, np.newaxis] * second[:, np.newaxis]
    return products.reshape(len(first), first.shape[1] * second.shape[1])


def block_sums(
    equations: Equations,
    origin: tuple[int, int],
    shape: tuple[int, int],
    anchor: tuple[int, int],
    number: int,
    *,
    threads: int | None,
) -> list[Block]:
    """Cut the equations of one plane into about so many blocks and sum each up.

    Parameters
    ----------
    equations : Equations
    origin : (row, column)
        Of the first output in the after image.
    shape, anchor : pair of int
        Of the kernel.
    number : int
        How many blocks there should be at least, if the image has as many rows and columns.
    threads : int, optional

    Returns
    -------
    list of Block
        Those in which something counts.
    """
    grid = block_grid(equations.y.shape[1:], number)
    places = [(rows, columns) for rows, columns in grid if equations.used[:, rows, columns].any()]
    found: list[Block | None] = [None] * len(places)

    def work(first: int, stop: int) -> None:
        for n in range(first, stop):
            rows, columns = places[n]
            part = equations.part(shape, rows, columns)
            found[n] = Block(
                slice(origin[0] + rows.start, origin[0] + rows.stop),
                slice(origin[1] + columns.start, origin[1] + columns.stop),
                part,
                part.statistics(shape, anchor, channels="alike", threads=1),
                None if part.variance is None else 1 / part.variance[0],
            )

    for_strips(work, len(places), thread_count(threads))
    return [block for block in found if block is not None]


@dataclass(frozen=True)
class BlockResidual:
    """The residual of a field and exact sums over it, for each block.

    Attributes
    ----------
    errors : list of ndarray
        The residual over each block, 0 where it does not count.
    pulls : ndarray, shape (blocks, numbers)
        Sum of the residual times what each number adds to the prediction: summed over the blocks
        it is zero, but for rounding, at the least-squares answer.
    total : ndarray, shape (blocks,)
        Sum of the residual.
    squared : ndarray, shape (blocks,)
        Sum of squares.
    """

    errors: list[Array]
    pulls: Array
    total: Array
    squared: Array

    def towards(self, other: BlockResidual, length: float, move: Array) -> BlockResidual:
        """Return the residual of a field so far on the way to another one, in which it is linear.

        Parameters
        ----------
        other : BlockResidual
            What it is in place of this one, whose memory it takes.
        length : float
            1 for all the way.
        move : ndarray, shape (numbers,)
            By how much the numbers differ.
        """
        for mine, theirs in zip(self.errors, other.errors, strict=True):
            theirs -= mine
            theirs *= length
            theirs += mine
        change = self.pulls - other.pulls
        return BlockResidual(
            other.errors,
            self.pulls - length * change,
            (1 - length) * self.total + length * other.total,
            (1 - length) * self.squared
            + length * other.squared
            - length * (1 - length) * (change @ move),
        )


def block_residual(
    design: Design, field: KernelField, blocks: list[Block], *, threads: int | None
) -> BlockResidual:
    """Sum up the residual of a field with the polynomials as they are in every pixel."""
    errors = [np.empty(0)] * len(blocks)
    pulls = np.empty((len(blocks), len(design)))
    total, squared = np.empty(len(blocks)), np.empty(len(blocks))
    kh, kw = design.shape

    most = max(block.equations.y.size for block in blocks)

    def work(first: int, stop: int) -> None:
        room = np.empty(len(design.kernel) * most)
        for n in range(first, stop):
            block = blocks[n]
            seen = block.equations.x[0].astype(np.float64, copy=False)
            error = block.equations.y[0] - field.over(seen, block.rows, block.columns)
            error[~block.equations.used[0]] = 0.0
            weighted = error if block.weights is None else error * block.weights
            terms = room[: len(design.kernel) * error.size].reshape(-1, *error.shape)
            design.kernel.times(weighted, block.rows, block.columns, terms)
            products = lag_products_of_all(terms, seen, kh, (0, kw - 1)).ravel()
            levels = design.background.products(weighted, block.rows, block.columns)
            errors[n] = error
            pulls[n] = np.concatenate([products, levels])
            total[n] = weighted.sum()
            squared[n] = sum_of_squares(error) if weighted is error else np.vdot(weighted, error)

    for_strips(work, len(blocks), thread_count(threads))
    return BlockResidual(errors, pulls, total, squared)


def residual_strips(
    residual: BlockResidual, blocks: list[Block], origin: tuple[int, int]
) -> Iterator[ResidualStrip]:
    """Give the residual image of a field, a block at a time; rows and columns as in equations."""
    for error, block in zip(residual.errors, blocks, strict=True):
        yield ResidualStrip(
            0,
            0,
            slice(block.rows.start - origin[0], block.rows.stop - origin[0]),
            slice(block.columns.start - origin[1], block.columns.stop - origin[1]),
            error,
            block.equations.used[0],
            block.equations.y[0],
            block.equations.x.astype(np.float64, copy=False),
        )
