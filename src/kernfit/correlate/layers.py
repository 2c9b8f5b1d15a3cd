"""Kernels that mix channels: each output plane is a sum over input planes.

Many channels are taken at once (`channels.py`; complex ones as matrix products, `blas.py`); few are
correlated plane by plane.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import bounds, cost
from kernfit.correlate.direct.blas import Blas
from kernfit.correlate.direct.channels import OUTPUTS, channels_of
from kernfit.correlate.direct.rows import correlate_planes
from kernfit.correlate.direct.straight import StraightPlanes
from kernfit.correlate.dtypes import Dtype, largest_of
from kernfit.correlate.fourier.layers import FourierLayer
from kernfit.correlate.methods import methods_for_plane
from kernfit.correlate.problem import Method, Pair, Problem
from kernfit.correlate.run import Apply

_BANK = 1 << 18  # bytes of pixels that all kernels of a bank read, one after another


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Sum of planes: ``workers[o][c]`` takes input plane c of the group to output plane o."""

    workers: list[list[Apply]]
    groups: int

    def __call__(self, source: Array, sums: Array) -> None:
        """Write the correlation of the planes of `source` into those of `sums`."""
        each = len(self.workers) // self.groups
        part = np.empty(sums.shape[1:], sums.dtype)
        for o, row in enumerate(self.workers):
            first = o // each * len(row)
            row[0](source[first], sums[o])
            for c, worker in enumerate(row[1:], first + 1):
                worker(source[c], part)
                sums[o] += part


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Every output plane sees one input plane, by the direct method."""

    taps: Array  # (out, kh, kw), contiguous

    def __call__(self, source: Array, sums: Array) -> None:
        """Write the correlation of the planes of `source` into those of `sums`."""
        correlate_planes(source, self.taps, sums)


def methods_for_channels(problem: Problem) -> Iterator[Method]:
    """Yield the methods that keep the contract for kernels that mix channels."""
    # One method for all planes. Which are separable, and how well, differs from plane to plane.
    shared = _fourier(problem)
    for method in methods_for_plane(problem.plane()):
        if method.name == "fourier" and shared is not None:
            yield shared
        elif method.name != "separable" and method.numbers == problem.numbers:
            yield _planes(problem, method)
    dtype = _product_dtype(problem)
    if dtype is not None:
        if dtype.kind == "f":
            yield _channels(problem, dtype)
        yield _blas(problem, dtype)


def _planes(problem: Problem, method: Method) -> Method:
    outputs, inputs = problem.weights.shape[:2]
    numbers = problem.numbers
    bank = straight = None
    if inputs == 1 and method.name == "direct" and method.straight is not None:
        bank = np.ascontiguousarray(problem.weights[:, 0].astype(numbers.sums))
        straight = partial(StraightPlanes, bank, problem.image, outputs // problem.groups)

    def make() -> tuple[Apply, float]:
        made = [
            [_named(method.name, problem.plane(o, c)).make() for c in range(inputs)]
            for o in range(outputs)
        ]
        workers = [[apply for apply, _ in row] for row in made]
        worker = Planes(workers, problem.groups) if bank is None else Bank(bank)
        if numbers.are_integers:
            return worker, 0.0
        adds = bounds.gamma(inputs, numbers.sums)
        each = (
            sum(bound for _, bound in row) * (1 + adds) + adds * bounds.total_of(taps)
            for row, taps in zip(made, problem.weights, strict=True)
        )
        return worker, max(each)

    adding = cost.adding_cost(problem.outputs, numbers.sums)
    seconds = outputs * (inputs * method.cost + (inputs - 1) * adding)
    block = method.block or _strip(problem)
    return replace(method, cost=seconds, make=make, straight=straight, block=block)


def _fourier(problem: Problem) -> Method | None:
    """Return the method that transforms each plane once, where planes have anything to share."""
    weights, groups, numbers = problem.weights, problem.groups, problem.numbers
    outputs, inputs = len(weights) // groups, weights.shape[1]
    if outputs * inputs == 1 or numbers.sums.char not in "fd" or not np.isfinite(weights).all():
        return None
    counts = problem.rows.outputs, problem.columns.outputs
    height, width = ((n - 1) * s + 1 for n, s in zip(counts, problem.stride, strict=True))
    found = cost.layer_blocks(
        (height, width), problem.extent, (outputs, inputs), groups, numbers.sums
    )
    if found is None:
        return None
    taps = weights.astype(numbers.sums)
    worker = FourierLayer(taps, groups, found.block, problem.stride, problem.dilation)

    def make() -> tuple[Apply, float]:
        return worker, max(bounds.layer_bound(each, found.block, numbers.sums) for each in taps)

    tall, broad = (
        (n * (b - e + 1) - 1) // s + 1
        for n, b, e, s in zip(found.tile, found.block, problem.extent, problem.stride, strict=True)
    )
    return Method(
        "fourier", found.seconds, make, numbers, block=(tall, broad), threads=found.threads
    )


def _strip(problem: Problem) -> Pair | None:
    """Return a tile whose pixels stay in the cache while several kernels are applied to them."""
    outputs, inputs = problem.weights.shape[:2]
    if outputs == problem.groups:
        return None
    width = problem.columns.outputs * problem.stride[1]
    row = inputs * problem.groups * width * problem.stride[0] * problem.numbers.load.itemsize
    return max(_BANK // max(row, 1), 8), max(problem.columns.outputs, 1)


def _named(name: str, plane: Problem) -> Method:
    """Return the method of that name, made no sooner than asked for, or else the direct one."""
    methods = methods_for_plane(plane)
    direct = next(methods)
    if name == direct.name:
        return direct
    return next((method for method in methods if method.name == name), direct)


def _channels(problem: Problem, dtype: Dtype) -> Method:
    weights, groups, numbers = problem.weights, problem.groups, problem.numbers

    worker = channels_of(problem, dtype)

    def make() -> tuple[Apply, float]:
        return worker, _bound_of_any_order(problem)

    # Whole blocks are summed, whether there are so many outputs or not; then they are copied.
    planes = OUTPUTS * groups * -(-(len(weights) // groups) // OUTPUTS)
    each = cost.direct_cost(problem.outputs, (weights[0].size, 1), dtype, False)
    seconds = planes * each + 2 * len(weights) * cost.adding_cost(problem.outputs, dtype)
    loads = replace(numbers, load=dtype)
    return Method("channels", seconds, make, loads, uses_image=True, straight=worker.straight)


def _bound_of_any_order(problem: Problem) -> float:
    if problem.numbers.are_integers:
        return 0.0
    return max(bounds.sum_bound(taps, problem.numbers.sums) for taps in problem.weights)


def _blas(problem: Problem, dtype: Dtype) -> Method:
    weights, groups, numbers = problem.weights, problem.groups, problem.numbers
    outputs, inputs, *size = weights.shape
    each = outputs // groups

    def make() -> tuple[Apply, float]:
        split = np.ascontiguousarray(weights.reshape(groups, each, inputs, *size).astype(dtype))
        worker = Blas(split, problem.stride, problem.dilation)
        return worker, _bound_of_any_order(problem)

    depth = inputs * size[0] * size[1]
    seconds = cost.blas_cost(problem.outputs, outputs, each, depth, dtype)
    loads = replace(numbers, load=dtype)
    return Method("blas", seconds, make, loads, uses_image=True)


def _product_dtype(problem: Problem) -> Dtype | None:
    """Return the floating dtype in which a matrix product keeps the contract, if there is one."""
    numbers = problem.numbers
    if not numbers.are_integers:
        return numbers.sums if numbers.sums.char in "fdFD" else None
    # Integers are exact in floats as long as no sum, in whatever order, is too long.
    sums = (int(abs(taps.astype(object)).sum()) for taps in problem.weights)
    most = largest_of(problem.image) * max(sums)
    for dtype in (np.dtype("f4"), np.dtype("f8")):
        if most <= 2 ** (np.finfo(dtype).nmant + 1):
            return dtype
    return None
