"""Linear light: images whose levels are not proportional to the light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_numbers
from kernfit.errors import InvalidInput
from kernfit.learning.answers.fit import Fit
from kernfit.learning.answers.verdict import Status
from kernfit.learning.pairs.light import to_levels, to_linear, white_of
from kernfit.learning.pairs.pair import Pair, levels_of
from kernfit.learning.pairs.several import Pairs
from kernfit.learning.request import Data

# A residual up to so many times that of rounding is rounding.
_ABOVE_FLOOR = 1.35
# A difference in size of the residuals below this share is none.
_ALIKE = 0.02


def peak_of(image: ArrayLike, name: str) -> float:
    """Return the level of white.

    Raises
    ------
    InvalidInput
        If it is neither an 8- or 16-bit image nor one of floating numbers between 0 and 1.
    """
    pixels = as_numbers(image, name)
    white = white_of(pixels)
    if white is not None:
        return white
    raise InvalidInput(
        f"{name} must have 8 or 16 bits, or floating levels from 0 to 1, for transfer='srgb', got "
        f"{pixels.dtype}: divide it by its white"
    )


def in_linear_light(source: Pair | Pairs, data: Data) -> tuple[Pair | Pairs, float]:
    """Return a source in linear light, and the level of white of its after images.

    Parameters
    ----------
    source : Source
        With images in memory.
    data : Data
        What is known of them.
    """
    if isinstance(source, Pairs):
        found = [
            in_linear_light(member, data.of_pair(n)) for n, member in enumerate(source.members)
        ]
        lit: Any = tuple(pair for pair, _ in found)
        return replace(source, members=lit), found[0][1]
    given = all_in_linear_light(source.before, source.after, data.clip, data.clip_before)
    low, high = given["clip_before"] or (-np.inf, np.inf)
    return replace(
        source,
        before=given["before"],
        after=given["after"],
        clip=given["clip"],
        clip_before=(low, high),
        limits=(-np.inf, np.inf),
    ), peak_of(source.after, "after")


def limits_in_linear_light(
    clip: Sequence[float] | None, dtype: np.dtype[Any], white: float
) -> tuple[float, float]:
    """Return the levels at which an image saturates, in linear light."""
    low, high = levels_of(clip, dtype)
    ends = to_linear(np.clip([low, high], -white, 2 * white), white)
    return (
        float(ends[0]) if np.isfinite(low) else -np.inf,
        float(ends[1]) if np.isfinite(high) else np.inf,
    )


def all_in_linear_light(
    before: ArrayLike,
    after: ArrayLike,
    clip: Sequence[float] | None,
    clip_before: Sequence[float] | None,
) -> dict[str, Any]:
    """Return a pair and its limits in linear light by the names that `learn` has for them."""
    first, second = as_numbers(before, "before"), as_numbers(after, "after")
    white, light = peak_of(second, "after"), peak_of(first, "before")
    if clip_before is not None:
        clip_before = limits_in_linear_light(clip_before, np.dtype(float), light)
    return {
        "before": to_linear(first.astype(np.float64), light),
        "after": to_linear(second.astype(np.float64), white),
        "clip": limits_in_linear_light(clip, second.dtype, white),
        "clip_before": clip_before,
    }


def compared(fit: Fit, plain: Fit, levels: Array, errors: Array, white: float) -> Fit:
    """Return the fit in linear light, with word of how well it fits and its rival does.

    Parameters
    ----------
    fit, plain : Fit
        In linear light, and on the levels as they are.
    levels, errors : ndarray, shape (n,)
        In linear light: the after image where it counts, and the residual of `fit`.
    white : float
        The level of white.
    """
    apart = to_levels(levels, white) - to_levels(levels - errors, white)
    ours, theirs = float(np.sqrt(np.mean(apart**2))), plain.residual_rms
    if abs(ours - theirs) <= _ALIKE * max(ours, theirs):
        which = "linear light and the levels as they are fit equally well"
    elif ours < theirs:
        which = "linear light fits better than the levels as they are"
    else:
        which = "the levels as they are fit better than linear light: learn without transfer"
    note = f"{which} (residuals of {ours:.3g} and {theirs:.3g} grey levels)"
    floor = plain.residual_floor
    slopes = np.gradient(to_linear(np.linspace(0, white, 4096), white), white / 4095)
    slope = np.interp(to_levels(levels, white), np.linspace(0, white, 4096), slopes)
    found = replace(
        fit,
        notes=(*fit.notes, note),
        residual_floor=floor * float(np.sqrt(np.mean(slope**2))),
    )
    if floor and ours <= _ABOVE_FLOOR * floor:
        status = Status("good", "The kernel explains the after image in linear light")
        return replace(found, status=status)
    return found
