"""Edits: what a program did to a picture, as a chain of simple stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import as_mask, as_planes
from kernfit.edits.chain import Edit, is_edit_file, white_of
from kernfit.edits.families import FAMILIES
from kernfit.edits.fit import EditFit, judged, of_shown_colours
from kernfit.edits.laid import Laid
from kernfit.edits.search import Search
from kernfit.edits.solve import with_errors
from kernfit.errors import InvalidInput
from kernfit.learning.answers.fit import Fit

__all__ = ["Edit", "EditFit", "is_edit_file", "learn_edit"]


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
        Which may be used: "colour", "kernel", "curve", "light", "hue", "gain", "clip", and, where
        no chain of these does, "detail" (a threshold) and "look" (a table of colours). How the
        images lie to each other is always found.
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
    step = 1.0 / whites[1] if y.dtype.kind in "iu" else 0.0
    counted = None if mask is None else as_mask(mask, y.shape[1:])
    laid = Laid(x / whites[0], y / whites[1], counted, step)
    search, place = laid.search(
        lambda levels: Search(levels, wanted, told or (lambda _: None)), place=not pixelwise
    )
    found = search.pixelwise() if pixelwise else search.best()
    if found is None:
        return None
    stages_found = with_errors(found.polished)
    edit = Edit(
        stages_found if place is None else (place, *stages_found),
        whites[1] if y.dtype.kind == "f" else 255.0,
        "down" if found.down else "nearest",
    )
    levels = search.levels
    nothing = float("nan")
    if levels.before.shape == levels.after.shape:
        apart = (levels.before - levels.after)[:, levels.used]
        nothing = float(np.sqrt(np.mean(apart**2)) * whites[1])
    held = found.held_out * whites[1]
    cells = None if found.cells is None else found.cells * whites[1]
    status = judged(held, nothing, whites[1] / 255.0, step * whites[1] / np.sqrt(12.0), cells)
    if any(stage.kind == "look" for stage in edit.stages):
        status = of_shown_colours(status)
    return EditFit(edit, kernel_fit, found.polished.rms * whites[1], held, nothing, status)
