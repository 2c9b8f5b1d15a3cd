"""Find how the after image lies to the before image: roughly, then exactly, then by what habit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from kernfit.arrays import Array
from kernfit.edits.placing.coarse import detail, reduced, roughly, smaller
from kernfit.edits.placing.habits import Habit, best, conventions, is_whole
from kernfit.edits.placing.joint import Refined, Window, misfit, refine
from kernfit.edits.resampling.grid import Grid
from kernfit.edits.resampling.sampling import PLAIN, Sampling, sample

_MANY = 160_000  # pixels that the last measurement is made on
_MIDDLE = 480  # longer side of the pictures between rough and full
_FEW = 30_000  # and those before, and on which habits are tried
_STILL = 0.01  # pixels: a motion of no more than this, or of 4 errors, is none
_ALIKE = 0.9  # correlation under which pictures do not show the same
_DETAIL = 0.35  # and of their detail, at the size of a thumbnail
_SHARED = 0.3  # of the after image must lie in the before image
_THUMBNAIL = 128


@dataclass(frozen=True)
class Found:
    """How the after image lies.

    Attributes
    ----------
    grid : Grid
    how : Sampling
    covariance : ndarray or None
        6 x 6, of (shift, matrix) of the grid where they were measured; None where the grid is a
        convention: whole pixels, or frames laid over each other.
    residual : float
        Root mean square that is left with a small kernel, powers of levels and gain beside it.
    correlation : float
        Of the after image with what explains it.
    """

    grid: Grid
    how: Sampling
    covariance: Array | None
    residual: float
    correlation: float


def find_place(before: Array, after: Array, usable: Array | None = None) -> Found | None:
    """Find how the after image lies to the before image, whatever else was done to it.

    Parameters
    ----------
    before, after : ndarray
        (channels, rows, columns), in levels; channels need not agree.
    usable : ndarray of bool, optional
        (rows, columns): which pixels of the after image count.

    Returns
    -------
    Found or None
        None where they do not show the same. A grid that moves nothing is found as such.
    """
    with threadpool_limits(1, user_api="blas"):
        # Tolerances are in levels of 8 bits, and programs round to whole ones of them: only the
        # unit is changed, never by the brightest pixel that a picture happens to have.
        top = float(np.abs(after).max())
        unit = next((255 / white for white in (1, 255, 65535) if top <= white), 1.0)
        found = _find(np.asarray(before, float) * unit, np.asarray(after, float) * unit, usable)
        return found and replace(found, residual=found.residual / unit)


def _find(before: Array, after: Array, usable: Array | None) -> Found | None:
    target = after.mean(0)
    if usable is None:
        low, high = after.min(), after.max()
        usable = ((after > low) & (after < high)).all(0)
    if min(before.shape[1:]) < 24 or min(target.shape) < 24 or usable.sum() < 1000:
        return None
    guess = _first(before, target, usable)
    if guess is None:
        return None
    few, many = windows(target.shape, _FEW), windows(target.shape, _MANY)
    first = refine(before, target, guess, usable=usable, rounds=12, near=3e-3, windows=few)
    if not np.isfinite(first.residual) or not _alike(before, target, usable, first):
        return None
    resting = Found(first.grid, PLAIN, first.covariance, first.residual, first.correlation)
    if is_still(resting):
        grid = Grid(np.eye(2), np.zeros(2), first.grid.source, first.grid.output)
        return Found(grid, PLAIN, None, first.residual, first.correlation)
    known = conventions(first.grid)
    if known:
        asked = best(before, target, usable, known, few)[0]
        free = misfit(before, target, usable, first.grid, asked.how, few)[1]
        if is_whole(asked.grid):
            free = min(free, misfit(before, target, usable, first.grid, PLAIN, few)[1])
        if asked.rich <= free * 1.02 + 0.02:
            return _conventional(before, target, usable, asked, many)
    chosen = best(before, target, usable, [first.grid], few)[0]
    # The first grid was measured with another kernel, whose faults lean on it a little.
    again = refine(before, target, first.grid, usable=usable, how=chosen.how, windows=few)
    chosen = best(before, target, usable, [again.grid], few)[0]
    found = refine(before, target, again.grid, usable=usable, how=chosen.how, windows=many)
    return Found(found.grid, chosen.how, found.covariance, found.residual, found.correlation)


def _alike(before: Array, target: Array, usable: Array, first: Refined) -> bool:
    """Say whether both show the same: in their detail too, and not only where a corner meets."""
    inside = first.grid.inside() & usable
    if first.correlation < _ALIKE or inside.sum() < max(600, _SHARED * usable.sum()):
        return False
    factor = max(1.0, max(*before.shape[1:], *target.shape) / _THUMBNAIL)
    small = reduced(before.mean(0)[np.newaxis], smaller(before.shape, factor))
    both = reduced(np.stack([target, inside.astype(float)]), smaller(target.shape, factor))
    grid = first.grid.rescaled(small.shape[1:], both.shape[1:])
    counted = both[1] > 0.9
    laid = detail(sample(small, grid, PLAIN)[0])[counted]
    return abs(float(np.corrcoef(laid, detail(both[0])[counted])[0, 1])) > _DETAIL


def _conventional(
    before: Array, target: Array, usable: Array, asked: Habit, parts: list[Window]
) -> Found:
    seen = refine(before, target, asked.grid, usable=usable, how=asked.how, rounds=1, windows=parts)
    return Found(asked.grid, asked.how, None, seen.residual, seen.correlation)


def _first(before: Array, target: Array, usable: Array) -> Grid | None:
    """Return a grid to start from, in the pictures' own sizes."""
    rough = [one for one in roughly(before, target, usable) if np.isfinite(one.residual)]
    if not rough:
        return None
    factor = max(*before.shape[1:], *target.shape) / _MIDDLE
    likely = [one for one in rough if one.correlation > rough[0].correlation - 0.03]
    distinct: list[Refined] = []
    for one in likely:
        if not any(one.grid.apart(other.grid) < 2 for other in distinct):
            distinct.append(one)
    if factor <= 1.2 and len(distinct) == 1:
        return distinct[0].grid
    factor = max(factor, 1.0)
    low = reduced(before, smaller(before.shape, factor))
    high = reduced(np.stack([target, usable.astype(float)]), smaller(target.shape, factor))
    near = [
        refine(
            low,
            high[0],
            one.grid.rescaled(low.shape[1:], high.shape[1:]),
            usable=high[1] > 0.9,
            rounds=8,
        )
        for one in distinct
    ]
    chosen = max(near, key=lambda one: one.correlation)
    return chosen.grid.rescaled(before.shape[1:], target.shape)


