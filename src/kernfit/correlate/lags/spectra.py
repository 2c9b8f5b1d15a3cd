"""Lag products through the Fourier transform: for many lags it costs less than each one's sum.

A tile, with zeros around it, and the pixels that it meets are transformed; the products of their
spectra add up over many tiles, and one transform back gives all lags (T. G. Stockham, High-speed
convolution and correlation, 1966). Two tiles at a time are the real and the imaginary part of one
complex tile: the real part of their product's transform is the sum over both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numba import types

from kernfit.arrays import Array
from kernfit.compiled import njit
from kernfit.correlate.fourier.blocks import PAD, scratch
from kernfit.correlate.fourier.transform import NO, YES, columns_there, order_of, turn, twiddles_of
from kernfit.correlate.lags.tile import SPARE, LagTile
from kernfit.correlate.vectors.pointers import after, pointer_to
from kernfit.heap import empty_in_lines

_DOUBLE = np.dtype(np.float64)
# Rows or columns of a transform, and how many numbers of it the second-level cache has room for.
_SIDES = (64, 128, 192, 256, 512)
_ROOM = 1 << 15
# Nanoseconds for a number of a complex transform, for each doubling of its size; for a product of
# two; for the way back; and for each tile, whatever its size. Only their ratio to the cost in
# `panels` matters.
_COST, _PRODUCT, _WAY_BACK, _EACH = 0.2, 0.95, 5.0, 12_000

Pair = tuple[int, int]


@lru_cache(256)
def cheapest_transform(lags: Pair, owns: int, seens: int, size: Pair) -> tuple[float, Pair | None]:
    """Return what an image costs in nanoseconds, and by transforms of how many rows and columns.

    Parameters
    ----------
    lags : (rows, columns)
    owns, seens : int
        How many planes there are.
    size : (H, W)
        Of the outputs.
    """
    found: tuple[float, Pair | None] = (np.inf, None)
    for transform in product(_SIDES, _SIDES):
        tile = tile_of(transform, lags)
        if max(transform) > 4 * min(transform):
            continue
        if all(2 * side > n for side, n in zip(tile, transform, strict=True)):
            tiles = -(-size[0] // tile[0]) * -(-size[1] // tile[1])
            back = _WAY_BACK * owns * seens * transform[0] * transform[1]
            found = min(found, (cost(transform, owns, seens, tiles) + back, transform))
    return found


def cost(transform: Pair, owns: int, seens: int, tiles: int) -> float:
    """Return what so many tiles cost in nanoseconds, without the way back."""
    pairs = -(-tiles // 2)
    points = transform[0] * transform[1]
    one = _COST * np.log2(points) * (1.0 if points <= _ROOM else 1.4)
    return float(points * pairs * ((owns + seens) * one + owns * seens * _PRODUCT)) + _EACH * tiles


def tile_of(transform: Pair, lags: Pair) -> Pair:
    """Return how many rows and columns of output go through one transform."""
    return transform[0] - lags[0] + 1, transform[1] - lags[1] + 1


def room_for_spectra(transform: Pair, owns: int, seens: int, parts: int) -> Array:
    """Return memory for the spectra of each of some parts."""
    strips, planes, columns, lanes = _stacks(transform, 1).shape[1:]
    return empty_in_lines((parts, owns, seens, strips, planes, columns * lanes), _DOUBLE)


def spectra_bytes(transform: Pair, owns: int, seens: int) -> int:
    """Return about how much the spectra of a part take."""
    return 16 * owns * seens * transform[0] * transform[1]


class Scratch:
    """What one thread transforms tiles with: factors of the steps, and memory.

    Parameters
    ----------
    transform : (rows, columns)
    seens : int
        How many planes are met.
    """

    def __init__(self, transform: Pair, seens: int) -> None:
        stacks = _stacks(transform, seens + 1)
        factors = (twiddles_of(n, _DOUBLE) for n in transform)
        self.arrays = *factors, scratch(transform, _DOUBLE)[0], stacks, stacks[:, :, :, :-PAD]


def sum_spectra(tiles: Iterator[LagTile], memory: Scratch, totals: Array) -> None:
    """Write the sums of the products of the spectra of tiles, shape (owns, seens, ...).

    Rounding is relative to the root of the product of both planes' energies, not to each lag.
    """
    fresh = True
    for tile in tiles:
        partner = next(tiles, None) or _nothing_like(tile)
        _compiled()(*_planes(tile), *_planes(partner), *memory.arrays, totals, fresh)
        fresh = False


def _planes(tile: LagTile) -> tuple[Array, Array, Array]:
    """Return the seen planes, what of them are own planes too, and the other own ones."""
    if tile.middle is None:
        return tile.seen[:, :, :-SPARE], tile.seen[:0], tile.others
    end = tile.middle + tile.width
    return tile.seen[:, :, :-SPARE], tile.seen[:, : tile.height, tile.middle : end], tile.others


def _nothing_like(tile: LagTile) -> LagTile:
    """Return a tile without rows."""
    return LagTile(tile.seen[:, :0], tile.others[:, :0], tile.middle, tile.aside)


def _stacks(transform: Pair, count: int) -> Array:
    """Return memory for spectra; what pads their strips is multiplied too: it must be finite."""
    strips, planes, columns, lanes = scratch(transform, _DOUBLE)[1].shape
    stacks = empty_in_lines((count, strips, planes, columns + PAD, lanes), _DOUBLE)
    stacks[:, :, :, columns:] = 0.0
    return stacks


@lru_cache
def _compiled() -> Any:
    """Return `_add_pair`, past Numba's search for the right types."""
    planes, factors, stacks = (
        types.Array(types.float64, axes, layout, readonly=readonly)
        for axes, layout, readonly in ((3, "A", True), (2, "C", True), (5, "C", False))
    )
    strips, columns = (types.Array(types.float64, axes, "A") for axes in (4, 5))
    return _add_pair.compile(
        types.void(*[planes] * 6, factors, factors, strips, stacks, columns, stacks, types.boolean)
    )


