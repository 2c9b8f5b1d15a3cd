"""A first look at a pair of equal sizes: the kernel's shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from kernfit.errors import InvalidInput
from kernfit.learning.answers.fit import Fit
from kernfit.learning.misfits.rivals import rival
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.several import Pairs
from kernfit.learning.sizes.support import choose_support
from kernfit.learning.sums.statistics import Statistics

# Rows and columns of the largest kernel looked for, at first and where that proves too small.
LARGEST = (15, 31)
# More pixels do not change the choice, only the time it takes.
_PIXELS = (4_000_000, 1_000_000)
# The larger search begins if the rim lowers the squared error by more than this share.
_RIM_MATTERS = 0.025
# Nor where channels or the light explain this share of what one kernel leaves.
_MOST_OF_IT = 0.5
# What the sums themselves cannot resolve, as a share of the after image's energy.
_SUMS_RESOLVE = 1e-12
# Outer taps below this share of the largest may stand for nothing.
_NEXT_TO_NOTHING = 0.01
# Multiply-adds for pixels that do not count or have weights; of more, fewer tiles are looked at.
_MOST_WORK = 3e10
_TILE = 256
_LEAST_TILES = 4


def survey(pair: Pair | Pairs, *, bias: bool = True, threads: int | None = None) -> tuple[int, int]:
    """Return the shape of the smallest kernel, anchored at its centre, that explains the pair.

    One set of statistics over the largest support serves all smaller ones. Of very large images,
    tiles spread over the whole are summed up.

    Parameters
    ----------
    pair : Pair or Pairs
        Of equal sizes.
    bias : bool, default True
        Whether a constant is learnt too.
    threads : int, optional
        For the sums over the image. Default: all cores.

    Returns
    -------
    (kh, kw)
    """
    found = (1, 1)
    for limit, pixels in zip(LARGEST, _PIXELS, strict=True):
        searched = _largest(pair, limit)
        if limit != LARGEST[0] and searched <= found:
            break
        # Fewer pixels where much of the work would be for those that take no short cut.
        work = _work_for_gaps(pair, searched, pixels)
        if work > _MOST_WORK:
            pixels = int(min(pixels, pair.after.size) * _MOST_WORK / work)
            pixels = max(pixels, _LEAST_TILES * _TILE**2)
        statistics = _statistics(pair, searched, pixels, threads)
        rows, columns = choose_support(statistics, bias=bias)
        row, column = statistics.anchor
        found = _centred(
            row - rows.start, rows.stop - 1 - row, column - columns.start, columns.stop - 1 - column
        )
        noisy = statistics.noise is not None
        if limit == LARGEST[-1] or noisy or not _goes_on(statistics, bias):
            break
        if _is_another(pair, found):
            break
    return found


def _goes_on(statistics: Statistics, bias: bool) -> bool:
    """Whether the taps at the rim of the searched support explain so much that more may follow.

    Where no kernel explains the after image, every tap helps a little, at the rim too; a kernel
    that is larger than the support has its next taps beside those at the rim.
    """
    inner = [slice(int(side > 2), side - int(side > 2)) for side in statistics.shape]
    without = statistics.support(*inner)
    # Per degree of freedom: of few pixels, the many taps of a rim explain a share by chance.
    errors = [
        float(sums.squared_error(sums.solve(bias=bias).weights).sum())
        * statistics.count
        / max(1, sums.count - len(sums.gram))
        for sums in (statistics, without)
    ]
    resolved = _SUMS_RESOLVE * float(statistics.sums.energy.sum())
    return errors[1] > (1 + _RIM_MATTERS) * max(errors[0], resolved)


def _is_another(pair: Pair | Pairs, shape: tuple[int, int]) -> bool:
    """Whether colour or light explains the pair, so that no larger kernel will."""
    first = pair.members[0] if isinstance(pair, Pairs) else pair
    if type(first) is not Pair or not isinstance(first.before, np.ndarray):
        return False
    floor = 1 / np.sqrt(12) if first.after.dtype.kind in "iu" else 0.0
    other = rival(first, shape, floor)
    return other is not None and other.share > _MOST_OF_IT


def smallest_reproducing(fit: Fit, of_size: Callable[[tuple[int, int]], Fit]) -> Fit:
    """Return the fit of the smallest kernel that still keeps every pixel within half a level.

    Rounding is not white: where few taps act on a smooth picture it is alike in neighbouring
    pixels, and taps that stand for nothing then seem to be worth their number. But where every
    pixel is within half a level, a smaller kernel that does the same is the better answer.

    Parameters
    ----------
    fit : Fit
        Of the size that the survey chose.
    of_size : callable
        Fits another size.

    Returns
    -------
    Fit
        The same one unless it reproduces every pixel and a smaller one does too.
    """
    while fit.reproduced == fit.used:
        weight = np.abs(fit.kernel.weight).max(axis=(0, 1))
        small = _NEXT_TO_NOTHING * weight.max()
        rows, columns = weight.shape
        sizes = []
        if rows > 2 and max(weight[0].max(), weight[-1].max()) < small:
            sizes.append((rows - 2, columns))
        if columns > 2 and max(weight[:, 0].max(), weight[:, -1].max()) < small:
            sizes.append((rows, columns - 2))
        trials = (of_size(size) for size in sizes)
        smaller = next((trial for trial in trials if trial.reproduced == trial.used), None)
        if smaller is None:
            break
        fit = smaller
    return fit


def _centred(up: int, down: int, left: int, right: int) -> tuple[int, int]:
    """Return the shape, with its anchor at the centre, that holds taps this far from the anchor.

    Programs slide kernels with a centre: of EMBOSS's two taps, one in the middle and one at a
    corner, the 3x3 around them is the kernel's true shape. An even size, whose anchor lies up and
    left of the middle, is taken only where neither axis speaks against it.
    """
    if up <= down <= up + 1 and left <= right <= left + 1 and (down > up) + (right > left) > 0:
        sizes = (up + down + 1, left + right + 1)
        if all(size == 1 or size % 2 == 0 for size in sizes):
            return sizes
    return 2 * max(up, down) + 1, 2 * max(left, right) + 1


def _work_for_gaps(pair: Pair | Pairs, shape: tuple[int, int], pixels: int) -> float:
    """Return the multiply-adds that single patches would cost.

    They are those of pixels that do not count, or of those that do, whichever are fewer; or of all
    that have weights.
    """
    anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
    counts = places = 0
    for tile in _tiles(pair, pixels):
        try:
            found = tile.equations(shape, anchor)
        except InvalidInput:
            continue  # too small, or nothing of it counts
        counts += found.count
        places += found.size
    single = min(counts, places - counts) if pair.variance is None else counts
    return single * float(shape[0] * shape[1] * _inputs(pair)) ** 2 / 2


def _largest(pair: Pair | Pairs, limit: int) -> tuple[int, int]:
    """Return the largest odd support that leaves twice as many outputs as weights."""
    height, width = pair.before.shape[1:]
    rows = columns = limit
    while rows > 1 or columns > 1:
        outputs = (height - rows + 1) * (width - columns + 1) * len(pair.after)
        fits = rows <= height and columns <= width
        if fits and outputs >= 2 * (rows * columns * _inputs(pair) + 1):
            break
        if rows >= columns:
            rows = max(1, rows - 2)
        else:
            columns -= 2
    return rows, columns


def _inputs(pair: Pair | Pairs) -> int:
    return len(pair.before) if pair.channels == "full" else 1


def _statistics(
    pair: Pair | Pairs, shape: tuple[int, int], pixels: int, threads: int | None
) -> Statistics:
    """Sum up the whole pair, or of a very large one a regular choice of tiles."""
    anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
    total = None
    for tile in _tiles(pair, pixels):
        if min(tile.before.shape[1:]) < max(shape):
            continue
        try:
            part = tile.statistics(shape, anchor, threads=threads)
        except InvalidInput:
            continue  # a tile of which nothing counts
        total = part if total is None else total + part
    if total is not None:
        return total
    first = pair.members[0] if isinstance(pair, Pairs) else pair
    return first.statistics(shape, anchor, threads=threads)


def _tiles(pair: Pair | Pairs, pixels: int) -> Iterator[Pair]:
    """Give the whole pair, or of a very large one a regular choice of tiles."""
    if isinstance(pair, Pairs):
        for member in pair.members:
            yield from _tiles(member, max(1, pixels // len(pair.members)))
        return
    height, width = pair.before.shape[1:]
    every = -(-height * width * len(pair.after) // pixels)
    if every == 1:
        yield pair.crop(slice(0, height), slice(0, width))
        return
    corners = [(i, j) for i in range(0, height, _TILE) for j in range(0, width, _TILE)]
    for i, j in corners[every // 2 :: every]:
        yield pair.crop(slice(i, i + _TILE), slice(j, j + _TILE))
