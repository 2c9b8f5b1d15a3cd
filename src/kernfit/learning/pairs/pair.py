"""A pair of images as it really is, turned into equations: alignment, clipping, NaN, masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_image, as_mask, as_planes, one_of
from kernfit.errors import InvalidInput
from kernfit.learning.pairs.equations import Equations
from kernfit.learning.pairs.offset import SURELY_THERE, likeness_of_wholes, refuse_resized
from kernfit.learning.pairs.place import Place
from kernfit.learning.sums.checks import not_negative
from kernfit.learning.sums.footprint import any_under_kernel
from kernfit.learning.sums.origin import usual_level
from kernfit.learning.sums.statistics import Statistics


@dataclass(frozen=True)
class Pair:
    """Before and after, checked and as planes.

    Attributes
    ----------
    before : ndarray, shape (in, H, W)
    after : ndarray, shape (out, H', W')
    clip : (low, high)
        Levels at and beyond which the after image saturates.
    mask : ndarray of bool, shape (H', W'), or None
        True where the user wants a pixel of the after image used.
    channels : {"alike", "full"}
        Whether each channel is one more image under one kernel, or all are mixed.
    wild : ndarray of bool, shape (H', W'), or None
        True where a pixel of the after image was found to be an outlier.
    variance : ndarray, shape (1 or out, H', W'), or None
        Of the noise of each pixel of the after image, if it is known; finite where it counts.
    clip_before : (low, high)
        Levels at and beyond which a pixel of the before image is not known.
    limits : (low, high)
        Levels at which the before image may be saturated, which is to be found out.
    before_variance : ndarray, shape (in, H, W), or None
        Of the noise of each pixel of the before image, if it is to be corrected for.
    near : ndarray of bool, shape (out, H', W'), or None
        True where clipping may have cut the noise of a pixel of the after image.
    """

    before: Array
    after: Array
    clip: tuple[float, float]
    mask: Array | None
    channels: str
    wild: Array | None = None
    variance: Array | None = None
    clip_before: tuple[float, float] = (-np.inf, np.inf)
    limits: tuple[float, float] = (-np.inf, np.inf)
    before_variance: Array | None = None
    near: Array | None = None

    @classmethod
    def of(
        cls,
        before: ArrayLike,
        after: ArrayLike,
        *,
        clip: Sequence[float] | None = None,
        mask: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        before_variance: ArrayLike | None = None,
        clip_before: Sequence[float] | None = None,
        channels: str = "alike",
    ) -> Pair:
        """Check two images against one another; see `learn` for the parameters."""
        first, second = as_image(before, "before"), as_image(after, "after")
        for name, image in (("before", first), ("after", second)):
            refuse_channels_last(image.shape, name)
        x, y = as_planes(first, "before"), as_planes(second, "after")
        one_of(channels, ("alike", "full"), "channels")
        if channels == "alike" and len(x) != len(y):
            raise InvalidInput(
                "before and after must have equally many channels to treat each alike, got "
                f"{len(x)} and {len(y)}: give channels='full' to learn how they mix"
            )
        if y.shape[1] > x.shape[1] or y.shape[2] > x.shape[2]:
            if likeness_of_wholes(x, y) > SURELY_THERE:
                refuse_resized(x, y)
            raise InvalidInput(
                f"after must not be larger than before, got {_size(y)} after and {_size(x)} "
                "before: swap them, or crop the padding away"
            )
        used = None if mask is None else as_mask(mask, y.shape[1:])
        spread = None if variance is None else _variance(variance, y.shape, channels)
        return cls(
            x,
            y,
            levels_of(clip, y.dtype, "clip"),
            used,
            channels,
            variance=spread,
            before_variance=None
            if before_variance is None
            else not_negative(before_variance, x.shape),
            clip_before=levels_of(clip_before, np.dtype(float), "clip_before"),
            limits=levels_of(None, x.dtype, "") if clip_before is None else (-np.inf, np.inf),
        )

    @property
    def same_size(self) -> bool:
        """Whether the images have equal sizes, so that the kernel's anchor is at its centre."""
        return self.before.shape[1:] == self.after.shape[1:]

    @property
    def members(self) -> tuple[Pair, ...]:
        """The pairs that share the kernel: this one."""
        return (self,)

    @property
    def sizes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of both images, (channels, rows, columns)."""
        return self.before.shape, self.after.shape

    @property
    def valid_shape(self) -> tuple[int, int]:
        """Shape of the kernel if the after image holds only outputs with a whole patch."""
        return (
            self.before.shape[1] - self.after.shape[1] + 1,
            self.before.shape[2] - self.after.shape[2] + 1,
        )

    def equations(
        self, shape: tuple[int, int], anchor: tuple[int, int], *, margin: int = 0
    ) -> Equations:
        """Return what counts for a kernel of this shape and anchor; see `outputs`.

        Raises
        ------
        InvalidInput
            If the image is smaller than the kernel, or nothing that counts is left.
        """
        found = self.outputs(shape, anchor, margin=margin)
        if not found.used.any():
            _refuse_two_levels(found.y, self.clip)
            refuse_nothing(found.left_out, self.after.size)
        return found

    def outputs(
        self, shape: tuple[int, int], anchor: tuple[int, int], *, margin: int = 0
    ) -> Equations:
        """Return the outputs of a kernel of this shape and anchor, whether any counts or not.

        Parameters
        ----------
        shape : (kh, kw)
            The support.
        anchor : (row, column)
            The tap that sits on the output pixel; matters only where the sizes are equal.
        margin : int, default 0
            Where the sizes are equal, leave out at least this many rows and columns on every side.

        Returns
        -------
        Equations

        Raises
        ------
        InvalidInput
            If the image is smaller than the kernel.
        """
        place = Place.of(*self.sizes, shape, anchor, margin)
        inside, seen = place.outputs(*place.whole), place.seen(*place.whole)
        y = self.after[:, *inside]
        x = self.before[:, *seen]

        # Integers are what they are: there is nothing to look for.
        known = np.isfinite(y) if y.dtype.kind == "f" else np.ones(y.shape, bool)
        blank = ~np.isfinite(x) if x.dtype.kind == "f" else np.zeros(1, bool)
        closed: Array = np.zeros(1, bool)
        if np.isfinite(self.clip_before).any():
            closed = ~_between(x, self.clip_before) & ~blank
        if blank.any():
            # Their level tells nothing, but sums lose least by one like the others.
            levels = np.array([usual_level(plane) for plane in x]).astype(x.dtype)
            x = np.where(blank, levels[:, np.newaxis, np.newaxis], x)
            hidden = any_under_kernel(blank, shape)
            known &= ~(hidden.any(axis=0) if self.channels == "full" else hidden)
        wanted = None if self.mask is None else self.mask[inside]
        spread = None if self.variance is None else self.variance[:, *inside]
        if spread is not None:
            wanted = np.isfinite(spread) if wanted is None else wanted & np.isfinite(spread)
        open_ = _between(y, self.clip)
        apart = None if self.near is None else ~self.near[:, *inside]
        if self.channels == "full":
            # A pixel serves all output channels or none: their equations share one Gram matrix.
            known[:] = known.all(axis=0)
            open_[:] = open_.all(axis=0)
            apart = None if apart is None else np.asarray(apart.all(axis=0))
        lit = None
        if closed.any():
            hidden = any_under_kernel(closed, shape)
            lit = np.asarray(~hidden.any(axis=0) if self.channels == "full" else ~hidden)
        reasons = {
            "missing": known,
            "masked": wanted,
            "clipped": open_,
            **({} if apart is None else {"near clipped": apart}),
            "clipped before": lit,
            "outliers": None if self.wild is None else ~self.wild[inside],
        }
        left_out = {"border": int(self.after.size - y.size)}
        used, left = np.ones(1, bool), y.size
        for reason, fine in reasons.items():
            before = left
            if fine is not None:
                used = used & fine
                left = int(np.count_nonzero(used))
            left_out[reason] = before - left
        noise = self.before_variance
        if noise is not None:
            noise = noise[:, *seen]
        return Equations(x, y, used, left_out, spread, noise)

    def statistics(
        self, shape: tuple[int, int], anchor: tuple[int, int], *, threads: int | None = None
    ) -> Statistics:
        """Sum up all that counts for a kernel of this shape and anchor."""
        found = self.equations(shape, anchor)
        return found.statistics(shape, anchor, channels=self.channels, threads=threads)

    @property
    def at_hand(self) -> bool:
        """Whether views can be taken of the images: of some channels, or every so many-th pixel."""
        return True

    def images(self) -> tuple[Array, Array] | None:
        """Return both images, if they are or can be had in memory."""
        return self.before, self.after

    def same_as(self, other: Pair) -> bool:
        """Whether another pair is of the same images."""
        mine, theirs = self.images(), other.images()
        if self.sizes != other.sizes or mine is None or theirs is None:
            return False
        return all(np.array_equal(*both) for both in zip(mine, theirs, strict=True))

    def cut(self, offset: tuple[int, int]) -> Pair:
        """Return the pair whose before image is cut to where the after image lies in it."""
        (row, column), (height, width) = offset, self.after.shape[1:]
        inside = (slice(None), slice(row, row + height), slice(column, column + width))
        noise = self.before_variance
        return replace(
            self,
            before=self.before[inside],
            before_variance=None if noise is None else noise[inside],
        )

    def of_channels(self, outputs: slice, inputs: slice) -> Pair:
        """Return the pair of some channels of the after image, and some of the before image."""
        noise = self.before_variance
        return replace(
            self,
            before=self.before[inputs],
            after=self.after[outputs],
            before_variance=None if noise is None else noise[inputs],
        )

    def crop(self, rows: slice, columns: slice) -> Pair:
        """Return the same part of both images; they must have equal sizes."""
        inside = (slice(None), rows, columns)
        mask, wild = (part if part is None else part[inside[1:]] for part in (self.mask, self.wild))
        return replace(
            self,
            before=self.before[inside],
            after=self.after[inside],
            mask=mask,
            wild=wild,
            near=None if self.near is None else self.near[inside],
            variance=None if self.variance is None else self.variance[inside],
            before_variance=None if self.before_variance is None else self.before_variance[inside],
        )


def refuse_nothing(left_out: dict[str, int], pixels: int) -> NoReturn:
    """Say that no pixel counts, and why."""
    most = max(left_out, key=lambda reason: left_out[reason])
    raise InvalidInput(
        f"at least one pixel of the after image must count, but all {pixels} were "
        f"left out, most of them as {most}: check the clip levels, the mask and the files"
    )


def _refuse_two_levels(after: Array, clip: tuple[float, float]) -> None:
    """Say so if the after image is black and white only."""
    values = np.unique(after[np.isfinite(after)])
    if values.size == 2 and values[0] <= clip[0] and values[1] >= clip[1]:
        raise InvalidInput(
            f"after must have levels between its limits, got an image of {values[0]:g} and "
            f"{values[1]:g} alone: take it from before it was cut to black and white"
        )


def refuse_channels_last(shape: tuple[int, ...], name: str) -> None:
    """Refuse what looks like (rows, columns, channels): it would be taken for other channels."""
    if len(shape) > 3:
        raise InvalidInput(
            f"{name} must have shape (rows, columns) or (channels, rows, columns), got {shape}"
        )
    if len(shape) == 3 and shape[2] <= 4 < shape[0]:
        raise InvalidInput(
            f"{name} must have its channels first, (channels, rows, columns), got {shape}: "
            f"give numpy.moveaxis({name}, -1, 0)"
        )


def _between(values: Array, limits: tuple[float, float]) -> Array:
    """Return which values lie between two limits; integers are compared as such, without a copy."""
    low, high = limits
    if np.isinf(low) and np.isinf(high):
        return np.ones(values.shape, bool)
    if values.dtype.kind in "iu":
        low, high = (
            floor(low) if np.isfinite(low) else low,
            ceil(high) if np.isfinite(high) else high,
        )
    inside: Array = (values > low) & (values < high)
    return inside


def levels_of(
    clip: Sequence[float] | None, dtype: np.dtype[Any], name: str = "clip"
) -> tuple[float, float]:
    """Return the levels at which an image saturates."""
    if clip is None:
        # 32-bit and wider integers are results of arithmetic, not of a sensor or an image file.
        if dtype.kind in "iu" and dtype.itemsize <= 2:
            info = np.iinfo(dtype)
            return float(info.min), float(info.max)
        return -np.inf, np.inf
    try:
        low, high = (float(level) for level in clip)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name} must be two levels (low, high), got {clip!r}") from None
    if not low < high:
        raise InvalidInput(f"{name} must have low below high, got {(low, high)}")
    return low, high


def _variance(variance: ArrayLike, shape: tuple[int, ...], channels: str) -> Array:
    """Return the variance of each pixel of the after image, one plane or one for each channel."""
    planes = as_planes(variance, "variance")
    check_variance_shape(planes.shape, shape, channels)
    refuse_not_positive(planes)
    return planes


def check_variance_shape(given: tuple[int, ...], shape: tuple[int, ...], channels: str) -> None:
    """Refuse a variance (planes, rows, columns) that does not fit an after image."""
    allowed = (1, shape[0]) if channels == "alike" else (1,)
    if given[1:] != shape[1:] or given[0] not in allowed:
        raise InvalidInput(
            f"variance must have the after image's {shape[1]}x{shape[2]} pixels"
            + (", alike for all channels that are mixed" if channels == "full" else "")
            + f", got shape {given}"
        )


def refuse_not_positive(variance: Array) -> None:
    """Refuse variances of 0 and less."""
    if np.any(variance <= 0):
        raise InvalidInput(
            "variance must be positive, got "
            f"{float(np.nanmin(variance)):.3g}: give infinity where a pixel shall not count"
        )


def _size(planes: Array) -> str:
    return f"{planes.shape[1]}x{planes.shape[2]}"
