"""Refine a grid together with all else that may have happened, by Gauss and Newton.

The after image is explained by what lies under it in the before image: its levels and their
powers, other colours, neighbours, gain over the field. Slopes of that explanation, times
polynomials of the place, are what a small motion adds to it, whatever the explanation is made of.
Neighbours come in opposite pairs that count alike, for an uneven kernel and a shift look the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from kernfit.arrays import Array
from kernfit.edits.resampling.grid import Grid, Shape, corners, middle
from kernfit.edits.resampling.sampling import PLAIN, Sampling, sample

Window = tuple[int, int, int, int]

_REACH = 3  # of the kernel that comes along, pixels
_RIM = _REACH + 1
_INNER = (slice(_RIM, -_RIM),) * 2

_BLOCKS = 5  # along each side, for standard errors


@dataclass(frozen=True)
class Refined:
    """A grid and how well it explains the after image.

    Attributes
    ----------
    grid : Grid
    covariance : ndarray
        6 x 6, of (shift, matrix row by row) of the grid.
    residual : float
        Root mean square, in levels of the after image's guide.
    correlation : float
        Between the after image and what explains it, 0 to 1.
    """

    grid: Grid
    covariance: Array
    residual: float
    correlation: float


def refine(
    before: Array,
    after: Array,
    grid: Grid,
    *,
    usable: Array,
    how: Sampling = PLAIN,
    rounds: int = 6,
    near: float = 2e-4,
    rich: bool = True,
    windows: Sequence[Window] | None = None,
) -> Refined:
    """Return the grid that explains the after image best, near a given one.

    Parameters
    ----------
    before : ndarray
        (channels, rows, columns).
    after : ndarray
        (rows, columns).
    grid : Grid
    usable : ndarray of bool
        Which pixels of the after image count.
    how : Sampling
    rounds : int
        At most.
    near : float
        Pixels of the output: a step this small at the corners is the last.
    rich : bool
        Whether powers, gain and neighbours are asked as well as levels and colours.
    windows : sequence of (top, left, rows, columns), optional
        The parts of the after image that are looked at. Default: all of it.

    Returns
    -------
    Refined
    """
    looked = windows or [(0, 0, *after.shape)]
    best: Refined | None = None
    for _ in range(rounds):
        parts = [_Part.of(before, after, usable, grid, window, how) for window in looked]
        found, step = _look(parts, grid, rich)
        if best is not None and found.residual > best.residual * 1.0005:
            break
        best = found
        if not np.isfinite(found.residual) or step.apart(grid) < near:
            break
        grid = step
    assert best is not None
    return best


@dataclass(frozen=True)
class _Part:
    """One window of the pair: the before image sampled there, and what it should become."""

    taken: Array  # (channels, rows, columns)
    after: Array
    kept: Array  # without the rim
    v: Array
    u: Array

    @classmethod
    def of(
        cls,
        before: Array,
        after: Array,
        usable: Array,
        grid: Grid,
        window: Window,
        how: Sampling,
    ) -> _Part:
        top, left, rows, columns = window
        part = grid.window(top, left, (rows, columns))
        box = (slice(top, top + rows), slice(left, left + columns))
        kept = (part.inside(_REACH + 2) & usable[box])[_INNER]
        v, u = places(grid.output, window)
        values = after[box]
        near, source = _around(before, part)
        return cls(sample(near, source, how), values, kept, v[_INNER], u[_INNER])


def _around(before: Array, grid: Grid) -> tuple[Array, Grid]:
    """Return the part of the before image that a small grid may look at, and the grid on it."""
    if before.shape[1] * before.shape[2] < 1 << 20:
        return before, grid
    reach = corners(grid)
    step = int(np.ceil(np.abs(grid.matrix).sum(1).max())) * 6 + 4
    low = np.clip(np.floor(reach.min(0)).astype(int) - step, 0, np.array(before.shape[1:]) - 1)
    high = np.clip(np.ceil(reach.max(0)).astype(int) + step, low + 1, before.shape[1:])
    near = before[:, low[0] : high[0], low[1] : high[1]]
    shape = (near.shape[1], near.shape[2])
    shift = grid.shift + middle(grid.source) - low - middle(shape)
    return near, Grid(grid.matrix, shift, shape, grid.output)


def _look(parts: list[_Part], grid: Grid, rich: bool) -> tuple[Refined, Grid]:
    count = sum(int(part.kept.sum()) for part in parts)
    if count < 300:
        return Refined(grid, np.full((6, 6), np.inf), np.inf, 0.0), grid
    unit = max(grid.output) / 2
    guides = _guides(parts)
    flats, values, frames = [], [], []
    for part, guide in zip(parts, guides, strict=True):
        frames.append(explaining(part, guide, rich=rich))
        flats.append(frames[-1].reshape(len(frames[-1]), -1))
        values.append(part.after[_INNER].ravel())
    masks = [part.kept.ravel().astype(float) for part in parts]
    means = sum(f @ m for f, m in zip(flats, masks, strict=True)) / count
    level = sum(y @ m for y, m in zip(values, masks, strict=True)) / count
    flats = [(f - means[:, np.newaxis]) * m for f, m in zip(flats, masks, strict=True)]
    values = [(y - level) * m for y, m in zip(values, masks, strict=True)]
    gram = _sum(f @ f.T for f in flats)
    gram[np.diag_indices_from(gram)] *= 1 + 1e-7
    weights = np.linalg.solve(gram, _sum(f @ y for f, y in zip(flats, values, strict=True)))
    motions = []
    for frame_, part, mask in zip(frames, parts, masks, strict=True):
        explained = np.tensordot(weights, frame_, 1)
        slopes = [ndimage.correlate1d(explained, [-0.5, 0, 0.5], axis=axis) for axis in (0, 1)]
        motion = np.stack([slope * f for slope in slopes for f in (1.0, part.v, part.u)])
        motions.append(motion.reshape(6, -1) * mask)
    centre = _sum(m.sum(1) for m in motions) / count
    motions = [m - centre[:, np.newaxis] * k for m, k in zip(motions, masks, strict=True)]
    # What motion says beyond the explanation, whose own weights change along with it.
    share = np.linalg.solve(gram, _sum(f @ m.T for f, m in zip(flats, motions, strict=True)))
    beyond = [m - share.T @ f for f, m in zip(flats, motions, strict=True)]
    rests = [y - weights @ f for f, y in zip(flats, values, strict=True)]
    normal = _sum(m @ m.T for m in beyond)
    normal[np.diag_indices_from(normal)] *= 1 + 1e-9
    normal[np.diag_indices_from(normal)] += 1e-12
    answer = np.linalg.solve(normal, _sum(m @ r for m, r in zip(beyond, rests, strict=True)))
    inverse = np.linalg.inv(normal)
    step = grid.moved(answer[[[1, 2], [4, 5]]] / unit, answer[[0, 3]])
    each = max(2, round(_BLOCKS / np.sqrt(len(parts))))
    pushes = _sum(
        _scatter(m, r, part.kept.shape, each)
        for m, r, part in zip(beyond, rests, parts, strict=True)
    )
    change = _change(grid, unit)
    total = sum(float(y @ y) for y in values) / count
    residual = sum(float(r @ r) for r in rests) / count
    found = Refined(
        grid,
        change @ inverse @ pushes @ inverse @ change.T,
        float(np.sqrt(residual)),
        float(np.sqrt(max(0.0, 1 - residual / max(total, 1e-12)))),
    )
    return found, step


def _sum(parts: Iterable[Array]) -> Array:
    return np.asarray(sum(parts))


def places(shape: Shape, window: Window) -> tuple[Array, Array]:
    """Return (row, column) of a window from the centre, in units of half the longer side."""
    top, left, rows, columns = window
    unit = max(shape) / 2
    row, column = middle(shape)
    v = (np.arange(top, top + rows, dtype=float)[:, np.newaxis] - row) / unit
    u = (np.arange(left, left + columns, dtype=float)[np.newaxis] - column) / unit
    v, u = np.broadcast_arrays(v, u)
    return v, u


def _guides(parts: list[_Part]) -> list[Array]:
    """Return the mixture of the before image's channels that is like the after image."""
    smooth = []
    for part in parts:
        # Smoothed, so that a kernel which came along says nothing of colours.
        both = np.concatenate([part.taken, part.after[np.newaxis]])
        both = ndimage.uniform_filter1d(ndimage.uniform_filter1d(both, 9, axis=1), 9, axis=2)
        smooth.append(both[(slice(None), *_INNER)][:, part.kept])
    flat = np.concatenate(smooth, 1)
    flat -= flat.mean(1, keepdims=True)
    gram = flat @ flat.T
    last = len(gram) - 1
    gram[np.diag_indices_from(gram)] += 1e-6 * np.trace(gram) / len(gram) + 1e-12
    mixing = np.linalg.solve(gram[:last, :last], gram[:last, last])
    guides = [np.tensordot(mixing, part.taken, 1) for part in parts]
    own = np.concatenate([g[_INNER][part.kept] for g, part in zip(guides, parts, strict=True)])
    return [(guide - own.mean()) / (own.std() + 1e-12) for guide in guides]


