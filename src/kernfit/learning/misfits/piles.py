"""After images that were clipped: levels at which pixels pile up, in any dtype."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import correlate2d
from kernfit.learning.misfits.rivals import cut_up, sums_of
from kernfit.learning.pairs.pair import Pair, levels_of

# A pile holds so many pixels, this share of all, and so many times more than is usual of the levels
# next to it.
_LEAST, _SHARE, _HIGHER, _NEXT = 30, 2e-4, 3.0, 4
_KERNEL = 7  # side of the kernel that is tried
# The others must be explained to this share of their squared residual once the piles are left out,
# and this share of the piles lie beyond their level by so many of its standard deviations.
_BETTER, _BEYOND, _FAR = 0.7, 0.5, 2.0
_ARITHMETIC = 1e-9  # of the after image's variance: less is nothing to explain
_SAMPLES = 1_000_000


def clipped_at(pair: Pair) -> tuple[float, float]:
    """Return the levels at which an after image was clipped, infinite where it was not.

    Where pixels pile up at the lowest or highest level, a kernel is learnt with and without them.
    It was clipped if the other pixels are explained far better without, and that kernel would have
    gone beyond the level where they lie: an image that is black there would be explained too.

    Parameters
    ----------
    pair : Pair
        In memory.

    Returns
    -------
    (low, high)
        Besides those of the dtype; none where ``pair.clip`` was given.
    """
    none = (-np.inf, np.inf)
    if pair.clip != levels_of(None, pair.after.dtype):
        return none  # somebody who was asked knows
    piles = _piles(pair)
    if piles == none:
        return none
    parts = cut_up(pair, _KERNEL)
    size = (_KERNEL, _KERNEL) if pair.same_size else pair.valid_shape
    if not parts or max(size) > 2 * _KERNEL + 1:
        return none
    # Where one end was cut, a few pixels at the other end may have been too.
    values = pair.after[np.isfinite(pair.after)]
    ends = float(values.min()), float(values.max())
    clip = max(pair.clip[0], ends[0]), min(pair.clip[1], ends[1])
    open_ = [replace(part, clip=clip) for part in parts]
    whole, inner = sums_of(parts, size), sums_of(open_, size)
    if whole is None or inner is None:
        return none
    weights = [sums.solve().weights for sums in (whole, inner)]
    left = [float(inner.squared_error(each).sum()) for each in weights]
    nothing = _ARITHMETIC * float(inner.sums.variance.sum())
    if left[0] <= nothing or left[1] > _BETTER * left[0]:
        return none
    spread = float(np.sqrt(max(left[1], nothing) / inner.count))
    taps = weights[1][:-1].T.reshape(inner.outputs, inner.inputs, *inner.shape)
    found: list[float] = []
    for level, sign in zip(ends, (-1, 1), strict=True):
        beyond = [_beyond(part, taps, weights[1][-1], inner.anchor, level) for part in parts]
        off = sign * np.concatenate(beyond)
        new = pair.clip[0] < level < pair.clip[1]
        clipped = new and off.size > 0 and np.mean(off > _FAR * spread) > _BEYOND
        found.append(level if clipped else none[len(found)])
    if not any(np.isfinite(pile) and pile == end for pile, end in zip(piles, found, strict=True)):
        return none
    return found[0], found[1]


def _beyond(part: Pair, taps: Array, bias: Array, anchor: tuple[int, int], level: float) -> Array:
    """Return by how much a kernel goes above a level where pixels lie at it."""
    equations = part.outputs(taps.shape[2:], anchor)
    found = [np.empty(0)]
    for n, plane in enumerate(equations.y):
        out = n if part.channels == "full" else 0
        seen = equations.x if part.channels == "full" else equations.x[n : n + 1]
        made = sum(
            correlate2d(source.astype(float), kernel)
            for source, kernel in zip(seen, taps[out], strict=True)
        )
        found.append((made + bias[out] - level)[plane == level])
    return np.concatenate(found)


def _piles(pair: Pair) -> tuple[float, float]:
    """Return the lowest and highest level where pixels pile up there and that is not known yet."""
    values = pair.after.ravel()
    values = values[:: max(1, values.size // _SAMPLES)]
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if values.size == 0:
        return -np.inf, np.inf
    ends = values.min(), values.max()
    few = max(_LEAST, _SHARE * values.size)
    known = [float(end) <= low or float(end) >= high for end in ends for low, high in [pair.clip]]
    counts = [np.count_nonzero(values == end) for end in ends]
    if all(done or count < few for done, count in zip(known, counts, strict=True)):
        return -np.inf, np.inf
    levels, each = np.unique(values, return_counts=True)
    if levels.size <= 2 * _NEXT:
        return -np.inf, np.inf  # of a few levels, each is a pile
    found = []
    for end, beside, done, count, other in zip(
        ends,
        (each[1 : _NEXT + 1], each[-_NEXT - 1 : -1]),
        known,
        counts,
        (-np.inf, np.inf),
        strict=True,
    ):
        pile = not done and count >= few and count > _HIGHER * np.median(beside)
        found.append(float(end) if pile else other)
    return found[0], found[1]
