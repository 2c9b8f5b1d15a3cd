"""Small heat maps side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kernfit.arrays import Array
from kernfit.plots.axes import SIGNED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS = 6  # pictures in a row


def plot_combinations(combinations: Sequence[Array], titles: Sequence[str]) -> list[Axes]:
    """Draw combinations of taps, zero being white, without numbers: only their pattern counts.

    Parameters
    ----------
    combinations : sequence of ndarray, shape (in, kh, kw)
        Channels are drawn one below the other.
    titles : sequence of str

    Returns
    -------
    list of matplotlib Axes
    """
    from matplotlib.figure import Figure

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
