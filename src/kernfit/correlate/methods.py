"""The methods for one plane: what each costs, and the tile worker that it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import bounds, cost
from kernfit.correlate.axes import Axis
from kernfit.correlate.definition import correlate_by_definition
from kernfit.correlate.dtypes import Numbers
from kernfit.correlate.fourier import Fourier, spectrum_of
from kernfit.correlate.run import Apply
from kernfit.correlate.separable import Separable, terms_of
from kernfit.correlate.steps import ONE, Pair, correlate_steps

METHODS = ("auto", "direct", "separable", "fourier", "definition")


@dataclass(frozen=True, slots=True)
class Method:
    """One way to correlate a plane."""

    name: str
    cost: float  # seconds of one thread for one plane
    note: str  # what there is to say about it, for the reason
    numbers: Numbers
    make: Callable[[], tuple[Apply, float]]  # the tile worker and the bound on its sums
    block: Pair | None = None  # the greatest tile
    uses_image: bool = False  # whether it works as well on the image's own memory
    exact: Array | None = None  # the taps, where it is `correlate_rows` and nothing else


def methods_for(
    taps: Array, numbers: Numbers, image: np.dtype[Any], rows: Axis, columns: Axis
) -> Iterator[Method]:
    """Yield the methods that can keep the contract for these taps and dtypes, direct first."""
    sums = numbers.sums
    stride, dilation = (rows.stride, columns.stride), (rows.dilation, columns.dilation)
    steps = stride != ONE or dilation != ONE
    outputs, size = (rows.outputs, columns.outputs), (rows.taps, columns.taps)
    count = outputs[0] * outputs[1]
    own = np.ascontiguousarray(taps.astype(sums))
    exact = numbers.are_integers

    yield Method(
        "direct",
        cost.direct_cost(count, size, sums, steps),
        "",
        numbers,
        lambda: (
            partial(_direct, own, stride, dilation),
            0.0 if exact else bounds.direct_bound(own, sums),
        ),
        uses_image=not steps,
        exact=None if steps else own,
    )
    yield Method(
        "definition",
        1e-5 * count,
        "",
        numbers,
        lambda: (
            partial(_defined, own, stride, dilation),
            0.0 if exact else bounds.direct_bound(own, sums),
        ),
    )
    if not np.isfinite(own).all() or sums.char in "gG":
        return
    terms = terms_of(own, sums)
    if terms:
        yield Method(
            "separable",
            cost.separable_cost(count, size, len(terms), sums, steps),
            f" (rank {len(terms)})",
            numbers,
            lambda: (
                Separable(own, terms, stride, dilation),
                0.0 if exact else bounds.separable_bound(own, terms),
            ),
        )
    fourier = _fourier(taps, own, numbers, image, rows, columns)
    if fourier is not None:
        yield fourier


def _fourier(
    taps: Array, own: Array, numbers: Numbers, image: np.dtype[Any], rows: Axis, columns: Axis
) -> Method | None:
    stride, dilation = (rows.stride, columns.stride), (rows.dilation, columns.dilation)
    extent = rows.extent, columns.extent
    dense = tuple(
        (n - 1) * s + 1 if n else 0
        for n, s in zip((rows.outputs, columns.outputs), stride, strict=True)
    )
    block = cost.best_block((dense[0], dense[1]), extent)
    if numbers.are_integers:
        largest = (
            max(abs(int(np.iinfo(image).min)), int(np.iinfo(image).max))
            if (image.kind != "b")
            else 1
        )
        if bounds.fourier_worst(taps, block) * largest > 0.25:
            return None
        numbers = replace(numbers, load=np.dtype("f8"))
    spread = np.zeros(extent, own.dtype if not numbers.are_integers else np.float64)
    spread[:: dilation[0], :: dilation[1]] = own
    tile = tuple((b - e) // s + 1 for b, e, s in zip(block, extent, stride, strict=True))

    def make() -> tuple[Apply, float]:
        worker = Fourier(own, spread, block, stride, dilation)
        if numbers.are_integers:
            return worker, 0.0
        spectrum = spectrum_of(spread, block)
        return worker, bounds.fourier_bound(own, spectrum, block, numbers.sums)

    seconds = cost.fourier_cost((dense[0], dense[1]), extent, block, spread.dtype)
    return Method("fourier", seconds, "", numbers, make, block=(tile[0], tile[1]))


def _direct(taps: Array, stride: Pair, dilation: Pair, source: Array, sums: Array) -> None:
    correlate_steps(source, taps, sums, stride, dilation)


def _defined(taps: Array, stride: Pair, dilation: Pair, source: Array, sums: Array) -> None:
    correlate_by_definition(source, taps, sums, stride, dilation)
