"""Summing up a pair of images in memory, tile by tile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement
from typing import NoReturn

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.lags.sums import lag_products, lag_sums
from kernfit.correlate.lags.tile import SPARE, LagTile, Room
from kernfit.errors import InvalidInput
from kernfit.learning.sums.footprint import any_under_kernel, seen_by
from kernfit.learning.sums.gram import Border, StripProducts, lag_gram, window_sums
from kernfit.learning.sums.laying import lay_tile
from kernfit.learning.sums.origin import Sums, usual_level
from kernfit.learning.sums.patches import patch_products

# Beyond these mean squares, products of sums leave the range of numbers.
RANGE = (1e-120, 1e120)
# Where fewer outputs than this share count, their patches are summed, and not all but the others.
_FEW = 0.5
# Pixels that are looked at together where outputs are taken off.
_BAND = 1 << 19


def sum_up(
    x: Array,
    y: Array,
    shape: tuple[int, int],
    *,
    used: Array | None = None,
    weight: Array | None = None,
    threads: int | None = None,
) -> Sums:
    """Return the sums over all outputs that count.

    Parameters
    ----------
    x : ndarray, shape (in, H + kh - 1, W + kw - 1)
    y : ndarray, shape (out, H, W)
    shape : (kh, kw)
    used : ndarray of bool, shape (H, W), or None
        Which outputs count. Default all.
    weight : ndarray, shape (H, W), or None
        How much each output counts: one over the variance of its noise. It costs as much as
        patches do, for weighted sums have no lag products to be made of, unless all weights are
        the same. Default 1.
    threads : int or None

    Returns
    -------
    Sums
        Counted from the images' usual levels.

    Raises
    ------
    InvalidInput
        If a number that counts is not finite, or too large to be squared and summed.
    """
    pair = _Pair(
        x,
        y,
        shape,
        used,
        np.array([usual_level(plane) for plane in x]),
        np.array([usual_level(plane) for plane in y]),
    )
    scale = 1.0
    if weight is not None:
        of_used = weight if used is None else weight[used]
        least, most = (of_used.min(), of_used.max()) if of_used.size else (1.0, 1.0)
        if least == most:
            weight, scale = None, float(most)
    few = used is not None and np.count_nonzero(used) < _FEW * used.size
    with np.errstate(all="ignore"):  # what is not finite is told below
        if weight is not None or few:
            gram, cross, energy = pair.products(used, weight, threads)
        else:
            gram, cross, energy = _by_lags(pair, threads)
    squares = np.concatenate([np.diagonal(gram)[:-1], energy])
    if not (np.isfinite(gram).all() and np.isfinite(cross).all() and squares.max() < RANGE[1]):
        pair.refuse()
    if scale != 1.0:
        gram, cross, energy = gram * scale, cross * scale, energy * scale
    return Sums(gram, cross, energy, pair.before, pair.after)


@dataclass(frozen=True)
class _Pair:
    """A pair that is to be summed up.

    Attributes
    ----------
    x, y, shape, used
        See `sum_up`.
    before, after : ndarray
        What is taken from each channel.
    """

    x: Array
    y: Array
    shape: tuple[int, int]
    used: Array | None
    before: Array
    after: Array

    @property
    def size(self) -> tuple[int, int]:
        return self.y.shape[1], self.y.shape[2]

    def seen(self, rows: slice, columns: slice) -> Array | None:
        """Return which pixels of a part of x any output sees that counts, None for all."""
        if self.used is None:
            return None
        # The outputs that could see it begin a patch above and to the left.
        first = [
            max(0, at.start - side + 1)
            for at, side in zip((rows, columns), self.shape, strict=True)
        ]
        outputs = self.used[first[0] : rows.stop, first[1] : columns.stop]
        if outputs.all():
            return None
        seen = seen_by(outputs, self.shape)
        down, across = rows.start - first[0], columns.start - first[1]
        height, width = rows.stop - rows.start, columns.stop - columns.start
        part: Array = seen[down : down + height, across : across + width]
        return part

    def pixels(self, plane: int, rows: slice, columns: slice) -> Array:
        """Return a part of x less its level, 0 where it is not seen."""
        part: Array = np.subtract(
            self.x[plane, rows, columns], self.before[plane], dtype=np.float64
        )
        seen = self.seen(rows, columns)
        if seen is not None:
            # What no output sees must not go in and out again: it may be larger than all the rest.
            part[~seen] = 0.0
        return part

    def tile(self, at: tuple[slice, slice], room: Room) -> LagTile:
        """Return what lag products need of a tile, and sums of the values and their squares."""
        (rows, columns), (kh, kw) = at, self.shape
        height, width = rows.stop - rows.start, columns.stop - columns.start
        # Before the first column lie zeros.
        begin = max(0, columns.start - kw + 1)
        lacking = begin - (columns.start - kw + 1)
        reach = slice(rows.start, rows.stop + kh - 1), slice(begin, columns.stop + kw - 1)
        seen, targets = room.arrays(
            (len(self.x), height + kh - 1, width + 2 * (kw - 1) + SPARE),
            (len(self.y), height, width),
        )
        x, y = self.x[:, *reach], self.y[:, *at]
        if self.used is not None:
            x, y = x.astype(np.float64), y.astype(np.float64)
            where = self.seen(*reach)
            if where is not None:
                x[:, ~where] = self.before[:, np.newaxis]
            y[:, ~self.used[at]] = self.after[:, np.newaxis]
        sums = lay_tile(x, self.before, seen, lacking, kw - 1, y, self.after, targets)
        return LagTile(seen, targets, kw - 1, sums)

    def border(self, plane: int) -> Border:
        """Return the pixels of a plane at its border."""
        high, wide = (n + taps - 1 for n, taps in zip(self.size, self.shape, strict=True))
        return Border.of(partial(self.pixels, plane), (high, wide), self.shape)

    def products(
        self, outputs: Array | None, weight: Array | None, threads: int | None
    ) -> tuple[Array, Array, Array]:
        """Return the sums over some outputs, patch by patch."""
        chosen = np.ones(self.size, bool) if outputs is None else outputs
        levels = self.before, self.after
        return patch_products(
            self.x, self.y, self.shape, chosen, weight, levels=levels, threads=threads
        )

    def refuse(self) -> None:
        """Refuse numbers that are not finite or too large, if those that count are."""
        used = np.ones(self.size, bool) if self.used is None else self.used
        seen = seen_by(used, self.shape)
        sizes = [0.0]
        for planes, levels, where in ((self.x, self.before, seen), (self.y, self.after, used)):
            for plane, level in zip(planes, levels, strict=True):
                values = np.abs(plane[where].astype(np.float64) - level)
                sizes.append(float(values.max(initial=0.0)))
        largest = float(np.max(sizes))
        if not np.isfinite(largest):
            raise InvalidInput(
                "before and after must be finite where they count, got NaN or infinity: "
                "use learn, which leaves them out, or give a mask and fill them in"
            )
        if largest > RANGE[1] ** 0.5:
            refuse_range(largest)


def _by_lags(pair: _Pair, threads: int | None) -> tuple[Array, Array, Array]:
    """Return Gram matrix, cross sums and energy, from lag products."""
    (kh, kw), inputs, outputs = pair.shape, len(pair.x), len(pair.y)
    taps = kh * kw
    firsts = [0] * inputs + [kw - 1] * outputs
    borders = [pair.border(p) for p in range(inputs)]
    strips = {
        (p, q): StripProducts(borders[p], borders[q])
        for p, q in combinations_with_replacement(range(inputs), 2)
    }
    besides = [task for each in strips.values() for task in each.tasks]
    besides += [partial(getattr, border, "moves") for border in borders]
    lags, (plain, squares) = lag_sums(
        pair.tile, pair.size, (kh, 2 * kw - 1), firsts, inputs, threads=threads, besides=besides
    )
    del besides  # so that strips are let go of one after another
    gram = np.empty((inputs * taps + 1, inputs * taps + 1))
    cross = np.empty((inputs * taps + 1, outputs))
    places = pair.size[0] * pair.size[1]
    gram[-1, -1] = places
    for p, border in enumerate(borders):
        at = slice(p * taps, (p + 1) * taps)
        gram[at, -1] = gram[-1, at] = window_sums(plain[p], border).ravel()
        for q in range(p, inputs):
            block = lag_gram(lags[p, q], lags[q, p], strips.pop((p, q)))
            to = slice(q * taps, (q + 1) * taps)
            gram[at, to] = block.reshape(taps, taps)
            gram[to, at] = gram[at, to].T
        # y is 0 where it does not count, so these sums need no correction.
        cross[at] = lags[inputs:, p, :, kw - 1 :].reshape(outputs, taps).T
    cross[-1] = plain[inputs:]
    if pair.used is not None:
        gram -= _not_counted(pair, threads)
    return gram, cross, squares[inputs:]


def _not_counted(pair: _Pair, threads: int | None) -> Array:
    """Return the Gram matrix of the outputs that do not count, in which unseen pixels are 0."""
    assert pair.used is not None
    (kh, kw), (height, width) = pair.shape, pair.size
    gram = np.zeros(2 * (len(pair.x) * kh * kw + 1,))
    step = max(kh, _BAND // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        near = unused = ~pair.used[top:bottom]
        if not unused.any():
            continue
        reach = slice(top, bottom + kh - 1), slice(0, width + kw - 1)
        seen = pair.seen(*reach)
        if seen is not None:
            # Most outputs in a large hole have nothing but zeros under them.
            near = unused & any_under_kernel(seen[np.newaxis], pair.shape)[0]
        x = np.array([pair.pixels(p, *reach) for p in range(len(pair.x))])
        gram += patch_products(x, pair.y[:0, top:bottom], pair.shape, near, threads=threads)[0]
    gram[-1, -1] = pair.used.size - np.count_nonzero(pair.used)
    return gram


def noise_sums(
    variance: Array, shape: tuple[int, int], used: Array | None, weight: Array | None
) -> Array:
    """Return what noise of the before image adds to the diagonal of the Gram matrix, shape (P,).

    Parameters
    ----------
    variance : ndarray, shape (in, H + kh - 1, W + kw - 1)
        Of the noise, independent from pixel to pixel.
    shape : (kh, kw)
    used, weight : ndarray, shape (H, W), or None
        Which outputs count, and how much.
    """
    kh, kw = shape
    size = tuple(side - k + 1 for side, k in zip(variance.shape[1:], shape, strict=True))
    if weight is None:
        weight = np.ones(size) if used is None else used.astype(np.float64)
    added = np.zeros(len(variance) * kh * kw + 1)
    for p, plane in enumerate(variance):
        at = slice(p * kh * kw, (p + 1) * kh * kw)
        if not any(plane.strides):  # one number for all pixels
            added[at] = float(plane[0, 0]) * weight.sum()
        else:
            added[at] = lag_products(weight, plane, kh, (0, kw - 1)).ravel()
    return added


def refuse_range(size: float) -> NoReturn:
    """Say that numbers would leave their range."""
    raise InvalidInput(
        "the values of each image must differ by between 1e-60 and 1e60, got differences of "
        f"{size:.2g}: divide it by a unit first"
    )
