"""Edits: what a program did to a picture, as a chain of simple stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_mask, as_planes
from kernfit.edits.chain import Edit, is_edit_file, white_of
from kernfit.edits.families import FAMILIES
from kernfit.edits.fit import EditFit, judged
from kernfit.edits.parts import Levels
from kernfit.edits.place import Place
from kernfit.edits.placing.found import find_place, is_still
from kernfit.edits.search import Search
from kernfit.edits.solve import with_errors
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput
from kernfit.learning.answers.fit import Fit

__all__ = ["Edit", "EditFit", "is_edit_file", "learn_edit"]

_BORDER = 8  # pixels whose neighbours lie beyond the picture


def learn_edit(
    before: ArrayLike,
    after: ArrayLike,
    *,
    stages: str | Sequence[str] = "auto",
    white: float | None = None,
    mask: ArrayLike | None = None,
    kernel_fit: Fit | None = None,
    told: Callable[[str], None] | None = None,
) -> EditFit:
    """Find the chain of simple stages that turns one picture into another.

    Stages are colours that mix, curves, kernels, gain fields and the way to linear light and back.
    The simplest chain that predicts blocks held out as well as any is taken.

    Parameters
    ----------
    before, after : array_like, shape (H, W) or (channels, H, W)
        The pair.
    stages : "auto" or sequence of str, default "auto"
        Which may be used: "colour", "kernel", "curve", "light", "gain", "clip", and, where no chain
        of these does, "detail" (a threshold) and "look" (a table of colours). How the images lie
        to each other is always found.
    white : float, optional
        The level that is white. Default: the largest of an integer dtype; of floating images 1, or
        255 if they have levels above 1.
    mask : array_like of bool, shape (H, W) of the after image, optional
        True where a pixel shall count. NaN never does.
    kernel_fit : Fit, optional
        What `kernfit.learn` makes of the pair; only handed on.
    told : callable, optional
        Called with a few words on each step of the search.

    Returns
    -------
    EditFit

    Raises
    ------
    InvalidInput
        If the images do not belong together, no pixel counts, or a stage has another name.

    Examples
    --------
    >>> import numpy as np
    >>> from kernfit import scene
    >>> grey = scene((96, 128))
    >>> before = np.stack([grey, grey[::-1], grey[:, ::-1]]).astype(np.uint8)
    >>> after = np.rint(before * np.array([1.0, 0.9, 0.8])[:, None, None]).astype(np.uint8)
    >>> learn_edit(before, after).edit.stages[0].numbers.round(3)
    array([1. , 0.9, 0.8])
    """
    found = _learnt(before, after, stages, white, mask, kernel_fit, told, pixelwise=False)
    assert found is not None
    return found


def pixelwise_edit(before: ArrayLike, after: ArrayLike, *, mask: Any = None) -> EditFit | None:
    """Return an edit of one stage that looks at no neighbours, where it is that: at once.

    Parameters
    ----------
    before, after, mask
        As for `learn_edit`.

    Returns
    -------
    EditFit or None
        None where more than rounding is left, or all channels are but scaled alike.
    """
    return _learnt(before, after, "auto", None, mask, None, None, pixelwise=True)


def _learnt(
    before: ArrayLike,
    after: ArrayLike,
    stages: str | Sequence[str],
    white: float | None,
    mask: ArrayLike | None,
    kernel_fit: Fit | None,
    told: Callable[[str], None] | None,
    *,
    pixelwise: bool,
) -> EditFit | None:
    names = [family.name for family in FAMILIES]
    wanted = names if stages == "auto" else ([stages] if isinstance(stages, str) else [*stages])
    if not set(wanted) <= set(names):
        raise InvalidInput(f"stages must be among {', '.join(names)}, got {stages!r}")
    x, y = as_planes(before, "before"), as_planes(after, "after")
    whites = [
        white_of(image.dtype, white or (255.0 if np.nanmax(image) > 1.0 else 1.0))
        for image in (x, y)
    ]
    first, second = x / whites[0], y / whites[1]
    used = np.asarray(np.isfinite(second).all(axis=0))
    place = None
    if not pixelwise or first.shape[1:] != second.shape[1:]:
        place = _placed(first, second, used)
    if place is not None:
        first = place.apply(first, Where.whole(*first.shape[1:]))
    if first.shape[1:] != second.shape[1:]:
        raise InvalidInput(
            "before and after must have equal sizes, or the after image be a part of the before "
            f"image, moved or resized, got {x.shape[1:]} and {y.shape[1:]}"
        )
    used &= np.isfinite(first).all(axis=0)
    border = _BORDER if place is None or not place.free else max(_BORDER, min(used.shape) // 11)
    edge = [min(border, length // 8) for length in used.shape]
    inner = np.zeros_like(used)
    inner[edge[0] : used.shape[0] - edge[0], edge[1] : used.shape[1] - edge[1]] = True
    used &= inner
    if mask is not None:
        used &= as_mask(mask, used.shape)
    if np.count_nonzero(used) < 100:
        raise InvalidInput(
            f"at least 100 pixels must count to find an edit, got {np.count_nonzero(used)}"
        )
    step = 1.0 / whites[1] if y.dtype.kind in "iu" else 0.0
    levels = Levels(np.nan_to_num(first), np.nan_to_num(second), used, step)
    search = Search(levels, wanted, told or (lambda _: None))
    found = search.pixelwise() if pixelwise else search.best()
    if found is None:
        return None
    stages_found = with_errors(found.polished)
    edit = Edit(
        stages_found if place is None else (place, *stages_found),
        whites[1] if y.dtype.kind == "f" else 255.0,
        "down" if found.down else "nearest",
    )
    nothing = float("nan")
    if first.shape == second.shape:
        nothing = float(np.sqrt(np.mean((first - second)[:, used] ** 2)) * whites[1])
    held = found.held_out * whites[1]
    status = judged(held, nothing, whites[1] / 255.0, step * whites[1] / np.sqrt(12.0))
    return EditFit(edit, kernel_fit, found.polished.rms * whites[1], held, nothing, status)


def _placed(before: Array, after: Array, used: Array) -> Place | None:
    """Return the stage that lays the before image on the after image, None where they lie alike."""
    found = find_place(np.nan_to_num(before), np.nan_to_num(after), used)
    if found is None or is_still(found):
        return None
    return Place.of(found, np.nan_to_num(after))
