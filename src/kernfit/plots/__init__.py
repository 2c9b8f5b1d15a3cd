"""Figures from arrays: matplotlib axes in, axes out. White is zero wherever signs matter."""

from kernfit.plots.axes import SIGNED
from kernfit.plots.curves import plot_histogram, plot_losses, plot_response
from kernfit.plots.saving import save_figure
from kernfit.plots.taps import plot_taps, save_kernel
from kernfit.plots.windows import draw_map, draw_window

__all__ = [
    "SIGNED",
    "draw_map",
    "draw_window",
    "plot_histogram",
    "plot_losses",
    "plot_response",
    "plot_taps",
    "save_figure",
    "save_kernel",
]
