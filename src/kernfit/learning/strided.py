"""Strides and dilations: turned into what is already known how to learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.learning.answers.fit import Fit
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.several import Pairs


def strided(
    pair: Pair, stride: tuple[int, int], shape: tuple[int, int] | None
) -> tuple[Pair, tuple[int, int]]:
    """Return a pair of equal sizes whose after image is known at every so many-th pixel only.

    Parameters
    ----------
    pair : Pair
        Its after image holds every so many-th output.
    stride : (rows, columns)
    shape : (kh, kw) or None
        The kernel's shape. If it is known, the place of the first output is the one that leaves
        the least residual; else outputs sit in the middle of the pixels that they stand for, and
        the kernel is found wherever it lies.

    Returns
    -------
    pair : Pair
    first : (row, column)
        The pixel of the before image on which the anchor sits for the first output.

    Raises
    ------
    InvalidInput
        If the after image is too large for that.
    """
    size, outputs = pair.before.shape[1:], pair.after.shape[1:]
    needed = tuple(step * (n - 1) + 1 for step, n in zip(stride, outputs, strict=True))
    if needed[0] > size[0] or needed[1] > size[1]:
        raise InvalidInput(
            f"after must be {stride[0]}x{stride[1]} times smaller than before for that stride, got "
            f"{outputs[0]}x{outputs[1]} after and {size[0]}x{size[1]} before"
        )
    room = [length - need for length, need in zip(size, needed, strict=True)]
    if shape is None:
        middle = [min((step - 1) // 2, most) for step, most in zip(stride, room, strict=True)]
        return _stuffed(pair, stride, (middle[0], middle[1])), (middle[0], middle[1])
    anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
    # Within the first step, or where the first window begins at the image's corner.
    places = [
        sorted({*range(min(step, most + 1)), min(at, most)})
        for step, most, at in zip(stride, room, anchor, strict=True)
    ]
    best, least = (0, 0), np.inf
    for row in places[0]:
        for column in places[1]:
            sums = _stuffed(pair, stride, (row, column)).statistics(shape, anchor)
            error = float(sums.squared_error(sums.solve().weights).sum()) / sums.sums.weight
            if error < least * (1 - 1e-9):
                best, least = (row, column), error
    return _stuffed(pair, stride, best), best


def _stuffed(pair: Pair, stride: tuple[int, int], first: tuple[int, int]) -> Pair:
    """Put each output on its pixel and mask all the others out."""
    outputs = pair.after.shape[1:]
    grid = tuple(
        slice(start, start + step * (n - 1) + 1, step)
        for start, step, n in zip(first, stride, outputs, strict=True)
    )
    size = pair.before.shape[1:]
    after = np.zeros((len(pair.after), *size), pair.after.dtype)
    after[:, *grid] = pair.after
    mask = np.zeros(size, bool)
    mask[grid] = True if pair.mask is None else pair.mask
    variance = pair.variance
    if variance is not None:
        spread = np.full((len(variance), *size), np.inf)
        spread[:, *grid] = variance
        variance = spread
    return replace(pair, after=after, mask=mask, variance=variance)


def told_of_stride(fit: Fit, pair: Pair, stride: tuple[int, int], first: tuple[int, int]) -> Fit:
    """Return the fit with counts of the after image as it was, and word of the stride."""
    masked = 0 if pair.mask is None else np.count_nonzero(~pair.mask) * len(pair.after)
    others = {
        why: n for why, n in fit.left_out.items() if why not in ("border", "masked", "clipped")
    }
    low, high = pair.clip
    clipped = int(np.count_nonzero((pair.after <= low) | (pair.after >= high)))
    left_out = {"border": 0, "masked": int(masked), "clipped": clipped, **others}
    left_out["border"] = max(0, pair.after.size - fit.used - sum(left_out.values()))
    note = (
        f"each step of {stride[0]}x{stride[1]} pixels gives one output; the anchor of the first "
        f"sits on row {first[0]}, column {first[1]} of the before image"
    )
    return replace(fit, left_out=left_out, notes=(*fit.notes, note))


def dilated(pair: Pair, dilation: tuple[int, int]) -> Pairs:
    """Return pairs that share the kernel whose taps lie so many pixels apart.

    Such taps see every so many-th pixel, and so do the outputs that lie as far apart: each of
    these sets of pixels is a smaller pair of its own under a plain kernel.
    """
    members = []
    for row in range(dilation[0]):
        for column in range(dilation[1]):
            at = (slice(None), slice(row, None, dilation[0]), slice(column, None, dilation[1]))
            members.append(
                replace(
                    pair,
                    before=np.ascontiguousarray(pair.before[at]),
                    after=np.ascontiguousarray(pair.after[at]),
                    mask=_at(pair.mask, at[1:]),
                    wild=_at(pair.wild, at[1:]),
                    variance=_at(pair.variance, at),
                    before_variance=_at(pair.before_variance, at),
                )
            )
    return Pairs(tuple(members), interlaced=True)


def _at(image: Array | None, place: tuple[slice, ...]) -> Array | None:
    return None if image is None else image[place]
