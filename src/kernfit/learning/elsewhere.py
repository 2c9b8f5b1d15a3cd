"""Pairs of images of other libraries: what grows with the images is summed up where they lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.devices import (
    astype,
    dtype_of,
    from_host,
    is_elsewhere,
    namespace,
    to_host,
    window_sums,
)
from kernfit.errors import InvalidInput
from kernfit.learning.pairs.equations import Equations, Strip, block_grid, strip_grid
from kernfit.learning.pairs.pair import (
    Pair,
    outputs_with_patch,
    refuse_channels_last,
    refuse_nothing,
)
from kernfit.learning.pairs.residual import HALF_LEVEL, Residual
from kernfit.learning.sums.origin import Sums, usual_level
from kernfit.learning.sums.statistics import Statistics

_FLOAT64 = np.dtype(np.float64)
_MATRIX = 1 << 25  # numbers in a matrix of patches, at most; beyond one row of outputs
_LARGEST_VALID = 31  # a larger difference in size is that of a crop
_SIDE = 64  # rows and columns of the pixels that tell an image's usual level

Sides = tuple[int, int]


class Image:
    """An image on its device, as (channels, rows, columns); a slice of it is NumPy's.

    Parameters
    ----------
    array : array, shape (H, W) or (channels, H, W)
    name : str
        For errors.
    """

    def __init__(self, array: Any, name: str) -> None:
        if array.ndim not in (2, 3) or 0 in array.shape:
            raise InvalidInput(
                f"{name} must have shape (rows, columns) or (channels, rows, columns), got "
                f"{tuple(array.shape)}"
            )
        refuse_channels_last(tuple(array.shape), name)
        xp = namespace(array)
        self.array = array if array.ndim == 3 else xp.expand_dims(array, axis=0)
        self.shape = tuple(int(n) for n in self.array.shape)
        self.dtype, self.ndim = dtype_of(array), 3
        self.size = math.prod(self.shape)
        if self.dtype.kind == "c":
            raise InvalidInput(
                f"{name} must be real, got dtype {self.dtype}: learn its parts apart"
            )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Array:
        return to_host(self.array[key])

    def levels(self) -> Array:
        """Return the usual level of each channel."""
        down, across = (max(1, n // _SIDE) for n in self.shape[1:])
        some = self[:, ::down, ::across]
        return np.array([usual_level(plane) for plane in some.astype(np.float64)])


class ElsewherePair(Pair):
    """A pair whose images are `Image`: it gives `ElsewhereEquations`."""

    @classmethod
    def of_arrays(
        cls, before: Any, after: Any, *, clip: Any, mask: Any, channels: str, **others: Any
    ) -> ElsewherePair:
        """Check two images against one another; see `learn` for the parameters.

        Raises
        ------
        InvalidInput
            As for `learn`; or if only one of them is of another library, or an option is given
            that looks at all pixels in memory.
        """
        given = [name for name, value in others.items() if value is not None and value is not False]
        if given:
            raise InvalidInput(
                f"{given[0]} must be left out where images are no NumPy arrays: convert them first"
            )
        if not (is_elsewhere(before) and is_elsewhere(after)):
            raise InvalidInput(
                "before and after must be arrays of one library, got "
                f"{type(before).__name__} and {type(after).__name__}: convert one of them"
            )
        images = Image(before, "before"), Image(after, "after")
        seen = None if mask is None else np.asarray(to_host(mask))
        # The rules for arrays, on arrays of the same shape that take no memory.
        stand_ins = [np.broadcast_to(np.zeros((), i.dtype), i.shape) for i in images]
        pair = Pair.of(*stand_ins, clip=clip, mask=seen, channels=channels)
        found = cls(images[0], images[1], pair.clip, pair.mask, pair.channels)  # type: ignore[arg-type]
        if not found.same_size and max(found.valid_shape) > _LARGEST_VALID:
            raise InvalidInput(
                "after must have the size of before, or lack as many pixels as a kernel does, "
                "where images are no NumPy arrays: cut before to where after lies"
            )
        return found

    def crop(self, rows: slice, columns: slice) -> Pair:
        """Return the same part of both images, as NumPy's."""
        inside = (slice(None), rows, columns)
        mask = None if self.mask is None else self.mask[inside[1:]]
        return Pair(self.before[inside], self.after[inside], self.clip, mask, self.channels)

    def equations(self, shape: Sides, anchor: Sides, *, margin: int = 0) -> Any:
        """Return what counts for a kernel of this shape and anchor."""
        found = ElsewhereEquations(self, shape, anchor, margin)
        if not found.count:
            refuse_nothing(found.left_out, self.after.size)
        return found

    def statistics(self, shape: Sides, anchor: Sides, *, threads: int | None = None) -> Statistics:
        """Sum up all that counts for a kernel of this shape and anchor."""
        equations = self.equations(shape, anchor)
        look = partial(Equations.statistics, shape=shape, anchor=anchor, channels=self.channels)
        (found,) = equations.sums(look, shape)
        return found  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Part:
    """Some outputs and the pixels behind them, on the device; see `Equations`."""

    x: Any
    y: Any
    used: Any


