"""Kernels that mix channels: each output plane is a sum over input planes.

Many channels go through one matrix product for a strip of outputs, whose patches are laid out in
bounded scratch memory; few channels are correlated plane by plane.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import as_strided

from kernfit.arrays import Array
from kernfit.correlate import bounds, cost
from kernfit.correlate.dtypes import Dtype, largest_of
from kernfit.correlate.methods import methods_for_plane
from kernfit.correlate.problem import Method, Pair, Problem
from kernfit.correlate.run import Apply

_PATCHES = 4 << 20  # bytes


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
class Blas:
    """One matrix product for each group and piece of the outputs."""

    weights: Array  # (groups, out / groups, in / groups, kh, kw), floating
    stride: Pair
    dilation: Pair

    def __call__(self, source: Array, sums: Array) -> None:
        """Write the correlation of the planes of `source` into those of `sums`."""
        height, width = sums.shape[1:]
        if not sums.size:
            return
        groups, outputs, inputs, *size = self.weights.shape
        depth = inputs * size[0] * size[1]
        room = max(_PATCHES // (depth * source.itemsize), 1)
        wide = min(width, room)
        high = min(height, max(room // wide, 1))
        matrices = self.weights.reshape(groups, outputs, depth)
        scratch = np.empty(depth * high * wide, self.weights.dtype)
        for i in range(0, height, high):
            for j in range(0, width, wide):
                target = sums[:, i : i + high, j : j + wide]
                shape = target.shape[1:]
                patches = scratch[: depth * shape[0] * shape[1]]
                for g in range(groups):
                    window = source[g * inputs : (g + 1) * inputs]
                    window = window[:, i * self.stride[0] :, j * self.stride[1] :]
                    self._lay_out(window, patches.reshape(inputs, *size, *shape))
                    product = matrices[g] @ patches.reshape(depth, -1)
                    target[g * outputs : (g + 1) * outputs] = product.reshape(outputs, *shape)

    def _lay_out(self, source: Array, patches: Array) -> None:
        """Copy the pixel under each tap (axes 1 and 2) for each output (axes 3 and 4)."""
        plane, row, column = source.strides
        steps = (row * self.dilation[0], column * self.dilation[1])
        moves = (row * self.stride[0], column * self.stride[1])
        # Every window of these outputs lies within `source`: the caller has gathered it so.
        np.copyto(patches, as_strided(source, patches.shape, (plane, *steps, *moves)))


def methods_for_channels(problem: Problem) -> Iterator[Method]:
    """Yield the methods that keep the contract for kernels that mix channels."""
    # One method for all planes. Which are separable, and how well, differs from plane to plane.
    for method in methods_for_plane(problem.plane()):
        if method.name != "separable" and method.numbers == problem.numbers:
            yield _planes(problem, method)
    dtype = _product_dtype(problem)
    if dtype is not None:
        yield _blas(problem, dtype)


def _planes(problem: Problem, method: Method) -> Method:
    outputs, inputs = problem.weights.shape[:2]
    numbers = problem.numbers

    def make() -> tuple[Apply, float]:
        made = [
            [_named(method.name, problem.plane(o, c)).make() for c in range(inputs)]
            for o in range(outputs)
        ]
        worker = Planes([[apply for apply, _ in row] for row in made], problem.groups)
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
    return replace(method, cost=seconds, make=make, taps=None)


def _named(name: str, plane: Problem) -> Method:
    methods = {method.name: method for method in methods_for_plane(plane)}
    return methods.get(name, methods["direct"])


def _blas(problem: Problem, dtype: Dtype) -> Method:
    weights, groups, numbers = problem.weights, problem.groups, problem.numbers
    outputs, inputs, *size = weights.shape
    each = outputs // groups

    def make() -> tuple[Apply, float]:
        split = np.ascontiguousarray(weights.reshape(groups, each, inputs, *size).astype(dtype))
        worker = Blas(split, problem.stride, problem.dilation)
        if numbers.are_integers:
            return worker, 0.0
        return worker, max(bounds.sum_bound(taps, numbers.sums) for taps in weights)

    depth = inputs * size[0] * size[1]
    seconds = cost.blas_cost(problem.outputs, outputs, each, depth, dtype)
    loads = replace(numbers, load=dtype)
    # A matrix product has threads of its own.
    return Method("blas", seconds, make, loads, uses_image=True, threads=1)


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
