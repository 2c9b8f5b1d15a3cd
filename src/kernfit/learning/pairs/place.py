"""How two images lie to each other: the outputs with a whole patch, and one rule for crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.learning.pairs.offset import (
    SURELY_THERE,
    find_offset,
    likeness_of_wholes,
    refuse_resized,
)
from kernfit.learning.pairs.residual import residual_strips

Sides = tuple[int, int]

# Up to this difference in size a crop is not looked for: all that a crop would leave of the kernel
# that its images allow is zeros around the taps.
_SMALL = 31
# So many weights, those of a 64x64 kernel, are solved for to see whether they explain the pair; for
# more the shape is to be told.
_MOST_WEIGHTS = 4097
# Taps of a cropped pair's kernel when it is compared with that of the whole difference in size.
_LOOK = 15
# That takes the difference in size for a kernel's: its error is so many times smaller than a crop's
# own; where no crop is found, it is less than this share of the variance; and where one image looks
# like the whole of the other at another size, less than this one.
_BETTER, _EXPLAINS, _EXPLAINS_WELL = 2.0, 0.5, 0.02
# Correlation of what a crop's kernel leaves with pixels farther off, below which none is missing.
_MISSING = 0.1
# What the sums cannot resolve, as a share of the after image's variance.
_RESOLVED = 1e-10


@dataclass(frozen=True)
class Place:
    """Where the equations of one kernel's shape lie in a pair of images.

    Attributes
    ----------
    shape : (kh, kw)
        The support.
    before, after : (row, column)
        The first pixel of the first patch, and the first output.
    size : (rows, columns)
        How many outputs there are.
    """

    shape: Sides
    before: Sides
    after: Sides
    size: Sides

    @classmethod
    def of(cls, before: Any, after: Any, shape: Sides, anchor: Sides, margin: int = 0) -> Place:
        """Say where the outputs with a whole patch lie.

        Parameters
        ----------
        before, after : tuple of int
            Shapes of the images, rows and columns last.
        shape : (kh, kw)
        anchor : (row, column)
            The tap that sits on the output pixel; matters only where the sizes are equal.
        margin : int, default 0
            Where the sizes are equal, leave out at least this many rows and columns on every side.

        Raises
        ------
        InvalidInput
            If the image is smaller than the kernel.
        """
        if shape[0] > before[-2] or shape[1] > before[-1]:
            raise InvalidInput(
                f"the kernel must fit into the before image, got {shape[0]}x{shape[1]} for "
                f"{before[-2]}x{before[-1]}"
            )
        if tuple(before[-2:]) != tuple(after[-2:]):
            anchor, margin = (0, 0), 0
        starts, sizes = [], []
        for length, taps, at in zip(before[-2:], shape, anchor, strict=True):
            start = max(at, margin)
            starts.append(start)
            sizes.append(max(0, length - max(taps - 1 - at, margin) - start))
        first = (starts[0] - anchor[0], starts[1] - anchor[1])
        return cls(shape, first, (starts[0], starts[1]), (sizes[0], sizes[1]))

    def seen(self, rows: slice, columns: slice) -> tuple[slice, slice]:
        """Return the pixels of the before image that some outputs see."""
        (top, left), (kh, kw) = self.before, self.shape
        return (
            slice(rows.start + top, rows.stop + top + kh - 1),
            slice(columns.start + left, columns.stop + left + kw - 1),
        )

    def outputs(self, rows: slice, columns: slice) -> tuple[slice, slice]:
        """Return the pixels of the after image that are some outputs."""
        top, left = self.after
        return (
            slice(rows.start + top, rows.stop + top),
            slice(columns.start + left, columns.stop + left),
        )

    @property
    def whole(self) -> tuple[slice, slice]:
        """All outputs."""
        return slice(0, self.size[0]), slice(0, self.size[1])


def placed(source: Any, shape: Sides | None) -> tuple[Any, Sides | None]:
    """Return a source whose images lie on one another, and the place of an after image in before.

    Images of different sizes are a "valid" result, whose size lacks that of the kernel less 1, or
    the after image was cropped. Where the shape is told, that settles it. Else the kernel with as
    many taps as the sizes differ by is tried: a crop is one too, with zeros around its taps. Only
    where a crop explains the after image as well, or there are too few pixels for so many taps, is
    the after image taken for one. Images that are not in memory are not searched for a crop.

    Parameters
    ----------
    source : Source
    shape : (kh, kw) or None
        None if it is not told.

    Returns
    -------
    source : Source
    offset : (row, column) or None

    Raises
    ------
    InvalidInput
        If they are neither.
    """
    if source.same_size:
        return source, None
    valid = source.valid_shape
    if shape == valid or (shape is None and max(valid) <= _SMALL):
        return source, None
    images = source.images()
    if images is None:
        if shape is None and _solvable(source, valid):
            return source, None
        raise InvalidInput(
            f"after must have the size of before, or lack as many pixels as a kernel does, where "
            f"the images are not in memory, got {_size(source.after)} after and "
            f"{_size(source.before)} before: cut before to where after lies"
        )
    before, after = images
    offset, correlation = find_offset(before, after)
    whole = likeness_of_wholes(before, after)
    there = correlation >= max(whole, SURELY_THERE)
    cropped = source.cut(offset) if there else None
    if shape is None and _solvable(source, valid):
        if cropped is not None:
            if not _lacks_taps(cropped, before):
                return cropped, offset
            ours, theirs = _error(source, valid)[0], _error(cropped, _look(cropped))[0]
            return (source, None) if _BETTER * ours < theirs else (cropped, offset)
        error, variance = _error(source, valid)
        if error < (_EXPLAINS_WELL if whole > SURELY_THERE else _EXPLAINS) * variance:
            return source, None
    if cropped is None:
        _refuse(source, shape, before, after, whole)
    return cropped, offset


def _solvable(source: Any, shape: Sides) -> bool:
    """Whether there are twice as many outputs as weights, and not too many of these."""
    inputs = len(source.before) if source.channels == "full" else 1
    weights = inputs * shape[0] * shape[1] + 1
    return bool(2 * weights <= source.after.size and weights <= _MOST_WEIGHTS)


def _look(source: Any) -> Sides:
    """Return the shape that a cropped pair is looked at with."""
    inputs = len(source.before) if source.channels == "full" else 1
    side = min(_LOOK, *source.before.shape[1:])
    while side > 1 and source.after.size < 4 * (inputs * side * side + 1):
        side -= 2
    return side, side


def _error(source: Any, shape: Sides) -> tuple[float, float]:
    """Return the squared error for each degree of freedom, and the variance."""
    anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
    sums = source.statistics(shape, anchor)
    squared = float(sums.squared_error(sums.solve().weights).sum())
    variance = float(sums.sums.variance.sum())
    squared = max(squared, _RESOLVED * variance)
    return squared / max(1, sums.count - len(sums.gram)), variance / max(1, sums.count)


def _lacks_taps(cropped: Any, before: Array) -> bool:
    """Whether what a kernel leaves of a cropped after image follows pixels beyond its taps.

    A score test (C. R. Rao, 1948): were there one more tap, the residual would go with its pixels.
    """
    from scipy.signal import fftconvolve

    shape = _look(cropped)
    anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
    sums = cropped.statistics(shape, anchor)
    weights = sums.solve().weights
    equations = cropped.equations(shape, anchor)
    place = Place.of(cropped.before.shape, cropped.after.shape, shape, anchor)
    taps = weights[:-1].T.reshape(sums.outputs, sums.inputs, *shape)
    left = np.zeros((len(cropped.after), *place.size))
    for strip in residual_strips(equations, taps, weights[-1], channels=cropped.channels):
        left[strip.plane, strip.rows, strip.columns] = strip.error
    if float(np.vdot(left, left)) <= _RESOLVED * float(sums.sums.variance.sum()):
        return False
    most = 0.0
    for channel, plane in enumerate(before):
        seen = np.nan_to_num(plane.astype(np.float64), posinf=0, neginf=0)
        seen -= seen.mean()
        power = fftconvolve(seen**2, np.ones(left.shape[1:]), mode="valid")
        power = np.maximum(power, 1e-9 * max(float(np.sum(seen**2)), np.finfo(float).tiny))
        for error in left if cropped.channels == "full" else left[channel : channel + 1]:
            pull = fftconvolve(seen, error[::-1, ::-1], mode="valid")
            size = np.abs(pull) / np.sqrt(power * max(float(np.vdot(error, error)), 1e-300))
            most = max(most, float(size.max()))
    return most > _MISSING


def _refuse(
    source: Any, shape: Sides | None, before: Array, after: Array, whole: float
) -> NoReturn:
    """Say how the after image lies instead, as far as that can be told."""
    rows, columns = source.valid_shape
    step = stride_of_sizes(before.shape[1:], after.shape[1:])
    if whole > SURELY_THERE and step is None:
        refuse_resized(before, after)
    if step is not None:
        raise InvalidInput(
            f"after must show a part of before, got an image that is {step} times smaller and "
            f"looks like the whole of it: give stride={step}"
        )
    raise InvalidInput(
        f"after must show a part of before, or shape must be {rows}x{columns}, the difference "
        f"between the images' sizes, got shape {shape or 'auto'!r} and no place where they are "
        "alike"
    )


def stride_of_sizes(before: tuple[int, ...], after: tuple[int, ...]) -> int | None:
    """Return the stride that two sizes look like, None if they do not."""
    step = round(before[0] / after[0])
    alike = (
        all(abs(long / step - short) < 1.5 for long, short in zip(before, after, strict=True))
        if step > 1
        else False
    )
    return step if alike else None


def _size(image: Any) -> str:
    return f"{image.shape[1]}x{image.shape[2]}"
