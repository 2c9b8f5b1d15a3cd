"""Feature maps, and the window behind one of their elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernfit.arrays import Array
from kernfit.plots.axes import SIGNED, axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Span = tuple[int, int]


def draw_map(plane: Array, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw one feature map; white is zero, its largest magnitude has the strongest colour.

    Parameters
    ----------
    plane : ndarray, shape (rows, columns)
        What is not finite is left out.
    title : str
        Put above, with the scale.
    ax : matplotlib Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib Axes
    """
    ax = axes_of(ax, (4, 4))
    finite = plane[np.isfinite(plane)]
    limit = float(np.abs(finite).max(initial=0.0))
    most = limit or 1.0
    ax.imshow(np.ma.masked_invalid(plane), cmap=SIGNED, vmin=-most, vmax=most)
    ax.set_title(f"{title}: ±{limit:.3g}", size=7)
    ax.set_axis_off()
    return ax


def draw_window(
    window: tuple[Span, Span],
    pixels: Array | None = None,
    *,
    shape: tuple[int, int] | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw a window on an image, or on an empty frame of its size.

    Parameters
    ----------
    window : ((top, bottom), (left, right))
        Half-open; may reach beyond the image.
    pixels : ndarray, optional
        (rows, columns), or (channels, rows, columns): three are drawn in colour, of others the
        first.
    shape : (rows, columns), optional
        Of the image, where there are no pixels.
    title : str
        Put above.
    ax : matplotlib Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib Axes
    """
    from matplotlib.patches import Rectangle

    (top, bottom), (left, right) = window
    ax = axes_of(ax, (5, 5))
    if pixels is not None:
        shape = (pixels.shape[-2], pixels.shape[-1])
        ax.imshow(_shown(pixels), cmap="gray")
    elif shape is not None:
        ax.add_patch(Rectangle((-0.5, -0.5), shape[1], shape[0], fill=False, color="0.5"))
    for colour, line in (("white", 4), ("#e66101", 2)):  # seen on dark and on light images
        ax.add_patch(
            Rectangle(
                (left - 0.5, top - 0.5), right - left, bottom - top,
                fill=False, edgecolor=colour, linewidth=line,
            )
        )  # fmt: skip
    rows, columns = shape or (bottom, right)
    ax.set_xlim(min(left, 0) - 1.5, max(right, columns) + 0.5)
    ax.set_ylim(max(bottom, rows) + 0.5, min(top, 0) - 1.5)
    ax.set_aspect("equal")
    ax.set_title(title, size=9)
    ax.set_xlabel("column")
    ax.set_ylabel("row")
    return ax


def _shown(pixels: Array) -> Array:
    """Return what matplotlib draws: grey, or colours from 0 to 1."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[0] != 3:
        first: Array = pixels.reshape(-1, *pixels.shape[-2:])[0]
        return first
    low, high = float(pixels.min()), float(pixels.max())
    shown: Array = np.moveaxis((pixels - low) / ((high - low) or 1.0), 0, -1)
    return shown
