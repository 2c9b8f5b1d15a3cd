"""The Fourier method: overlap-save, block by block, each tile bounded on its own.

Rounding in a Fourier transform is relative to the brightest pixel of a block. So a tile whose
pixels differ too much in magnitude hands its few bright ones over to be added directly, goes
through a wider transform, or is summed directly as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.direct.steps import ONE, Pair, correlate_steps
from kernfit.correlate.fourier.sizes import KEPT
from kernfit.correlate.fourier.spikes import add_spikes, is_sparse, reach_of, take_out_spikes
from kernfit.correlate.threads import one_at_a_time

Dtype = np.dtype[Any]
Planes = tuple[Array, Array] | tuple[Array]

# How many times brighter than a cell of 16x16 pixels the brightest pixel of a tile may be, for
# transforms in single and double precision, and for single results through double precision. The
# error at the faint cell is about 20 times the unit roundoff times this.
RANGE = {"f": 2.0**10, "d": 2.0**20, "fd": 2.0**27}


_PART = 256  # outputs on a side of what is looked at closely as a whole


@dataclass(frozen=True, slots=True, eq=False)
class Fourier:
    """Valid correlation of a tile through the Fourier transform."""

    taps: Array  # in the dtype of the sums
    spread: Array  # the same with the gaps of the dilation filled with zeros
    block: Pair  # of one transform
    part: Pair  # how many rows and columns of taps go through one transform
    stride: Pair = ONE
    dilation: Pair = ONE
    spare: Pair = (0, 0)  # rows and columns of zeros around any source, where windows may reach

    def __call__(self, source: Array, sums: Array) -> None:
        """Write the correlation of `source` into `sums`."""
        if sums.dtype.kind == "i":
            # The planner has made sure that the error is below a half: the integer is exact.
            dense = self._dense(source, np.dtype("f8"))
            self._transform_integers(source, dense)
            sums[...] = np.rint(dense, out=dense)[self._steps]
            return
        source = source.astype(sums.dtype, copy=False)
        dense = sums if self.stride == ONE else self._dense(source, source.dtype)
        if source.dtype.kind == "c" or not self.transform(source, dense):
            self.correlate_uneven(source, sums)
        elif dense is not sums:
            sums[...] = dense[self._steps]

    def transform(self, source: Array, out: Array) -> bool:
        """Write every pixel of a real correlation, if nothing speaks against it.

        Otherwise return False: there may be NaN, or pixels that would drown others.
        """
        ranges = self.no_ranges(self.count_blocks(out.shape), source.dtype)
        for n in range(self.count_parts()):
            self.add_part(n, source, out, ranges=ranges)
        return not self.uneven_blocks(source, out.shape, ranges)

    def count_parts(self) -> int:
        """Return how many parts of the taps go through transforms one after another."""
        return prod(-(-n // m) for n, m in zip(self.spread.shape, self.part, strict=True))

    def no_ranges(self, count: int, dtype: Dtype) -> Array:
        """Return what `add_part` has found in so many blocks before any part was added."""
        ranges = np.empty((count, 3), dtype)
        ranges[:] = np.inf, 0, 0
        return ranges

    def add_part(
        self,
        n: int,
        source: Array,
        out: Array,
        *,
        before: Pair = (0, 0),
        which: Pair | None = None,
        ranges: Array | None = None,
    ) -> None:
        """Write what the first part of the taps gives, or add what another gives.

        The parameters are those of `correlate_blocks`.
        """
        self._add_part(n, (source,), (out,), self.spare, before, which, ranges)

    def uneven_blocks(
        self,
        source: Array,
        shape: tuple[int, ...],
        ranges: Array,
        *,
        before: Pair = (0, 0),
    ) -> list[int]:
        """Return the blocks of so many outputs that are nothing to go by."""
        span = RANGE[source.dtype.char]
        found = []
        for n, (least, most, zeros) in enumerate(ranges.tolist()):
            even = most <= least * span and most < np.inf
            if not even or (zeros and is_sparse(self._seen(source, shape, n, before))):
                found.append(n)
        return found

    def count_blocks(self, shape: tuple[int, ...]) -> int:
        """Return how many real blocks there are to so many outputs."""
        return prod(-(-n // step) for n, step in zip(shape, self._step, strict=True))

    def block_of(self, shape: tuple[int, ...], n: int) -> tuple[slice, slice]:
        """Return where the n-th real block is in so many outputs."""
        (height, width), (down, along) = shape, self._step
        across = -(-width // along)
        i, j = n // across * down, n % across * along
        return slice(i, min(i + down, height)), slice(j, min(j + along, width))

    @property
    def _step(self) -> Pair:
        """How many rows and columns of outputs a real block has."""
        size = 2 * self.block[0], self.block[1]
        down, along = (
            n - taps + spare + 1 for n, taps, spare in zip(size, self.part, self.spare, strict=True)
        )
        return down, along

    def _seen(self, source: Array, shape: tuple[int, ...], n: int, before: Pair) -> Array:
        """Return what a block sees of the source."""
        rows, columns = (
            slice(max(axis.start - skip, 0), max(axis.stop - skip + taps - 1, 0))
            for axis, skip, taps in zip(
                self.block_of(shape, n), before, self.spread.shape, strict=True
            )
        )
        return source[rows, columns]

    def correlate_uneven(self, source: Array, sums: Array) -> None:
        """Do the same as a call where there may be NaN, or pixels that would drown others."""
        # Such tiles are rare and need several copies: memory is set aside for one.
        with one_at_a_time():
            self._uneven(source, sums, "f" if sums.dtype.char in "fF" else "d", self.spare)

    def _uneven(self, source: Array, sums: Array, narrow: str, spare: Pair) -> None:
        height, width = sums.shape
        if max(height, width) > _PART:  # in parts, which take less memory and are more even
            (i, j), (down, along) = (-(-height // 2), -(-width // 2)), self.stride
            tall, broad = self.spread.shape
            for a, b in ((0, i), (i, height)):
                for c, d in ((0, j), (j, width)):
                    if a < b and c < d:
                        window = source[a * down : (b - 1) * down + tall]
                        window = window[:, c * along : (d - 1) * along + broad]
                        self._uneven(window, sums[a:b, c:d], narrow, (0, 0))
            return
        lost = np.isnan(source)
        any_lost = bool(lost.any())
        clean = np.where(lost, source.dtype.type(0), source) if any_lost else source
        rest, spikes = take_out_spikes(clean, RANGE[narrow])
        if rest is None and narrow == "f":
            wide = np.dtype("d" if sums.dtype.kind == "f" else "D")
            rest, spikes = take_out_spikes(clean.astype(wide), RANGE["fd"])
        if rest is None:
            correlate_steps(source, self.taps, sums, self.stride, self.dilation)
            return
        dense = self._dense(rest, rest.dtype)
        self._transform(rest, dense, spare)
        if spikes[0].size:
            add_spikes(spikes, self.taps.astype(dense.dtype), self.dilation, dense)
        if any_lost:
            dense[reach_of(lost, self.taps.shape, self.dilation)] = np.nan
        sums[...] = dense[self._steps]

    @property
    def _steps(self) -> tuple[slice, slice]:
        return slice(None, None, self.stride[0]), slice(None, None, self.stride[1])

    def _dense(self, source: Array, dtype: Dtype) -> Array:
        """Return memory for every pixel of the valid correlation."""
        size = (n - k + 1 for n, k in zip(source.shape, self.spread.shape, strict=True))
        return np.empty(tuple(size), dtype)

    def _transform_integers(self, source: Array, out: Array) -> None:
        """Write every pixel of the correlation, of which a part at a time is made a float."""
        for n in range(self.count_parts()):
            place = self._place(n)
            rows, columns = (
                slice(first, first + count + taps - 1)
                for first, count, taps in zip(place, out.shape, self.part, strict=True)
            )
            window = source[rows, columns].astype(out.dtype)
            self._add_part(n, (window,), (out,), self.spare, before=place)

    def _transform(self, source: Array, out: Array, spare: Pair) -> None:
        """Write every pixel of the correlation, in the dtype of `source`."""
        is_real = source.dtype.kind == "f"
        planes: Planes = (source,) if is_real else (source.real, source.imag)
        # Complex numbers are taken apart; a view of them is not what is written to.
        target: Planes = (out,)
        if not is_real:
            target = np.empty(out.shape, out.real.dtype), np.empty(out.shape, out.real.dtype)
        for n in range(self.count_parts()):
            self._add_part(n, planes, target, spare)
        if not is_real:
            out.real, out.imag = target[0], target[-1]

    def _add_part(
        self,
        n: int,
        planes: Planes,
        target: Planes,
        spare: Pair,
        before: Pair = (0, 0),
        which: Pair | None = None,
        ranges: Array | None = None,
    ) -> None:
        from kernfit.correlate.fourier.blocks import correlate_blocks  # Numba takes long to import

        spectrum = self.spectrum(n, target[0].dtype)
        a, b = self._place(n)
        reach = self.part[0] - spare[0], self.part[1] - spare[1]
        start = before[0] - a, before[1] - b
        correlate_blocks(
            planes, spectrum, reach, target, before=start, add=n > 0, which=which, ranges=ranges
        )

    def _place(self, n: int) -> Pair:
        """Return the first row and column of part `n` of the taps."""
        along = -(-self.spread.shape[1] // self.part[1])
        return n // along * self.part[0], n % along * self.part[1]

    def spectrum(self, n: int, dtype: Dtype) -> Array:
        """Return the spectrum of part `n` of the taps, in a dtype of real numbers."""
        from kernfit.correlate.fourier.blocks import spectrum_of

        key = self, n, dtype
        found = _kept.get(key)
        if found is None:
            # The oldest go first; other threads may do the same, and a lock is not worth it.
            room = KEPT - 2 * self.block[0] * self.block[1] * dtype.itemsize
            for old in list(_kept):
                if sum(spectrum.nbytes for spectrum in list(_kept.values())) <= room:
                    break
                _kept.pop(old, None)
            *_, part = list(parts_of(self.spread, self.part))[n]
            found = _kept[key] = spectrum_of(part, self.block, dtype)
        return found


# A layer has many kernels, and would not find the first again.
_kept: dict[tuple[Fourier, int, Dtype], Array] = {}


def parts_of(taps: Array, part: Pair) -> Iterator[tuple[int, int, Array]]:
    """Cut a kernel too large for one block into parts, each with its first row and column."""
    for a in range(0, taps.shape[0], part[0]):
        for b in range(0, taps.shape[1], part[1]):
            yield a, b, taps[a : a + part[0], b : b + part[1]]
