"""Before, after, prediction and residual, small enough for a page: overviews and spots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import correlate2d
from kernfit.kernel import Kernel

OVERVIEW = 400  # pixels, the longer side
SPOT = 96  # pixels of a crop in full resolution
_ROWS = 256  # of an image are looked at together
_SAMPLE = 3_000_000  # values of the residual, of which the histogram is made
_BINS = 41
_HALF_LEVEL = 0.55  # and a little more, to be seen


@dataclass(frozen=True)
class Scene:
    """A pair as the fit saw it.

    Attributes
    ----------
    before : ndarray, shape (in, H, W)
    after : ndarray, shape (out, H', W')
    used : ndarray of bool, shape (out, H', W')
        Which pixels of the after image counted.
    kernel : Kernel
    """

    before: Array
    after: Array
    used: Array
    kernel: Kernel

    @property
    def size(self) -> tuple[int, int]:
        """(rows, columns) of the after image."""
        return self.after.shape[1], self.after.shape[2]

    @property
    def _shift(self) -> tuple[int, int]:
        """Where the first output lies in the after image."""
        same = self.before.shape[1:] == self.after.shape[1:]
        return self.kernel.anchor if same else (0, 0)

    def outputs(self, axis: int) -> tuple[int, int]:
        """Return the first place along an axis with its whole patch, and the one after the last."""
        first = self._shift[axis]
        return first, first + self.before.shape[1 + axis] - self.kernel.shape[axis] + 1

    def seen(self, rows: slice, columns: slice) -> Array:
        """Return the part of the before image that lies where these pixels of the after do."""
        row, column = (
            tap - shift for tap, shift in zip(self.kernel.anchor, self._shift, strict=True)
        )
        return self.before[
            :, rows.start + row : rows.stop + row, columns.start + column : columns.stop + column
        ]

    def predicted(self, rows: slice, columns: slice) -> Array:
        """Return what is predicted there, (out, rows, columns); NaN without a whole patch."""
        (down, right), (kh, kw) = self._shift, self.kernel.shape
        found = np.full(
            (len(self.after), rows.stop - rows.start, columns.stop - columns.start), np.nan
        )
        # In places of outputs: the first that has its whole patch is 0.
        top, left = max(0, rows.start - down), max(0, columns.start - right)
        bottom = min(rows.stop - down, self.before.shape[1] - kh + 1)
        stop = min(columns.stop - right, self.before.shape[2] - kw + 1)
        if bottom <= top or stop <= left:
            return found
        patch = self.before[:, top : bottom + kh - 1, left : stop + kw - 1].astype(np.float64)
        inside = (
            slice(top + down - rows.start, bottom + down - rows.start),
            slice(left + right - columns.start, stop + right - columns.start),
        )
        there = slice(top + down, bottom + down), slice(left + right, stop + right)
        found[:, inside[0], inside[1]] = self.made_of(patch, *there)
        return found

    def made_of(self, patch: Array, rows: slice, columns: slice) -> Array:
        """Return what the kernel makes of all that these pixels of the after image see."""
        weight, bias = self.kernel.weight.astype(np.float64), self.kernel.bias
        planes = []
        for o in range(len(self.after)):
            if weight.shape[:2] == (1, 1):
                planes.append(correlate2d(patch[o], weight[0, 0], dtype=np.float64) + bias[0])
            else:
                answers = (
                    correlate2d(x, k, dtype=np.float64)
                    for x, k in zip(patch, weight[o], strict=True)
                )
                planes.append(sum(answers) + bias[o])
        return np.stack(planes)

    def residual(self, rows: slice, columns: slice) -> Array:
        """Return after less predicted, (out, rows, columns); NaN where a pixel did not count."""
        left = self.after[:, rows, columns] - self.predicted(rows, columns)
        left[~self.used[:, rows, columns]] = np.nan
        return left


@dataclass(frozen=True)
class View:
    """The same place of all four images; NaN where there is nothing to show.

    Attributes
    ----------
    before, after, predicted : ndarray, shape (channels, h, w)
    residual : ndarray, shape (h, w)
        Of several channels, the one farthest off.
    """

    before: Array
    after: Array
    predicted: Array
    residual: Array


@dataclass(frozen=True)
class Spot:
    """A place of the image in full resolution, and why it was chosen.

    Attributes
    ----------
    name : str
    row, column : int
        Its first pixel.
    view : View
    """

    name: str
    row: int
    column: int
    view: View


@dataclass(frozen=True)
class Views:
    """All that the page shows of a pair.

    Attributes
    ----------
    size : (rows, columns)
        Of the after image.
    overview : View
    factor : int
        Pixels of the image along a side of a pixel of the overview; 1: nothing was scaled.
    spots : list of Spot
        Empty where the overview is not scaled and small.
    edges, counts : ndarray
        The histogram of the residual.
    beyond : float
        Share of the residuals that lie outside of it.
    worst, rms : float
        The largest absolute residual, and the root of the mean square.
    """

    size: tuple[int, int]
    overview: View
    factor: int
    spots: list[Spot]
    edges: Array
    counts: Array
    beyond: float
    worst: float
    rms: float


class _Means:
    """Means over squares of so many pixels, gathered strip by strip; NaN does not count."""

    def __init__(self, channels: int, size: tuple[int, int], factor: int) -> None:
        small = tuple(-(-side // factor) for side in size)
        self._factor = factor
        self._sums = np.zeros((channels, *small))
        self._counts = np.zeros((channels, *small))

    def add(self, top: int, strip: Array) -> None:
        known = np.isfinite(strip)
        places = (np.arange(top, top + strip.shape[1])) // self._factor
        starts = np.arange(0, strip.shape[2], self._factor)
        for total, values in (
            (self._sums, np.where(known, strip, 0.0)),
            (self._counts, known.astype(float)),
        ):
            across = np.add.reduceat(values, starts, axis=2)
            where: Any = (slice(None), places)
            np.add.at(total, where, across)

    @property
    def sums(self) -> Array:
        return self._sums

    @property
    def means(self) -> Array:
        with np.errstate(invalid="ignore"):
            means: Array = self._sums / self._counts
        return means


def views_of(scene: Scene) -> Views:
    """Look at a pair strip by strip, and return what a page can show of it.

    Parameters
    ----------
    scene : Scene

    Returns
    -------
    Views
    """
    rows, columns = size = scene.size
    factor = -(-max(size) // OVERVIEW)
    kinds = {
        "before": _Means(len(scene.before), size, factor),
        "after": _Means(len(scene.after), size, factor),
        "predicted": _Means(len(scene.after), size, factor),
        "residual": _Means(1, size, factor),
    }
    detail, wrong = _Means(1, size, SPOT), _Means(1, size, SPOT)
    step = max(1, round(np.sqrt(scene.after.size / _SAMPLE)))
    sample, worst, squares, count = [], 0.0, 0.0, 0
    for strip in _strips(rows):
        here = (strip, slice(0, columns))
        kinds["before"].add(strip.start, scene.seen(*here).astype(float))
        after = scene.after[:, strip].astype(float)
        kinds["after"].add(strip.start, after)
        predicted = scene.predicted(*here)
        kinds["predicted"].add(strip.start, predicted)
        left = np.where(scene.used[:, strip], after - predicted, np.nan)
        farthest = _farthest(left)
        kinds["residual"].add(strip.start, farthest[np.newaxis])
        detail.add(strip.start, _change(np.where(np.isnan(left), np.nan, after))[np.newaxis])
        wrong.add(strip.start, farthest[np.newaxis] ** 2)
        values = left[:, ::step, ::step]
        sample.append(values[np.isfinite(values)].astype(np.float32))
        squares += float(np.nansum(left**2))
        count += int(np.count_nonzero(np.isfinite(left)))
        worst = max(worst, float(np.nanmax(np.abs(farthest), initial=0.0)))
    overview = View(
        kinds["before"].means,
        kinds["after"].means,
        kinds["predicted"].means,
        kinds["residual"].means[0],
    )
    whole = scene.after.dtype.kind in "iu"
    edges, counts, beyond = _histogram(np.concatenate(sample), least=_HALF_LEVEL if whole else 0.0)
    spots = [] if max(size) <= 2 * SPOT else _spots(scene, detail.sums[0], wrong.sums[0])
    rms = float(np.sqrt(squares / max(count, 1)))
    return Views(size, overview, factor, spots, edges, counts, beyond, worst, rms)


def _strips(rows: int) -> Iterator[slice]:
    for start in range(0, rows, _ROWS):
        yield slice(start, min(start + _ROWS, rows))


def _farthest(left: Array) -> Array:
    """Return the channel with the largest absolute residual at each pixel, (rows, columns)."""
    if len(left) == 1:
        first: Array = left[0]
        return first
    which = np.nan_to_num(np.abs(left), nan=-1.0).argmax(axis=0)
    chosen: Array = np.take_along_axis(left, which[np.newaxis], axis=0)[0]
    return chosen


def _change(planes: Array) -> Array:
    """Return how much neighbouring pixels differ, (rows, columns)."""
    change: Array = np.zeros(planes.shape[1:])
    change[:, 1:] += (np.diff(planes, axis=2) ** 2).sum(axis=0)
    change[1:] += (np.diff(planes, axis=1) ** 2).sum(axis=0)
    return change


def _histogram(values: Array, *, least: float) -> tuple[Array, Array, float]:
    """Return edges, which reach so far at least, counts and the share of values beyond."""
    if values.size == 0:
        return np.array([-1.0, 1.0]), np.zeros(1), 0.0
    reach = max(least, float(np.quantile(np.abs(values), 0.999)) * 1.05) or 1.0
    edges = np.linspace(-reach, reach, _BINS + 1)
    counts = np.histogram(values, edges)[0].astype(float)
    return edges, counts, 1 - float(counts.sum()) / values.size


def _clear_of_border(start: int, first: int, stop: int, size: int) -> int:
    """Return a start near this one from which a spot sees only predicted pixels, if there is."""
    first, stop = (first, stop) if stop - first >= SPOT else (0, size)
    return max(first, min(start, stop - SPOT))


def _spots(scene: Scene, detail: Array, wrong: Array) -> list[Spot]:
    """Choose places: where most changes, where the kernel is farthest off, and the middle."""
    rows, columns = scene.size
    middle = np.zeros(detail.shape)
    middle[detail.shape[0] // 2, detail.shape[1] // 2] = 1
    spots: list[Spot] = []
    for name, score in (
        ("most detail", detail), ("largest residual", wrong), ("the middle", middle)
    ):  # fmt: skip
        i, j = np.unravel_index(int(np.argmax(score)), score.shape)
        row, column = (
            _clear_of_border(int(place) * SPOT, *scene.outputs(axis), size)
            for axis, (place, size) in enumerate(((i, rows), (j, columns)))
        )
        if any(abs(row - o.row) < SPOT and abs(column - o.column) < SPOT for o in spots):
            continue
        here = (slice(row, min(row + SPOT, rows)), slice(column, min(column + SPOT, columns)))
        view = View(
            scene.seen(*here).astype(float),
            scene.after[:, here[0], here[1]].astype(float),
            scene.predicted(*here),
            _farthest(scene.residual(*here)),
        )
        spots.append(Spot(name, row, column, view))
    return spots
