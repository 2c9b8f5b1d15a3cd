"""Figures of feature maps, and of the window behind one of their elements."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_image, one_of
from kernfit.errors import InvalidInput
from kernfit.files import whole_file
from kernfit.plots import SIGNED
from kernfit.see.field import ReceptiveField

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".pdf", ".svg")


def plot_maps(maps: ArrayLike, names: Sequence[str] | None = None, *, columns: int = 8) -> Figure:
    """Draw feature maps as a labelled contact sheet; white is zero, each has its own scale.

    Parameters
    ----------
    maps : array_like, shape (maps, rows, columns)
    names : sequence of str, optional
        One for each map. Default: their numbers.
    columns : int, default 8
        Maps in a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InvalidInput
        If there are not three axes, or not as many names as maps.

    Examples
    --------
    >>> from kernfit import catalogue, feature_maps, scene
    >>> figure = plot_maps(feature_maps(catalogue["sobel_x"], scene((64, 64))), ["edges"])
    >>> figure.axes[0].get_title().split(":")[0]
    'edges'
    """
    from matplotlib.figure import Figure

    planes = as_image(maps, "maps")
    if planes.ndim != 3 or planes.size == 0:
        raise InvalidInput(f"maps must have shape (maps, rows, columns), got {planes.shape}")
    labels = [f"map {number}" for number in range(len(planes))] if names is None else list(names)
    if len(labels) != len(planes):
        raise InvalidInput(f"names must name {len(planes)} maps, got {len(labels)}")
    across = min(columns, len(planes))
    down = -(-len(planes) // across)
    height = 1.5 * planes.shape[1] / planes.shape[2] + 0.3
    figure = Figure(figsize=(max(3.0, 1.6 * across), max(2.0, height * down)), layout="constrained")
    axes: Any = figure.subplots(down, across, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, plane, label in zip(axes.flat, planes, labels, strict=False):
        limit = float(np.nanmax(np.abs(plane), initial=0.0)) or 1.0
        ax.imshow(plane, cmap=SIGNED, vmin=-limit, vmax=limit)
        ax.set_title(f"{label}: ±{limit:.3g}", size=7)
    return figure


def plot_window(
    field: ReceptiveField,
    row: int,
    column: int,
    image: ArrayLike | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the window behind one element of a feature map on the image.

    Parameters
    ----------
    field : ReceptiveField
    row, column : int
        The element.
    image : array_like, optional
        (rows, columns) or (3, rows, columns). Default: an empty frame.
    ax : matplotlib Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InvalidInput
        If the window is the whole image and its size is not known.

    Examples
    --------
    >>> from kernfit import catalogue, receptive_field, scene
    >>> ax = plot_window(receptive_field(catalogue["box_3"]), 20, 30, scene((64, 64)))
    >>> ax.get_title()
    'layer1 [20, 30] sees 3x3'
    """
    from matplotlib.patches import Rectangle

    (top, bottom), (left, right) = field.window(row, column)
    pixels = None if image is None else as_image(image)
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(5, 5), layout="constrained").add_subplot()
    shape = field.shape if pixels is None else (pixels.shape[-2], pixels.shape[-1])
    if pixels is not None:
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
    ax.set_title(f"{field.layer} [{row}, {column}] sees {bottom - top}x{right - left}", size=9)
    ax.set_xlabel("column")
    ax.set_ylabel("row")
    return ax


def save_window(
    field: ReceptiveField,
    path: str | os.PathLike[str],
    image: ArrayLike | None = None,
    element: tuple[int, int] | None = None,
) -> None:
    """Draw the window of an element, by default the one in the middle, into a picture file.

    Parameters
    ----------
    field : ReceptiveField
    path : path-like
        Ends in .png, .pdf or .svg.
    image : array_like, optional
        To draw on.
    element : (row, column), optional

    Raises
    ------
    InvalidInput
        If the suffix is no picture's, or the window is the whole image of unknown size.
    RefusedFile
        If the file cannot be written.
    """
    middle = [0, 0]
    for axis, extent in enumerate((field.rows.extent, field.columns.extent)):
        if extent is not None and field.shape is not None:
            middle[axis] = int(field.shape[axis] / extent.stride) // 2
    row, column = element or middle
    save_figure(plot_window(field, row, column, image).figure, path)


def save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure to a .png, .pdf or .svg file, which appears when it is whole.

    Raises
    ------
    InvalidInput
        If the suffix is another.
    RefusedFile
        If the file cannot be written.
    """
    one_of(Path(path).suffix.lower(), FORMATS, "the picture's suffix")
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=120)


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
