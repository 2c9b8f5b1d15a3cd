"""How sure each tap is, and what the data cannot tell."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.least_squares import Solution

# Two taps count as indistinguishable if moving weight from one to the other changes a prediction
# by less than this share.
_SAME = 1e-6


def covariance(solution: Solution, squared_error: Array, count: int, *, bias: bool) -> Array:
    """Return the covariance of the weights for each output channel, shape (out, P, P).

    The residual is taken to be white: its variance times the inverse Gram matrix (C. F. Gauss,
    Theoria combinationis, 1823). NaN wherever a weight is not determined.

    Parameters
    ----------
    solution : Solution
    squared_error : ndarray, shape (out,)
        Sum of squared residuals.
    count : int
        Number of output pixels.
    bias : bool
        Whether the constant was learnt; if not, its row and column are 0.

    Returns
    -------
    ndarray
    """
    rank = len(solution.determined) - 1 + bias - len(solution.undetermined)
    freedom = count - rank
    variance = squared_error / freedom if freedom > 0 else np.full_like(squared_error, np.nan)
    result: Array = variance[:, np.newaxis, np.newaxis] * solution.inverse
    unsure = ~solution.determined
    result[:, unsure, :] = np.nan
    result[:, :, unsure] = np.nan
    return result


def describe_undetermined(directions: Array, inputs: int, shape: tuple[int, int]) -> str:
    """Say in words what the undetermined combinations of taps have in common.

    Parameters
    ----------
    directions : ndarray, shape (directions, in * kh * kw)
        Orthonormal.
    inputs : int
        Number of input channels.
    shape : (kh, kw)

    Returns
    -------
    str
        A sentence, empty if every combination is determined.
    """
    if len(directions) == 0:
        return ""
    grid = np.arange(inputs * shape[0] * shape[1]).reshape(inputs, *shape)
    rows_apart = _told_apart(directions, grid[:, 1:].ravel(), grid[:, :-1].ravel())
    columns_apart = _told_apart(directions, grid[:, :, 1:].ravel(), grid[:, :, :-1].ravel())
    channels_apart = _told_apart(directions, grid[1:].ravel(), grid[:-1].ravel())
    if not rows_apart and not columns_apart:
        return "no tap is told from its neighbours: the before image is flat"
    if not rows_apart:
        return (
            "columns are told apart, rows are not: "
            "the before image does not change from top to bottom"
        )
    if not columns_apart:
        return (
            "rows are told apart, columns are not: "
            "the before image does not change from left to right"
        )
    if not channels_apart:
        return "channels are not told apart: they hold the same image"
    number = len(directions)
    return (
        f"{number} combination{'s' if number > 1 else ''} of taps cannot be told: "
        "the before image lacks their spatial frequencies, or has too few pixels"
    )


def _told_apart(directions: Array, first: Array, second: Array) -> bool:
    """Whether the data notice weight moving from tap `first[i]` to `second[i]`, for any i."""
    if first.size == 0:
        return True
    moves = np.zeros((first.size, directions.shape[1]))
    moves[np.arange(first.size), first] = 1
    moves[np.arange(first.size), second] = -1
    noticed = moves - (moves @ directions.T) @ directions
    return bool(np.abs(noticed).max() > _SAME)
