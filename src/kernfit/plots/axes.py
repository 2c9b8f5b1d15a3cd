"""Where a figure is drawn, and its colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Orange and blue are told apart by colour-blind readers; white, in the middle, is zero.
SIGNED = "PuOr_r"
# The same for curves, told apart by their lightness in grey print.
FIRST = "#1f6fb4"
SECOND = "#d95f02"
QUIET = "#777777"


def axes_of(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the axes given, or those of a new figure of so many inches."""
    if ax is not None:
        return ax
    # Figure and not pyplot: no window, no global state, works without a display.
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained").add_subplot()
