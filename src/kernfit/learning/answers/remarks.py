"""What is to be said of a pair besides its kernel: another depth, a shift."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.answers.fit import Fit

# A shift is told if it is larger than this, in pixels, and than so many standard errors.
_LEAST_SHIFT, _SURE = 0.1, 5.0


def remarks(fit: Fit, before: Array, after: Array) -> tuple[str, ...]:
    """Return sentences on the depths of the images and on a shift between them.

    Parameters
    ----------
    fit : Fit
    before, after : ndarray
        Of one of the pairs.
    """
    return (*_depth(fit, before, after), *_shift(fit, before, after))


def _depth(fit: Fit, before: Array, after: Array) -> tuple[str, ...]:
    first, second = _peak(before), _peak(after)
    if first is None or second is None or first[0] == second[0]:
        return ()
    ratio = second[0] / first[0]
    total = float(fit.kernel.weight.astype(float).sum(axis=(1, 2, 3)).mean())
    return (
        f"the before image {first[1]} and the after image {second[1]}: that alone makes the taps "
        f"{ratio:.6g} times as large; without it they sum to {total / ratio:.4g}",
    )


def _peak(image: Array) -> tuple[float, str] | None:
    """Return the level of white and where it comes from, None where it cannot be told."""
    kind: np.dtype[Any] = image.dtype
    if kind.kind == "u" and kind.itemsize <= 2:
        return float(np.iinfo(kind).max), f"has {8 * kind.itemsize} bits"
    if kind.kind == "f":
        some = image[..., ::7, ::7]
        some = some[np.isfinite(some)]
        if some.size and some.max() > 0.1 and some.max() <= 1.5 and some.min() >= -0.5:
            return 1.0, "lies between 0 and 1"
    return None


def _shift(fit: Fit, before: Array, after: Array) -> tuple[str, ...]:
    """Say so if the kernel moves the image, which only equal sizes can tell."""
    equal = before.shape[-2:] == after.shape[-2:]
    # Of taps that noise hides, the centroid may be known all the same: its error says so.
    known = fit.status.code == "good" or (
        fit.status.code == "undetermined" and not len(fit.undetermined)
    )
    if not equal or fit.kernel.weight.shape[:2] != (1, 1) or not known:
        return ()
    found = fit.moments
    reach = [
        max(anchor, side - 1 - anchor)
        for anchor, side in zip(fit.kernel.anchor, fit.kernel.shape, strict=True)
    ]
    if not all(abs(at) <= most for at, most in zip(found.centroid, reach, strict=True)):
        return ()  # an emboss: its centroid is no place within it
    words = []
    for axis, names in enumerate((("higher", "lower"), ("farther left", "farther right"))):
        # Taps below the anchor bring in what lies below: the picture moves up.
        moved, error = -found.centroid[axis], found.centroid_stderr[axis]
        if abs(moved) > max(_LEAST_SHIFT, _SURE * error):
            near = f" ± {error:.1g}" if error > 5e-4 else ""
            words.append(f"{abs(moved):.3g}{near} pixels {names[int(moved > 0)]}")
    return (f"the after image lies {' and '.join(words)} than the before image",) if words else ()
