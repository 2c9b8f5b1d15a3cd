"""The Fourier method on an image with zeros around it, read where it is: nothing is laid out."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.axes import Axis
from kernfit.correlate.boundary import gather
from kernfit.correlate.fourier.worker import Fourier
from kernfit.correlate.threads import for_strips

_BLOCKS_EACH = 64  # for every thread: beyond that several go together
_AT_ONCE = 16  # blocks, at most, after which a call may be interrupted


class StraightFourier:
    """All that the Fourier method needs besides the image.

    Parameters
    ----------
    worker : Fourier
        Without stride, of real numbers.
    rows, columns : Axis
        Of which nothing but zeros is read outside the image.
    fill : number
        0 in the dtype of the image.
    bias : ndarray or number, optional
        What is added to the result, as it is broadcast to it.
    """

    __slots__ = ("_columns", "_count", "_fill", "_rows", "_worker", "bias")

    def __init__(
        self, worker: Fourier, rows: Axis, columns: Axis, fill: Any, bias: Any = None
    ) -> None:
        self.bias = bias
        self._worker, self._rows, self._columns, self._fill = worker, rows, columns, fill
        self._count = worker.count_blocks((rows.outputs, columns.outputs))

    def run(self, image: Array, out: Array, threads: int) -> bool:
        """Write the result for `image` into `out`, both of the shape and dtype planned for.

        Or return False, where pixels of a row do not lie next to each other.
        """
        if image.strides[-1] != image.itemsize or out.strides[-1] != out.itemsize:
            return False
        batch = image.shape[:-2]
        worker, before = self._worker, (self._rows.before, self._columns.before)
        samples = prod(batch)
        ranges = worker.no_ranges(samples * self._count, image.dtype)

        def blocks(start: int, stop: int, part: int) -> None:
            while start < stop:
                sample, first = divmod(start, self._count)
                count = min(stop - start, _AT_ONCE, self._count - first)
                at = np.unravel_index(sample, batch) if batch else ()
                worker.add_part(
                    part,
                    image[at],
                    out[at],
                    before=before,
                    which=(first, first + count),
                    ranges=ranges[start : start + count],
                )
                start += count

        # Part after part, so that the spectra of a large kernel need not all be there at once.
        for part in range(worker.count_parts()):
            worker.spectrum(part, image.dtype)  # by one thread, for all
            for_strips(partial(blocks, part=part), len(ranges), threads, each=_BLOCKS_EACH)
        for sample in range(samples):
            at = np.unravel_index(sample, batch) if batch else ()
            found = ranges[sample * self._count :][: self._count]
            for n in worker.uneven_blocks(image[at], out.shape[-2:], found, before=before):
                self._sum_block(image[at], out[at], n)
        if self.bias is not None:
            out += self.bias
        return True

    def _sum_block(self, image: Array, out: Array, n: int) -> None:
        """Do so for a block where there may be NaN, or pixels that would drown others."""
        rows, columns = self._worker.block_of(out.shape, n)
        (top, bottom), (left, right) = (
            axis.window(block.start, block.stop)
            for axis, block in ((self._rows, rows), (self._columns, columns))
        )
        source = np.empty((bottom - top, right - left), image.dtype)
        gather(image, self._rows, self._columns, self._fill, (top, left), source)
        with np.errstate(all="ignore"):
            self._worker.correlate_uneven(source, out[rows, columns])
