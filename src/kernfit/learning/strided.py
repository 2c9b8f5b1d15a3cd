"""Strides and dilations: views that turn a source into one that has neither."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.learning.answers.fit import Fit
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.several import Pairs

Sides = tuple[int, int]

# Pixels before a kernel's anchor up to which all places of the first output are tried.
_FEW = 4


def in_steps(
    source: Pair | Pairs, stride: Sides, dilation: Sides, shape: Sides | None
) -> tuple[Pair | Pairs, Sides | None]:
    """Return a source of a plain kernel for one whose outputs or taps lie more pixels apart.

    Parameters
    ----------
    source : Source
    stride : (rows, columns)
        Its after images hold every so many-th output.
    dilation : (rows, columns)
        So many pixels lie from tap to tap.
    shape : (kh, kw) or None
        The kernel's shape. If it is known, the place of the first output is the one that leaves
        the least residual; else outputs sit in the middle of the pixels that they stand for, and
        the kernel is found wherever it lies.

    Returns
    -------
    source : Source
    first : (row, column) or None
        With a stride: the pixel of the before image on which the anchor sits for the first output.

    Raises
    ------
    InvalidInput
        If an after image is too large for that.
    """
    if stride == (1, 1):
        return dilated(source, dilation), None
    room = np.min([_room(member, stride) for member in source.members], axis=0)
    if shape is None:
        down, across = (min((n - 1) // 2, int(most)) for n, most in zip(stride, room, strict=True))
        return dilated(spread(source, stride, (down, across)), dilation), (down, across)
    anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
    # Within the first step, or where the first window begins at the image's corner or, with zeros
    # around the image, up to the anchor before it: all such places where they are few.
    places = [
        sorted({*range(min(max(step, _reach(at * apart)), most + 1)), min(at * apart, most)})
        for step, most, at, apart in zip(stride, room.tolist(), anchor, dilation, strict=True)
    ]
    tried = [
        dilated(spread(source, stride, (row, column)), dilation)
        for row in places[0]
        for column in places[1]
    ]
    first = [(row, column) for row in places[0] for column in places[1]]
    errors = []
    for each in tried:
        sums = each.statistics(shape, anchor)
        errors.append(float(sums.squared_error(sums.solve().weights).sum()) / sums.sums.weight)
    # The first of those that are as good but for rounding.
    best = next(n for n, error in enumerate(errors) if error * (1 - 1e-9) <= min(errors))
    return tried[best], first[best]


def _reach(before_anchor: int) -> int:
    return before_anchor + 1 if before_anchor <= _FEW else 1


def _room(pair: Any, stride: Sides) -> list[int]:
    """Return by how many rows and columns the first output may be moved."""
    size, outputs = pair.before.shape[1:], pair.after.shape[1:]
    room = [
        length - (step * (n - 1) + 1) for length, step, n in zip(size, stride, outputs, strict=True)
    ]
    if min(room) < 0:
        raise InvalidInput(
            f"after must be {stride[0]}x{stride[1]} times smaller than before for that stride, got "
            f"{outputs[0]}x{outputs[1]} after and {size[0]}x{size[1]} before"
        )
    return room


def spread(source: Pair | Pairs, stride: Sides, first: Sides) -> Pair | Pairs:
    """Put each output on its pixel, and mask all the others out."""
    if isinstance(source, Pairs):
        several: Any = tuple(spread(one, stride, first) for one in source.members)
        return replace(source, members=several)
    size = source.before.shape[1:]
    grid: tuple[Any, ...] = tuple(
        slice(start, start + step * (n - 1) + 1, step)
        for start, step, n in zip(first, stride, source.after.shape[1:], strict=True)
    )

    def on_grid(image: Any, fill: float) -> Any:
        if image is None:
            return None
        if not isinstance(image, np.ndarray):
            return image.spread(grid, size)
        found = np.full((*image.shape[:-2], *size), fill, image.dtype)
        found[(..., *grid)] = image
        return found

    mask = np.ones(source.after.shape[1:], bool) if source.mask is None else source.mask
    return replace(
        source,
        after=on_grid(source.after, 0),
        mask=on_grid(mask, False),
        wild=on_grid(source.wild, False),
        variance=on_grid(source.variance, np.inf),
    )


def dilated(source: Pair | Pairs, dilation: Sides) -> Pair | Pairs:
    """Return pairs that share the kernel whose taps lie so many pixels apart.

    Such taps see every so many-th pixel, and so do the outputs that lie as far apart: each of
    these sets of pixels is a smaller pair of its own under a plain kernel.
    """
    if dilation == (1, 1):
        return source
    if isinstance(source, Pairs):
        several: Any = tuple(dilated(one, dilation) for one in source.members)
        return replace(source, members=several)
    members = []
    for row in range(dilation[0]):
        for column in range(dilation[1]):
            at = (slice(row, None, dilation[0]), slice(column, None, dilation[1]))
            names = ("before", "after", "mask", "wild", "variance", "before_variance")
            found = {name: _every(getattr(source, name), at) for name in names}
            # With a stride, some sets hold no output.
            if found["mask"] is None or found["mask"].any():
                members.append(replace(source, **found))
    return Pairs(tuple(members), interlaced=True) if members else source


def _every(image: Any, at: tuple[slice, slice]) -> Any:
    if image is None:
        return None
    if isinstance(image, np.ndarray):
        return np.ascontiguousarray(image[..., *at])
    return image.part(slice(None), *at)


def told_of_steps(
    fit: Fit, source: Pair | Pairs, stride: Sides, dilation: Sides, first: Sides | None
) -> Fit:
    """Return the fit with counts of the after images as they were, and word of the steps."""
    notes = list(fit.notes)
    if first is not None:
        notes.append(
            f"each step of {stride[0]}x{stride[1]} pixels gives one output; the anchor of the "
            f"first sits on row {first[0]}, column {first[1]} of the before image"
        )
        fit = replace(fit, left_out=_counted(fit, source.members))
    if dilation != (1, 1):
        notes.append(f"the taps lie {dilation[0]}x{dilation[1]} pixels apart")
    return replace(fit, notes=tuple(notes))


def _counted(fit: Fit, members: tuple[Pair, ...]) -> dict[str, int]:
    """Return what was left out of after images that had no pixels between the outputs yet."""
    own = ("border", "masked", "clipped")
    left_out = dict.fromkeys(own, 0)
    for pair in members:
        if pair.mask is not None:
            left_out["masked"] += int(np.count_nonzero(~pair.mask)) * len(pair.after)
        low, high = pair.clip
        if np.isfinite(low) or np.isfinite(high):
            after: Array = pair.after[:, :, :]
            left_out["clipped"] += int(np.count_nonzero((after <= low) | (after >= high)))
    left_out |= {why: n for why, n in fit.left_out.items() if why not in own}
    size = sum(int(pair.after.size) for pair in members)
    left_out["border"] = max(0, size - fit.used - sum(left_out.values()))
    return left_out
