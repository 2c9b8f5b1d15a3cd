"""Taps in the terminal: numbers, and colours where it has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernfit.arrays import Array


def print_taps(taps: Array) -> None:
    """Print one kernel's taps; on a terminal each cell is tinted by sign and size."""
    import sys

    from kernfit.display import tap_cells, taps_as_text

    if not sys.stdout.isatty():
        print(taps_as_text(taps))
        return

    import numpy as np
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    console = Console()
    largest = float(np.abs(taps).max()) or 1.0
    for values, cells in zip(taps, tap_cells(taps), strict=True):
        line = Text("  ")
        for value, cell in zip(values, cells, strict=True):
            # From white towards orange (positive) or blue (negative), as in the figures.
            share = abs(float(value)) / largest
            full = (230, 97, 1) if value > 0 else (33, 102, 172)
            red, green, blue = (round(255 + share * (c - 255)) for c in full)
            line.append(f" {cell} ", Style(color="black", bgcolor=f"rgb({red},{green},{blue})"))
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
