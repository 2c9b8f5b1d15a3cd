"""Gradient descent on the statistics: a training loop's very trajectory, without the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernfit.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
from kernfit.errors import ResultTooLarge

_MOST_BYTES = 1 << 30  # of a path


@dataclass(frozen=True)
class Descent:
    """What a run of gradient descent went through.

    Attributes
    ----------
    weights : ndarray, shape (steps + 1, P, out)
        The weights before the first step, then after each; the bias last.
    losses : ndarray, shape (steps + 1,)
        The sum of squared errors that belongs to each.
    largest_rate : float
        The learning rate from which on the descent diverges: 1 over the largest eigenvalue of
        the Gram matrix (of the weights that move).
    """

    weights: Array
    losses: Array
    largest_rate: float

    @property
    def diverged(self) -> bool:
        """Whether the loss grew instead of falling, or left the range of numbers."""
        return not self.losses[-1] <= self.losses[0]

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the losses, step by step.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw. Default: a new figure, which is ``ax.figure`` of what is returned.

        Returns
        -------
        matplotlib Axes
        """
        from kernfit.plots import plot_losses

        return plot_losses(self.losses, ax=ax)


def descend(
    gram: Array,
    cross: Array,
    energy: Array,
    *,
    rate: float,
    steps: int,
    start: Array,
    bias: bool = True,
) -> Descent:
    """Follow the gradient ``2 (gram @ weights - cross)`` of the sum of squared errors.

    Parameters
    ----------
    gram : ndarray, shape (P, P)
        Sum of ``p p^T``, the constant last.
    cross : ndarray, shape (P, out)
        Sum of ``p y``.
    energy : ndarray, shape (out,)
        Sum of ``y^2``.
    rate : float
        The learning rate: each step is ``-rate * gradient``.
    steps : int
        How many steps.
    start : ndarray, shape (P, out)
        The weights to begin with.
    bias : bool, default True
        Whether the bias moves, or stays at its start.

    Returns
    -------
    Descent

    Raises
    ------
    ResultTooLarge
        If the path would take more than 1 GiB.
    """
    if (steps + 1) * start.nbytes > _MOST_BYTES:
        raise ResultTooLarge(
            f"steps must be few enough for their path to fit into {_MOST_BYTES >> 20} MiB, got "
            f"{steps}: take at most {_MOST_BYTES // start.nbytes - 1}, then go on from their end"
        )
    moves = len(gram) if bias else len(gram) - 1
    path = np.empty((steps + 1, *start.shape))
    losses = np.empty(steps + 1)
    path[0] = start
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps + 1):
            weights = path[step]
            pull = gram @ weights - cross
            losses[step] = float(energy.sum() + np.sum(weights * (pull - cross)))
            if step < steps:
                path[step + 1] = weights
                path[step + 1, :moves] -= rate * 2 * pull[:moves]
    top = np.linalg.eigvalsh(gram[:moves, :moves])[-1]
    return Descent(path, losses, float(1 / top) if top > 0 else np.inf)
