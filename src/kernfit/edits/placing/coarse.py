"""Find roughly how two pictures lie to each other, whatever happened to their levels.

Pictures are compared by their detail, levelled out over the field, so that curves, colours,
kernels and vignettes hardly matter. Candidates are the whole frames laid over each other, turned
and mirrored; the same scale with any offset; and any angle and scale, by the logarithmic polar
spectrum (Reddy and Chatterji, An FFT-based technique for translation, rotation and scale-invariant
image registration, 1996).
"""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from kernfit.arrays import Array
from kernfit.edits.placing.joint import Refined, refine
from kernfit.edits.resampling.axis import axis_weights
from kernfit.edits.resampling.filters import AREA, BILINEAR
from kernfit.edits.resampling.grid import Grid, Shape, frame, middle, turns
from kernfit.edits.resampling.taking import take_along_axes, take_anywhere

_SIDE = 128  # pixels along the longer side at which candidates are compared
_SURE = 0.997  # correlation of laid-over frames that leaves no need to look further
_DIRECTIONS, _RADII = 180, 96


def reduced(planes: Array, shape: Shape) -> Array:
    """Return pictures (channels, rows, columns) averaged down to a shape."""
    weights = []
    for size, fewer in zip(planes.shape[1:], shape, strict=True):
        step = size / fewer
        centres = (np.arange(fewer) + 0.5) * step - 0.5
        weights.append(axis_weights(centres, size, step, AREA, antialias=True, shorten=True))
    return take_along_axes(planes, weights[0], weights[1])


def smaller(shape: tuple[int, ...], factor: float) -> Shape:
    """Return a shape divided by a factor."""
    return max(8, round(shape[-2] / factor)), max(8, round(shape[-1] / factor))


def roughly(before: Array, after: Array, usable: Array) -> list[Refined]:
    """Return grids on which the after image may lie, the likeliest first.

    Parameters
    ----------
    before : ndarray
        (channels, rows, columns).
    after : ndarray
        (rows, columns).
    usable : ndarray of bool
        Which of its pixels count.

    Returns
    -------
    list of Refined
        At most three, in the pictures' own sizes; what they say of residual and correlation holds
        for the reduced pictures.
    """
    factor = max(1.0, max(*before.shape[1:], *after.shape) / _SIDE)
    # Pictures of very different sizes are each reduced on their own.
    one = max(factor / 2, max(1.0, max(before.shape[1:]) / _SIDE))
    two = max(factor / 2, max(1.0, max(after.shape) / _SIDE))
    low = reduced(before, smaller(before.shape, one))
    high = reduced(np.stack([after, usable.astype(float)]), smaller(after.shape, two))
    target, counted = high[0], high[1] > 0.6
    tried: list[Refined] = []

    def attempt(grid: Grid) -> None:
        if np.linalg.svd(grid.matrix, compute_uv=False)[-1] > 1e-3:
            tried.append(refine(low, target, grid, usable=counted, rounds=3, near=0.02, rich=False))

    whole = frame(low.shape[1:], target.shape, np.eye(2))
    attempt(whole)
    if tried[0].correlation < _SURE:
        looked, seen = detail(low.mean(0)), detail(target)
        for turn in turns():
            if not np.array_equal(turn, np.eye(2)):
                attempt(frame(low.shape[1:], target.shape, turn))
        for matrix in [*(turn * two / one for turn in turns()), *_turned(looked, seen)]:
            attempt(_slid(looked, seen, matrix))
    tried.sort(key=lambda found: -found.correlation)
    tried = [
        refine(low, target, found.grid, usable=counted, rounds=6, near=0.02, rich=False)
        for found in tried[:3]
    ]
    tried.sort(key=lambda found: -found.correlation)
    return [
        Refined(
            found.grid.rescaled(before.shape[1:], after.shape),
            found.covariance,
            found.residual,
            found.correlation,
        )
        for found in tried
    ]


