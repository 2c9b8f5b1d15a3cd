"""Figures from arrays: matplotlib axes in, axes out. White is zero wherever signs matter."""

from kernfit.plots.curves import plot_histogram, plot_losses, plot_response
from kernfit.plots.taps import SIGNED, plot_taps, save_kernel
from kernfit.plots.windows import draw_window

__all__ = [
    "SIGNED",
    "draw_window",
    "plot_histogram",
    "plot_losses",
    "plot_response",
    "plot_taps",
    "save_kernel",
]
