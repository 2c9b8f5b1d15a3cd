"""Curves: a kernel's frequency response, a residual's histogram, a descent's losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernfit.arrays import Array
from kernfit.plots.axes import FIRST, QUIET, SECOND, axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (5.2, 3.2)  # inches
_LARGEST = 1e250  # of what matplotlib's logarithmic scale bears with its margins


def plot_response(
    frequency: Array,
    gain: Array,
    low: Array,
    high: Array,
    *,
    ax: Axes | None = None,
    label: str = "",
    dashed: bool = False,
) -> Axes:
    """Draw how strongly each spatial frequency comes through, with its band of uncertainty.

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        In cycles per pixel.
    gain, low, high : ndarray, shape (n,)
        The gain and its limits; NaN where nothing is known.
    ax : matplotlib Axes, optional
        Where to draw. Default: a new figure.
    label : str
        Of the curve, for the legend.
    dashed : bool
        Draw it as the second of two curves.

    Returns
    -------
    matplotlib Axes
    """
    ax = axes_of(ax, _SIZE)
    colour = SECOND if dashed else FIRST
    ax.fill_between(frequency, low, high, color=colour, alpha=0.25, linewidth=0)
    line = "--" if dashed else "-"
    ax.plot(frequency, gain, line, color=colour, label=label or None, linewidth=1.6)
    ax.axhline(1, color=QUIET, linewidth=0.8, linestyle=":")
    ax.set_xlim(0, max(float(frequency[-1]), ax.get_xlim()[1] if dashed else 0.0))
    ax.set_ylim(bottom=0)
    ax.set_xlabel("spatial frequency, cycles per pixel")
    ax.set_ylabel("gain")
    if label:
        ax.legend(frameon=False)
    return ax


def plot_histogram(
    edges: Array,
    counts: Array,
    *,
    floor: float = 0.0,
    ax: Axes | None = None,
) -> Axes:
    """Draw the histogram of a residual beside what rounding to whole levels alone would leave.

    Parameters
    ----------
    edges : ndarray, shape (bins + 1,)
        In grey levels.
    counts : ndarray, shape (bins,)
    floor : float
        Standard deviation of rounding: 1/sqrt(12) draws its even spread over one level; 0 draws
        none.
    ax : matplotlib Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib Axes
    """
    ax = axes_of(ax, _SIZE)
    total = counts.sum() or 1
    share = counts / total / np.diff(edges)
    ax.stairs(share, edges, fill=True, color=FIRST, alpha=0.55, label="residual")
    if floor:
        half = floor * np.sqrt(3)
        ax.stairs([1 / (2 * half)], [-half, half], color=SECOND, linewidth=1.6, label="rounding")
    ax.axvline(0, color=QUIET, linewidth=0.8)
    ax.set_xlim(min(edges[0], -floor * 2), max(edges[-1], floor * 2))
    ax.set_ylim(bottom=0)
    ax.set_xlabel("residual, grey levels")
    ax.set_ylabel("share of pixels per grey level")
    # Above the axes: the bars may be anywhere within.
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return ax


def plot_losses(losses: Array, *, ax: Axes | None = None) -> Axes:
    """Draw the losses of a descent, step by step.

    Parameters
    ----------
    losses : ndarray, shape (steps + 1,)
        What is not finite, or out of all bounds, is left out.
    ax : matplotlib Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib Axes
    """
    ax = axes_of(ax, _SIZE)
    known = (losses > 0) & (losses < _LARGEST)
    steps = np.flatnonzero(known)
    ax.plot(steps, losses[known], "o-" if len(steps) < 60 else "-", color=FIRST, markersize=3)
    if known.any():
        ax.set_yscale("log")
    ax.set_xlabel("step")
    ax.set_ylabel("sum of squared errors")
    return ax
