"""The Gram matrix of all patches of an image, without ever building the patches.

``G[a, b, c, d] = sum over i < H, j < W of x[i + a, j + b] * z[i + c, j + d]`` has (kh kw)^2
entries but few independent sums: along a diagonal (a + 1, b + 1, c + 1, d + 1) neighbours differ
only by border strips (Toeplitz blocks of Toeplitz blocks, with a displacement of low rank). So
about 2 kh kw lag products are summed over the image, and the rest is bookkeeping on strips.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from kernfit.arrays import Array
from kernfit.compiled import njit

# Sums that are kept in registers side by side.
_SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class Border:
    """What a window over an image loses and gains as it moves by a patch, in float64.

    Attributes
    ----------
    top, bottom : ndarray, shape (kh - 1, W + kw - 1)
        The first rows, and the last ones.
    left, right : ndarray, shape (kw - 1, H + kh - 1) and (2 kw - 2, H + kh - 1)
        The first columns, and the last ones with as many before them, as rows; 0 where a narrow
        image has none.
    """

    top: Array
    bottom: Array
    left: Array
    right: Array

    @classmethod
    def of(
        cls, pixels: Callable[[slice, slice], Array], size: tuple[int, int], shape: tuple[int, int]
    ) -> Border:
        """Return that of a plane of some size, whose rows and columns `pixels` gives in float64."""
        (kh, kw), (high, wide) = shape, size
        rows, columns = slice(0, high), slice(0, wide)
        near = max(0, wide - 2 * (kw - 1))
        right = np.zeros((2 * (kw - 1), high))
        right[2 * (kw - 1) - wide + near :] = pixels(rows, slice(near, wide)).T
        return cls(
            pixels(slice(0, kh - 1), columns),
            pixels(slice(high - kh + 1, high), columns),
            np.ascontiguousarray(pixels(rows, slice(0, kw - 1)).T),
            right,
        )

    @cached_property
    def moves(self) -> tuple[Array, Array]:
        """What the sum under a window gains as it moves right (kw,), and then down (kh - 1, kw)."""
        kh, kw = len(self.top) + 1, len(self.left) + 1
        height, width = self.left.shape[1] - kh + 1, self.top.shape[1] - kw + 1
        right, left = self.right[kw - 1 :, :height], self.left[:, :height]
        across = np.append(0.0, np.cumsum(right.sum(axis=1) - left.sum(axis=1)))
        moves = []
        for rows in (self.bottom, self.top):
            ends = np.zeros((kh - 1, kw))
            np.cumsum(rows[:, width:] - rows[:, : kw - 1], axis=1, out=ends[:, 1:])
            moves.append(rows[:, :width].sum(axis=1)[:, np.newaxis] + ends)
        return across, np.cumsum(moves[0] - moves[1], axis=0)


class StripProducts:
    """Products of the strips at the borders of two planes, each found when it is first asked for.

    Parameters
    ----------
    first, second : Border
        Of x and z.
    """

    def __init__(self, first: Border, second: Border) -> None:
        self.first, self.second, self.same = first, second, second is first

    @property
    def tasks(self) -> list[Callable[[], object]]:
        """What finds them ahead: to be called in any order, by any thread."""
        return [partial(getattr, self, side) for side in ("right", "left", "bottom", "top")]

    @cached_property
    def right(self) -> tuple[Array, Array]:
        """The last columns of x with those of z, moved up and down; and those of z with x."""
        kw = len(self.first.left) + 1
        return self._both(lambda border: border.right[kw - 1 :], lambda border: border.right)

    @cached_property
    def left(self) -> tuple[Array, Array]:
        """The first columns likewise."""
        return self._both(lambda border: border.left, lambda border: border.left)

    @cached_property
    def bottom(self) -> tuple[Array, Array]:
        """The last rows with one another, moved left and right; and back."""
        return self._both(lambda border: border.bottom, lambda border: border.bottom, 1)

    @cached_property
    def top(self) -> tuple[Array, Array]:
        """The first rows likewise."""
        return self._both(lambda border: border.top, lambda border: border.top, 1)

    def _both(
        self,
        strip: Callable[[Border], Array],
        other: Callable[[Border], Array],
        axis: int = 0,
    ) -> tuple[Array, Array]:
        """Return the products of strips of x with others of z, moved along an axis; and back."""
        shifts = len((self.first.top, self.first.left)[axis]) + 1
        there = _padded_products(strip(self.first), other(self.second), shifts)
        if self.same:
            return there, there
        return there, _padded_products(strip(self.second), other(self.first), shifts)


def _padded_products(x: Array, z: Array, shifts: int) -> Array:
    """Return what `_shifted_products` does, for any number of rows."""
    padded = np.zeros((-(-len(x) // _SIDE_BY_SIDE) * _SIDE_BY_SIDE, x.shape[1]))
    padded[: len(x)] = x
    found: Array = _shifted_products(padded, z, x.shape[1] - shifts + 1, shifts)[:, : len(x)]
    return found


def lag_gram(lags: Array, others: Array, strips: StripProducts) -> Array:
    """Return the products of every patch of `x` with the same patch of `z`, summed.

    Parameters
    ----------
    lags : ndarray, shape (kh, 2 kw - 1)
        ``sum over i < H, j < W of x[i, j] * z[i + c, j + d]``, z being 0 outside itself, for d
        from ``-(kw - 1)`` on.
    others : ndarray
        The same with x and z exchanged.
    strips : StripProducts
        Of x and z.

    Returns
    -------
    ndarray of float64, shape (kh, kw, kh, kw)
        ``G[a, b, c, d] = sum_ij x[i + a, j + b] * z[i + c, j + d]``.
    """
    kh, kw = len(lags), (lags.shape[1] + 1) // 2
    block = _first_block_row(lags, strips.right[0], strips.left[0])
    other = block if strips.same else _first_block_row(others, strips.right[1], strips.left[1])
    gram = np.empty((kh, kw, kh, kw))
    gram[0] = block
    gram[:, :, 0, :] = other.transpose(1, 2, 0)
    if kh > 1:
        first, second = strips.first, strips.second
        # One step down both windows takes a row out at the top and a row in at the bottom.
        change = _row_products(*strips.bottom, first.bottom, second.bottom)
        change -= _row_products(*strips.top, first.top, second.top)
        _go_down(gram, change)
    return gram


def _first_block_row(lags: Array, right: Array, left: Array) -> Array:
    """Return ``G[0]``: x's top row of taps with every tap of z, shape (kw, kh, kw)."""
    kh, kw = len(lags), (lags.shape[1] + 1) // 2
    block = np.empty((kw, kh, kw))
    block[0] = lags[:, kw - 1 :]
    # G[0, b, c, 0] is the lag (c, -b), but with its window over x moved b columns to the right:
    # the sums over the columns that thereby come in are added.
    block[1:, :, 0] = lags[:, : kw - 1].T[::-1]
    for p in range(kw - 1):
        block[p + 1 :, :, 0] += right[:, p, p : kw - 1].T[::-1]
    # One step right takes a column out on the left and a column in on the right.
    change = (right[:, :, kw - 1 :] - left).swapaxes(0, 1)
    for b in range(1, kw):
        np.add(block[b - 1, :, :-1], change[b - 1], out=block[b, :, 1:])
    return block


