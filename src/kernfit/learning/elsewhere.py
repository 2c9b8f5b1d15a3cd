"""Pairs of images of other libraries: what grows with the images is summed up where they lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.devices import (
    astype,
    dtype_of,
    from_host,
    namespace,
    to_host,
    window_sums,
)
from kernfit.errors import InvalidInput
from kernfit.learning.elsewhere_sums import Part, exact_levels, patch_sums, residual_sums
from kernfit.learning.pairs.equations import Equations, Strip, block_grid, strip_grid
from kernfit.learning.pairs.pair import (
    Pair,
    refuse_channels_last,
    refuse_nothing,
)
from kernfit.learning.pairs.place import Place
from kernfit.learning.pairs.residual import Residual
from kernfit.learning.sums.origin import usual_level
from kernfit.learning.sums.statistics import Statistics

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

    def part(self, channels: slice, rows: slice, columns: slice) -> Image:
        """Return some channels, rows and columns, where they lie."""
        return Image(self.array[channels, rows, columns], "image")

    def spread(self, grid: tuple[slice, slice], size: Sides) -> Image:
        """Return an image of zeros with these pixels on a grid of it, where they lie."""
        xp = namespace(self.array)
        array = self.array
        for axis, (places, length) in enumerate(zip(grid, size, strict=True), start=1):
            step, count = places.step, array.shape[axis]
            array = xp.expand_dims(array, axis=axis + 1)
            gaps = [*array.shape]
            gaps[axis + 1] = step - 1
            array = xp.concat([array, self._zeros(gaps)], axis=axis + 1) if step > 1 else array
            flat = [*array.shape[:axis], count * step, *array.shape[axis + 2 :]]
            array = xp.reshape(array, tuple(flat))
            inside: list[slice] = [slice(None)] * 3
            inside[axis] = slice(0, places.stop - places.start)
            array = array[tuple(inside)]
            around = []
            for gap in (places.start, length - places.stop):
                rim = [*array.shape]
                rim[axis] = gap
                around.append(self._zeros(rim))
            array = xp.concat([around[0], array, around[1]], axis=axis)
        return Image(array, "after")

    def _zeros(self, shape: list[int]) -> Any:
        xp = namespace(self.array)
        return xp.zeros(tuple(shape), dtype=self.array.dtype, device=self.array.device)

    def levels(self) -> Array:
        """Return the usual level of each channel."""
        down, across = (max(1, n // _SIDE) for n in self.shape[1:])
        some = self[:, ::down, ::across]
        return np.array([usual_level(plane) for plane in some.astype(np.float64)])


class ElsewherePair(Pair):
    """A pair whose images are `Image`: it gives `ElsewhereEquations`."""

    @classmethod
    def of_arrays(
        cls, before: Any, after: Any, *, clip: Any, mask: Any, channels: str
    ) -> ElsewherePair:
        """Check two images against one another; see `learn` for the parameters.

        Raises
        ------
        InvalidInput
            As for `learn`.
        """
        images = Image(before, "before"), Image(after, "after")
        # The rules for arrays, on arrays of the same shape that take no memory.
        stand_ins = [np.broadcast_to(np.zeros((), i.dtype), i.shape) for i in images]
        pair = Pair.of(*stand_ins, clip=clip, mask=mask, channels=channels)
        return cls(images[0], images[1], pair.clip, pair.mask, pair.channels)  # type: ignore[arg-type]

    def images(self) -> tuple[Array, Array]:
        """Return both images as NumPy's."""
        return self.before[:], self.after[:]

    def cut(self, offset: Sides) -> Pair:
        """Return the pair whose before image is cut to where the after image lies in it."""
        (row, column), (height, width) = offset, self.after.shape[1:]
        before: Any = self.before
        inside = slice(row, row + height), slice(column, column + width)
        return replace(self, before=before.part(slice(None), *inside))

    def of_channels(self, outputs: slice, inputs: slice) -> Pair:
        """Return the pair of some channels of the after image, and some of the before image."""
        images: tuple[Any, Any] = self.before, self.after
        every = slice(None), slice(None)
        return replace(
            self, before=images[0].part(inputs, *every), after=images[1].part(outputs, *every)
        )

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


class ElsewhereEquations:
    """The equations of such a pair: statistics and residuals are summed on the device."""

    def __init__(self, pair: ElsewherePair, shape: Sides, anchor: Sides, margin: int) -> None:
        self._shape, self._full = shape, pair.channels == "full"
        before: Any = pair.before
        after: Any = pair.after
        place = Place.of(*pair.sizes, shape, anchor, margin)
        (rows, columns), (down, across) = place.outputs(*place.whole), place.seen(*place.whole)
        self.x_levels, self.y_levels = (
            exact_levels(image.array, image.levels()) for image in (before, after)
        )
        x, y = before.array[:, down, across], after.array[:, rows, columns]
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
        self.all = Part(x, y, used)
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

    def _part(self, rows: slice, columns: slice) -> Part:
        kh, kw = self._shape
        return Part(
            self.all.x[:, rows.start : rows.stop + kh - 1, columns.start : columns.stop + kw - 1],
            self.all.y[:, rows, columns],
            self.all.used[:, rows, columns],
        )

    def _groups(self) -> list[tuple[slice, slice]]:
        """Return which channels of both images belong together."""
        if self._full:
            return [(slice(0, len(self.x_levels)), slice(0, len(self.y_levels)))]
        return [(slice(c, c + 1), slice(c, c + 1)) for c in range(len(self.y_levels))]

    def _statistics(self, part: Part, anchor: Sides) -> Statistics:
        found = []
        for inputs, outputs in self._groups():
            levels = self.x_levels[inputs], self.y_levels[outputs]
            sums, count = patch_sums(_of(part, inputs, outputs), self._shape, levels)
            found.append(Statistics(sums, count, self._shape, anchor))
        return reduce(add, found)

    def _residual(
        self,
        part: Part,
        *,
        weight: Array,
        bias: Array,
        channels: str,
        levels: Array | None,
        threads: int | None,
    ) -> Residual:
        levels = np.zeros(weight.shape[1]) if levels is None else levels
        return reduce(
            add,
            (
                residual_sums(
                    _of(part, inputs, outputs),
                    weight,
                    bias,
                    levels,
                    (self.x_levels[inputs], self.y_levels[outputs]),
                )
                for inputs, outputs in self._groups()
            ),
        )


def _of(part: Part, inputs: slice, outputs: slice) -> Part:
    """Return channels that belong together; they share what counts."""
    return Part(part.x[inputs, :, :], part.y[outputs, :, :], part.used[outputs.start, :, :])


def _number(flags: Any) -> int:
    return int(namespace(flags).count_nonzero(flags))


def _host(part: Part) -> Equations:
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
            y = astype(y, np.dtype(np.int32 if dtype.itemsize == 2 else np.int64))
    if low > -math.inf:
        found = xp.logical_and(found, y > low)
    if high < math.inf:
        found = xp.logical_and(found, y < high)
    return found
