"""The Fourier method for layers: each input and each output is transformed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.fourier.spikes import needs_care
from kernfit.correlate.fourier.worker import RANGE, Fourier
from kernfit.correlate.problem import Pair


@dataclass(frozen=True, slots=True, eq=False)
class FourierLayer:
    """Sums over input planes, of their spectra."""

    weights: Array  # (out, in / groups, kh, kw), in the dtype of the sums, float32 or float64
    groups: int
    block: Pair  # of one transform, in pixels; it holds the kernel with its gaps
    stride: Pair
    dilation: Pair

    def __call__(self, source: Array, sums: Array) -> None:
        """Write the correlation of the planes of `source` into those of `sums`."""
        from kernfit.correlate.fourier.blocks import correlate_layer  # Numba takes long to import

        outputs, inputs = len(sums) // self.groups, self.weights.shape[1]
        extent = self.spread(0).shape[2:]
        source = source.astype(sums.dtype, copy=False)
        span = RANGE[sums.dtype.char]
        uneven = [n for n, plane in enumerate(source) if needs_care(plane, span)]
        if uneven:
            source = source.copy()
            rest, source[uneven] = source[uneven], 0
        dense = sums
        if self.stride != (1, 1):
            size = (n - e + 1 for n, e in zip(source.shape[1:], extent, strict=True))
            dense = np.empty((len(sums), *size), sums.dtype)
        for g in range(self.groups):
            planes = source[g * inputs : (g + 1) * inputs]
            target = dense[g * outputs : (g + 1) * outputs]
            correlate_layer(planes, _spectra(self, g, sums.dtype), extent, target)
        if dense is not sums:
            sums[...] = dense[:, :: self.stride[0], :: self.stride[1]]
        for n, plane in zip(uneven, rest if uneven else (), strict=True):
            self._add(plane, n % inputs, sums[n // inputs * outputs :][:outputs], n // inputs)

    def _add(self, plane: Array, channel: int, sums: Array, group: int) -> None:
        """Add what one input gives: one that has NaN, or pixels that would drown others."""
        part = np.empty(sums.shape[1:], sums.dtype)
        taps, spread = self.weights[group * len(sums) :, channel], self.spread(group)[:, channel]
        size = spread.shape[1:]
        for o, target in enumerate(sums):
            worker = Fourier(taps[o], spread[o], self.block, size, self.stride, self.dilation)
            worker(plane, part)
            target += part

    def spread(self, group: int) -> Array:
        """Return the weights of a group, the gaps of the dilation filled with zeros."""
        each = len(self.weights) // self.groups
        weights = self.weights[group * each : (group + 1) * each]
        down, along = self.dilation
        size = ((n - 1) * d + 1 for n, d in zip(weights.shape[2:], self.dilation, strict=True))
        spread = np.zeros((*weights.shape[:2], *size), weights.dtype)
        spread[:, :, ::down, ::along] = weights
        return spread


@lru_cache(maxsize=2)  # tens of megabytes each
def _all_spectra(worker: FourierLayer, dtype: np.dtype[np.generic]) -> list[Array]:
    from kernfit.correlate.fourier.blocks import layer_spectra

    groups = range(worker.groups)
    return [layer_spectra(worker.spread(g), worker.block, dtype) for g in groups]


def _spectra(worker: FourierLayer, group: int, dtype: np.dtype[np.generic]) -> Array:
    return _all_spectra(worker, dtype)[group]