@njit(nogil=True, cache=True)
def _add_pair(
    seen: Array,
    own: Array,
    others: Array,
    seen_too: Array,
    own_too: Array,
    others_too: Array,
    down: Array,
    along: Array,
    strips: Array,
    stacks: Array,
    columns: Array,
    totals: Array,
    fresh: bool,
) -> None:
    """Transform the planes of two tiles and add the products of their spectra to `totals`.

    It is one function so that threads seldom wait for Python's lock. The last of the stacks is for
    own planes; `columns` are the stacks without what pads them. If `totals` are fresh, there may be
    anything in them.
    """
    for n in range(len(seen) + len(totals)):
        m = n - len(seen)
        k = min(n, len(seen))
        if m < 0:
            a, b = seen[n], seen_too[n]
        elif m < len(own):
            a, b = own[m], own_too[m]
        else:
            a, b = others[m - len(own)], others_too[m - len(own)]
        columns_there(a, 0, b, 0, 0, down, strips, columns[k], NO, strips[0, 0, 0])
        for s in range(columns.shape[1]):
            turn(columns[k, s], columns[k, s], along, YES, NO)
            if m >= 0:
                # While the strip is still in the first-level cache.
                for p in range(len(seen)):
                    _add_product(totals[m, p, s], stacks[k, s], stacks[p, s], fresh)


@njit(nogil=True, fastmath={"contract"})
def _add_product(total: Array, own: Array, seen: Array, fresh: bool) -> None:
    """Add the product of a strip of a spectrum with the conjugate of another one's.

    All are contiguous, and have real parts first.
    """
    a, c, re = pointer_to(own), pointer_to(seen), pointer_to(total)
    size, half = total.shape[1], total.shape[1] * total.itemsize
    b, d, im = after(a, half), after(c, half), after(re, half)
    if fresh:
        # Here, for to clear all of it beforehand would fetch it once more.
        for i in range(2 * size):
            re[i] = 0.0
    for i in range(size):
        re[i] += a[i] * c[i] + b[i] * d[i]
    for i in range(size):
        im[i] += a[i] * d[i] - b[i] * c[i]


def lags_of(totals: Array, transform: Pair, lags: Pair, firsts: Sequence[int]) -> Array:
    """Return ``T[m, p, c, d] = sum of own[m][i, j] * seen[p][i + c, j + d]`` from the spectra.

    Only the lags that are wanted are transformed back, as sums over all frequencies.

    Parameters
    ----------
    totals : ndarray, shape (owns, seens, ...)
    transform, lags : (rows, columns)
    firsts : sequence of int
        For each own plane the lag d from which on it is wanted; the others are left 0.

    Returns
    -------
    ndarray of float64, shape (owns, seens, rows, columns)
    """
    lanes = _stacks(transform, 1).shape[4]
    totals = totals.reshape(*totals.shape[:4], -1, lanes)[..., : transform[1], :]
    down, along = _waves(transform, lags)
    found = np.zeros((*totals.shape[:2], *lags))
    for total, goal, first in zip(totals, found, firsts, strict=True):
        waves, span = along[first:], lags[1] - first
        # Along the columns: cosines and sines, each with real and imaginary parts.
        parts = np.concatenate([waves.real, waves.imag]) @ total  # (..., strips, 2, 2 span, lanes)
        re = parts[..., 0, :span, :] - parts[..., 1, span:, :]
        im = parts[..., 0, span:, :] + parts[..., 1, :span, :]
        lines = [part.swapaxes(-1, -2).reshape(len(total), transform[0], span) for part in (re, im)]
        goal[..., first:] = down.real @ lines[0] - down.imag @ lines[1]
    found /= transform[0] * transform[1]
    return found


@lru_cache(16)
def _waves(transform: Pair, lags: Pair) -> tuple[Array, Array]:
    """Return what each frequency of rows and of columns is at each lag, shape (lags, side).

    The frequencies come in the order of the spectra.
    """
    rows, columns = (
        np.exp(2j * np.pi * (np.outer(np.arange(k), order_of(n)) % n) / n)
        for k, n in zip(lags, transform, strict=True)
    )
    return rows, columns
