"""Find how a program samples: where it puts pixels' centres, and its interpolation kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.placing.joint import Window, misfit
from kernfit.edits.resampling.filters import AREA, BILINEAR, BOX, HAMMING, NEAREST, SPLINE, Filter
from kernfit.edits.resampling.grid import Grid, middle
from kernfit.edits.resampling.sampling import Sampling

_NEAR = 0.35  # pixels of the output: a convention so far off is not asked
_AS_GOOD = 1.003  # times the least residual: then the one that needs least besides is taken
_BESIDE = 0.002  # levels: residuals so near to each other say nothing

CUBICS = tuple(
    Filter("cubic", numbers)
    for numbers in (
        (0.0, 0.5),
        (0.0, 0.75),
        (0.0, 0.6),
        (0.0, 1.0),
        (1 / 3, 1 / 3),
        (0.3782, 0.3109),
        (1.0, 0.0),
    )
)
LANCZOS = tuple(Filter("lanczos", (lobes,)) for lobes in (3.0, 2.0, 4.0))


@dataclass(frozen=True)
class Habit:
    """A grid and a sampling, and the residuals that they leave.

    Attributes
    ----------
    grid : Grid
    how : Sampling
    plain : float
        Root mean square where only colours and powers of levels come along.
    rich : float
        And where a kernel and a gain do, too.
    """

    grid: Grid
    how: Sampling
    plain: float
    rich: float


def samplings(grid: Grid) -> list[Sampling]:
    """Return the samplings that programs use on a grid."""
    step = float(np.abs(grid.matrix).sum(1).max())
    straight = int((np.abs(grid.matrix) > 1e-9).sum()) == 2
    if not straight:
        smooth = [Sampling(kind) for kind in (NEAREST, BILINEAR, *CUBICS, LANCZOS[0], SPLINE)]
        fine = [Sampling(kind, quantum=1 / 32) for kind in (BILINEAR, CUBICS[1], LANCZOS[2])]
        return smooth + fine
    running = Sampling(NEAREST, running=True)
    if step <= 1.0 + 1e-9:
        kinds = (NEAREST, BILINEAR, *CUBICS, *LANCZOS, SPLINE)
        return [*(Sampling(kind) for kind in kinds), running]
    wide = (BOX, AREA, BILINEAR, HAMMING, *CUBICS, *LANCZOS, Filter("gaussian", (0.5,)))
    narrow = (NEAREST, BILINEAR, CUBICS[0], CUBICS[1], CUBICS[2], LANCZOS[2], SPLINE)
    return [
        *(Sampling(kind, antialias=True, shorten=True) for kind in wide),
        *(Sampling(kind) for kind in narrow),
        running,
    ]


def conventions(grid: Grid) -> list[Grid]:
    """Return grids near this one that programs lay over pictures when they resize or cut them."""
    source, output = np.array(grid.source, float), np.array(grid.output, float)
    turn = np.where(np.abs(grid.matrix) > 0.5 * np.abs(grid.matrix).max(), np.sign(grid.matrix), 0)
    if np.abs(np.linalg.det(turn)) != 1:
        return []
    turned = np.abs(turn) @ output
    found: list[Grid] = []

    def offer(steps: Array, shift: Array) -> None:
        other = Grid(steps[:, np.newaxis] * turn, shift, grid.source, grid.output)
        if other.apart(grid) < _NEAR and not any(other.apart(one) < 1e-6 for one in found):
            found.append(other)

    # The same pixels, cut out.
    whole = Grid(turn, grid.shift, grid.source, grid.output)
    offer(np.ones(2), grid.shift + np.rint(whole.start) - whole.start)
    # Frames laid over each other: outermost edges, outermost centres, or first edges at a whole
    # factor that the output's size was rounded from.
    offer(source / turned, np.zeros(2))
    if (turned > 1).all():
        offer((source - 1) / (turned - 1), np.zeros(2))
    one = np.abs(grid.matrix).sum(1).mean()
    for steps in (np.full(2, 1 / (np.rint(200 / one) / 200)), np.full(2, np.rint(200 * one) / 200)):
        offer(steps, (steps * turned - source) / 2)
    # Pixels counted from the centre of the first: nothing is moved by half a step.
    steps = source / turned
    offer(steps, steps * (turned - 1) / 2 - middle(grid.source))
    offer(steps, steps * (turned - 1) / 2 - middle(grid.source) + np.sign(steps - 1) * 0.5)
    # Whole pixels made into one, the last ones perhaps of fewer.
    steps = np.rint(np.abs(grid.matrix).sum(1))
    if (steps > 1).any():
        offer(steps, (steps * turned - source) / 2)
    # Whole pixels cut out, and resized.
    steps = np.abs(grid.matrix).sum(1)
    low = np.rint(middle(grid.source) + grid.shift - steps * turned / 2 + 0.5)
    cut = np.rint(middle(grid.source) + grid.shift + steps * turned / 2 + 0.5) - low
    if (cut > 0).all():
        offer(cut / turned, low + cut / 2 - source / 2)
    return found


def best(
    before: Array, after: Array, usable: Array, grids: list[Grid], windows: list[Window]
) -> list[Habit]:
    """Return habits on these grids, the best first.

    Of those that leave least, the one is first that leaves least without a kernel's help: an
    interpolation kernel and a kernel that came along can stand in for each other.
    """
    tried = []
    for grid in grids:
        for how in samplings(grid) if not is_whole(grid) else [Sampling(NEAREST)]:
            plain, rich = misfit(before, after, usable, grid, how, windows)
            tried.append(Habit(grid, how, plain, rich))
    least = min(habit.rich for habit in tried)
    ranked = sorted(
        tried,
        key=lambda habit: (
            habit.rich > least * _AS_GOOD + _BESIDE,
            habit.plain if habit.rich <= least * _AS_GOOD + _BESIDE else habit.rich,
        ),
    )
    first = ranked[0]
    if not first.how.shorten:
        return ranked
    rounded = replace(first.how, between=True)
    plain, rich = misfit(before, after, usable, first.grid, rounded, windows)
    if rich < 0.98 * first.rich:
        ranked.insert(0, Habit(first.grid, rounded, plain, rich))
    return ranked


def is_whole(grid: Grid) -> bool:
    """Say whether every output pixel is a pixel of the source."""
    places = np.concatenate([grid.matrix.ravel(), grid.start])
    return bool(np.abs(places - np.rint(places)).max() < 1e-6) and bool(
        np.abs(np.abs(grid.matrix).sum(1) - 1).max() < 1e-6
    )
