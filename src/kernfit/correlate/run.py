"""Run a correlation tile by tile: gather, apply, leave out, add the bias, convert."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.axes import Axis
from kernfit.correlate.boundary import gather
from kernfit.correlate.dtypes import Numbers
from kernfit.correlate.omit import Omission
from kernfit.correlate.rounding import convert, too_large
from kernfit.correlate.threads import for_strips
from kernfit.correlate.tiles import Tile

Apply = Callable[[Array, Array], None]

_TILES_EACH = 64  # for every thread, at most: beyond that several go together


class Finish(Protocol):
    """How sums become whole levels."""

    @property
    def bias(self) -> Any:
        """What is added to the sums."""

    def finish(self, source: Array, sums: Array, out: Array) -> bool:
        """Write the levels of sums over `source` into `out`; return whether all of them fit."""


@dataclass(frozen=True, slots=True)
class Work:
    """All that one kernel does to one sample, settled before any pixel is seen."""

    rows: Axis
    columns: Axis
    fill: object
    numbers: Numbers
    bias: object  # in the dtype of the sums, or None for nothing to add
    apply: Apply  # valid correlation of a tile, from the load dtype to that of the sums
    omission: Omission | None
    tiles: tuple[Tile, ...]
    threads: int
    axes: int = 2  # of a sample: 3 where the kernel mixes channels
    levels: Finish | None = None  # how sums become whole levels, where they are those of exact sums


def run_samples(work: Work, image: Array, mask: Array | None, out: Array) -> None:
    """Correlate every sample of `image` into the same one of `out`.

    Parameters
    ----------
    work : Work
        What to do.
    image : ndarray, shape (..., H, W)
        Any strides, dtype as planned. A sample is its last two axes, or its last three where the
        kernel mixes channels.
    mask : ndarray of bool, shape of `image`, optional
        True marks a pixel to use.
    out : ndarray, shape (..., H', W')
        Of the result's dtype.
    """
    numbers = work.numbers
    if numbers.check is not None and image.size:
        numbers.require_room(int(image.min()), int(image.max()))
    if numbers.result == numbers.exact != numbers.sums:
        out = out.view(numbers.sums)  # uint64 sums are kept as the same bits of int64
    if same_bits(image.dtype, numbers):
        image = image.view(numbers.load)
    count = len(work.tiles)
    batch = image.shape[: image.ndim - work.axes]

    def tiles(first: int, stop: int) -> None:
        # NaN and infinity are values like any other here, not worth a warning.
        with np.errstate(all="ignore"):
            for n in range(first, stop):
                sample, tile = divmod(n, count)
                at = np.unravel_index(sample, batch) if batch else ()
                part = None if mask is None else mask[at]
                _run_tile(work, image[at], part, out[at], work.tiles[tile])

    # Tiles at the border are much smaller than others: one by one they even out.
    for_strips(tiles, count * math.prod(batch), work.threads, each=_TILES_EACH)


def same_bits(image: np.dtype[Any], numbers: Numbers) -> bool:
    """Whether the image can be read as what is loaded: bool as uint8, uint64 as int64."""
    alike = image.kind in "bu" and numbers.load.kind in "iu" and image.isnative
    return alike and image.itemsize == numbers.load.itemsize


def _run_tile(work: Work, image: Array, mask: Array | None, out: Array, tile: Tile) -> None:
    numbers = work.numbers
    target = out[..., tile.top : tile.bottom, tile.left : tile.right]
    source = _source(work, image, tile, numbers.load, work.fill, copy=mask is not None)
    if work.levels is not None:
        sums = np.empty(target.shape, numbers.sums)
        work.apply(source, sums)
        if not work.levels.finish(source, sums, target) and numbers.overflow == "raise":
            values = np.rint(sums + float(work.levels.bias))
            raise too_large(values.min(), values.max(), numbers.result)
        return
    straight = target.dtype == numbers.sums and target.strides[-1] == target.itemsize
    sums = target if straight else np.empty(target.shape, numbers.sums)
    if work.omission is None:
        if mask is not None:
            source[~_source(work, mask, tile, mask.dtype, True)] = np.nan
        work.apply(source, sums)
    else:
        missing = np.isnan(source)
        if mask is not None:
            missing |= ~_source(work, mask, tile, mask.dtype, True)
        work.omission.apply(work.apply, source, missing, sums)
    if work.bias is not None:
        sums += work.bias
    if not straight:
        if target.dtype == numbers.sums:
            target[...] = sums
        else:
            target[...] = convert(sums.view(numbers.exact), numbers.result, numbers.overflow)


def _source(
    work: Work,
    image: Array,
    tile: Tile,
    dtype: np.dtype[np.generic],
    fill: object,
    copy: bool = False,
) -> Array:
    """Return the pixels that a tile needs: the image's own memory where that will do."""
    top, bottom = work.rows.window(tile.top, tile.bottom)
    left, right = work.columns.window(tile.left, tile.right)
    if tile.inside and image.dtype == dtype and not copy:
        return image[..., top:bottom, left:right]
    scratch = np.empty((*image.shape[:-2], bottom - top, right - left), dtype)
    gather(image, work.rows, work.columns, fill, (top, left), scratch)
    return scratch
