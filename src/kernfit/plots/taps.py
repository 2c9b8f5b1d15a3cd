"""Kernels as heat maps with their numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kernfit.arrays import Array
from kernfit.display import tap_cells, unit_of
from kernfit.plots.axes import SIGNED, axes_of
from kernfit.plots.saving import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NUMBERS = 15 * 15  # beyond that, numbers in the cells could not be read
_SMALLEST = 3.5  # points
_LETTER = 0.62  # width of a digit, as a share of its size


def plot_taps(
    taps: Array, errors: Array | None = None, *, ax: Axes | None = None, title: str = ""
) -> Axes:
    """Draw one kernel's taps as a heat map with its numbers, zero being white.

    Parameters
    ----------
    taps : ndarray, shape (kh, kw)
    errors : ndarray, shape (kh, kw), optional
        Standard errors, written below each number.
    ax : matplotlib Axes, optional
        Where to draw. Default: a new figure.
    title : str
        Put above.

    Returns
    -------
    matplotlib Axes
        Its figure is ``ax.figure``.
    """
    rows, columns = taps.shape
    ax = axes_of(ax, _size(taps.shape))
    limit = float(np.abs(taps).max()) or 1.0
    image = ax.imshow(taps, cmap=SIGNED, vmin=-limit, vmax=limit, aspect="equal")
    ax.set_xticks(range(columns) if columns <= 15 else range(0, columns, 5))
    ax.set_yticks(range(rows) if rows <= 15 else range(0, rows, 5))
    ax.set_xlabel("column")
    ax.set_ylabel("row")
    if title:
        ax.set_title(title)
    # Tiny taps would need more digits than a cell has room for.
    unit = unit_of(taps)
    bar = ax.figure.colorbar(image, ax=ax, label="tap")
    if unit != 1:
        from matplotlib.ticker import FuncFormatter

        bar.formatter = FuncFormatter(lambda value, _: f"{value / unit:g}")
        bar.set_label(f"tap, in units of {unit:g}")
    cells = tap_cells(taps / unit, None if errors is None else errors / unit)
    texts = [
        [cell.strip().replace(" ± ", "\n±").replace(" ?", "\n?") for cell in row] for row in cells
    ]
    size = _letter_size(ax, texts)
    if taps.size <= _MOST_NUMBERS and size >= _SMALLEST:
        for i, j in np.ndindex(rows, columns):
            ink = "white" if abs(taps[i, j]) > 0.6 * limit else "black"
            ax.text(j, i, texts[i][j], ha="center", va="center", size=size, color=ink)
    return ax


def save_kernel(weight: Array, path: Path, *, title: str = "") -> None:
    """Draw every channel's taps into a picture file.

    Parameters
    ----------
    weight : ndarray, shape (out, in, kh, kw)
    path : path-like
        As `save_figure` takes it.
    title : str
        Put above.
    """
    from matplotlib.figure import Figure

    outputs, inputs = weight.shape[:2]
    width, height = _size(weight.shape[2:])
    figure = Figure(figsize=(width * inputs, height * outputs), layout="constrained")
    axes: Any = figure.subplots(outputs, inputs, squeeze=False)
    for o, i in np.ndindex(outputs, inputs):
        name = title if (outputs, inputs) == (1, 1) else f"{title} {o} from {i}".strip()
        plot_taps(weight[o, i], ax=axes[o, i], title=name)
    save_figure(figure, path)


def _letter_size(ax: Axes, texts: list[list[str]]) -> float:
    """Return the size in points at which the longest number fits into its cell, at most 8."""
    box = ax.get_window_extent()
    dots = ax.figure.dpi / 72
    cell = min(box.width / len(texts[0]), box.height / len(texts)) / dots
    longest = max(len(line) for row in texts for cell in row for line in cell.split("\n"))
    return min(8.0, cell / (_LETTER * longest))


def _size(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return width and height in inches that give each number of the cells room."""
    rows, columns = (min(count, 15) for count in shape)
    return max(3.0, 0.95 * columns + 1.2), max(1.8, 0.7 * rows + 1.0)
