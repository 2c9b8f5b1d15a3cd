"""What two images show as wholes: that one was compressed, mirrored, turned or scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import correlate2d
from kernfit.kernel import Kernel
from kernfit.learning.misfits.lossy import compressed
from kernfit.learning.misfits.passes import as_pillow_makes_it
from kernfit.learning.misfits.registration import moved, shifted, turned
from kernfit.learning.misfits.retouched import retouched
from kernfit.learning.misfits.rivals import Rival, rival
from kernfit.learning.misfits.structure import Structure
from kernfit.learning.pairs.offset import likeness, likeness_of_wholes
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.residual import ResidualStrip

# Geometry is looked at where the slopes explain this share of the residual, or a kernel explains
# less than so much of the after image.
_MOTION, _POOR = 0.02, 0.97
# The whole at another size must be so much alike, and by so much more than the inner part.
_FOUND, _BETTER = 0.5, 0.05
_SIDE = 640  # pixels to which large images are reduced for that
_DOUBT = 1e-3  # chance that noise would follow the detail as the residual does
# A rival that explains so much leaves nothing to look for.
_ALL_OF_IT = 0.95
# A part that was painted over leaves a residual that is so much alike in neighbouring pixels.
_RETOUCHED = 0.5
_PART = 512  # pixels each way in which compression is looked for


@dataclass(frozen=True)
class Clues:
    """What the images as wholes show.

    Attributes
    ----------
    compressed : bool
        Whether the after image was compressed in blocks, as JPEG does.
    geometry : (words, remedy) or None
        How the after image is mirrored, turned, scaled or shifted, and what to do.
    rival : Rival or None
        What explains the pair far better than one kernel on the levels.
    made : str or None
        What of Pillow makes the after image pixel by pixel, rounding between its steps.
    amount : float
        How much of what surrounds a pixel the kernel takes in or off: 1 of a blur.
    """

    compressed: bool = False
    geometry: tuple[str, str] | None = None
    rival: Rival | None = None
    made: str | None = None
    amount: float = 0.0


def look_at(
    pair: Any,
    kernel: Kernel,
    found: Structure,
    strips: Sequence[ResidualStrip],
    *,
    r2: float,
    floor: float,
) -> tuple[Structure, Clues]:
    """Look for what a residual alone does not tell.

    Parameters
    ----------
    pair : Pair or Pairs
        What is not in memory is not looked at; of several pairs the first is.
    kernel : Kernel
        The answer.
    found : Structure
        Of its residual.
    strips : sequence of ResidualStrip
        That residual.
    r2 : float
        Share of the after image's variance that it explains.
    floor : float
        Root mean square of what rounding leaves.

    Returns
    -------
    Structure
        With what was retouched.
    Clues
    """
    before, after = pair.before, pair.after
    first = getattr(pair, "members", (pair,))[0]
    known = isinstance(before, np.ndarray) and isinstance(after, np.ndarray)
    other = None
    if known and found.doubtful and (made := as_pillow_makes_it(before, after, kernel)):
        return found, Clues(made=made)
    if known and type(first) is Pair:
        other = rival(first, kernel.shape, floor, light=found.doubtful)
        if other is not None and other.share > _ALL_OF_IT:
            return found, Clues(rival=other)
    found = with_retouched(found, strips, kernel.anchor)
    amount = _amount(kernel)
    if not known:
        return found, Clues(amount=amount)
    geometry = _geometry(before, after, kernel, found, not r2 > _POOR)
    # Compression shows in the detail; of images that are not of whole levels it is not read off.
    doubt = min(found.detail.chance, found.rough.chance) < _DOUBT
    whole = after.dtype.kind in "iu"
    lossy = doubt and whole and _compressed(before, after, kernel)
    return found, Clues(lossy, geometry, other, amount=amount)


def _amount(kernel: Kernel) -> float:
    """Return half of what the taps differ from a single 1 at the anchor; of the most, if many."""
    taps = kernel.weight.astype(float).sum(axis=1)
    taps[:, kernel.anchor[0], kernel.anchor[1]] -= 1
    return float(np.abs(taps).sum(axis=(1, 2)).max()) / 2


def with_retouched(
    found: Structure, strips: Sequence[ResidualStrip], anchor: tuple[int, int]
) -> Structure:
    """Return what a residual looks like with the part that was retouched, if it may have one."""
    if found.neighbours <= _RETOUCHED:
        return found
    return replace(found, retouched=retouched(strips, anchor))


def _geometry(
    before: Array, after: Array, kernel: Kernel, found: Structure, poor: bool
) -> tuple[str, str] | None:
    """Say how the after image was moved, if the residual lets one think so."""
    if not (poor or found.motion.share > _MOTION):
        return None
    if before.shape[1:] != after.shape[1:]:
        return _resized(before, after)
    factor = -(-max(after.shape[1:]) // _SIDE)
    first, second = _reduced(before, factor), _reduced(after, factor)
    geometry = turned(first, second) if poor else None
    for coarser in (1, 2):
        # At half the size the same tiles look twice as far.
        geometry = geometry or moved(
            _reduced(first, coarser), _reduced(second, coarser), factor * coarser, kernel.shape
        )
    if poor and geometry is None:
        geometry = shifted(first, second, factor, kernel.shape)
    return geometry


def _resized(before: Array, after: Array) -> tuple[str, str] | None:
    """Say so if the after image is the whole before image at another size, not its inner part."""
    rows, columns = after.shape[1:]
    top, left = (
        (long - short) // 2 for long, short in zip(before.shape[1:], (rows, columns), strict=True)
    )
    inner = likeness(before[:, top : top + rows, left : left + columns], after)
    if likeness_of_wholes(before, after) < max(_FOUND, inner + _BETTER):
        return None
    size = f"{before.shape[1]}x{before.shape[2]} to {rows}x{columns}"
    return f"resized from {size}", "Bring both to the same size first."


def _compressed(before: Array, after: Array, kernel: Kernel) -> bool:
    """Whether the after image lies on a grid of blocks that the prediction does not have."""
    rows, columns = (min(_PART, side) for side in after.shape[1:])
    same = before.shape[1:] == after.shape[1:]
    kh, kw = (0, 0) if same else (side - 1 for side in kernel.shape)
    part = np.nan_to_num(before[:, : rows + kh, : columns + kw].astype(float), posinf=0, neginf=0)
    mixing = kernel.weight.shape[:2] != (1, 1)
    predicted = correlate2d(
        part if mixing or len(part) > 1 else part[0],
        kernel,
        mode="same" if same else "valid",
        boundary="edge",
    )
    measured = np.nan_to_num(after[:, :rows, :columns].astype(float), posinf=0, neginf=0)
    # In levels of 8 bits: frequencies are zero if they are nearly so in those.
    unit = 256 ** (after.dtype.itemsize - 1) if after.dtype.itemsize <= 2 else 1
    predicted = np.rint(predicted).reshape(measured.shape)
    return compressed(measured.mean(axis=0) / unit, predicted.mean(axis=0) / unit)


def _reduced(image: Array, factor: int) -> Array:
    """Return the means over squares of so many pixels each way."""
    finite: Array = np.nan_to_num(image.astype(float), posinf=0, neginf=0)
    if factor == 1:
        return finite
    rows, columns = (side // factor for side in image.shape[1:])
    cut = finite[:, : rows * factor, : columns * factor]
    means: Array = cut.reshape(len(image), rows, factor, columns, factor).mean(axis=(2, 4))
    return means
