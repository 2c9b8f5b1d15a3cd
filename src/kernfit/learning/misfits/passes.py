"""Rounding between steps: blurs of three boxes a way, as Pillow makes them of 8 bits, done again.

Pillow's GaussianBlur takes three boxes along the rows and three along the columns and rounds to
whole levels after each. Where the boxes are narrow, small differences are rounded away each time;
that is not white, and looks like a threshold. So it is done again and compared, pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kernfit.arrays import Array
from kernfit.kernel import Kernel

_SIDE = 160  # pixels each way that are looked at
_LARGEST = 12.0  # radius
_STEPS = (0.25, 0.05, 0.01)  # in which radii are sought, each around the best so far
_MADE = 0.999  # share of the pixels that must come out alike
_RIM = 2  # radii at the border are not looked at, and two pixels
_LEAST = 400  # pixels that must differ from the before image


def as_pillow_makes_it(before: Array, after: Array, kernel: Kernel) -> str | None:
    """Return which blur or sharpening of Pillow makes an image, pixel by pixel; None if none does.

    Parameters
    ----------
    before, after : ndarray of uint8, shape (channels, H, W)
        Of equal size.
    kernel : Kernel
        The nearest kernel.

    Returns
    -------
    str or None
        "GaussianBlur(0.5)" or "UnsharpMask(2, 150, 0)".
    """
    alike = kernel.weight.shape[:2] == (1, 1) and before.shape == after.shape
    if not alike or before.dtype != np.uint8 or after.dtype != np.uint8:
        return None
    # Where most of it changed, most is told.
    inside = max(
        (
            (slice(top, top + _SIDE), slice(left, left + _SIDE))
            for top in _starts(before.shape[1])
            for left in _starts(before.shape[2])
        ),
        key=lambda part: np.abs(np.subtract(after[0][part], before[0][part], dtype=int)).sum(),
    )
    first, second = before[0][inside], after[0][inside]
    if np.count_nonzero(first != second) < _LEAST:
        return None
    sharper = float(kernel.weight[0, 0][kernel.anchor]) > 1
    radius, percent = _sharpening(first, second) if sharper else (_blur(first, second), None)
    for own, wanted in zip(before, after, strict=True):  # every channel must come out
        inner = _inner(first.shape, radius)
        made = _made(own[inside], radius, percent)
        if _alike(made[inner], wanted[inside][inner]) < _MADE:
            return None
    how = f"{radius:g}" if percent is None else f"{radius:g}, {percent}, 0"
    return f"{'GaussianBlur' if percent is None else 'UnsharpMask'}({how})"


def _starts(length: int) -> list[int]:
    """Return where parts begin along one axis: at the start, in the middle, at the end."""
    return sorted({0, max(0, (length - _SIDE) // 2), max(0, length - _SIDE)})


def _blur(first: Array, second: Array) -> float:
    return _sought(first, lambda made, inner: _alike(made[inner], second[inner]))


def _sharpening(first: Array, second: Array) -> tuple[float, int]:
    start, aim = first.astype(int), second.astype(int)
    free = (aim > 0) & (aim < 255)

    def amount(made: Array, inner: tuple[slice, slice]) -> tuple[float, float]:
        """Return how much of what a blur takes away was added, and what that leaves."""
        open_ = free[inner]
        detail, moved = (start - made)[inner][open_], (aim - start)[inner][open_]
        power = float(detail @ detail)
        share = float(detail @ moved) / power if power else 0.0
        return share, float(np.mean((moved - share * detail) ** 2)) if moved.size else np.inf

    radius = _sought(first, lambda made, inner: -amount(made, inner)[1])
    inner = _inner(first.shape, radius)
    percent = round(100 * amount(_made(first, radius, None), inner)[0])
    near = [
        (round(radius + 0.01 * step, 2), max(1, percent + more))
        for step in range(-4, 5)
        for more in range(-3, 4)
        if radius + 0.01 * step > 0
    ]
    return max(near, key=lambda each: _alike(_made(first, *each)[inner], second[inner]))


def _sought(image: Array, like: Callable[[Array, tuple[slice, slice]], float]) -> float:
    """Return the radius whose blur is likest, first roughly, then finely."""
    around, best = np.arange(_STEPS[0], _LARGEST, _STEPS[0]), (0.0, -np.inf)
    for step, finer in zip(_STEPS, (*_STEPS[1:], None), strict=True):
        for radius in around:
            score = like(_made(image, radius, None), _inner(image.shape, radius))
            if score > best[1]:
                best = float(radius), score
        if finer is not None:
            ends = max(finer, best[0] - step), best[0] + step
            around = np.round(np.arange(ends[0], ends[1] + finer / 2, finer), 2)
    return best[0]


def _inner(shape: tuple[int, ...], radius: float) -> tuple[slice, slice]:
    """Return the part that the border of what is looked at does not reach."""
    rim = int(min(3 * radius + _RIM, min(shape) // 3))
    return slice(rim, shape[0] - rim), slice(rim, shape[1] - rim)


def _alike(made: Array, wanted: Array) -> float:
    return float(np.mean(made == wanted))


def _made(image: Array, radius: float, percent: int | None) -> Array:
    """Return what Pillow makes of an image: blurred, or sharpened where there is a percentage."""
    from PIL import Image, ImageFilter

    blur = ImageFilter.GaussianBlur(float(radius))
    how = blur if percent is None else ImageFilter.UnsharpMask(float(radius), percent, 0)
    return np.asarray(Image.fromarray(image).filter(how)).astype(int)
