"""Whether the shape that was found predicts best what it has not seen."""

from __future__ import annotations

from functools import partial

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.threads import thread_count
from kernfit.learning.imposed.strengths import held_out_parts
from kernfit.learning.pairs.equations import Equations
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.sums.statistics import Statistics

_BLOCKS = 25
# So many pixels for each weight in a block: fewer say little of what was held out.
_PIXELS_PER_WEIGHT = 2
# More pixels do not change the verdict, only the time it takes.
_PIXELS = 4_000_000
# Another size is better if it gains so many standard errors, and this share of the squared error.
_SURELY, _WORTH_IT = 3.0, 0.005

Shape = tuple[int, int]


def held_out_sizes(pair: Pair, shape: Shape, *, threads: int | None) -> dict[Shape, Array]:
    """Return the squared error of each held-out block, for a size and its neighbours.

    Each block is predicted by the kernel that the blocks of other folds give.

    Parameters
    ----------
    pair : Pair
        Of equal sizes, in memory.
    shape : (kh, kw)
    threads : int, optional

    Returns
    -------
    dict
        By size, of shape (blocks,) and in units of the mean over a block: `shape` first, then two
        rows and columns less, where there are as many, and two more. Empty if the image is too
        small, or so large that one more look would take long.
    """
    larger = shape[0] + 2, shape[1] + 2
    inputs = len(pair.before) if pair.channels == "full" else 1
    needed = _BLOCKS * _PIXELS_PER_WEIGHT * (larger[0] * larger[1] * inputs + 1)
    if not needed * len(pair.after) <= pair.after.size <= _PIXELS:
        return {}
    anchor = ((larger[0] - 1) // 2, (larger[1] - 1) // 2)
    equations = pair.equations(larger, anchor)
    if equations.count < needed:
        return {}
    look = partial(
        Equations.statistics, shape=larger, anchor=anchor, channels=pair.channels, threads=1
    )
    found_in = equations.sums(look, larger, _BLOCKS, threads=thread_count(threads))
    blocks = [block for block in found_in if block.count]
    found = {}
    for step in (1, 2, 0):
        if min(larger) <= 2 * step:
            continue
        inner = [slice(step, side - step) for side in larger]
        parts = [block.support(*inner) for block in blocks]
        found[parts[0].shape] = _held_out(parts)
    return found


def better_size(errors: dict[Shape, Array]) -> Shape | None:
    """Return the neighbour that predicts held-out blocks clearly better than the size found."""
    own, *_ = errors.values()
    for other, theirs in errors.items():
        gain = own - theirs
        chance = _SURELY * float(gain.std(ddof=1)) * np.sqrt(len(gain))
        if gain.sum() > max(chance, _WORTH_IT * float(own.sum())):
            return other
    return None


def _held_out(blocks: list[Statistics]) -> Array:
    """Return each block's mean squared error under the kernel of other folds."""
    errors = np.empty(len(blocks))
    place = {id(block): n for n, block in enumerate(blocks)}
    for others, part in held_out_parts(blocks):
        weights = others.solve().weights
        for block in part:
            errors[place[id(block)]] = float(block.squared_error(weights).sum()) / block.count
    return errors
