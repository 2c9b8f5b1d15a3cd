"""A pair of images larger than memory, as the learning sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Self

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.hashing import digest
from kernfit.heap import give_back
from kernfit.learning.pairs.equations import Equations, Strip, block_grid, strip_grid
from kernfit.learning.pairs.pair import (
    Pair,
    check_variance_shape,
    refuse_channels_last,
    refuse_not_positive,
    refuse_nothing,
)
from kernfit.learning.pairs.place import Place
from kernfit.learning.sums.checks import not_negative
from kernfit.learning.sums.statistics import Statistics

# Of what goes with a pair, the one that lies on the pixels of the before image.
SEEN = "before_variance"
Sides = tuple[int, int]
Function = Callable[[Equations], Any]


@dataclass(frozen=True)
class Rules:
    """What a pair is besides its pixels.

    Attributes
    ----------
    clip, clip_before : (low, high)
    channels : {"alike", "full"}
    noise : float or None
        The variance of all pixels of the before image, if it is one number.
    """

    clip: tuple[float, float]
    clip_before: tuple[float, float]
    channels: str
    noise: float | None

    def pair(
        self,
        x: Array,
        y: Array,
        *,
        mask: Array | None = None,
        variance: Array | None = None,
        before_variance: Array | None = None,
    ) -> Pair:
        """Return a pair of parts of both images, and of what goes with them."""
        if variance is not None:
            refuse_not_positive(variance)
        noise: Any = self.noise if before_variance is None else before_variance
        return Pair(
            x,
            y,
            self.clip,
            None if mask is None else (mask != 0).any(axis=0),
            self.channels,
            variance=variance,
            clip_before=self.clip_before,
            before_variance=None if noise is None else not_negative(noise, x.shape),
        )


class LargePair(Pair):
    """A pair whose images are not in memory: they are known by their shape, dtype and parts.

    Where a `Pair` gives equations that are in memory, this one gives `LargeEquations`.
    """

    @classmethod
    def of_images(
        cls,
        before: Any,
        after: Any,
        *,
        clip: Any = None,
        clip_before: Any = None,
        mask: Any = None,
        variance: Any = None,
        before_variance: Any = None,
        channels: str = "alike",
    ) -> Self:
        """Check two images against one another, without a look at their pixels.

        Parameters
        ----------
        before, after : object
            With ``shape`` (channels, rows, columns), ``dtype`` and slices.
        clip, clip_before, channels
            As for `learn`.
        mask : object or None
            Like the images, of the after image's size; not 0 where a pixel counts.
        variance, before_variance : object or None
            Like the images, of the after and before image's size: each pixel's variance. That of
            the before image may be a number.

        Raises
        ------
        InvalidInput
            As for `learn`.
        """
        for name, image in (("before", before), ("after", after)):
            refuse_channels_last(image.shape, name)
        rows, columns = (after.shape[axis] for axis in (1, 2))
        if mask is not None and mask.shape[1:] != (rows, columns):
            raise InvalidInput(
                f"mask must have the after image's {rows}x{columns} pixels, got "
                f"{mask.shape[1]}x{mask.shape[2]}"
            )
        if variance is not None:
            check_variance_shape(variance.shape, after.shape, channels)
        if before_variance is not None and not isinstance(before_variance, (int, float)):
            if before_variance.shape != before.shape:
                raise InvalidInput(
                    f"before_variance must be a number or have the before image's shape "
                    f"{before.shape}, got {before_variance.shape}"
                )
        elif before_variance is not None:
            not_negative(before_variance, (1, 1, 1))
        # The rules for arrays, on arrays of the same shape that take no memory.
        stand_ins = [np.broadcast_to(np.zeros((), i.dtype), i.shape) for i in (before, after)]
        pair = Pair.of(*stand_ins, clip=clip, clip_before=clip_before, channels=channels)
        return cls(
            before,
            after,
            pair.clip,
            mask,
            pair.channels,
            variance=variance,
            clip_before=pair.clip_before,
            before_variance=before_variance,
        )

    @property
    def at_hand(self) -> bool:
        """Whether views can be taken of the images: not of those that are read in parts."""
        return False

    def images(self) -> None:
        """Return that they are not in memory."""

    def crop(self, rows: slice, columns: slice) -> Pair:
        """Return the same part of both images, in memory."""
        return self.read((rows, columns), (rows, columns))

    def read(self, seen: tuple[slice, slice], outputs: tuple[slice, slice]) -> Pair:
        """Return parts of both images and what goes with them, in memory."""
        others = {
            name: image[slice(None), *(seen if name == SEEN else outputs)]
            for name, image in self.others.items()
        }
        x, y = self.before[slice(None), *seen], self.after[slice(None), *outputs]
        return self.rules.pair(x, y, **others)

    @property
    def rules(self) -> Rules:
        """What turns parts of both images into a pair in memory."""
        noise = self.before_variance
        number = float(noise) if isinstance(noise, (int, float)) else None
        return Rules(self.clip, self.clip_before, self.channels, number)

    @property
    def others(self) -> dict[str, Any]:
        """The images that go with both, by name."""
        found = {name: getattr(self, name) for name in ("mask", "variance", SEEN)}
        return {
            name: image
            for name, image in found.items()
            if image is not None and not isinstance(image, (int, float))
        }

    def place(self, shape: Sides, anchor: Sides, margin: int) -> Place:
        """Say where the equations of a kernel's shape lie."""
        return Place.of(*self.sizes, shape, anchor, margin)

    def equations(  # type: ignore[override]
        self, shape: Sides, anchor: Sides, *, margin: int = 0
    ) -> LargeEquations:
        """Return what counts for a kernel of this shape and anchor."""
        raise NotImplementedError

    def statistics(self, shape: Sides, anchor: Sides, *, threads: int | None = None) -> Statistics:
        """Sum up all that counts for a kernel of this shape and anchor."""
        look = partial(
            Equations.statistics,
            shape=shape,
            anchor=anchor,
            channels=self.channels,
            threads=threads,
        )
        (found,) = self.equations(shape, anchor).sums(look, shape)
        return found  # type: ignore[no-any-return]


