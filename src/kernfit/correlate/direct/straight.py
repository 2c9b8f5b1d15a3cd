"""The direct method as one call of compiled code: nothing to convert, leave out or step over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.axes import Axis
from kernfit.correlate.direct.rows import as_integer, compiled_planes, compiled_strip
from kernfit.correlate.threads import for_strips
from kernfit.heap import LARGE

_PLANES_EACH = 4  # for every thread: with so many, planes are shared out, with fewer rows


class StraightPlanes:
    """All that the direct method needs besides the image.

    Parameters
    ----------
    taps : ndarray, shape (m, kh, kw)
        Of the dtype in which sums are kept, which is that of the result.
    pixels : numpy.dtype
        Of the image.
    each : int
        Planes of the output for every one of the image: 1, or how many kernels it meets.
    rows, columns : Axis
        Without stride and dilation.
    fill : number
        What stands outside, in the dtype of the image.
    bias : ndarray or number, optional
        What is added to the result, as it is broadcast to it.
    """

    __slots__ = ("_alone", "_border", "_compiled", "_each", "_strip", "_taps", "bias", "pixels")

    def __init__(
        self,
        taps: Array,
        pixels: np.dtype[Any],
        each: int,
        rows: Axis,
        columns: Axis,
        fill: Any,
        bias: Any = None,
    ) -> None:
        self.pixels, self.bias = pixels, bias
        self._taps, self._each = np.ascontiguousarray(taps), each
        places = (
            axis.sources(*axis.window(0, axis.outputs)).astype(np.intp) for axis in (rows, columns)
        )
        self._border = *places, rows.before, columns.before, as_integer(fill, pixels)
        large = rows.outputs * columns.outputs * taps.itemsize >= LARGE
        self._alone = *self._border, 0, 0, 1, 0, 1, 0, rows.outputs, int(large)  # of one plane
        self._compiled: Any = None
        self._strip = 0

    def run(self, image: Array, out: Array, threads: int) -> bool:
        """Write the result for `image` into `out`, both of the shape and dtype planned for."""
        call = self._compiled
        if call is None:
            self._strip = compiled_strip(self.pixels, self._taps.dtype)
            call = self._compiled = compiled_planes()
        if threads == 1 and image.ndim == 2:
            call(image, self._taps, out, self._strip, *self._alone)
        else:
            for planes, results in _stacks(image, out):
                self._run_stack(planes, results, threads, out.nbytes >= LARGE)
        if self.bias is not None:
            out += self.bias
        return True

    def _run_stack(self, planes: Array, out: Array, threads: int, large: bool) -> None:
        """Do so for arrays of three axes."""
        count, rows = len(planes), out.shape[1]
        if not count or not len(out):
            return
        options = self._taps, out[0], self._strip, *self._border
        steps = planes.strides[0], out.strides[0], self._each

        def of_planes(begin: int, end: int) -> None:
            self._compiled(planes[0], *options, *steps, begin, end, 0, rows, large)

        def of_rows(first: int, stop: int) -> None:
            self._compiled(planes[0], *options, *steps, 0, count, first, stop, large)

        if count >= _PLANES_EACH * threads:
            for_strips(of_planes, count, threads)
        else:
            for_strips(of_rows, rows, threads)


def _stacks(image: Array, out: Array) -> Iterator[tuple[Array, Array]]:
    """Yield both as arrays of three axes, in as few parts as their memory allows."""
    if image.ndim == 2:
        yield image[None], out[None]
    elif image.ndim == 3:
        yield image, out
    elif _is_even(image) and _is_even(out):
        yield image.reshape(-1, *image.shape[-2:]), out.reshape(-1, *out.shape[-2:])
    else:
        for one, result in zip(image, out, strict=True):
            yield from _stacks(one, result)


def _is_even(array: Array) -> bool:
    """Whether all planes lie equally far from each other."""
    steps = array.strides[:-2]
    return array.size > 0 and all(
        step == n * following
        for step, n, following in zip(steps, array.shape[1:-2], steps[1:], strict=False)
    )
