"""Outliers: pixels so far off that no noise explains them are found and left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import convolve2d, correlate2d
from kernfit.kernel import Kernel
from kernfit.learning.answers.fit import Fit
from kernfit.learning.pairs.equations import Equations
from kernfit.learning.pairs.noise import scale_by_level
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.residual import residual_strips
from kernfit.learning.sums.footprint import any_under_kernel

_SIGMAS = 5.0  # of a Gaussian, one pixel in two million lies beyond
_ROUNDS = 12
_MOST_SPIKES = 0.5  # of the pixels may see one
# Half the width of a level: rounding alone leaves no pixel farther off.
_LEAST = 0.5
# Of images that are not of whole levels, what arithmetic in float32 leaves of their spread.
_ARITHMETIC = 1e-6


class Predicting(Protocol):
    """A fit as the search for outliers needs it: the kernel, or its mean where it varies."""

    @property
    def kernel(self) -> Kernel:
        """The kernel."""


F = TypeVar("F", bound=Predicting)
# From a pair and its fit to the equations, and the residual of each output that counts.
Residuals = Callable[[Pair, F], tuple[Equations, Array]]


def without_outliers(
    pair: Pair, answer: Callable[[Pair], F], residuals: Residuals[F]
) -> tuple[F, Pair]:
    """Fit, leave out what is far off, and fit again until nothing changes.

    Sigma clipping at 5 standard deviations; the deviation is taken from the median of the
    residual's size in classes of level, so bright pixels with more noise stay. Wild
    pixels of the before image drag least squares towards themselves instead of standing out; so
    the search starts a second time without its isolated spikes, and the better end counts. Every
    pixel is judged anew in every round, so a wrong start costs nothing.

    Parameters
    ----------
    pair : Pair
    answer : callable
        Fits a pair.
    residuals : callable
        From a pair and its fit to the equations, and the residual of each output, 0 where it does
        not count.

    Returns
    -------
    fit : as `answer` gives it
        Of the pair without its outliers.
    pair : Pair
        Without its outliers.
    """
    ends = [_settled(pair, answer, residuals)]
    spikes = _under_spikes(pair, ends[0][0].kernel.shape)
    if 0 < spikes.mean() < _MOST_SPIKES:
        ends.append(_settled(replace(pair, wild=spikes), answer, residuals))
    fit, found, _ = min(ends, key=lambda end: end[2])
    return fit, found


def _settled(
    pair: Pair, answer: Callable[[Pair], F], residuals: Residuals[F]
) -> tuple[F, Pair, float]:
    """Clip until nothing changes; return fit, pair and the typical size of all residuals."""
    fit = answer(pair)
    for _ in range(_ROUNDS):
        wild, typical = _outliers(pair, fit.kernel, *residuals(replace(pair, wild=None), fit))
        before = np.zeros_like(wild) if pair.wild is None else pair.wild
        if np.array_equal(wild, before):
            break
        pair = replace(pair, wild=wild)
        fit = answer(pair)
    return fit, pair, typical


def _under_spikes(pair: Pair, shape: tuple[int, int]) -> Array:
    """Return which pixels of the after image see an isolated spike of the before image."""
    from scipy.ndimage import binary_dilation, median_filter

    spiky = np.zeros(pair.before.shape[1:], bool)
    for plane in pair.before:
        finite = np.nan_to_num(plane.astype(float), posinf=0, neginf=0)
        height = np.abs(finite - median_filter(finite, 3))
        spiky |= height > max(_SIGMAS * 1.4826 * float(np.median(height)), _LEAST)
    if pair.same_size:
        seen: Array = binary_dilation(spiky, np.ones([2 * (side // 2) + 1 for side in shape], bool))
        return seen
    rows, columns = pair.after.shape[1:]
    return any_under_kernel(spiky[np.newaxis], pair.valid_shape)[0, :rows, :columns]


def residuals_of_fit(pair: Pair, fit: Fit) -> tuple[Equations, Array]:
    """Return the equations of a pair, and the residual of each output, 0 where none counts."""
    equations = pair.equations(fit.kernel.shape, fit.kernel.anchor)
    errors = np.zeros(equations.y.shape)
    strips = residual_strips(equations, fit.kernel.weight, fit.kernel.bias, channels=pair.channels)
    for strip in strips:
        errors[strip.plane, strip.rows, strip.columns] = strip.error
    return equations, errors


def _outliers(
    pair: Pair, kernel: Kernel, equations: Equations, errors: Array
) -> tuple[Array, float]:
    """Return which pixels after are too far off, in any channel, and the usual residual."""
    used = equations.used
    after = np.where(used, equations.y, 0).astype(float)
    # A wild pixel after is among its like in predicted level, one before in the level after; by
    # the other it would be among other wild ones and look at home.
    scale = np.full(errors.shape, np.inf)
    for levels in (after, after - errors):
        scale = np.minimum(scale, scale_by_level(errors[used], levels[used])(levels))
    whole = pair.after.dtype.kind in "iu"
    least = _LEAST if whole else _ARITHMETIC * float(np.std(after[used]))
    far = used & (np.abs(errors) > np.maximum(_SIGMAS * scale, least))
    far |= _seeing_wild_pixels(far, kernel)
    wild = np.zeros(pair.after.shape[1:], bool)
    top, left = kernel.anchor if pair.same_size else (0, 0)
    wild[top : top + far.shape[1], left : left + far.shape[2]] = far.any(axis=0)
    return wild, float(np.median(np.abs(errors[equations.used])))


def _seeing_wild_pixels(far: Array, kernel: Kernel) -> Array:
    """Return which outputs see a wild pixel of the before image.

    A pixel before is wild if the outputs that lean on it most, by the squares of their taps, are
    far off, and more than one of them is. Then all outputs that see it are left out, the ones on
    which it pulls only a little too.
    """
    squares = np.sum(kernel.weight.astype(float) ** 2, axis=(0, 1))
    heavy = (squares > 0.05 * squares.max()).astype(float)
    found = np.zeros(far.shape, bool)
    for plane, flags in zip(found, far.astype(float), strict=True):
        blamed = convolve2d(flags, squares, mode="full") > 0.8 * squares.sum()
        blamed &= convolve2d(flags, heavy, mode="full") > 1.5
        plane[:] = correlate2d(blamed.astype(float), np.ones(squares.shape)) > 0.5
    return found
