"""Make plans: check the options, weigh the methods, cut the tiles."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.axes import Axis, axes_of
from kernfit.correlate.bounds import total_of, whole_bound
from kernfit.correlate.direct.rows import COMPILED_PAIRS
from kernfit.correlate.dtypes import Dtype, Numbers, fill_of, numbers_for, range_of
from kernfit.correlate.layers import methods_for_channels
from kernfit.correlate.levels import Levels, levels_for, sums_are_exact
from kernfit.correlate.methods import methods_for_plane
from kernfit.correlate.omit import Omission, omission_of
from kernfit.correlate.options import Options
from kernfit.correlate.plan import Plan
from kernfit.correlate.problem import Method, Problem
from kernfit.correlate.room import require_memory
from kernfit.correlate.run import Apply, Work, same_bits
from kernfit.correlate.taps import Taps, check_channels, seem_colours
from kernfit.correlate.threads import thread_count
from kernfit.correlate.tiles import tiles_of
from kernfit.errors import InvalidInput
from kernfit.heap import LARGE

# Seconds of work that make another thread worth its start.
_WORTH_A_THREAD = 5e-4
# Seconds for a tap of a level that is summed again, in 128 bits.
_EXACT_TAP = 1.5e-9
# A few hundred plans of large kernels would be too much memory: so many are kept of those that have
# so many bytes of taps.
_LARGE, _LARGE_ONES = 1 << 18, 4


def known_plan(
    shape: tuple[int, ...], image: Dtype, kernel: Array, options: Options
) -> Plan | None:
    """Return the plan for arrays, from the memory of small kernels, or None for others.

    This is the short way for small images, whose pixels take no longer than a call of `plan_for`.
    """
    try:
        return _known_plan(shape, image, kernel.shape, kernel.dtype, kernel.tobytes(), options)
    except TypeError:
        return None


@lru_cache(maxsize=256)
def _known_plan(
    shape: tuple[int, ...],
    image: Dtype,
    size: tuple[int, ...],
    dtype: Dtype,
    data: bytes,
    options: Options,
) -> Plan:
    numbers = image.kind in "biufc" and dtype.kind in "biufc"
    if not numbers or len(shape) < 2 or len(size) != 2 or not 0 < len(data) <= _LARGE:
        raise TypeError  # which is not remembered
    if seem_colours(shape, image, size):
        raise TypeError
    return plan_for(shape, image, Taps(size, dtype, data), options)


def plan_for(shape: tuple[int, ...], image: Dtype, taps: Taps, options: Options) -> Plan:
    """Return the plan for an image and taps; equal ones give the very same plan."""
    plan = _plan if len(taps.data) <= _LARGE else _large_plan
    return plan(shape, image, taps, options)


@lru_cache(maxsize=256, typed=True)
def _plan(shape: tuple[int, ...], image: Dtype, taps: Taps, options: Options) -> Plan:
    most = thread_count(options.threads)
    rows, columns = axes_of(
        shape,
        taps.size,
        mode=options.mode,
        padding=options.padding,
        anchor=taps.anchor if options.anchor is None else options.anchor,
        stride=options.stride,
        dilation=options.dilation,
        boundary=options.boundary,
    )
    counts = rows.outputs, columns.outputs
    if 0 in counts:  # then nothing is computed, however far apart taps lie
        rows, columns = (Axis(0, axis.taps, 0, 0) for axis in (rows, columns))
    weights, bias = taps.weights(), np.array(taps.bias)
    if taps.groups:
        check_channels(shape, taps)
    masked = options.masked
    numbers = numbers_for(
        image, weights, bias, weak=taps.weak, missing=masked, dtype=options.dtype,
        overflow=options.overflow,
    )  # fmt: skip
    fill = fill_of(options.fill_value, image, numbers)
    batch = shape[: len(shape) - (3 if taps.groups else 2)]
    widest = max(numbers.load.itemsize, numbers.sums.itemsize, numbers.result.itemsize)
    planes = math.prod(batch) * (len(weights) if taps.groups else 1)
    require_memory(rows, columns, planes, widest)
    problem = Problem(weights, bias, taps.groups, image, numbers, rows, columns, most, fill)
    levels, found = None, _with_levels(problem, options, taps)
    if found is None:
        chosen, reason = _choose(_methods(problem), options.method)
        apply, bound = chosen.make()
    else:
        chosen, reason, apply, levels = found
        bound, problem = 0.0, replace(problem, numbers=chosen.numbers)
        fill = fill_of(options.fill_value, image, numbers).astype(image)  # type: ignore[attr-defined]
    omission = None
    if options.nan == "omit" and numbers.sums.kind in "fc":
        omission = _omission(problem, chosen.name)
    seconds = chosen.cost * math.prod(batch)
    room = chosen.threads or most
    if omission is not None:
        room = max(room // 2, 1)  # weights take as much memory as sums
    count = min(_threads_for(seconds, most), room)
    plain = omission is None and not masked
    tiles = tiles_of(
        rows,
        columns,
        itemsize=max(chosen.numbers.load.itemsize, chosen.numbers.sums.itemsize),
        reads_image=_reads_image(problem, chosen.numbers) and not masked,
        needs_scratch=_needs_scratch(problem, chosen) or not plain,
        planes=max(len(weights), weights.shape[1] * taps.groups) if taps.groups else 1,
        samples=math.prod(batch),
        threads=count,
        block=chosen.block,
    )
    work = Work(
        rows, columns, fill, chosen.numbers, _addend(problem), apply, omission, tiles, count,
        problem.axes, levels,
    )  # fmt: skip
    result = (*batch, *((len(weights),) if taps.groups else ()), *counts)
    straight = None
    # An empty image has no memory to be read, nor has a batch of none.
    plain = plain and 0 not in shape and 0 not in counts
    if plain and chosen.straight is not None and _is_straight(problem, chosen):
        straight = chosen.straight(rows, columns, fill, _addend(problem))
    return Plan(
        method=chosen.name,
        reason=reason,
        cost=seconds,
        error_bound=0.0
        if levels
        else max(whole_bound(bound, o, bias, image, chosen.numbers) for o in weights),
        image_shape=shape,
        image_dtype=image,
        shape=result,
        dtype=numbers.result,
        threads=count,
        masked=masked,
        work=work,
        large=math.prod(result) * numbers.result.itemsize >= LARGE,
        straight=straight,
    )


_large_plan = lru_cache(maxsize=_LARGE_ONES, typed=True)(_plan.__wrapped__)


def _methods(problem: Problem) -> list[Method]:
    return list((methods_for_channels if problem.groups else methods_for_plane)(problem))


def _choose(methods: list[Method], wanted: str) -> tuple[Method, str]:
    """Return the method that is wanted, or for "auto" the cheapest, and why."""
    if wanted != "auto":
        for method in methods:
            if method.name == wanted:
                return method, f"as asked for{method.note}"
        raise InvalidInput(
            f"method must be one that keeps the contract for this image and kernel "
            f"({', '.join(m.name for m in methods)}), got {wanted!r}: use 'auto'"
        )
    able = sorted((m for m in methods if m.name != "definition"), key=lambda m: m.cost)
    if len(able) == 1:
        return able[0], "the only method for these numbers"
    costs = ", ".join(f"{m.name}{m.note} {1e3 * m.cost:.3g} ms" for m in able)
    return able[0], f"the cheapest for one sample: {costs}"


def _with_levels(
    problem: Problem, options: Options, taps: Taps
) -> tuple[Method, str, Apply, Levels] | None:
    """Return the method for 8- or 16-bit levels from levels alike and fractional taps, if one may.

    With it come the reason for it, its tile worker, and how its sums become levels.
    """
    image, numbers, weights = problem.image, problem.numbers, problem.weights
    fill = np.asarray(options.fill_value)
    if (
        taps.groups
        or numbers.are_integers
        or not (image.kind in "iu" and image.itemsize <= 2 and numbers.result == image)
        or weights.dtype.char not in "efdbBhHiIlLqQ"
        or not np.isfinite(weights).all()
        or options.masked
        or options.overflow == "wrap"
        or fill.dtype.kind not in "biuf"
        or fill != np.clip(np.rint(fill), *range_of(image))
    ):
        return None
    able: list[Method] = []
    for code in ("f4", "f8")[image.itemsize - 1 :]:
        kind = np.dtype(code)
        some = replace(problem, numbers=replace(numbers, load=image, sums=kind, exact=kind))
        able += (m for m in methods_for_plane(some) if m.name != "fourier" or kind == np.float64)
    found: dict[str, tuple[Method, Apply, Levels]] = {}
    for method in able:
        if options.method not in ("auto", method.name):
            continue
        apply, bound = method.make()
        sums, exact = method.numbers.sums, weights[0, 0]
        most = max(abs(n) for n in range_of(image))
        error = most * (bound + total_of(exact.astype("f8") - exact.astype(sums)))
        if method.name == "direct" and sums_are_exact(exact, most, sums):
            error = 0.0
        levels = levels_for(
            exact, float(problem.bias[0]), image, sums, error, options.overflow, problem.stride,
            problem.dilation,
        )  # fmt: skip
        if levels is None:
            continue
        # So near to a half are as many as lie so near to anything.
        again = 2 * error * problem.outputs * exact.size * _EXACT_TAP
        method = replace(method, cost=method.cost + again)
        if method.name not in found or method.cost < found[method.name][0].cost:
            found[method.name] = method, apply, levels
    if not found:
        return None
    chosen, reason = _choose([method for method, *_ in found.values()], options.method)
    return chosen, reason, *found[chosen.name][1:]


def _omission(problem: Problem, name: str) -> Omission:
    """Return how to leave pixels out, weighed in double precision by the method of that name."""
    weights = problem.weights
    if weights.dtype.kind == "c":
        return omission_of(weights, lambda source, sums: None, 0.0, problem.axes)
    double = np.dtype("f8")
    numbers = Numbers(double, double, double, double)
    weighing = replace(
        problem, weights=weights.astype(double), image=double, numbers=numbers, fill=None
    )
    methods = {method.name: method for method in _methods(weighing)}
    apply, bound = methods.get(name, methods["direct"]).make()
    return omission_of(weights, apply, bound, problem.axes)


def _reads_image(problem: Problem, numbers: Numbers) -> bool:
    """Whether tiles within the image are read where they are."""
    return problem.image == numbers.load or same_bits(problem.image, numbers)


def _needs_scratch(problem: Problem, chosen: Method) -> bool:
    """Whether tiles within the image need memory, be it for the method or to convert the sums."""
    return not chosen.uses_image or chosen.numbers.result != chosen.numbers.exact


def _is_straight(problem: Problem, chosen: Method) -> bool:
    """Whether the sums of the image's own pixels are the result, but for the bias."""
    numbers = chosen.numbers
    same = problem.image == numbers.load and numbers.sums == numbers.result == numbers.exact
    return same and numbers.check is None and (numbers.load, numbers.sums) in COMPILED_PAIRS


def _addend(problem: Problem) -> object:
    """Return the bias as it is added to the sums, or None if there is nothing to add."""
    if not problem.bias.any():
        return None
    bias = problem.bias.astype(problem.numbers.sums)
    return bias[:, None, None] if problem.groups else bias[0]


def _threads_for(seconds: float, most: int) -> int:
    """Return how many threads are worth while for that much work."""
    return max(min(most, int(seconds / _WORTH_A_THREAD)), 1)