def _row_products(lags: Array, others: Array, x: Array, z: Array) -> Array:
    """Return ``sum over j of x[a, j + b] * z[c, j + d]``, shape (rows a, kw, rows c, kw).

    Along a diagonal (b + 1, d + 1) neighbours differ only by the products at both ends.
    """
    kw, rows = lags.shape[:2]
    width = x.shape[1] - kw + 1
    products = np.empty((rows, kw, rows, kw))
    products[:, 0] = lags.transpose(1, 2, 0)
    products[:, :, :, 0] = others.transpose(2, 0, 1)
    _go_right(products, x, z, width)
    return products


@njit(nogil=True, cache=True)
def _go_right(products: Array, x: Array, z: Array, width: int) -> None:
    rows, kw = products.shape[:2]
    for a in range(rows):
        for b in range(kw - 1):
            for c in range(rows):
                for d in range(kw - 1):
                    entering = x[a, b + width] * z[c, d + width]
                    products[a, b + 1, c, d + 1] = products[a, b, c, d] + (
                        entering - x[a, b] * z[c, d]
                    )


@njit(nogil=True, cache=True)
def _go_down(gram: Array, change: Array) -> None:
    rows, kw = change.shape[:2]
    for a in range(rows):
        for b in range(kw):
            for c in range(rows):
                for d in range(kw):
                    gram[a + 1, b, c + 1, d] = gram[a, b, c, d] + change[a, b, c, d]


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _shifted_products(x: Array, z: Array, length: int, shifts: int) -> Array:
    """Return ``sum over i < length of x[p, i] * z[q, i + c]``, shape (shifts c, p, q)."""
    total = np.empty((shifts, len(x), len(z)))
    for p in range(0, len(x), 4):
        x0, x1, x2, x3 = x[p, :length], x[p + 1, :length], x[p + 2, :length], x[p + 3, :length]
        for q in range(len(z)):
            for c in range(shifts):
                y = z[q, c : c + length]
                s0 = s1 = s2 = s3 = 0.0
                for i in range(length):
                    s0 += x0[i] * y[i]
                    s1 += x1[i] * y[i]
                    s2 += x2[i] * y[i]
                    s3 += x3[i] * y[i]
                total[c, p, q], total[c, p + 1, q] = s0, s1
                total[c, p + 2, q], total[c, p + 3, q] = s2, s3
    return total


def window_sums(total: float, border: Border) -> Array:
    """Return ``sum over i < H, j < W of x[i + a, j + b]``, shape (kh, kw), from that of no shift.

    Parameters
    ----------
    total : float
        ``sum over i < H, j < W of x[i, j]``.
    border : Border
    """
    across, down = border.moves
    first = total + across
    return np.vstack([first, first + down])


def sum_of_squares(values: Array) -> float:
    """Return the sum of squares; not by BLAS, whose threads cost more to wake than this takes."""
    return float(np.einsum("ij,ij->", values, values))
