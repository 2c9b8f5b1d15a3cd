"""What the data cannot tell, in words."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array

# Two taps count as indistinguishable if moving weight from one to the other changes a prediction
# by less than this share.
_SAME = 1e-6


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
