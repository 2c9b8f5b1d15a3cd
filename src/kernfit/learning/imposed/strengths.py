"""Penalties as strong as blocks that are held out like them best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kernfit.errors import InvalidInput
from kernfit.learning.imposed.constrained import constrained_least_squares
from kernfit.learning.imposed.constraints import Imposed
from kernfit.learning.sums.statistics import Statistics

# Strengths of penalties that are tried, and into how many parts the blocks are put.
_STRENGTHS = (0.0, *(float(each) for each in np.geomspace(1e-9, 1, 19)))
_FOLDS = 5


def with_strengths(imposed: Imposed, blocks: Sequence[Statistics], *, bias: bool) -> Imposed:
    """Return what is imposed with its penalties' strengths chosen by blocks that are held out.

    Each is the one whose kernel, learnt from the other blocks, predicts a block best; first that
    of the ridge, then that of smoothness.

    Parameters
    ----------
    imposed : Imposed
    blocks : sequence of Statistics
    bias : bool

    Returns
    -------
    Imposed

    Raises
    ------
    InvalidInput
        If there are too few blocks to hold one out.
    """
    if not (np.isnan(imposed.ridge) or np.isnan(imposed.smooth)):
        return imposed
    if len(blocks) < 2:
        raise InvalidInput(
            "ridge='auto' and smooth='auto' need two pixels for each tap in each of 25 blocks, to "
            "hold some out, got fewer: give a number, or larger images"
        )
    folds = held_out_parts(blocks)

    def error(trial: Imposed) -> float:
        total = 0.0
        for others, part in folds:
            found = constrained_least_squares(others.sums, trial, others.shape, bias=bias)
            total += sum(float(block.squared_error(found.weights).sum()) for block in part)
        return total

    if np.isnan(imposed.ridge):
        smooth = 0.0 if np.isnan(imposed.smooth) else imposed.smooth
        ridge = min(_STRENGTHS, key=lambda each: error(replace(imposed, ridge=each, smooth=smooth)))
        imposed = replace(imposed, ridge=ridge)
    if np.isnan(imposed.smooth):
        smooth = min(_STRENGTHS, key=lambda each: error(replace(imposed, smooth=each)))
        imposed = replace(imposed, smooth=smooth)
    return imposed


def held_out_parts(
    blocks: Sequence[Statistics],
) -> list[tuple[Statistics, Sequence[Statistics]]]:
    """Return, for each fold, the statistics of all other blocks, and the blocks of the fold."""
    folds = min(_FOLDS, len(blocks))
    total = sum(blocks[1:], blocks[0])
    parts = [blocks[n::folds] for n in range(folds)]
    return [(total - sum(part[1:], part[0]), part) for part in parts]
