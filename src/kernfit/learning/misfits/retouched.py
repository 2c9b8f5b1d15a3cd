"""Whether a part of the after image was not made by the kernel that made the rest of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kernfit.arrays import Array
from kernfit.learning.pairs.residual import ResidualStrip

_SIDE = 16  # pixels of a tile; of small images half as many
_SMALL = 160
_TILES = 900  # that many at most are looked at, spread over the image
_LEAST_TILES = 36
_REACH = 2  # pixels around each that the kernel takes in
# The kernel is that of the tiles, so many of them, that agree best; it is sought from some starts.
_AGREE, _STARTS, _START_TILES, _STEPS = 0.6, 12, 10, 12
# A tile is no work of that kernel if its residual's mean square is so many times the usual one,
# is as large as that of any two things would be, and is alike in neighbouring pixels.
_FAR, _STRANGE, _NEIGHBOURS = 25.0, 0.5, 0.5
# That is told of so many tiles, up to this share of all, where the rest is explained to this share
# of its variance, and where they hold this share of all that is left.
_LEAST, _MOST, _EXPLAINED, _HELD = 3, 0.4, 0.3, 0.8
# Tiles that fill less of the rectangle around them are in several places.
_FILLED = 0.4


@dataclass(frozen=True)
class Retouched:
    """A part that the kernel of the rest does not explain.

    Attributes
    ----------
    share : float
        Of the image.
    where : str
        In words, to be put after "part of the image".
    """

    share: float
    where: str


def retouched(strips: Iterable[ResidualStrip], anchor: tuple[int, int]) -> Retouched | None:
    """Look for a part that was painted over, cloned or filled in.

    A kernel learnt from all pixels is drawn away by such a part. So tiles are sought that agree on
    one kernel, by least trimmed squares (P. J. Rousseeuw and K. Van Driessen, Computing LTS
    regression for large data sets, 2006), and the others are held against that kernel.

    Parameters
    ----------
    strips : iterable of ResidualStrip
        Of one input channel each.
    anchor : (row, column)
        Where in a patch the output pixel sits.

    Returns
    -------
    Retouched or None
    """
    strips = list(strips)
    if any(len(strip.seen) != 1 for strip in strips):
        return None
    tiles = _tiles(strips, anchor)
    if tiles is None:
        return None
    weights = _trimmed(tiles)
    left = tiles.mean(tiles.products, weights, weights)
    usual = float(np.median(left[left <= np.quantile(left, _AGREE)]))
    image, made = np.zeros_like(weights), weights.copy()
    image[-1], made[-1] = -1, 0
    detail = tiles.variance(image) + tiles.variance(made)
    beside = tiles.mean(tiles.beside, weights, weights)
    strange = (left > _FAR * usual) & (left > _STRANGE * detail) & (beside > _NEIGHBOURS * left)
    if not _LEAST <= strange.sum() <= _MOST * len(left):
        return None
    rest = float(left[~strange].sum())
    if rest > _EXPLAINED * float(tiles.variance(image)[~strange].sum()):
        return None
    if float(left[strange].sum()) < _HELD * float(left.sum()):
        return None
    return Retouched(float(strange.mean()), _where(tiles.places[strange], tiles.side))


@dataclass(frozen=True)
class _Tiles:
    """Sums of products over each tile of what a pixel sees, 1 and what it is."""

    places: Array  # (T, 2), the first row and column of each
    counts: Array  # (T,)
    products: Array  # (T, P, P)
    beside: Array  # (T, P, P), of each pixel and its neighbour to the right
    side: int

    def mean(self, products: Array, first: Array, second: Array) -> Array:
        """Return the mean over each tile of the product of two combinations."""
        means: Array = np.einsum("tij,i,j->t", products, first, second) / self.counts
        return np.maximum(means, 0.0)

    def variance(self, combination: Array) -> Array:
        """Return the variance of a combination within each tile."""
        one = np.zeros_like(combination)
        one[-2] = 1
        level = np.einsum("tij,i,j->t", self.products, combination, one) / self.counts
        found: Array = np.maximum(self.mean(self.products, combination, combination) - level**2, 0)
        return found


def _tiles(strips: list[ResidualStrip], anchor: tuple[int, int]) -> _Tiles | None:
    sides = (
        max(strip.rows.stop for strip in strips) - min(strip.rows.start for strip in strips),
        max(strip.columns.stop for strip in strips) - min(strip.columns.start for strip in strips),
    )
    side = _SIDE if min(sides) >= _SMALL else _SIDE // 2
    places = [
        (strip, top, left)
        for strip in strips
        for top in range(0, strip.error.shape[0] - side + 1, side)
        for left in range(0, strip.error.shape[1] - side + 1, side)
        if strip.used[top : top + side, left : left + side].mean() > 0.5
    ]
    if len(places) < _LEAST_TILES:
        return None
    chosen = np.unique(np.linspace(0, len(places) - 1, min(_TILES, len(places))).astype(int))
    level = float(np.mean([strip.after.mean() for strip in strips]))
    found, counts, products, beside = [], [], [], []
    reach = 2 * _REACH + 1
    for strip, top, left in (places[n] for n in chosen):
        around = np.pad(strip.seen[0], _REACH, mode="edge")
        here = around[top + anchor[0] :, left + anchor[1] :]
        windows = sliding_window_view(here, (reach, reach))[:side, :side]
        used = strip.used[top : top + side, left : left + side]
        values = np.empty((side, side, reach * reach + 2))
        values[..., :-2] = windows.reshape(side, side, -1) - level
        values[..., -2] = 1
        values[..., -1] = strip.after[top : top + side, left : left + side] - level
        values[~used] = 0
        flat = values.reshape(side * side, -1)
        products.append(flat.T @ flat)
        right = values[:, 1:].reshape(-1, flat.shape[1])
        both = values[:, :-1].reshape(-1, flat.shape[1]).T @ right
        beside.append(both * side / (side - 1))
        counts.append(np.count_nonzero(used))
        found.append((strip.rows.start + top, strip.columns.start + left))
    return _Tiles(
        np.array(found), np.array(counts, float), np.array(products), np.array(beside), side
    )


def _trimmed(tiles: _Tiles) -> Array:
    """Return the kernel, 1 and -1 for the image itself, of the tiles that agree best."""
    number = len(tiles.counts)
    kept = int(np.ceil(_AGREE * number))
    generator = np.random.default_rng(0)
    starts = [np.arange(number)]
    starts += [generator.choice(number, _START_TILES, replace=False) for _ in range(_STARTS)]
    best, least = np.zeros(0), np.inf
    for members in starts:
        value = np.inf
        for _ in range(_STEPS):
            weights = _solved(tiles.products[members].sum(axis=0))
            left = tiles.mean(tiles.products, weights, weights)
            members = np.argpartition(left, kept - 1)[:kept]
            now = float(left[members].sum())
            if now > value * (1 - 1e-3):
                break
            value = now
        if now < least:
            best, least = weights, now
    return best


def _solved(products: Array) -> Array:
    gram, cross = products[:-1, :-1].copy(), products[:-1, -1]
    gram[np.diag_indices_from(gram)] += 1e-9 * max(float(np.trace(gram)) / len(gram), 1e-300)
    return np.append(np.linalg.solve(gram, cross), -1.0)


def _where(places: Array, side: int) -> str:
    """Say where tiles lie."""
    (top, left), (bottom, right) = places.min(axis=0), places.max(axis=0) + side
    if len(places) * side**2 < _FILLED * (bottom - top) * (right - left):
        return "in several places"
    return f"about rows {top} to {bottom} and columns {left} to {right}"
