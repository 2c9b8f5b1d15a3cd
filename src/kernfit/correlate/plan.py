"""Plans: everything about a correlation that does not depend on the pixels, settled once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from kernfit.arrays import Array, as_mask, one_of
from kernfit.correlate.axes import axes_of
from kernfit.correlate.definition import correlate_by_definition
from kernfit.correlate.direct import correlate_rows
from kernfit.correlate.numbers import Numbers, numbers_for
from kernfit.correlate.omit import omission_of
from kernfit.correlate.run import Work, run_samples
from kernfit.correlate.steps import ONE, correlate_steps
from kernfit.correlate.taps import Taps
from kernfit.correlate.tiles import tiles_of
from kernfit.errors import InvalidInput

METHODS = ("auto", "definition", "direct")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a correlation will be computed, and why."""

    method: str
    reason: str
    cost: float
    error_bound: float
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    image_shape: tuple[int, ...]
    work: Work = field(repr=False)
    straight: Array | None = field(repr=False)  # the taps, where one call is all there is to do

    def __call__(
        self, image: Array, *, mask: ArrayLike | None = None, out: Array | None = None
    ) -> Array:
        """Correlate `image`, which has the shape and dtype that were planned for."""
        if out is None:
            out = np.empty(self.shape, self.dtype)
        else:
            _check_out(out, self.shape, self.dtype, image)
        if self.straight is not None:
            correlate_rows(image, self.straight, out, threads=self.work.threads)
            return out
        where = None
        if mask is not None:
            whole = np.shape(mask) != image.shape[-2:]
            where = as_mask(mask, image.shape if whole else image.shape[-2:])
            where = np.broadcast_to(where, image.shape)
        run_samples(self.work, image, where, out)
        return out


def _check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], image: Array) -> None:
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
        got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise InvalidInput(f"out must be an array of {dtype} and shape {shape}, got {got}")
    if not out.flags.writeable:
        raise InvalidInput("out must be writeable, got a read-only array: give a copy")
    if np.may_share_memory(out, image) and np.shares_memory(out, image):
        raise InvalidInput(
            "out must not share memory with image, whose pixels are still needed: give a new one"
        )


@lru_cache(maxsize=256, typed=True)
def plan_for(
    shape: tuple[int, ...],
    image_dtype: np.dtype[Any],
    taps: Taps,
    mode: str,
    boundary: str | Sequence[str],
    fill_value: complex,
    padding: object,
    anchor: tuple[int, int] | None,
    stride: int | Sequence[int],
    dilation: int | Sequence[int],
    nan: str,
    masked: bool,
    dtype: DTypeLike | None,
    overflow: str,
    method: str,
    threads: int | None,
) -> Plan:
    """Return the plan for these options; equal options give the very same plan."""
    one_of(method, METHODS, "method")
    one_of(nan, ("propagate", "omit"), "nan")
    rows, columns = axes_of(
        shape,
        taps.size,
        mode=mode,
        padding=padding,
        anchor=taps.anchor if anchor is None else anchor,
        stride=stride,
        dilation=dilation,
        boundary=boundary,
    )
    weights, bias = taps.weights(), np.array(taps.bias)
    numbers = numbers_for(
        image_dtype, weights, bias, weak=taps.weak, missing=masked, dtype=dtype, overflow=overflow
    )
    fill = _fill(fill_value, image_dtype, numbers)
    steps = (rows.stride, columns.stride), (rows.dilation, columns.dilation)
    plane = np.ascontiguousarray(weights[0, 0])
    if method == "definition":
        exact = plane.astype(numbers.sums)
        apply = partial(_defined, exact, steps)
    else:
        exact = plane.astype(numbers.sums)
        apply = partial(_direct, exact, steps)
    omission = None
    if nan == "omit" and not numbers.are_integers:
        omission = omission_of(plane, partial(_direct, plane.astype(float), steps), 0.0)
    in_place = (
        method != "definition"
        and steps == (ONE, ONE)
        and omission is None
        and not masked
        and image_dtype == numbers.load
        and numbers.result == numbers.exact
    )
    count = threads or 1
    scratch = max(numbers.load.itemsize, numbers.sums.itemsize)
    tiles = tiles_of(rows, columns, itemsize=scratch, in_place=in_place, threads=count)
    has_bias = bool(bias.any())
    work = Work(
        rows, columns, fill, numbers, numbers.sums.type(bias[0]) if has_bias else None,
        apply, omission, tiles, count,
    )  # fmt: skip
    outputs = rows.outputs, columns.outputs
    whole = rows.inside == (0, outputs[0]) and columns.inside == (0, outputs[1])
    straight = (
        len(shape) == 2 and in_place and whole and not has_bias
        and numbers.check is None and numbers.sums == numbers.result
    )  # fmt: skip
    return Plan(
        "definition" if method == "definition" else "direct", "", 0.0, 0.0,
        (*shape[:-2], *outputs), numbers.result, shape, work,
        exact if straight else None,
    )  # fmt: skip


def _direct(taps: Array, steps: Any, source: Array, sums: Array) -> None:
    correlate_steps(source, taps, sums, *steps)


def _defined(taps: Array, steps: Any, source: Array, sums: Array) -> None:
    correlate_by_definition(source, taps, sums, *steps)


def _fill(value: complex, image: np.dtype[Any], numbers: Numbers) -> object:
    """Return the fill value in the dtype that pixels are loaded in."""
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "biufc":
        raise InvalidInput(f"fill_value must be a number, got {value!r}")
    if not numbers.are_integers:
        if number.dtype.kind == "c" and numbers.load.kind != "c":
            raise InvalidInput(f"fill_value must be real for real images, got {value!r}")
        return number.astype(numbers.load)[()]
    low, high = (0, 1) if image.kind == "b" else (np.iinfo(image).min, np.iinfo(image).max)
    if number.dtype.kind == "c" or not low <= number <= high or number != np.rint(number):
        raise InvalidInput(
            f"fill_value must be an integer from {low} to {high} for an image of {image}, "
            f"got {value!r}: or pass a floating image"
        )
    return number.astype(image).astype(numbers.load)[()]
