"""A pair laid on one another: still, or by a place stage where that explains it better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.parts import Levels
from kernfit.edits.place import Place
from kernfit.edits.placing.found import find_place, is_still
from kernfit.edits.search import Search
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput

_BORDER = 8  # pixels whose neighbours lie beyond the picture
_LEAST = 100  # pixels that must count
# A wide blur hides the detail that tells of places, and one found in its dark is a false one. With
# it a single stage must leave no more than the first share of what one leaves without; between that
# and the second one, whole chains are compared.
_SURELY, _PERHAPS = 0.3, 0.9


@dataclass(frozen=True, eq=False)
class Laid:
    """A pair whose white is 1, and what counts of it.

    Attributes
    ----------
    before, after : ndarray, shape (C, H, W) and (C', H', W')
    mask : ndarray of bool or None
        Of the after image: True where a pixel shall count.
    step : float
        Between the after image's levels; 0 for floating numbers.
    """

    before: Array
    after: Array
    mask: Array | None
    step: float

    @property
    def same_size(self) -> bool:
        """Whether the images have equal sizes."""
        return self.before.shape[1:] == self.after.shape[1:]

    def search(
        self, make: Callable[[Levels], Search], *, place: bool = True
    ) -> tuple[Search, Place | None]:
        """Return the search over the pair as it lies, and the stage that lays it so.

        Parameters
        ----------
        make : callable
            Returns a search over levels.
        place : bool, default True
            Whether a place may be looked for where the images have equal sizes.

        Raises
        ------
        InvalidInput
            If the images cannot be laid on one another, or too few pixels count.
        """
        still = make(self.levels(None)) if self.same_size else None
        if still is not None and (not place or still.at_floor(still.left_by_one)):
            return still, None
        found = self._place()
        if found is not None:
            moved = make(self.levels(found))
            if still is None or _explains(moved, still):
                return moved, found
        if still is None:
            raise InvalidInput(
                "before and after must have equal sizes, or the after image be a part of the "
                f"before image, moved or resized, got {self.before.shape[1:]} and "
                f"{self.after.shape[1:]}"
            )
        return still, None

    def levels(self, place: Place | None) -> Levels:
        """Return the pair with the before image laid on the after image."""
        before = self.before
        if place is not None:
            before = place.apply(before, Where.whole(*before.shape[1:]))
        used = np.isfinite(before).all(axis=0) & np.isfinite(self.after).all(axis=0)
        border = _BORDER
        if place is not None and place.free:
            border = max(_BORDER, min(used.shape) // 11)
        edge = [min(border, length // 8) for length in used.shape]
        inner = np.zeros_like(used)
        inner[edge[0] : used.shape[0] - edge[0], edge[1] : used.shape[1] - edge[1]] = True
        used &= inner
        if self.mask is not None:
            used &= self.mask
        count = np.count_nonzero(used)
        if count < _LEAST:
            raise InvalidInput(f"at least {_LEAST} pixels must count to find an edit, got {count}")
        return Levels(np.nan_to_num(before), np.nan_to_num(self.after), used, self.step)

    def _place(self) -> Place | None:
        """Return the stage that lays the before on the after image, None where they lie alike."""
        after = np.nan_to_num(self.after)
        used = np.asarray(np.isfinite(self.after).all(axis=0))
        found = find_place(np.nan_to_num(self.before), after, used)
        return None if found is None or is_still(found) else Place.of(found, after)


def _explains(moved: Search, still: Search) -> bool:
    """Whether a place that was found is one."""
    share = moved.left_by_one / still.left_by_one
    if _SURELY <= share < _PERHAPS:
        share = moved.structure.held_out / still.structure.held_out
    return bool(share < _PERHAPS)
