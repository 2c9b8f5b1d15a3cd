"""The residual: what the kernel leaves unexplained, from a second look at the images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import correlate2d
from kernfit.correlate.lags.sums import lag_products
from kernfit.learning.pairs.equations import Equations, EquationSource
from kernfit.learning.sums.gram import sum_of_squares


@dataclass(frozen=True)
class Residual:
    """Sums over the residual image ``y - (k * x + b)``.

    They are exact where ``energy - ...`` from the statistics would cancel.

    Attributes
    ----------
    squared : ndarray, shape (out,)
        Sum of squares over the outputs that count, each over its variance where that is known.
    plain : float
        Sum of squares over all of them, in the after image's unit.
    noise : float
        Sum of their variances, 0 where those are not known.
    cross : ndarray, shape (P, out)
        Sum of patch, less the before image's levels, times residual: zero, but for rounding, at
        the least-squares answer. Solving for it once more is the step of refinement that gives
        accuracy back.
    reproduced : int
        Outputs that count and lie within half a level of the prediction, but for arithmetic.
    lowest, highest : ndarray, shape (out,)
        The extremes of the residual.
    """

    squared: Array
    plain: float
    noise: float
    cross: Array
    reproduced: int
    lowest: Array
    highest: Array

    def __add__(self, other: Residual) -> Residual:
        return Residual(
            self.squared + other.squared,
            self.plain + other.plain,
            self.noise + other.noise,
            self.cross + other.cross,
            self.reproduced + other.reproduced,
            np.minimum(self.lowest, other.lowest),
            np.maximum(self.highest, other.highest),
        )


# How far a prediction may lie from a level and still round to it: half a level, and the rounding
# of programs that compute in float32.
HALF_LEVEL = 0.5 + 1e-3


def residual(
    equations: EquationSource,
    weight: Array,
    bias: Array,
    *,
    channels: str,
    levels: Array | None = None,
    threads: int | None = None,
) -> Residual:
    """Sum up the residual of a kernel over the equations of a pair.

    Parameters
    ----------
    equations : EquationSource
    weight : ndarray, shape (out, in, kh, kw)
        (1, 1, kh, kw) where channels are alike.
    bias : ndarray, shape (out,)
    channels : {"alike", "full"}
    levels : ndarray, shape (in,), optional
        Taken from the before image where its patches are summed up; it has one level where
        channels are alike. Default 0.

    Returns
    -------
    Residual
    """
    look = partial(
        _residual, weight=weight, bias=bias, channels=channels, levels=levels, threads=threads
    )
    (found,) = equations.sums(look, weight.shape[2:])
    return found  # type: ignore[no-any-return]


def _residual(
    equations: Equations,
    *,
    weight: Array,
    bias: Array,
    channels: str,
    levels: Array | None,
    threads: int | None,
) -> Residual:
    """Sum up the residual of equations that are in memory."""
    outputs, inputs, kh, kw = weight.shape
    squared, plain, noise = np.zeros(outputs), 0.0, 0.0
    cross = np.zeros((inputs * kh * kw + 1, outputs))
    reproduced = 0
    lowest, highest = np.zeros(outputs), np.zeros(outputs)
    strips = residual_strips(
        equations, weight, bias, channels=channels, levels=levels, threads=threads
    )
    for strip in strips:
        square = sum_of_squares(strip.error)
        plain += square
        heavy = strip.error
        if strip.weight is not None:
            heavy = strip.error * strip.weight
            noise += float(np.sum(1 / strip.weight[strip.used]))
            square = float(np.einsum("ij,ij->", heavy, strip.error))
        squared[strip.output] += square
        reproduced += int(np.count_nonzero(np.abs(strip.error[strip.used]) <= HALF_LEVEL))
        lowest[strip.output] = min(lowest[strip.output], strip.error.min())
        highest[strip.output] = max(highest[strip.output], strip.error.max())
        cross[:, strip.output] += patch_sums(heavy, strip.seen, (kh, kw), threads)
    return Residual(squared, plain, noise, cross, reproduced, lowest, highest)


@dataclass(frozen=True)
class ResidualStrip:
    """A strip of the residual image of one output channel, and the pixels behind it.

    Attributes
    ----------
    output : int
        Which row of the kernel's weights they belong to.
    plane : int
        Which channel of the after image they belong to.
    rows, columns : slice
        Which of its outputs they are.
    error : ndarray, shape (rows, W)
        The residual, 0 where an output does not count.
    used : ndarray of bool, shape (rows, W)
        Which outputs count.
    after : ndarray, shape (rows, W)
        The after image.
    seen : ndarray, shape (in, rows + kh - 1, W + kw - 1)
        The before image under the kernel, less its levels, in float64.
    weight : ndarray, shape (rows, W), or None
        One over the variance of each output, if that is known.
    """

    output: int
    plane: int
    rows: slice
    columns: slice
    error: Array
    used: Array
    after: Array
    seen: Array
    weight: Array | None = None


def residual_strips(
    equations: EquationSource,
    weight: Array,
    bias: Array,
    *,
    channels: str,
    levels: Array | None = None,
    threads: int | None = None,
    every: int = 1,
) -> Iterator[ResidualStrip]:
    """Give the residual image strip by strip; only every so many-th strip if told so."""
    levels = np.zeros(weight.shape[1]) if levels is None else levels
    # What is taken from the before image is in the bias of what is left of it.
    bias = bias + np.sum(weight, axis=(2, 3)) @ levels
    for rows, columns, part in equations.strips(weight.shape[2:], every):
        planes = np.subtract(part.x, levels[:, np.newaxis, np.newaxis], dtype=np.float64)
        for o, (plane, used) in enumerate(zip(part.y, part.used, strict=True)):
            # Alike: plane o sees channel o through the one kernel. Full: all channels, its own row.
            out = o if channels == "full" else 0
            seen = planes if channels == "full" else planes[o : o + 1]
            error = plane - bias[out]
            for source, taps in zip(seen, weight[out], strict=True):
                error -= correlate2d(source, taps, threads=threads)
            error[~used] = 0.0
            weight_of = None
            if part.variance is not None:
                spread = part.variance[o if len(part.variance) > 1 else 0]
                weight_of = np.divide(1.0, spread, out=np.zeros(error.shape), where=used)
            yield ResidualStrip(out, o, rows, columns, error, used, plane, seen, weight_of)


def patch_sums(values: Array, seen: Array, shape: tuple[int, int], threads: int | None) -> Array:
    """Return the sum of patch times value, the patch closed by a 1, shape (P,)."""
    kh, kw = shape
    sums = [lag_products(values, source, kh, (0, kw - 1), threads=threads) for source in seen]
    return np.append(np.concatenate(sums, axis=None), values.sum())
