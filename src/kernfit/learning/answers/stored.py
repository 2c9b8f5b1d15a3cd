"""From statistics alone to their fit: a year of images, added night by night."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel
from kernfit.learning.answers.fit import Fit
from kernfit.learning.answers.verdict import Status, judge
from kernfit.learning.certainty.uncertainty import from_blocks, white_noise, with_noise_before
from kernfit.learning.sums.least_squares import rounding_noise
from kernfit.learning.sums.statistics import Statistics

_SAME = 1e-9
# So many files say how far they disagree; fewer say too little.
_LEAST_PARTS = 8


def taken_out(whole: Statistics, part: Statistics) -> Statistics:
    """Return statistics without a part that went into them.

    Raises
    ------
    InvalidInput
        If the part cannot have been in it: what is left is no sum of squares.
    """
    rest = whole - part
    least = float(np.linalg.eigvalsh(rest.sums.gram)[0])
    noise = 10 * rounding_noise(whole.sums.gram)
    if rest.count < 0 or rest.sums.energy.min() < 0 or least < -noise:
        raise InvalidInput("what is taken out must have been added before, got other statistics")
    return rest


def fit_statistics(parts: Sequence[Statistics], *, bias: bool = True) -> Fit:
    """Learn a kernel from statistics alone, of one pair or of many.

    Parameters
    ----------
    parts : sequence of Statistics
        Of pairs that share one kernel. Eight or more of them also say how far they disagree,
        which gives the errors; fewer are taken to differ by white noise.
    bias : bool, default True
        Whether to learn a constant offset too.

    Returns
    -------
    Fit
        Without what only a look at the images could tell: the kind of a misfit, and what was
        left out.

    Raises
    ------
    InvalidInput
        If there are no statistics, they do not belong together, the same are given twice, or they
        hold no pixel.

    See Also
    --------
    Statistics : The sums.
    learn : From images.

    Examples
    --------
    >>> from kernfit import Statistics, scene
    >>> x = scene((60, 80)).astype(float)
    >>> fit = fit_statistics([Statistics.of(x, x[1:-1, 1:-1] / 2, 3)])
    >>> fit.kernel.taps.round(9) + 0
    array([[0. , 0. , 0. ],
           [0. , 0.5, 0. ],
           [0. , 0. , 0. ]])
    """
    if not parts:
        raise InvalidInput("at least one set of statistics must be given, got none")
    for (m, first), (n, second) in combinations(enumerate(parts, 1), 2):
        same = first.count == second.count and np.array_equal(first.sums.gram, second.sums.gram)
        if same and np.array_equal(first.sums.cross, second.sums.cross):
            raise InvalidInput(
                f"each set of statistics must be given once, got the same as numbers {m} and "
                f"{n}: what agrees because it is the same would make the errors too small"
            )
    total = parts[0]
    for part in parts[1:]:
        total += part
    if total.count < 1:
        raise InvalidInput(f"the statistics must hold at least one pixel, got {total.count}")
    solution = total.solve(bias=bias)
    squared = total.squared_error(solution.weights)
    if total.noise is not None:  # it is in what is left over, too
        squared = squared + total.noise @ solution.weights**2
    if len(parts) >= _LEAST_PARTS:
        uncertainty = from_blocks(solution, parts, solution.weights)
    else:
        if total.noise is not None:
            solution = with_noise_before(solution, total)
        uncertainty = white_noise(solution, squared, total.count, bias=bias)
    # Pixels that were weighed count by one over their variance.
    rms = float(np.sqrt(squared.sum() / (total.sums.weight * total.outputs)))
    weighed = abs(total.sums.weight - total.count) > _SAME * total.count
    chi2 = float(squared.sum() / (total.count * total.outputs)) if weighed else None
    variance = float(total.sums.variance.sum())
    taps = solution.weights[:-1].T.reshape(total.outputs, total.inputs, *total.shape)
    status = judge(solution, total, rms, None, reproduced=False, found=None, floor=0.0, r2=1.0)
    if status.code == "good":
        status = Status(
            "unchecked",
            "Statistics alone cannot say whether a kernel explains the after images: compare the "
            "residual with their noise",
        )
    return Fit(
        kernel=Kernel(taps, solution.weights[-1], anchor=total.anchor),
        uncertainty=uncertainty,
        residual_rms=rms,
        residual_floor=0.0,
        r2=float(1 - squared.sum() / variance) if variance > 0 else np.nan,
        used=total.count * total.outputs,
        reproduced=None,
        left_out={},
        status=status,
        undetermined=solution.undetermined[:, :-1].reshape(-1, total.inputs, *total.shape),
        chi2=chi2,
    )
