"""Small heat maps side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernfit.arrays import Array
from kernfit.plots.axes import SIGNED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS = 6  # pictures in a row


def plot_combinations(unknown: Array, hidden: Array, most: int) -> list[Axes]:
    """Draw combinations of taps, zero being white, without numbers: only their pattern counts.

    Parameters
    ----------
    unknown, hidden : ndarray, shape (combinations, in, kh, kw)
        Of which the data say nothing, and which noise hides. Channels are drawn one below the
        other.
    most : int
        How many to draw.

    Returns
    -------
    list of matplotlib Axes
        Empty if there is nothing to draw.
    """
    from matplotlib.figure import Figure

    combinations = [*unknown, *hidden][:most]
    titles = (["unknown"] * len(unknown) + ["hidden by noise"] * len(hidden))[:most]
    if not combinations:
        return []
    across = min(_ACROSS, len(combinations))
    down = -(-len(combinations) // across)
    figure = Figure(figsize=(1.4 * across + 0.2, 1.7 * down + 0.2), layout="constrained")
    grid: Any = figure.subplots(down, across, squeeze=False)
    for ax in grid.flat[len(combinations) :]:
        ax.set_axis_off()
    drawn = list(grid.flat[: len(combinations)])
    for ax, taps, title in zip(drawn, combinations, titles, strict=True):
        limit = float(np.abs(taps).max()) or 1.0
        ax.imshow(np.vstack(list(taps)), cmap=SIGNED, vmin=-limit, vmax=limit)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_title(title, size=8)
    return drawn
