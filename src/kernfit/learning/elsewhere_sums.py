"""Sums over pairs of other libraries, made on their device: of patches, and of residuals.

As for NumPy's arrays, lag products over the image and strips at its border make the Gram matrix
(`kernfit.learning.sums.gram`). Where there is no float64, all is summed in compensated float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.devices import (
    SPLIT,
    Halves,
    astype,
    dtype_of,
    from_host,
    halves,
    has_float64,
    lag_products,
    namespace,
    square,
    to_host,
    total,
    two_product,
    two_sum,
    window,
    window_sums,
)
from kernfit.errors import InvalidInput
from kernfit.learning.pairs.residual import HALF_LEVEL, Residual
from kernfit.learning.sums.gram import Border, StripProducts, lag_gram
from kernfit.learning.sums.origin import Sums

Sides = tuple[int, int]

# Numbers of a band of rows that are in float64 at a time, and in a matrix of patches.
_BAND = 1 << 24
_PATCHES = 1 << 22
# float32 holds integers up to this; and what is squared must be neither lost nor infinite.
_EXACT = 2.0**24
_RANGE = 1e-15, 1e15


@dataclass(frozen=True, eq=False)
class Part:
    """Some outputs and the pixels behind them, on the device; see `Equations`."""

    x: Any
    y: Any
    used: Any


def _border(plane: Any, shape: Sides) -> Border:
    """Return what stands at the border of a plane; it comes to the host."""
    high, wide = (int(n) for n in plane.shape)
    return Border.of(lambda rows, columns: _strip(plane[rows, columns]), (high, wide), shape)


def _strip(part: Any) -> Array:
    return to_host(part).astype(np.float64)


def exact_levels(array: Any, levels: Array) -> Array:
    """Return levels that can be taken from an image (channels, rows, columns) without rounding.

    In float64 any can. In float32 the difference of two numbers is exact if neither is more than
    twice the other (P. H. Sterbenz, 1974); of an image that goes beyond that nothing is taken.

    Raises
    ------
    InvalidInput
        If there is no float64 on its device, and float32 does not hold its numbers.
    """
    if has_float64(array):
        return levels
    xp = namespace(array)
    dtype = dtype_of(array)
    if dtype.kind in "iu":
        if dtype.itemsize > 2 and float(xp.max(xp.abs(array))) > _EXACT:
            raise InvalidInput(
                "images must have levels within 2^24 on a device without float64, got larger ones: "
                "move them to the CPU"
            )
        return levels
    found = levels.astype(np.float32).astype(np.float64)
    for channel, level in enumerate(found):
        plane = array[channel, :, :]
        finite = xp.isfinite(plane)
        near = xp.logical_and(plane >= level / 2, plane <= 2 * level)
        if not bool(xp.all(xp.logical_or(near, xp.logical_not(finite)))):
            found[channel] = 0.0
    return found


def patch_sums(part: Part, shape: Sides, levels: tuple[Array, Array]) -> tuple[Sums, int]:
    """Return the sums over all outputs that count, and how many they are.

    Parameters
    ----------
    part : Part
        Its channels are mixed: all outputs count or none.
    shape : (kh, kw)
    levels : (ndarray, ndarray)
        Taken from the channels of both images.
    """
    found: Sums | None = None
    count = 0
    for x, y, used in _bands(part, shape, levels):
        xp = namespace(y)
        number = int(xp.count_nonzero(used))
        count += number
        if number < used.shape[0] * used.shape[1]:
            weight = astype(used, dtype_of(y))
            y = y * weight
            # What no output sees must not go in and out again: it may be larger than all the rest.
            x = x * _seen(weight, shape)
        _check_range(x, y)
        gram = _gram(x, used, number, shape)
        sums = Sums(
            gram,
            _cross(x, y, shape),
            np.array([square(y[o, :, :]) for o in range(y.shape[0])]),
            *levels,
        )
        found = sums if found is None else found.combined(sums, 1)
    assert found is not None  # as there is a row
    return found, count


def residual_sums(
    part: Part, weight: Array, bias: Array, levels: Array, given: tuple[Array, Array]
) -> Residual:
    """Return the sums over the residual of outputs that share a kernel.

    Parameters
    ----------
    part : Part
    weight : ndarray, shape (out, in, kh, kw)
    bias : ndarray, shape (out,)
    levels : ndarray, shape (in,)
        Which `Residual.cross` is counted from.
    given : (ndarray, ndarray)
        Levels that can be taken from both images without rounding.
    """
    outputs = len(weight)
    shape = weight.shape[2], weight.shape[3]
    squared, plain, reproduced = np.zeros(outputs), 0.0, 0
    lowest, highest = np.zeros(outputs), np.zeros(outputs)
    cross = np.zeros((weight[0].size + 1, outputs))
    offset = bias + np.sum(weight, axis=(2, 3)) @ given[0] - given[1]
    for x, y, used in _bands(part, shape, given):
        xp = namespace(y)
        error = _errors(x, y, weight, offset) * astype(used, dtype_of(y))
        near = xp.logical_and(xp.abs(error) <= HALF_LEVEL, used)
        reproduced += int(xp.count_nonzero(near))
        for o in range(outputs):
            squares = square(error[o, :, :])
            squared[o] += squares
            plain += squares
            lowest[o] = min(lowest[o], float(xp.min(error[o, :, :])))
            highest[o] = max(highest[o], float(xp.max(error[o, :, :])))
        cross += _cross(x, error, shape)
    # The patches were counted from what can be taken exactly.
    moved = np.repeat(given[0] - levels, shape[0] * shape[1])
    cross[:-1] += np.outer(moved, cross[-1])
    return Residual(squared, plain, 0.0, cross, reproduced, lowest, highest)


def _bands(part: Part, shape: Sides, levels: tuple[Array, Array]) -> Iterator[tuple[Any, Any, Any]]:
    """Give rows of both images less their levels, and which of the outputs count."""
    kind = np.dtype(np.float64 if has_float64(part.x) else np.float32)
    height, width = (int(n) for n in part.y.shape[1:])
    step = max(2 * shape[0], _BAND // (width * (part.x.shape[0] + part.y.shape[0])))
    for top in range(0, height, step):
        bottom = min(top + step, height)
        planes = []
        for image, rows, less in (
            (part.x, slice(top, bottom + shape[0] - 1), levels[0]),
            (part.y, slice(top, bottom), levels[1]),
        ):
            band = astype(image[:, rows, :], kind)
            planes.append(band - from_host(less[:, None, None].astype(kind), band))
        yield planes[0], planes[1], part.used[top:bottom, :]


def _check_range(*images: Any) -> None:
    """Refuse float32 numbers whose squares leave the range."""
    for image in images:
        xp = namespace(image)
        largest = float(xp.max(xp.abs(image)))
        if dtype_of(image) == np.float32 and largest and not _RANGE[0] < largest < _RANGE[1]:
            raise InvalidInput(
                "the values of each image must differ by between 1e-15 and 1e15 on a device "
                f"without float64, got differences of {largest:.2g}: divide it by a unit first"
            )


def _seen(weight: Any, shape: Sides) -> Any:
    """Return 1 for each pixel that some output sees, else 0."""
    xp = namespace(weight)
    kh, kw = shape
    high, wide = (int(n) for n in weight.shape)
    around = xp.zeros(
        (1, 1, high + 2 * (kh - 1), wide + 2 * (kw - 1)), dtype=weight.dtype, device=weight.device
    )
    if "jax" in xp.__name__:
        around = around.at[0, 0, kh - 1 : kh - 1 + high, kw - 1 : kw - 1 + wide].set(weight)
    else:
        around[0, 0, kh - 1 : kh - 1 + high, kw - 1 : kw - 1 + wide] = weight
    for size in ((kh, 1), (1, kw)):
        around = window_sums(around, np.ones((1, 1, *size), dtype_of(weight)), (1, 1), (1, 1))
    return astype(around[0, 0, :, :] > 0, dtype_of(weight))


def _gram(x: Any, used: Any, number: int, shape: Sides) -> Array:
    """Return the sum of ``p p^T`` over the outputs that count."""
    taps = shape[0] * shape[1]
    height, width = (int(n) for n in used.shape)
    if 0 < number < height * width / 2:
        return _gram_of(x, used, shape)
    gram = np.empty((x.shape[0] * taps + 1,) * 2)
    gram[-1, -1] = height * width
    borders = [_border(x[c, :, :], shape) for c in range(x.shape[0])]
    columns = -(shape[1] - 1), shape[1] - 1
    for p, first in enumerate(borders):
        at = slice(p * taps, (p + 1) * taps)
        gram[at, -1] = gram[-1, at] = _window_totals(x[p, :, :], first, shape).ravel()
        for q in range(p, len(borders)):
            one = lag_products(x[p, :height, :width], x[q, :, :], shape[0], columns)
            two = one
            if q > p:
                two = lag_products(x[q, :height, :width], x[p, :, :], shape[0], columns)
            block = lag_gram(one, two, StripProducts(first, borders[q]))
            to = slice(q * taps, (q + 1) * taps)
            gram[at, to] = block.reshape(taps, taps)
            gram[to, at] = gram[at, to].T
    if number < height * width:
        gram -= _gram_of(x, namespace(used).logical_not(used), shape)
    return gram


def _window_totals(plane: Any, border: Border, shape: Sides) -> Array:
    """Return the sum of what is under each tap, (kh, kw): of the whole, and strips in and out."""
    kh, kw = shape
    height, width = plane.shape[0] - kh + 1, plane.shape[1] - kw + 1
    # One step takes a column or row out and one in.
    change = border.right[kw - 1 :, :height].sum(axis=1) - border.left[:, :height].sum(axis=1)
    sums = np.empty((kh, kw))
    sums[0] = total(plane[:height, :width]) + np.append(0.0, np.cumsum(change))
    rows = border.bottom - border.top
    for b in range(kw):
        sums[1:, b] = sums[0, b] + np.cumsum(rows[:, b : b + width].sum(axis=1))
    return sums


def _gram_of(x: Any, chosen: Any, shape: Sides) -> Array:
    """Return the sum of ``p p^T`` over chosen outputs, some at least, patch by patch."""
    xp = namespace(x)
    kh, kw = shape
    wide = x.shape[2]
    flat = xp.reshape(x, (x.shape[0], -1))
    size = x.shape[0] * kh * kw + 1
    gram = np.zeros((size, size))
    # JAX compiles anew for each number of them, so they are found here and filled up.
    rows, columns = np.nonzero(to_host(chosen))
    first = rows * wide + columns
    step = min(max(1, _PATCHES // size), 1 << (first.size - 1).bit_length())
    for start in range(0, first.size, step):
        places = first[start : start + step]
        more = step - places.size
        at = from_host(np.pad(places, (0, more)).astype(np.int32), x)
        counts = from_host(np.pad(np.ones(places.size), (0, more)).astype(dtype_of(x)), x)
        under = [xp.take(flat, at + (a * wide + b), axis=1) for a in range(kh) for b in range(kw)]
        # (taps, channels, outputs); in a patch the taps of each channel stand together.
        patches = xp.permute_dims(xp.stack(under), (1, 0, 2))
        patches = xp.concat([xp.reshape(patches, (size - 1, step)), xp.ones_like(counts)[None, :]])
        patches = patches * counts
        if dtype_of(x) == np.float64:
            gram += to_host(xp.matmul(patches, xp.permute_dims(patches, (1, 0))))
        else:  # few as they are, they are multiplied on the host
            few = to_host(patches).astype(np.float64)
            gram += few @ few.T
    return gram


def _cross(x: Any, y: Any, shape: Sides) -> Array:
    """Return the sum of patch times y, a 1 closing each patch, shape (P, out)."""
    found = [
        np.append(
            np.concatenate(
                [
                    lag_products(y[o, :, :], x[c, :, :], shape[0], (0, shape[1] - 1)).ravel()
                    for c in range(x.shape[0])
                ]
            ),
            total(y[o, :, :]),
        )
        for o in range(y.shape[0])
    ]
    return np.stack(found, axis=1)


def _errors(x: Any, y: Any, weight: Array, offset: Array) -> Any:
    """Return ``y - (weight * x + offset)``, rounded once."""
    xp = namespace(x)
    if dtype_of(x) == np.float64:
        answers = window_sums(xp.expand_dims(x, axis=0), weight, (1, 1), (1, 1))[0, :, :, :]
        return y - answers - from_host(offset[:, None, None], y)
    found = []
    for o in range(y.shape[0]):
        high, low = two_sum(y[o, :, :], xp.zeros_like(y[o, :, :]) - float(np.float32(offset[o])))
        low = low - float(offset[o] - np.float32(offset[o]))
        for c in range(x.shape[0]):
            seen = halves(x[c, :, :])
            for (a, b), tap in np.ndenumerate(weight[o, c]):
                under = seen.map(window, a, b, y[o, :, :])
                product, rest = two_product(under, _number_halves(-tap))
                high, lost = two_sum(high, product)
                low = low + (lost + rest) - under.whole * float(tap - np.float64(np.float32(tap)))
        found.append(high + low)
    return xp.stack(found, axis=0)


def _number_halves(value: float) -> Halves:
    """Return the halves of one number, rounded to float32."""
    whole = np.float32(value)
    scaled = whole * np.float32(SPLIT)
    upper = scaled - (scaled - whole)
    return Halves(float(whole), float(upper), float(whole - upper))