class ElsewhereEquations:
    """The equations of such a pair: statistics and residuals are summed on the device."""

    def __init__(self, pair: ElsewherePair, shape: Sides, anchor: Sides, margin: int) -> None:
        self._shape, self._full = shape, pair.channels == "full"
        before: Any = pair.before
        after: Any = pair.after
        if shape[0] > before.shape[1] or shape[1] > before.shape[2]:
            raise InvalidInput(
                f"the kernel must fit into the before image, got {shape[0]}x{shape[1]} for "
                f"{before.shape[1]}x{before.shape[2]}"
            )
        if not pair.same_size:
            anchor, margin = (0, 0), 0
        rows, columns = (
            outputs_with_patch(before.shape[n + 1], shape[n], anchor[n], margin) for n in (0, 1)
        )
        self.x_levels, self.y_levels = before.levels(), after.levels()
        top, left = rows.start - anchor[0], columns.start - anchor[1]
        bottom, right = (
            rows.stop - anchor[0] + shape[0] - 1,
            columns.stop - anchor[1] + shape[1] - 1,
        )
        x, y = before.array[:, top:bottom, left:right], after.array[:, rows, columns]
        xp = namespace(y)
        every = xp.ones(y.shape, dtype=xp.bool, device=y.device)
        known = every
        if after.dtype.kind == "f":
            known = xp.isfinite(y)
            y = xp.where(known, y, xp.zeros_like(y))
        if before.dtype.kind == "f" and not bool(xp.all(xp.isfinite(x))):
            blank = xp.logical_not(xp.isfinite(x))
            x = xp.where(blank, from_host(self.x_levels.astype(before.dtype)[:, None, None], x), x)
            known = xp.logical_and(known, xp.logical_not(self._hidden(blank)))
        open_ = _between(y, after.dtype, pair.clip)
        if self._full:
            known = xp.broadcast_to(xp.all(known, axis=0, keepdims=True), y.shape)
            open_ = xp.broadcast_to(xp.all(open_, axis=0, keepdims=True), y.shape)
        wanted = every
        if pair.mask is not None:
            wanted = xp.broadcast_to(from_host(pair.mask[rows, columns], y), y.shape)
        counted = xp.logical_and(known, wanted)
        used = xp.logical_and(counted, open_)
        self.all = _Part(x, y, used)
        self.size = math.prod(y.shape)
        self.count = _number(used)
        self.left_out = {
            "border": after.size - self.size,
            "missing": self.size - _number(known),
            "masked": _number(known) - _number(counted),
            "clipped": _number(counted) - self.count,
            "clipped before": 0,
            "outliers": 0,
        }

    def _hidden(self, blank: Any) -> Any:
        """Return which outputs see a blank pixel."""
        planes = namespace(blank).expand_dims(astype(blank, np.dtype(np.float32)), axis=1)
        for size in ((self._shape[0], 1), (1, self._shape[1])):
            ones = np.ones((1, 1, *size), np.float32)
            planes = window_sums(planes, ones, (1, 1), (1, 1))
        found = planes[:, 0, :, :] > 0
        xp = namespace(found)
        return xp.any(found, axis=0, keepdims=True) if self._full else found

    def sums(
        self, function: Callable[..., Any], shape: Sides, number: int = 1, *, threads: int = 1
    ) -> list[Any]:
        """Return what a function, whose results add up, gives for each of about so many blocks.

        The device works on one at a time, whatever `threads` says.
        """
        given: Any = getattr(function, "func", None)
        options = getattr(function, "keywords", {})
        found: list[Any] = []
        for rows, columns in block_grid(tuple(self.all.y.shape[1:]), number):
            part = self._part(rows, columns)
            if given is Equations.statistics:
                found.append(self._statistics(part, options["anchor"]))
            elif getattr(given, "__name__", "") == "_residual":
                found.append(self._residual(part, **options))
            else:
                found.append(function(_host(part)))
        return found

    def strips(self, shape: Sides, every: int = 1) -> Iterator[Strip]:
        """Give the outputs strip by strip, as NumPy's; only every so many-th strip if told so."""
        for rows, columns in strip_grid(tuple(self.all.y.shape[1:]), every):
            yield Strip(rows, columns, _host(self._part(rows, columns)))

    def _part(self, rows: slice, columns: slice) -> _Part:
        kh, kw = self._shape
        return _Part(
            self.all.x[:, rows.start : rows.stop + kh - 1, columns.start : columns.stop + kw - 1],
            self.all.y[:, rows, columns],
            self.all.used[:, rows, columns],
        )

    def _groups(self) -> list[tuple[slice, slice]]:
        """Return which channels of both images belong together."""
        if self._full:
            return [(slice(0, len(self.x_levels)), slice(0, len(self.y_levels)))]
        return [(slice(c, c + 1), slice(c, c + 1)) for c in range(len(self.y_levels))]

    def _statistics(self, part: _Part, anchor: Sides) -> Statistics:
        total = None
        for inputs, outputs in self._groups():
            levels = self.x_levels[inputs], self.y_levels[outputs]
            weights = len(levels[0]) * self._shape[0] * self._shape[1] + 1
            gram, cross = np.zeros((weights, weights)), np.zeros((weights, len(levels[1])))
            energy, count = np.zeros(len(levels[1])), 0
            for band in self._bands(part, weights):
                patches = self._patches(band.x[inputs, :, :], levels[0])
                used = _flat(band.used[outputs, :, :])[0:1, :]
                y = _flat(band.y[outputs, :, :]) - from_host(levels[1][:, None], band.x)
                y = y * used
                xp = namespace(y)
                counted = patches * used
                gram += to_host(xp.matmul(counted, xp.permute_dims(patches, (1, 0))))
                cross += to_host(xp.matmul(patches, xp.permute_dims(y, (1, 0))))
                energy += to_host(xp.sum(y * y, axis=1))
                count += int(xp.sum(used))
            sums = Sums(gram, cross, energy, *levels)
            found = Statistics(sums, count, self._shape, anchor)
            total = found if total is None else total + found
        assert total is not None  # as there is a channel
        return total

    def _residual(
        self,
        part: _Part,
        *,
        weight: Array,
        bias: Array,
        channels: str,
        levels: Array | None,
        threads: int | None,
    ) -> Residual:
        outputs, inputs, kh, kw = weight.shape
        levels = np.zeros(inputs) if levels is None else levels
        moved = bias + np.sum(weight, axis=(2, 3)) @ levels
        squared, cross = np.zeros(outputs), np.zeros((inputs * kh * kw + 1, outputs))
        lowest, highest, reproduced = np.zeros(outputs), np.zeros(outputs), 0
        for band in self._bands(part, len(cross)):
            for seen, after in self._groups():
                patches = self._patches(band.x[seen, :, :], levels)
                used = _flat(band.used[after, :, :])
                rows = slice(None) if channels == "full" else slice(0, 1)
                taps = np.concatenate(
                    [weight[rows].reshape(-1, len(cross) - 1), moved[rows, None]], 1
                )
                xp = namespace(patches)
                error = _flat(band.y[after, :, :]) - xp.matmul(from_host(taps, patches), patches)
                error = error * used
                squared[rows] += to_host(xp.sum(error * error, axis=1))
                near = xp.logical_and(used > 0, xp.abs(error) <= HALF_LEVEL)
                reproduced += _number(near)
                lowest[rows] = np.minimum(lowest[rows], to_host(xp.min(error, axis=1)))
                highest[rows] = np.maximum(highest[rows], to_host(xp.max(error, axis=1)))
                cross[:, rows] += to_host(xp.matmul(patches, xp.permute_dims(error, (1, 0))))
        return Residual(squared, float(squared.sum()), 0.0, cross, reproduced, lowest, highest)

    def _bands(self, part: _Part, weights: int) -> Iterator[_Band]:
        """Cut outputs into bands whose patches are no more than a device takes at a time."""
        height, width = part.y.shape[1:]
        step = max(1, _MATRIX // (weights * int(width)))
        for top in range(0, int(height), step):
            bottom = min(top + step, int(height))
            x = astype(part.x[:, top : bottom + self._shape[0] - 1, :], _FLOAT64)
            y, used = (astype(a[:, top:bottom, :], _FLOAT64) for a in (part.y, part.used))
            yield _Band(x, y, used)

    def _patches(self, x: Any, levels: Array) -> Any:
        """Return what is under each tap, less its level, closed by 1: shape (P, outputs)."""
        xp = namespace(x)
        kh, kw = self._shape
        height, width = x.shape[1] - kh + 1, x.shape[2] - kw + 1
        x = x - from_host(np.broadcast_to(levels, (x.shape[0],))[:, None, None], x)
        under = [
            xp.reshape(x[c, a : a + height, b : b + width], (1, height * width))
            for c in range(x.shape[0])
            for a in range(kh)
            for b in range(kw)
        ]
        one = xp.ones((1, height * width), dtype=x.dtype, device=x.device)
        return xp.concat([*under, one], axis=0)


@dataclass(frozen=True)
class _Band:
    """Rows of outputs in float64; `used` is 1 or 0."""

    x: Any
    y: Any
    used: Any


def _flat(planes: Any) -> Any:
    return namespace(planes).reshape(planes, (planes.shape[0], planes.shape[1] * planes.shape[2]))


def _number(flags: Any) -> int:
    return int(namespace(flags).count_nonzero(flags))


def _host(part: _Part) -> Equations:
    return Equations(to_host(part.x), to_host(part.y), to_host(part.used), {})


def _between(y: Any, dtype: np.dtype[Any], clip: tuple[float, float]) -> Any:
    """Return where values lie strictly between two levels."""
    xp = namespace(y)
    found = xp.ones(y.shape, dtype=xp.bool, device=y.device)
    low, high = clip
    if dtype.kind in "iu":
        room = np.iinfo(dtype)
        low = math.floor(low) if low >= room.min else -math.inf
        high = math.ceil(high) if high <= room.max else math.inf
        if dtype.itemsize > 1:  # of which some libraries only know how to store them
            y = astype(y, np.dtype(np.int64))
    if low > -math.inf:
        found = xp.logical_and(found, y > low)
    if high < math.inf:
        found = xp.logical_and(found, y < high)
    return found
