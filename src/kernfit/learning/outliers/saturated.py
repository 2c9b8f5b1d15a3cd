"""Before images that saturate: whether the after image was made from more than they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.answers.fit import Fit
from kernfit.learning.outliers.robust import residuals_of_fit
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.sums.footprint import any_under_kernel

# A residual up to so many times its floor leaves nothing to look for.
_ABOVE_FLOOR = 1.35
# Where saturated pixels are seen, the mean square of the residual is so many times that elsewhere:
# at first, when they draw the kernel towards themselves, and once they no longer do.
_WORSE, _MUCH_WORSE = 1.5, 10.0
# Outputs that must see a saturated pixel, and that must not, for each weight.
_LEAST_SEEING, _LEAST_OTHERS = 30, 10


def without_saturated(pair: Pair, fit: Fit, answer: Callable[[Pair], Fit]) -> Fit:
    """Leave out what sees a saturated pixel before, if that explains the rest better.

    A program that filtered this very file saw its 0 and 255 as they are, and they are as good as
    other pixels. A lens or a telescope saw the light itself: where the before image saturates, the
    after image then has more than any kernel makes of it. So the pair is asked: if the residual
    is larger where a saturated pixel is seen, and all the others fit better without those, they
    are left out. A black background, which a program really saw, stays.

    Parameters
    ----------
    pair : Pair
    fit : Fit
        Of that pair.
    answer : callable
        Fits a pair.

    Returns
    -------
    Fit
        The same one unless something was left out; its notes say so.
    """
    said: tuple[str, ...] = ()
    for end, level in enumerate(pair.limits):
        exact = fit.reproduced is not None and fit.reproduced == fit.used
        if exact or fit.residual_rms <= _ABOVE_FLOOR * fit.residual_floor:
            break
        closed = (pair.before <= level) if end == 0 else (pair.before >= level)
        if not np.isfinite(level) or not closed.any():
            continue
        seeing, others = _squares(pair, fit, end)
        enough = seeing.size >= _LEAST_SEEING
        enough &= others.size >= _LEAST_OTHERS * (fit.kernel.weight[0].size + 1)
        if not enough or seeing.mean() < _WORSE * others.mean():
            continue
        shut = list(pair.clip_before)
        shut[end] = level
        tried = replace(pair, clip_before=(shut[0], shut[1]))
        again = answer(tried)
        far, near = _squares(pair, again, end)
        better = near.mean() < others.mean() and far.mean() > _MUCH_WORSE * near.mean()
        if again.status.code == "misfit" or not better:
            continue
        pair = tried
        what = "saturated" if end else "black"
        note = (
            f"pixels that see a {what} pixel ({level:g}) of the before image were left out, "
            "because the others fit better without them"
        )
        said = (*said, note)
        fit = again
    return replace(fit, notes=(*said, *fit.notes)) if said else fit


def _squares(pair: Pair, fit: Fit, end: int) -> tuple[Array, Array]:
    """Return the squared residuals of outputs that see a pixel at the limit, and of the others."""
    equations, errors = residuals_of_fit(pair, fit)
    level = pair.limits[end]
    closed = (equations.x >= level) if end else (equations.x <= level)
    hidden = any_under_kernel(closed, fit.kernel.shape)
    if pair.channels == "full":
        hidden = np.broadcast_to(hidden.any(axis=0), errors.shape)
    return errors[equations.used & hidden] ** 2, errors[equations.used & ~hidden] ** 2