def windows(shape: tuple[int, ...], most: int) -> list[Window]:
    """Return parts of a picture that have at most so many pixels together, spread over it."""
    rows, columns = shape
    if rows * columns <= most:
        return [(0, 0, rows, columns)]
    each = 3 if most > 100_000 else 2
    part = np.sqrt(most / (rows * columns)) / each
    high, wide = max(24, int(rows * part)), max(24, int(columns * part))
    tops = np.linspace(0.04 * rows, 0.96 * rows - high, each).clip(0, rows - high).astype(int)
    lefts = np.linspace(0.04 * columns, 0.96 * columns - wide, each).clip(0, columns - wide)
    return [(int(t), int(f), min(high, rows), min(wide, columns)) for t in tops for f in lefts]


def is_still(found: Found) -> bool:
    """Say whether nothing was moved."""
    grid = found.grid
    if grid.source != grid.output:
        return False
    rest = Grid(np.eye(2), np.zeros(2), grid.source, grid.output)
    if found.covariance is None:
        return is_whole(grid) and grid.apart(rest) < 1e-6
    spread = np.sqrt(np.diagonal(found.covariance))
    reach = max(grid.output) / 2
    wide = spread[:2].max() + spread[2:].max() * reach
    return bool(grid.apart(rest) < max(_STILL, 4 * wide))
