"""Statistics in files: a year of images, added night by night.

A file is one NPY vector of float64: the numbers of `_HEADER`, then gram, cross, energy and the two
levels that these are counted from (version 1 had none: its sums are those of the plain images).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from kernfit.errors import InvalidInput, RefusedFile
from kernfit.io.npy import read_npy, write_npy
from kernfit.kernel import Kernel
from kernfit.learning.answers.fit import Fit
from kernfit.learning.answers.verdict import Status, judge
from kernfit.learning.certainty.uncertainty import from_blocks, white_noise
from kernfit.learning.sums.least_squares import rounding_noise
from kernfit.learning.sums.origin import Sums
from kernfit.learning.sums.statistics import Statistics

# format and version, rows and columns, anchor, channels in and out, count
_HEADER = 9
_FORMAT, _VERSION = 9.0714, 2.0
_WITHOUT_LEVELS = 1.0
_MOST_BYTES = 5 << 30
_SAME = 1e-9
# So many files say how far they disagree; fewer say too little.
_LEAST_PARTS = 8


def save_statistics(statistics: Statistics, path: str | os.PathLike[str]) -> None:
    """Write statistics to an .npy file, to the last bit.

    Parameters
    ----------
    statistics : Statistics
    path : path-like
        Ends in .npy.

    Raises
    ------
    RefusedFile
        If the suffix is another or the file cannot be written.
    """
    if Path(path).suffix.lower() != ".npy":
        raise RefusedFile(f"{path} must end in .npy: statistics are stored as a NumPy array")
    header = (
        _FORMAT,
        _VERSION,
        *statistics.shape,
        *statistics.anchor,
        statistics.inputs,
        statistics.outputs,
        statistics.count,
    )
    sums = statistics.sums
    parts = (header, sums.gram, sums.cross, sums.energy, sums.before, sums.after)
    write_npy(path, np.concatenate([np.ravel(part) for part in parts]).astype(np.float64))


def load_statistics(path: str | os.PathLike[str]) -> Statistics:
    """Read statistics that `save_statistics` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Statistics
        Equal to the last bit.

    Raises
    ------
    RefusedFile
        If there is no such file, or it holds something else.
    """
    numbers = read_npy(path, max_bytes=_MOST_BYTES)
    refusal = RefusedFile(f"{path} does not hold statistics of this version: make it anew")
    if numbers.ndim != 1 or numbers.dtype != np.float64 or numbers.size < _HEADER:
        raise refusal
    header = numbers[:_HEADER]
    if header[0] != _FORMAT or header[1] not in (_VERSION, _WITHOUT_LEVELS):
        raise refusal
    if not np.isfinite(numbers).all():
        raise refusal
    if header[1] == _WITHOUT_LEVELS:
        numbers = np.append(numbers, np.zeros(int(min(max(sum(header[6:8]), 0), 1e6))))
    if not np.array_equal(header[2:], np.floor(header[2:])) or header[2:].max() > 2**53:
        raise refusal
    kh, kw, row, column, inputs, outputs, count = (int(value) for value in header[2:])
    if min(kh, kw, inputs, outputs) < 1 or count < 0:
        raise refusal
    size = kh * kw * inputs + 1
    parts = np.cumsum([size * size, size * outputs, outputs, inputs, outputs])
    if numbers.size != _HEADER + parts[-1]:
        raise refusal
    gram, cross, energy, before, after = np.split(numbers[_HEADER:], parts[:-1].tolist())
    sums = Sums(gram.reshape(size, size), cross.reshape(size, outputs), energy, before, after)
    return Statistics(sums, count, (kh, kw), (row, column))


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
    if len(parts) >= _LEAST_PARTS:
        uncertainty = from_blocks(solution, parts, solution.weights)
    else:
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
