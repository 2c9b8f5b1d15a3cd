"""The pair behind a kernel that varies, put together again so that it can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.varying.kernel_field import KernelField
from kernfit.report import Scene, Views, views_of
from kernfit.report.varying import VaryingAnswer

# A residual this many times that of the fit belongs to other images.
_OTHER_IMAGES = 2.0


@dataclass(frozen=True)
class FieldScene(Scene):
    """A pair as the fit of a varying kernel saw it.

    Attributes
    ----------
    field : KernelField
    """

    field: KernelField

    def made_of(self, patch: Array, rows: slice, columns: slice) -> Array:
        """Return what the field makes of all that these pixels of the after image see."""
        return self.field.over(patch[0], rows, columns)[np.newaxis]


def views_for(
    fit: VaryingAnswer,
    before: ArrayLike | None,
    after: ArrayLike | None,
    *,
    clip: Sequence[float] | None,
    mask: ArrayLike | None,
) -> tuple[Scene | None, Views | None]:
    """Return a pair and what can be shown of it; refuse one that was not learnt from.

    Raises
    ------
    InvalidInput
        If only one image is given, their sizes are others, or the residual is not that of the fit.
    """
    if (before is None) != (after is None):
        raise InvalidInput("before and after must be given both or neither, got one of them")
    if before is None or after is None:
        return None, None
    field = fit.field
    pair = Pair.of(before, after, clip=clip, mask=mask)
    own = (pair.after.shape[1:], pair.same_size)
    if own != (field.size, field.same_size) or len(pair.before) != 1 or len(pair.after) != 1:
        raise InvalidInput(
            f"before and after must be the pair that was learnt from, single planes with "
            f"{field.size[0]}x{field.size[1]} pixels after, got shapes {pair.before.shape} and "
            f"{pair.after.shape}"
        )
    found = pair.equations(field.shape, field.anchor)
    used = np.zeros(pair.after.shape, bool)
    (top, left), (height, width) = field.anchor, found.used.shape[1:]
    used[:, top : top + height, left : left + width] = found.used
    middle = ((field.shape[0] - 1) // 2, (field.shape[1] - 1) // 2)
    mean = Kernel(field.weights[0], anchor=field.anchor if field.same_size else middle)
    scene = FieldScene(pair.before, pair.after, used, mean, field)
    views = views_of(scene)
    # What was left out for its looks is shown all the same; weights make another mean.
    unlike = fit.left_out.get("outliers") or not fit.errors.from_blocks
    if not unlike and views.rms > _OTHER_IMAGES * max(fit.residual_rms, 1e-6 * _level(views)):
        raise InvalidInput(
            "before and after must be the pair that was learnt from, with the same clip and mask, "
            f"got a residual of {views.rms:.3g} grey levels where the fit has "
            f"{fit.residual_rms:.3g}"
        )
    return scene, views


def _level(views: Views) -> float:
    levels = views.overview.after[np.isfinite(views.overview.after)]
    return float(np.abs(levels).max(initial=0.0))
