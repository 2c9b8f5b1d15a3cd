"""The Fourier method: overlap-save, block by block, each block bounded on its own.

Rounding in a Fourier transform is relative to the brightest pixel of a block. So a block whose
pixels differ too much in magnitude hands its few bright ones over to be added directly, goes
through a wider transform, or is summed directly as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.spikes import add_spikes, reach_of, take_out_spikes
from kernfit.correlate.steps import ONE, Pair, correlate_steps

# How many times brighter than a cell of 16x16 pixels the brightest pixel of a block may be, for
# transforms in single and double precision, and for single results through double precision. The
# error at the faint cell is about 20 times the unit roundoff times this.
_RANGE = {"f": 2.0**10, "d": 2.0**20, "fd": 2.0**27}


@dataclass(frozen=True, slots=True, eq=False)
class Fourier:
    """Valid correlation of a tile through the Fourier transform."""

    taps: Array  # in the dtype of the sums
    spread: Array  # the same with the gaps of the dilation filled with zeros, in transform dtype
    block: Pair  # of the transform, in pixels
    part: Pair  # how many rows and columns of taps go through one transform
    stride: Pair = ONE
    dilation: Pair = ONE

    def __call__(self, source: Array, sums: Array) -> None:
        """Write the correlation of `source` into `sums`."""
        if sums.dtype.kind == "i":
            # The planner has made sure that the error is below a half: the integer is exact.
            sums[...] = np.rint(self._transform(source, self.spread)[self._steps])
            return
        lost = np.isnan(source)
        any_lost = bool(lost.any())
        clean = np.where(lost, source.dtype.type(0), source) if any_lost else source
        narrow = "f" if sums.dtype.char in "fF" else "d"
        rest, spikes = take_out_spikes(clean, _RANGE[narrow])
        wide = None
        if rest is None and narrow == "f":
            wide = np.dtype("d" if sums.dtype.kind == "f" else "D")
            rest, spikes = take_out_spikes(clean.astype(wide), _RANGE["fd"])
        if rest is None:
            correlate_steps(source, self.taps, sums, self.stride, self.dilation)
            return
        spread = self.spread if wide is None else self.spread.astype(wide)
        dense = self._transform(rest, spread)
        if spikes[0].size:
            add_spikes(spikes, self.taps.astype(dense.dtype), self.dilation, dense)
        if any_lost:
            dense[reach_of(lost, self.taps.shape, self.dilation)] = np.nan
        sums[...] = dense[self._steps]

    @property
    def _steps(self) -> tuple[slice, slice]:
        return slice(None, None, self.stride[0]), slice(None, None, self.stride[1])

    def _transform(self, source: Array, spread: Array) -> Array:
        """Return the valid correlation with `spread`, every pixel of it."""
        from scipy import fft  # only where it is used: it takes long to import

        real = spread.dtype.kind == "f"
        there, back = (fft.rfft2, fft.irfft2) if real else (fft.fft2, fft.ifft2)
        height, width = (n - k + 1 for n, k in zip(source.shape, spread.shape, strict=True))
        total: Array | None = None
        for a, b, part in parts_of(spread, self.part):
            window = source[a : a + height + len(part) - 1, b : b + width + part.shape[1] - 1]
            spectrum = there(window, self.block)
            spectrum *= spectrum_of(part, self.block)
            dense = back(spectrum, self.block, overwrite_x=True)[:height, :width]
            total = dense if total is None else np.add(total, dense, out=total)
        assert total is not None  # a kernel has at least one part
        return total


def parts_of(taps: Array, part: Pair) -> Iterator[tuple[int, int, Array]]:
    """Cut a kernel too large for one block into parts, each with its first row and column."""
    for a in range(0, taps.shape[0], part[0]):
        for b in range(0, taps.shape[1], part[1]):
            yield a, b, taps[a : a + part[0], b : b + part[1]]


def spectrum_of(taps: Array, block: Pair) -> Array:
    """Return what the transform of a block is multiplied by."""
    return _spectrum(taps.tobytes(), taps.dtype, taps.shape, block)


@lru_cache(maxsize=4)  # few are kept: they are large
def _spectrum(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], block: Pair) -> Array:
    from scipy import fft

    taps = np.frombuffer(data, dtype).reshape(shape)
    wide = taps.astype(np.float64 if dtype.kind == "f" else np.complex128)
    # The spectrum of the flipped kernel, which for real taps is the conjugate; conjugating the
    # taps first makes it right for complex ones too. In double precision: its error counts once.
    spectrum = (fft.rfft2 if dtype.kind == "f" else fft.fft2)(wide.conj(), block).conj()
    result: Array = spectrum.astype(np.complex64 if dtype.char in "fF" else np.complex128)
    return result
