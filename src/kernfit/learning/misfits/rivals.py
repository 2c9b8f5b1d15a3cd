"""Rivals of one kernel on the levels: channels treated differently, and the light behind levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import correlate2d
from kernfit.learning.misfits.channels import treatment
from kernfit.learning.pairs.equations import Equations
from kernfit.learning.pairs.light import to_levels, to_linear, white_of
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.sums.statistics import Statistics

# Parts of the image that are looked at: so many each way, of so many pixels each way.
_PARTS, _SIDE = 2, 192
# The kernel that is tried reaches so far at most; of pixels there are so many for each weight.
_LEAST, _WIDEST, _PIXELS_PER_WEIGHT = 5, 11, 8
_FIRST = 3  # a first look takes a kernel of this size
# That look goes on if it explains this share of the squared residual.
_WORTH_A_LOOK = 0.02
# A rival beside one that is simpler must leave this share of the squared residual, or less.
_CLEARLY = 0.5
_MOST_CHANNELS = 8
# The way back is the right one if it leaves this share of the residual, or less.
_FAR_BETTER = 0.3
_BLOCKS = 12  # half of them is held out in turn


@dataclass(frozen=True)
class Rival:
    """Another explanation than one kernel on the levels.

    Attributes
    ----------
    kind : str
        "colour", "linear light" or "swapped".
    sentence, remedy : str
        As those of a `Misfit`.
    share : float
        What it explains of the squared residual that one kernel of its size leaves.
    left : float
        Root mean square of what it leaves, in levels.
    advice : Mapping
        Options of `learn` that take it.
    """

    kind: str
    sentence: str
    remedy: str
    share: float
    left: float
    advice: Mapping[str, Any] = field(default_factory=dict)


def rival(pair: Pair, shape: tuple[int, int], floor: float, *, light: bool = True) -> Rival | None:
    """Return what explains a pair far better than one kernel on the levels, if that does.

    Parameters
    ----------
    pair : Pair
        In memory.
    shape : (kh, kw)
        Of the kernel that leaves too much.
    floor : float
        Root mean square of what rounding leaves.
    light : bool, default True
        Whether to look at the light too, which takes longer.

    Returns
    -------
    Rival or None
    """
    parts = cut_up(pair, max(shape))
    if not parts:
        return None
    channels = len(pair.after)
    alike = pair.channels == "alike"
    colours = alike and 1 < channels == len(pair.before) <= _MOST_CHANNELS
    size = _size(parts, shape, channels if colours else 1)
    found: list[Rival] = []
    if colours and _differ(parts, floor):
        found += _in_colour(parts, size, floor)
    other = _in_light(parts, size, colours and bool(found)) if light else None
    if other is not None and (not found or other.left**2 < _CLEARLY * found[0].left ** 2):
        found = [other]
    if light and not found:
        return _swapped(parts, size)
    return found[0] if found else None


def _swapped(parts: list[Pair], size: tuple[int, int]) -> Rival | None:
    """Try the way back, from the after image to the before image."""
    if not parts[0].same_size or parts[0].channels != "alike":
        return None
    back = [replace(part, before=part.after, after=part.before, variance=None) for part in parts]
    ways = [_left(own, own, size, None) for own in (parts, back)]
    spreads = [float(np.std(own[0].after[np.isfinite(own[0].after)])) for own in (parts, back)]
    if None in ways or not min(spreads) > 0:
        return None
    there, home = (left / spread for left, spread in zip(ways, spreads, strict=True))  # type: ignore[operator]
    if not home < _FAR_BETTER * there:
        return None
    words = (
        "the after image explains the before image far better than the other way round "
        f"({ways[1]:.3g} instead of {ways[0]:.3g} grey levels are left): they may have been swapped"
    )
    return Rival("swapped", words, "Give them the other way round.", 1 - (home / there) ** 2, 0.0)


def _differ(parts: list[Pair], floor: float) -> bool:
    """Whether a small kernel shows that channels are treated differently at all."""
    sums = sums_of([replace(part, channels="full") for part in parts], (_FIRST, _FIRST))
    return sums is not None and treatment(sums, floor).share > _WORTH_A_LOOK


def _in_colour(parts: list[Pair], size: tuple[int, int], floor: float) -> list[Rival]:
    blocks = _blocks([replace(part, channels="full") for part in parts], size)
    sums = _total(blocks)
    if sums is None:
        return []
    how = treatment(sums, floor)
    share = min(how.share, _held_out(blocks, floor)) if how.share > _WORTH_A_LOOK else 0.0
    if share < _WORTH_A_LOOK:
        return []
    advice: dict[str, Any] = {"channels": "full"}
    remedy = "Let the channels mix: channels='full', or --channels full."
    if not how.mixed:
        advice["groups"] = sums.outputs
        remedy = (
            f"Learn a kernel for each: channels='full' with groups={sums.outputs}, or --channels "
            f"full --groups {sums.outputs}."
        )
    words = f"the channels are treated differently: {how.words}"
    return [Rival("colour", words, remedy, share, float(np.sqrt(how.squared)), advice)]


def _in_light(parts: list[Pair], size: tuple[int, int], colours: bool) -> Rival | None:
    """Try the light behind the levels, with one kernel, then with channels that mix."""
    first = parts[0]
    whites = [white_of(first.before), white_of(first.after)]
    if None in whites:
        return None
    if any(_beyond(part, whites) for part in parts):
        return None
    linear = [_linear(part, *whites) for part in parts]  # type: ignore[arg-type]
    plain = _left(parts, parts, size, None)
    if plain is None or plain == 0:
        return None
    best: tuple[float, str] | None = None
    for channels in (first.channels, *(("full",) if colours else ())):
        own = [replace(part, channels=channels) for part in linear]
        left = _left(own, parts, size, whites[1])
        if left is None:
            continue
        enough = left < np.sqrt(_CLEARLY) * plain
        if enough and (best is None or left**2 < _CLEARLY * best[0] ** 2):
            best = left, channels
    if best is None:
        return None
    left, channels = best
    advice: dict[str, Any] = {"transfer": "srgb"}
    words = (
        "it acted on the light behind the levels (sRGB), which leaves "
        f"{left:.3g} grey levels instead of {plain:.3g}"
    )
    remedy = "Learn in linear light: transfer='srgb', or --transfer srgb."
    if channels != first.channels:
        advice["channels"] = channels
        words += ", the channels being treated differently there"
        remedy = (
            "Learn in linear light and let the channels mix: transfer='srgb' with "
            "channels='full', or --transfer srgb --channels full."
        )
    return Rival("linear light", words, remedy, 1 - (left / plain) ** 2, left, advice)


def _beyond(part: Pair, whites: list[float | None]) -> bool:
    """Whether a part of an image of floating numbers is no sRGB after all."""
    images = (part.before, part.after)
    return any(white_of(image) != white for image, white in zip(images, whites, strict=True))


def _linear(part: Pair, first: float, second: float) -> Pair:
    """Return a pair in linear light."""
    low, high = part.clip
    ends = to_linear(np.clip([low, high], -second, 2 * second), second)
    return replace(
        part,
        before=to_linear(part.before.astype(float), first),
        after=to_linear(part.after.astype(float), second),
        clip=(
            float(ends[0]) if np.isfinite(low) else -np.inf,
            float(ends[1]) if np.isfinite(high) else np.inf,
        ),
        limits=(-np.inf, np.inf),
    )


def _left(
    fitted: list[Pair], levels: list[Pair], size: tuple[int, int], white: float | None
) -> float | None:
    """Return the residual in levels, of the kernel that parts in their own light give."""
    sums = sums_of(fitted, size)
    if sums is None:
        return None
    weights = sums.solve().weights
    taps = weights[:-1].T.reshape(sums.outputs, sums.inputs, *sums.shape)
    squared, count = 0.0, 0
    for part, own in zip(fitted, levels, strict=True):
        found = part.outputs(sums.shape, sums.anchor)
        target = own.outputs(sums.shape, sums.anchor).y
        for n, used in enumerate(np.broadcast_to(found.used, found.y.shape)):
            out = n if part.channels == "full" else 0
            seen = found.x if part.channels == "full" else found.x[n : n + 1]
            made = np.full(used.shape, weights[-1, out])
            for plane, kernel in zip(seen, taps[out], strict=True):
                made += correlate2d(plane.astype(float), kernel)
            off = target[n] - (made if white is None else to_levels(made, white))
            squared += float(np.sum(off[used] ** 2))
            count += int(np.count_nonzero(used))
    return float(np.sqrt(squared / count)) if count else None


def _held_out(blocks: list[Statistics], floor: float) -> float:
    """Return what a treatment found on one half of the blocks explains on the other."""
    halves = [_total(blocks[first::2]) for first in (0, 1)]
    squared = alike = 0.0
    for own, other in (halves, halves[::-1]):
        if own is None or other is None:
            return 0.0
        how = treatment(own, floor)
        squared += float(other.squared_error(how.weights).sum())
        alike += float(other.squared_error(how.one).sum())
    return 1 - squared / alike if alike > 0 else 0.0


def sums_of(parts: list[Pair], size: tuple[int, int]) -> Statistics | None:
    """Sum up the parts of which something counts."""
    return _total(_blocks(parts, size, 1))


def _blocks(parts: list[Pair], size: tuple[int, int], number: int = _BLOCKS) -> list[Statistics]:
    """Sum up parts block by block."""
    anchor = ((size[0] - 1) // 2, (size[1] - 1) // 2)
    found: list[Statistics] = []
    for part in parts:
        look = partial(
            Equations.statistics, shape=size, anchor=anchor, channels=part.channels, threads=1
        )
        each = max(1, -(-number // len(parts)))
        equations = part.outputs(size, anchor)
        found += [block for block in equations.sums(look, size, each) if block.count]
    return found


def _total(blocks: list[Statistics]) -> Statistics | None:
    """Add blocks up; None if they are too few to say something."""
    if not blocks:
        return None
    total = reduce(add, blocks)
    return total if total.count >= _PIXELS_PER_WEIGHT * len(total.sums.gram) else None


def _size(parts: list[Pair], shape: tuple[int, int], channels: int) -> tuple[int, int]:
    """Return the size of the kernel that is tried, odd, as large as the pixels allow."""
    pixels = sum(part.after[0].size for part in parts)
    # The shape of a kernel that leaves too much says little of the one behind it.
    widest = max(_LEAST, *shape)
    size = [min(_WIDEST, widest + 1 - widest % 2)] * 2
    while max(size) > 1 and _PIXELS_PER_WEIGHT * channels * size[0] * size[1] > pixels:
        size[int(np.argmax(size))] -= 2
    if not parts[0].same_size:
        size = [min(side, own) for side, own in zip(shape, size, strict=True)]
    return size[0], size[1]


def cut_up(pair: Pair, reach: int) -> list[Pair]:
    """Cut a few parts out of a large pair; a small one is returned whole."""
    rows, columns = pair.after.shape[1:]
    if not pair.same_size and max(pair.valid_shape) > _WIDEST:
        return []
    side = max(_SIDE, 6 * reach)
    if rows <= _PARTS * side and columns <= _PARTS * side:
        return [pair]
    return [
        pair_part(pair, slice(top, top + side), slice(left, left + side))
        for top in _starts(rows, side)
        for left in _starts(columns, side)
    ]


def _starts(length: int, side: int) -> list[int]:
    if length <= _PARTS * side:
        return [0] if length <= side else [0, length - side]
    return [length // 4 - side // 2, 3 * length // 4 - side // 2]


def pair_part(pair: Pair, rows: slice, columns: slice) -> Pair:
    """Return some outputs of a pair, with what they see where that is smaller than the image."""
    if pair.same_size:
        return pair.crop(rows, columns)
    more = [side - 1 for side in pair.valid_shape]
    seen = slice(rows.start, rows.stop + more[0]), slice(columns.start, columns.stop + more[1])

    def cut(image: Array | None, of: tuple[slice, slice]) -> Array | None:
        return None if image is None else image[..., of[0], of[1]]

    own = (rows, columns)
    return replace(
        pair,
        before=pair.before[:, seen[0], seen[1]],
        after=pair.after[:, rows, columns],
        mask=cut(pair.mask, own),
        wild=cut(pair.wild, own),
        variance=cut(pair.variance, own),
        before_variance=cut(pair.before_variance, seen),
    )