def detail(plane: Array) -> Array:
    """Return a picture's detail, as strong everywhere, fading towards the border."""
    fine = plane - ndimage.gaussian_filter(plane, 3.0)
    strength = np.sqrt(ndimage.gaussian_filter(fine**2, 8.0))
    return np.asarray(fine / (strength + 0.1 * strength.mean() + 1e-9))


def _slid(before: Array, after: Array, matrix: Array) -> Grid:
    """Return the grid of this matrix with the offset at which details fit best."""
    # The after image's own frame, turned into the before image's scale.
    back = np.linalg.inv(matrix)
    reach = np.abs(matrix) @ np.array(after.shape, float)
    shape = (max(4, int(np.ceil(reach[0]))), max(4, int(np.ceil(reach[1]))))
    start = middle(after.shape) - back @ middle(shape)
    laid = take_anywhere(after[np.newaxis], back, start, shape, BILINEAR)[0]
    there = Grid(back, np.zeros(2), after.shape, shape).inside()
    laid = laid * there
    size = [fft.next_fast_len(a + b, real=True) for a, b in zip(before.shape, shape, strict=True)]

    def spectrum(plane: Array) -> Array:
        return np.asarray(fft.rfft2(plane, size))

    product = fft.irfft2(spectrum(before) * spectrum(laid).conj(), size)
    shared = fft.irfft2(
        spectrum(before**2) * spectrum(there.astype(float)).conj(), size
    ) * fft.irfft2(spectrum(np.ones(before.shape)) * spectrum(laid**2).conj(), size)
    floor = 0.02 * float(shared.max())
    found = np.abs(product) / np.sqrt(np.maximum(shared, floor))
    top, left = np.unravel_index(int(np.argmax(found)), found.shape)
    offset = np.array(
        [n - m if n > m - s else n for n, m, s in zip((top, left), size, shape, strict=True)]
    )
    shift = offset + middle(shape) - middle(before.shape)
    return Grid(matrix, shift, before.shape, after.shape)


def _turned(before: Array, after: Array) -> list[Array]:
    """Return matrices of any angle and scale, from spectra, which know nothing of offsets."""
    side = fft.next_fast_len(max(*before.shape, *after.shape), real=True)
    first, second = (_polar(plane, side) for plane in (before, after))
    found = []
    for mirrored in (False, True):
        other = second[::-1] if mirrored else second
        product = fft.ifft2(fft.fft2(first) * fft.fft2(other).conj()).real
        angle, radius = np.unravel_index(int(np.argmax(product)), product.shape)
        radius = radius - _RADII if radius > _RADII // 2 else radius
        # A spectrum that is wider by a factor belongs to a picture that is smaller by it.
        scale = np.exp(-radius * _step(side))
        turn = np.pi * angle / _DIRECTIONS
        if mirrored:
            turn -= np.pi / _DIRECTIONS
        for half in (0.0, np.pi):
            c, s = np.cos(turn + half), np.sin(turn + half)
            matrix = scale * np.array([[c, s], [-s, c]])
            found.append(matrix @ np.diag([1.0, -1.0]) if mirrored else matrix)
    return found


def _step(side: int) -> float:
    return float(np.log(side / 2 / 4) / _RADII)


def _polar(plane: Array, side: int) -> Array:
    """Return the spectrum's magnitude by (direction, logarithm of the frequency)."""
    faded = plane * np.outer(*(np.hanning(n + 2)[1:-1] for n in plane.shape))
    size = np.log1p(np.abs(fft.fftshift(fft.fft2(faded, (side, side)))))
    turn = np.pi * np.arange(_DIRECTIONS)[:, np.newaxis] / _DIRECTIONS
    radius = 4 * np.exp(np.arange(_RADII) * _step(side))
    rows, columns = side // 2 + radius * np.sin(turn), side // 2 + radius * np.cos(turn)
    polar = ndimage.map_coordinates(size, [rows, columns], order=1, mode="nearest")
    polar -= polar.mean(0)
    return np.asarray(polar / (polar.std(0) + 1e-9))