def explaining(part: _Part, guide: Array, *, rich: bool) -> Array:
    """Return what may explain the after image, apart from motion: (features, rows, columns)."""
    v, u = part.v, part.u
    here = guide[_INNER]
    square = here * here
    features = [here, square, *(plane[_INNER] for plane in part.taken[1:])]
    if rich:
        features += [square * here, v, u, v * v, u * u, v * u]
        features += [here * f for f in (v, u, v * v, u * u, v * u, (v * v + u * u) ** 2)]
        for a in range(_REACH + 1):
            for b in range(-_REACH, _REACH + 1):
                if a > 0 or b > 0:
                    features.append(_shifted(guide, a, b) + _shifted(guide, -a, -b) - 2 * here)
    return np.stack(features)


def _shifted(plane: Array, down: int, across: int) -> Array:
    high, wide = plane.shape
    return plane[_RIM + down : high - _RIM + down, _RIM + across : wide - _RIM + across]


def _scatter(motion: Array, rest: Array, shape: tuple[int, ...], each: int) -> Array:
    """Return how the slopes of the error add up block by block, for errors that hang together."""
    pushes = (motion * rest).reshape(6, *shape)
    rows, columns = (np.arange(each) * size // each for size in shape)
    sums = np.add.reduceat(np.add.reduceat(pushes, rows, axis=1), columns, axis=2).reshape(6, -1)
    return np.asarray(sums @ sums.T)


def _change(grid: Grid, unit: float) -> Array:
    """Return how (shift, matrix) of the grid change with the six numbers of a small motion."""
    change = np.zeros((6, 6))
    for n in range(6):
        small = np.zeros(6)
        small[n] = 1.0
        matrix = small[[[1, 2], [4, 5]]] / unit
        change[:, n] = [*(grid.matrix @ small[[0, 3]]), *(grid.matrix @ matrix).ravel()]
    return change


def misfit(
    before: Array,
    after: Array,
    usable: Array,
    grid: Grid,
    how: Sampling,
    windows: Sequence[Window],
) -> tuple[float, float]:
    """Return what is left of the after image, root mean square, with and without a kernel's help.

    Both leave out what colours, powers of levels and a smooth offset explain; the second also what
    gain and neighbours do, uneven ones among them.
    """
    parts = [_Part.of(before, after, usable, grid, window, how) for window in windows]
    count = sum(int(part.kept.sum()) for part in parts)
    if count < 200:
        return np.inf, np.inf
    grams = []
    for part, guide in zip(parts, _guides(parts), strict=True):
        flat = explaining(part, guide, rich=True)
        uneven = [
            _shifted(guide, a, b) - _shifted(guide, -a, -b)
            for a, b in ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0))
        ]
        rows = np.concatenate(
            [np.ones((1, *part.kept.shape)), flat, uneven, part.after[np.newaxis][(..., *_INNER)]]
        )
        picked = rows[:, part.kept]
        grams.append(picked @ picked.T)
    gram = _sum(grams)
    plain = 3 + len(before) - 1 + 1  # constant, level, its square and cube, other colours
    return tuple(  # type: ignore[return-value]
        _left(gram, [*range(number), len(gram) - 1], count) for number in (plain, len(gram) - 1)
    )


def _left(gram: Array, picked: list[int], count: int) -> float:
    part = gram[np.ix_(picked, picked)]
    scale = 1 / np.sqrt(np.diagonal(part) + 1e-12)
    part = part * scale[:, np.newaxis] * scale
    inner = part[:-1, :-1] + 1e-10 * np.eye(len(part) - 1)
    rest = part[-1, -1] - part[-1, :-1] @ np.linalg.solve(inner, part[:-1, -1])
    return float(np.sqrt(max(rest, 0.0) / count) / scale[-1])
