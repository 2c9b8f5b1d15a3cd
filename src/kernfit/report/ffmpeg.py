"""A kernel as a filter of ffmpeg."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array

_SIDES = (3, 5, 7)  # of what the filter "convolution" takes
# ffmpeg gives up on longer expressions.
_MOST_TERMS = 121


@dataclass(frozen=True)
class FfmpegFilter:
    """A filter's name and its options, for one plane and for three.

    Attributes
    ----------
    for_grey, for_colour : (str, str)
    note : str
        Its conventions.
    """

    for_grey: tuple[str, str]
    for_colour: tuple[str, str]
    note: str


def ffmpeg_filter(
    taps: Array, anchor: tuple[int, int], bias: float, top: int
) -> FfmpegFilter | None:
    """Return the filter that correlates with taps; None if there are too many.

    The fast filter, "convolution", takes whole numbers for squares of 3, 5 or 7, and divides by
    their sum: ffmpeg 5 does so whatever rdiv says. So it serves only taps that sum to 1, and no
    negative bias. For the others "geq" evaluates an expression at every pixel.

    Parameters
    ----------
    taps : ndarray, shape (kh, kw)
    anchor : (row, column)
    bias : float
    top : int
        The highest level.
    """
    total, size = float(taps.sum()), float(np.abs(taps).sum())
    square = _square(taps, anchor)
    # The sum of products is kept in 32 bits, and must be right to a tenth of a level.
    scale = 2.0 ** int(np.floor(np.log2(2**30 / (top * max(size, 1e-300)))))
    fine = taps.size * top / scale < 0.1
    if square is not None and fine and bias >= 0 and abs(total - 1) < 0.01 / top:
        matrix = " ".join(str(round(float(tap) * scale)) for tap in square.ravel())
        given = [f"{n}m='{matrix}':{n}bias={bias:.6f}" for n in range(3)]
        return FfmpegFilter(
            ("convolution", given[0]),
            ("convolution", ":".join(given)),
            "In spite of its name convolution does not flip. It takes whole numbers, and divides "
            "by their sum.",
        )
    if np.count_nonzero(taps) > _MOST_TERMS:
        return None
    row, column = anchor
    terms = "".join(
        f"{tap:+.{_places(taps)}f}*p(X{j - column:+d},Y{i - row:+d})"
        for (i, j), tap in np.ndenumerate(taps)
        if tap
    )
    rounded = f"floor(clip({bias + 0.5:.6f}{terms},0,{top}))"
    return FfmpegFilter(
        ("geq", f"lum='{rounded}'"),
        ("geq", ":".join(f"{channel}='{rounded}'" for channel in "rgb")),
        "geq works out a formula for every pixel: slow, but it takes taps that do not sum to 1.",
    )


def _places(taps: Array) -> int:
    return int(np.clip(9 - np.floor(np.log10(max(1e-30, float(np.abs(taps).max())))), 0, 40))


def _square(taps: Array, anchor: tuple[int, int]) -> Array | None:
    """Return the taps amid zeros, so that the anchor is in the middle of 3x3, 5x5 or 7x7."""
    reach = max(max(tap, size - 1 - tap) for tap, size in zip(anchor, taps.shape, strict=True))
    side = next((side for side in _SIDES if side // 2 >= reach), None)
    if side is None:
        return None
    square = np.zeros((side, side))
    row, column = (side // 2 - tap for tap in anchor)
    square[row : row + taps.shape[0], column : column + taps.shape[1]] = taps
    return square
