"""Correlate images of other libraries where they lie, under the same contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from kernfit.arrays import one_of
from kernfit.correlate.axes import Axis, axes_of
from kernfit.correlate.dtypes import Numbers, fill_of, numbers_for
from kernfit.correlate.omit import omission_of
from kernfit.correlate.options import Options
from kernfit.correlate.room import require_memory
from kernfit.correlate.taps import Taps, check_channels
from kernfit.devices import (
    astype,
    dtype_of,
    from_host,
    gathered,
    is_elsewhere,
    namespace,
    window_sums,
)
from kernfit.errors import InvalidInput, ResultTooLarge


def correlate_elsewhere(
    image: Any, taps: Taps, options: Options, *, mask: Any = None, out: Any = None
) -> Any:
    """Return the correlation as an array of the image's own library, on its device.

    Parameters
    ----------
    image : array, shape (..., H, W)
    taps : Taps
    options : Options
        With method "auto": the image's library chooses.
    mask
        As for `correlate2d`; it may lie on any device.
    out
        Only None.

    Raises
    ------
    InvalidInput, ResultTooLarge
        As for `correlate2d`.
    """
    one_of(options.method, ("auto",), "method, where the image is no NumPy array,")
    if out is not None:
        raise InvalidInput("out must be None where the image is no NumPy array: take the result")
    shape, kind = tuple(int(n) for n in image.shape), dtype_of(image)
    if len(shape) < 2:
        raise InvalidInput(
            f"image must have at least 2 axes (..., rows, columns), got shape {shape}: "
            "add an axis, for example image[None, :]"
        )
    weights = taps.weights()
    rows, columns = axes_of(
        shape, taps.size, mode=options.mode, padding=options.padding,
        anchor=taps.anchor if options.anchor is None else options.anchor,
        stride=options.stride, dilation=options.dilation, boundary=options.boundary,
    )  # fmt: skip
    if taps.groups:
        check_channels(shape, taps)
    numbers = numbers_for(
        kind, weights, np.array(taps.bias), weak=taps.weak, missing=mask is not None,
        dtype=options.dtype, overflow=options.overflow,
    )  # fmt: skip
    fill: Any = fill_of(options.fill_value, kind, numbers)
    channels = shape[-3] if taps.groups else 1
    batch = shape[: len(shape) - (3 if taps.groups else 2)]
    samples = int(np.prod(batch))
    planes = samples * max(len(weights), channels)
    require_memory(rows, columns, planes, numbers.sums.itemsize, whole=samples * channels)
    xp = namespace(image)
    if numbers.check is not None and 0 not in shape:
        numbers.require_room(int(xp.min(image)), int(xp.max(image)))
    # Many libraries do little with 16 bits.
    sums = np.promote_types(numbers.sums, np.int32) if numbers.are_integers else numbers.sums
    size = rows.outputs, columns.outputs
    outputs = (len(weights),) if taps.groups else ()
    whole = (*batch, *outputs, *size)
    if 0 in whole:
        return _converted(xp.zeros(whole, dtype=image.dtype, device=image.device), numbers)
    if 0 in shape:  # nothing but the fill value, which one pixel has as well as none
        image, rows, columns = _filled(image, fill, rows, columns)
        shape, mask = tuple(image.shape), None
    planes = xp.reshape(astype(image, sums), (samples, channels, *shape[-2:]))
    sources = _sources(rows), _sources(columns)
    seen = gathered(planes, sources, fill.item() if hasattr(fill, "item") else fill)
    steps = (rows.stride, columns.stride), (rows.dilation, columns.dilation)
    groups = max(taps.groups, 1)

    def apply(pixels: Any, values: Any) -> Any:
        return window_sums(pixels, values, *steps, groups)

    missing = _missing(image, mask, seen, sources, shape, (samples, channels, *shape[-2:]))
    if options.nan == "omit" and sums.kind in "fc":
        seen_nan = xp.isnan(seen)
        missing = seen_nan if missing is None else xp.logical_or(missing, seen_nan)
        rule = omission_of(weights, None, 0.0, 3)  # type: ignore[arg-type]
        found = apply(xp.where(missing, xp.zeros_like(seen), seen), weights.astype(sums))
        lost = apply(astype(missing, np.dtype(np.float64)), weights.astype(np.float64))
        total, least = from_host(rule.total, lost), from_host(rule.smallest, lost)
        valid = total - lost
        valid = xp.where(xp.abs(valid) <= least, xp.full_like(valid, xp.nan), valid)
        factor = xp.where(lost == 0, xp.ones_like(valid), total / valid)
        found = astype(astype(found, np.dtype(np.float64)) * factor, sums)
    else:
        if missing is not None:
            seen = xp.where(missing, xp.full_like(seen, xp.nan), seen)
        found = apply(seen, weights.astype(sums))
    if any(taps.bias):
        found = found + from_host(np.array(taps.bias).astype(sums)[:, None, None], found)
    found = xp.reshape(found, (*batch, *outputs, *size))
    return _converted(found, numbers)


def _filled(image: Any, fill: Any, rows: Axis, columns: Axis) -> tuple[Any, Axis, Axis]:
    """Return an image of the fill value in the place of one without pixels, and its axes."""
    xp = namespace(image)
    size = max(rows.size, 1), max(columns.size, 1)
    value = fill.item() if hasattr(fill, "item") else fill
    pixels = xp.full((*image.shape[:-2], *size), value, dtype=image.dtype, device=image.device)
    axes = (
        replace(axis, size=n, after=axis.after - (n - axis.size))
        for axis, n in zip((rows, columns), size, strict=True)
    )
    return pixels, *axes


def _sources(axis: Axis) -> Any:
    """Return which pixel stands at each place that the outputs of an axis need."""
    return axis.sources(*axis.window(0, axis.outputs))


def _missing(
    image: Any, mask: Any, seen: Any, sources: Any, shape: Any, planes: tuple[int, ...]
) -> Any:
    """Return where a mask leaves pixels out, gathered as the image is; None without one."""
    if mask is None:
        return None
    if not is_elsewhere(mask):
        mask = from_host(np.asarray(mask), image)
    if dtype_of(mask) != np.bool_ or tuple(mask.shape) not in (shape, shape[-2:]):
        raise InvalidInput(
            f"mask must be boolean with shape {shape} or {shape[-2:]}, got {mask.dtype} "
            f"{tuple(mask.shape)}"
        )
    xp = namespace(seen)
    whole = xp.reshape(xp.broadcast_to(mask, shape), planes)
    # The fill value counts as there.
    return xp.logical_not(gathered(whole, sources, True))


def _converted(values: Any, numbers: Numbers) -> Any:
    """Return finished sums in the dtype of the result."""
    result = numbers.result
    if result.kind in "fc":
        return astype(values, result)
    xp = namespace(values)
    room = np.iinfo(result)
    if 0 in values.shape:
        return astype(values, result)
    if dtype_of(values).kind == "f":
        if bool(xp.any(xp.isnan(values))):
            raise ResultTooLarge(
                f"the result must be numbers to fit dtype {result}, got NaN: leave the missing "
                "pixels out with nan='omit', or pass a floating dtype"
            )
        values = xp.round(values)
    exact = numbers.exact == np.uint64
    low, high = xp.min(values), xp.max(values)
    fits = exact or (float(low) >= room.min and float(high) <= room.max)
    if not fits and numbers.overflow == "raise":
        raise ResultTooLarge(
            f"the result must lie in {result}'s range, got {float(low):g} to {float(high):g}: pass "
            "overflow='saturate' or 'wrap', or a wider dtype"
        )
    if not fits and numbers.overflow == "saturate":
        values = xp.clip(values, room.min, room.max)
    elif not fits:
        span = 2 ** (8 * result.itemsize)
        if span < 2**64:
            values = astype(values, np.dtype(np.int64))
            values = xp.remainder(values - int(room.min), span) + int(room.min)
    return astype(values, result)
