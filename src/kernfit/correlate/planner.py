"""Make plans: check the options, weigh the methods, cut the tiles."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from kernfit.arrays import Array, as_pair_of_ints, one_of
from kernfit.correlate.axes import Axis, axes_of
from kernfit.correlate.bounds import whole_bound
from kernfit.correlate.dtypes import Dtype, Numbers, numbers_for
from kernfit.correlate.methods import METHODS, Method, methods_for
from kernfit.correlate.omit import Omission, omission_of
from kernfit.correlate.plan import Plan
from kernfit.correlate.run import Work, same_bits
from kernfit.correlate.taps import Taps
from kernfit.correlate.tiles import tiles_of
from kernfit.errors import InvalidInput

# Seconds of work that make another thread worth its start.
_WORTH_A_THREAD = 5e-4


def plan_for(*options: Any) -> Plan:
    """Return the plan for the options of `_plan`; equal ones give the very same plan."""
    try:
        return _plan(*options)
    except TypeError:
        # Lists and arrays cannot be looked up: turn them into tuples, and try again.
        return _plan(*map(_hashable, options))


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list) or type(value) is tuple:
        return tuple(map(_hashable, value))
    try:
        hash(value)
    except TypeError:
        return repr(value)  # no option looks like this: the checks will refuse it
    return value


@lru_cache(maxsize=256, typed=True)
def _plan(
    shape: tuple[int, ...],
    image: Dtype,
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
    one_of(method, METHODS, "method")
    one_of(nan, ("propagate", "omit"), "nan")
    if threads is not None:
        as_pair_of_ints(threads, "threads", least=1)
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
        image, weights, bias, weak=taps.weak, missing=masked, dtype=dtype, overflow=overflow
    )
    fill = fill_of(fill_value, image, numbers)
    plane = weights[0, 0]
    chosen, reason = choose(list(methods_for(plane, numbers, image, rows, columns)), method)
    apply, bound = chosen.make()
    omission = None
    if nan == "omit" and numbers.sums.kind in "fc":
        omission = _omission(plane, chosen.name, rows, columns)
    batch = math.prod(shape[:-2])
    count = threads or threads_for(chosen.cost * batch)
    work = work_of(chosen, apply, rows, columns, fill, bias, image, count, omission, masked)
    outputs = rows.outputs, columns.outputs
    inside = (rows.inside, columns.inside) == ((0, outputs[0]), (0, outputs[1]))
    numbers = chosen.numbers
    straight = (
        len(shape) == 2
        and inside
        and numbers.load == image
        and numbers.sums == numbers.result
        and numbers.sums.char not in "gG"
        and work.omission is None
        and work.bias is None
        and numbers.check is None
        and not masked
    )
    total = whole_bound(bound, plane, bias, image, numbers)
    return Plan(
        chosen.name,
        reason,
        chosen.cost * batch,
        total,
        shape,
        image,
        (*shape[:-2], *outputs),
        numbers.result,
        count,
        masked,
        work,
        chosen.exact if straight else None,
    )


def choose(methods: list[Method], wanted: str) -> tuple[Method, str]:
    """Return the method that is wanted, or for "auto" the cheapest, and why.

    Raises
    ------
    InvalidInput
        If the method that is wanted cannot keep the contract.
    """
    if wanted != "auto":
        for method in methods:
            if method.name == wanted:
                return method, f"as asked for{method.note}"
        raise InvalidInput(
            f"method={wanted!r} cannot compute this exactly enough (integers, long doubles or taps "
            "that are not finite): use 'auto', or pass dtype=float for a floating image"
        )
    useful = sorted((m for m in methods if m.name != "definition"), key=lambda m: m.cost)
    text = ", ".join(f"{m.name}{m.note} {1e3 * m.cost:.3g} ms" for m in useful)
    return useful[0], f"the cheapest for a plane: {text}" if len(useful) > 1 else "the only one"


def work_of(
    chosen: Method,
    apply: Callable[[Array, Array], None],
    rows: Axis,
    columns: Axis,
    fill: object,
    bias: Array,
    image: Dtype,
    threads: int,
    omission: Omission | None,
    masked: bool,
) -> Work:
    """Return the work on one plane, cut into tiles."""
    numbers = chosen.numbers
    in_place = (
        chosen.uses_image
        and omission is None
        and not masked
        and (image == numbers.load or same_bits(image, numbers))
        and numbers.result == numbers.exact
    )
    tiles = tiles_of(
        rows,
        columns,
        itemsize=max(numbers.load.itemsize, numbers.sums.itemsize),
        in_place=in_place,
        threads=threads,
        block=chosen.block,
    )
    addend = numbers.sums.type(bias[0]) if bias.any() else None
    return Work(rows, columns, fill, numbers, addend, apply, omission, tiles, threads)


def _omission(plane: Array, name: str, rows: Axis, columns: Axis) -> Omission:
    """Return how to leave pixels out, weighed in double precision by the method of that name."""
    double = np.dtype("f8")
    numbers = Numbers(double, double, double, double)
    if plane.dtype.kind == "c":
        return omission_of(plane, lambda source, sums: None, 0.0)
    methods = list(methods_for(plane.astype(double), numbers, double, rows, columns))
    names = [method.name for method in methods]
    apply, bound = methods[names.index(name if name in names else "direct")].make()
    return omission_of(plane, apply, bound)


def threads_for(seconds: float) -> int:
    """Return how many threads are worth while for that much work."""
    if seconds < 2 * _WORTH_A_THREAD:
        return 1
    return min(_cores(), int(seconds / _WORTH_A_THREAD))


@lru_cache(maxsize=1)
def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def fill_of(value: complex, image: Dtype, numbers: Numbers) -> object:
    """Return the fill value in the dtype that pixels are loaded in.

    Raises
    ------
    InvalidInput
        If it is no number, or the dtype cannot hold it.
    """
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