class LargeEquations:
    """The equations of a large pair: how they are summed up is for the children to say."""

    def __init__(self, pair: LargePair, place: Place) -> None:
        self.pair, self.place = pair, place
        self._left_out: dict[str, int] | None = None
        self._strips: dict[int, list[Strip]] = {}

    def window(self) -> Window:
        """Return what turns parts of the images into equations."""
        return Window(self.place, self.pair.rules)

    @property
    def size(self) -> int:
        """Number of outputs, in all channels, whether they count or not."""
        return len(self.pair.after) * self.place.size[0] * self.place.size[1]

    @property
    def left_out(self) -> dict[str, int]:
        """How many pixels of the after image do not count, by reason; known after a first sum."""
        assert self._left_out is not None, "nothing was summed up yet"
        return {**self._left_out, "border": self.pair.after.size - self.size}

    @property
    def count(self) -> int:
        """Number of outputs that count, in all channels."""
        return int(self.pair.after.size) - sum(self.left_out.values())

    def sums(
        self, function: Function, shape: Sides, number: int = 1, *, threads: int = 1
    ) -> list[Any]:
        """Return what a function, whose results add up, gives for each of about so many blocks.

        How many are worked on at once is for the children to say, not for `threads`.
        """
        totals, left_out = self._sums(function, block_grid(self.place.size, number))
        self._left_out = left_out
        if not self.count:
            refuse_nothing(self.left_out, self.pair.after.size)
        return totals

    def _sums(
        self, function: Function, blocks: list[tuple[slice, slice]]
    ) -> tuple[list[Any], dict[str, int]]:
        """Return the sum over each block, and how many pixels were left out in all."""
        raise NotImplementedError

    def strips(self, shape: Sides, every: int = 1) -> Iterator[Strip]:
        """Give the outputs strip by strip; only every so many-th strip if told so."""
        # The same few are asked for again and again.
        if every not in self._strips:
            grid = strip_grid(self.place.size, every)
            parts = self._parts(grid)
            self._strips = {every: [Strip(*at, part) for at, part in zip(grid, parts, strict=True)]}
        yield from self._strips[every]

    def _parts(self, places: list[tuple[slice, slice]]) -> list[Equations]:
        """Return the equations of some outputs."""
        return [
            self.pair.read(self.place.seen(*place), self.place.outputs(*place)).outputs(
                self.place.shape, (0, 0)
            )
            for place in places
        ]


@dataclass(frozen=True)
class Window:
    """Turns parts of two images into equations, in whatever process."""

    place: Place
    rules: Rules

    def reach(self, name: str, rows: slice, columns: slice) -> tuple[slice, slice]:
        """Return the pixels of an image that goes with both, by its name."""
        return (self.place.seen if name == SEEN else self.place.outputs)(rows, columns)

    def equations(self, x: Array, y: Array, **others: Array) -> Equations:
        """Return the equations of such parts."""
        return self.rules.pair(x, y, **others).outputs(self.place.shape, (0, 0))

    def look(
        self, function: Function, x: Array, y: Array, **others: Array
    ) -> tuple[Any, dict[str, int]]:
        """Return what a function makes of such parts, and how many pixels do not count."""
        from threadpoolctl import threadpool_limits

        found = self.equations(x, y, **others)
        # The matrices are small: threads of their own would cost linear algebra more than they give
        with threadpool_limits(1, user_api="blas"):
            value = function(found)
        give_back()
        return value, found.left_out

    @cached_property
    def mark(self) -> str:
        """What tells these equations from others."""
        return digest(repr((self.place, self.rules)).encode())


def mark_of(function: Function) -> str:
    """Return what tells a function with its settings, a `functools.partial`, from others."""
    if not isinstance(function, partial):
        return digest(function.__qualname__.encode())
    parts = [function.func.__qualname__.encode()]
    for name, value in sorted(function.keywords.items()):
        if isinstance(value, np.ndarray):
            parts += [name.encode(), repr(value.shape).encode(), value.tobytes()]
        elif name != "threads":
            parts += [name.encode(), repr(value).encode()]
    return digest(*parts)
