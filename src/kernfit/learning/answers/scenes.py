"""The pair behind a fit, put together again so that it can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel
from kernfit.learning.misfits.piles import clipped_at
from kernfit.learning.pairs.equations import Equations
from kernfit.learning.pairs.pair import Pair
from kernfit.report import Scene, Views, views_of
from kernfit.report.answer import Answer

# A residual this many times that of the fit belongs to other images.
_OTHER_IMAGES = 2.0
# A residual below this share of the after image's levels is that of arithmetic.
_ARITHMETIC = 1e-6


def scene_of(
    answer: Answer,
    before: ArrayLike,
    after: ArrayLike,
    *,
    clip: Sequence[float] | None,
    clip_before: Sequence[float] | None,
    mask: ArrayLike | None,
) -> Scene:
    """Return a pair with the pixels that counted; outliers are kept, to be seen.

    Parameters
    ----------
    answer : Answer
        A `Fit`.
    before, after, clip, clip_before, mask
        As they were given to `learn`.

    Raises
    ------
    InvalidInput
        If the images cannot belong to such a fit.
    """
    kernel = answer.kernel
    outputs, inputs, *_ = kernel.weight.shape
    pair = Pair.of(
        before,
        after,
        clip=clip,
        clip_before=clip_before,
        mask=mask,
        channels="alike" if (outputs, inputs) == (1, 1) else "full",
    )
    if (outputs, inputs) != (1, 1) and (len(pair.after), len(pair.before)) != (outputs, inputs):
        raise InvalidInput(
            f"before and after must have {inputs} and {outputs} channels, as the kernel has, got "
            f"{len(pair.before)} and {len(pair.after)}"
        )
    seen = pair.before
    if answer.offset is not None:
        row, column = answer.offset
        height, width = pair.after.shape[1:]
        seen = seen[:, row : row + height, column : column + width]
        pair = replace(pair, before=seen)
    same = pair.same_size
    if not same and pair.valid_shape != kernel.shape:
        raise InvalidInput(
            f"before and after must be the pair that was learnt from, got sizes that differ by a "
            f"{pair.valid_shape[0]}x{pair.valid_shape[1]} kernel's, not a "
            f"{kernel.shape[0]}x{kernel.shape[1]} one's"
        )
    found, margin = _as_counted(pair, kernel, answer.left_out)
    used = np.zeros(pair.after.shape, bool)
    top, left = (max(tap, margin) if same else 0 for tap in kernel.anchor)
    used[:, top : top + found.used.shape[1], left : left + found.used.shape[2]] = found.used
    return Scene(pair.before, pair.after, used, kernel)


def _as_counted(pair: Pair, kernel: Kernel, left_out: dict[str, int]) -> tuple[Equations, int]:
    """Return what counts, and the margin, so that as many pixels are left out as in the fit."""
    low, high = pair.limits
    # What the fit found out: whether the before image is saturated, and at which end.
    ends = [pair.clip_before]
    if left_out.get("clipped before"):
        ends += [(-np.inf, high), (low, np.inf), (low, high)]
    # Where the shape was found and not told, a wider border was left out.
    asked = ("border", "clipped", "clipped before")
    for margin in (max(kernel.shape) // 2, 0):
        for end in ends:
            own = replace(pair, clip_before=end)
            found = own.equations(kernel.shape, kernel.anchor, margin=margin)
            if found.left_out["clipped"] < left_out.get("clipped", 0):
                low, high = clipped_at(pair)
                own = replace(own, clip=(max(pair.clip[0], low), min(pair.clip[1], high)))
                found = own.equations(kernel.shape, kernel.anchor, margin=margin)
            if all(found.left_out[why] == left_out.get(why, 0) for why in asked):
                return found, margin
    return pair.equations(kernel.shape, kernel.anchor), 0


def views_for(
    answer: Answer, before: ArrayLike | None, after: ArrayLike | None, **given: Any
) -> tuple[Scene | None, Views | None]:
    """Return a pair and what can be shown of it; refuse one that was not learnt from.

    Parameters
    ----------
    answer : Answer
        A `Fit`.
    before, after
        The images; None if there are none.
    **given
        As for `scene_of`.

    Raises
    ------
    InvalidInput
        If only one image is given, or the residual is not that of the fit.
    """
    if (before is None) != (after is None):
        raise InvalidInput("before and after must be given both or neither, got one of them")
    if before is None or after is None:
        return None, None
    if isinstance(before, (list, tuple)) and np.ndim(before[0]) > 1:
        raise InvalidInput("before and after must be one pair to be shown, got lists: give one")
    scene, rms = scene_of(answer, before, after, **given), answer.residual_rms
    views = views_of(scene)
    levels: Array = views.overview.after[np.isfinite(views.overview.after)]
    floor = _ARITHMETIC * float(np.abs(levels).max(initial=0.0))
    # What was left out for its looks is shown all the same, and may be any distance off.
    unlike = answer.chi2 is not None or answer.left_out.get("outliers")
    if not unlike and views.rms > _OTHER_IMAGES * max(rms, floor):
        raise InvalidInput(
            "before and after must be the pair that was learnt from, with the same clip and mask, "
            f"got a residual of {views.rms:.3g} grey levels where the fit has {rms:.3g}"
        )
    return scene, views
