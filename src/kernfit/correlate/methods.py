"""The methods for one plane: what each costs, and the tile worker that it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import bounds, cost
from kernfit.correlate.definition import correlate_by_definition
from kernfit.correlate.direct.rows import SUPPORTED_PAIRS
from kernfit.correlate.direct.separable import Separable, terms_of
from kernfit.correlate.direct.steps import correlate_steps
from kernfit.correlate.direct.straight import StraightPlanes
from kernfit.correlate.dtypes import Dtype, largest_of
from kernfit.correlate.fourier.sizes import best_blocks
from kernfit.correlate.fourier.straight import StraightFourier
from kernfit.correlate.fourier.worker import Fourier, parts_of
from kernfit.correlate.problem import Method, Problem
from kernfit.correlate.run import Apply


def methods_for_plane(problem: Problem) -> Iterator[Method]:
    """Yield the methods that keep the contract for these taps and dtypes; the definition last."""
    sums = problem.numbers.sums
    taps = np.ascontiguousarray(problem.weights[0, 0].astype(sums))
    yield _direct(problem, taps)
    if np.isfinite(taps).all() and sums.char not in "gG":
        yield from _separable(problem, taps)
        yield from _fourier(problem, taps)
    yield _definition(problem, taps)


def _direct(problem: Problem, taps: Array) -> Method:
    stride, dilation = problem.stride, problem.dilation

    def apply(source: Array, sums: Array) -> None:
        correlate_steps(source, taps, sums, stride, dilation)

    steps = problem.has_steps
    load, sums = problem.numbers.load, problem.numbers.sums
    narrow = sums.kind == "i" and sums.itemsize <= 4 and load != np.dtype("u2")
    # For sums of 32 bits, bytes are copied into words.
    pairs = narrow and _takes_pairs(load if sums.itemsize == 2 else np.dtype("i2"))
    seconds = cost.direct_cost(problem.outputs, taps.shape, sums, steps, pairs)
    bound = bounds.sum_bound if steps else bounds.direct_bound
    make = partial(_made, problem, apply, partial(bound, taps))
    alone = None if steps else partial(StraightPlanes, taps[None], problem.image, 1)
    return Method("direct", seconds, make, problem.numbers, uses_image=not steps, straight=alone)


@cache
def _takes_pairs(load: Dtype) -> bool:
    """Say whether this processor multiplies two such pixels with one instruction."""
    from kernfit.correlate.vectors.tap_pairs import has_instruction  # it loads Numba

    return has_instruction(load.itemsize, load.kind == "i")


def _definition(problem: Problem, taps: Array) -> Method:
    stride, dilation = problem.stride, problem.dilation

    def apply(source: Array, sums: Array) -> None:
        correlate_by_definition(source, taps, sums, stride, dilation)

    make = partial(_made, problem, apply, partial(bounds.sum_bound, taps))
    return Method("definition", 1e-5 * problem.outputs, make, problem.numbers)


def _separable(problem: Problem, taps: Array) -> Iterator[Method]:
    sums = problem.numbers.sums
    # The second pass goes from sums to sums: not all integers have fast code for it.
    terms = terms_of(taps, sums) if (sums, sums) in SUPPORTED_PAIRS else ()
    if terms:
        seconds = cost.separable_cost(
            problem.outputs, taps.shape, len(terms), sums, problem.has_steps
        )
        worker = Separable(taps, terms, problem.stride, problem.dilation)
        make = partial(_made, problem, worker, partial(bounds.separable_bound, taps, terms))
        yield Method("separable", seconds, make, problem.numbers, note=f" (rank {len(terms)})")


def _fourier(problem: Problem, taps: Array) -> Iterator[Method]:
    numbers, extent, stride = problem.numbers, problem.extent, problem.stride
    # Steps are taken afterwards: the transform gives all outputs between them as well.
    counts = problem.rows.outputs, problem.columns.outputs
    rows, columns = ((n - 1) * s + 1 for n, s in zip(counts, stride, strict=True))
    wide = np.dtype(np.float64) if numbers.are_integers else taps.dtype
    straight = wide == numbers.sums == problem.image and wide.kind == "f"
    straight = straight and stride == (1, 1) and problem.reads_zeros
    blocks = best_blocks(
        *((rows, columns), extent, problem.zeros, wide),
        more=numbers.are_integers,
        straight=straight,
    )
    if numbers.are_integers and _may_miss_an_integer(problem, taps, blocks.size):
        return
    spread = taps
    if spread.shape != extent:
        spread = np.zeros(extent, taps.dtype)
        spread[:: problem.dilation[0], :: problem.dilation[1]] = taps
    worker = Fourier(taps, spread, blocks.size, blocks.part, stride, problem.dilation, blocks.spare)
    parts = [taps for _, _, taps in parts_of(spread, blocks.part)]

    def bound(sums: np.dtype[np.generic]) -> float:
        if numbers.result.kind in "iu":  # what is rounded has to be certain
            return len(parts) * bounds.fourier_worst(taps, blocks.size)
        real = np.empty(0, sums).real.dtype
        spectra = (worker.spectrum(n, real) for n in range(len(parts)))
        each = map(partial(bounds.fourier_bound, block=blocks.size, sums=sums), parts, spectra)
        return sum(each) + bounds.gamma(len(parts) - 1, sums) * bounds.total_of(taps)

    make = partial(_made, problem, worker, bound)
    # A tile has as many outputs as whole blocks give; what lies between steps is left out then.
    tall, broad = ((n - 1) // s + 1 for n, s in zip(blocks.tile, stride, strict=True))
    alone = partial(StraightFourier, worker) if straight else None
    yield Method(
        *("fourier", blocks.seconds, make, numbers),
        block=(tall, broad),
        threads=blocks.threads,
        straight=alone,
    )


def _may_miss_an_integer(problem: Problem, taps: Array, block: tuple[int, int]) -> bool:
    """Say whether a sum of floats may be too far from the integer it stands for."""
    return bounds.fourier_worst(taps, block) * largest_of(problem.image) > 0.25


def _made(
    problem: Problem, apply: Apply, bound: Callable[[np.dtype[np.generic]], float]
) -> tuple[Apply, float]:
    """Return a worker with its bound, which for exact integers is nothing."""
    numbers = problem.numbers
    return apply, 0.0 if numbers.are_integers else bound(numbers.sums)
