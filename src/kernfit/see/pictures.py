"""Figures of feature maps, and of the window behind one of their elements."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from kernfit.arrays import as_image, one_of
from kernfit.errors import InvalidInput
from kernfit.files import whole_file
from kernfit.plots import draw_map
from kernfit.see.field import ReceptiveField

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

FORMATS = (".png", ".pdf", ".svg")


def plot_maps(
    maps: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    columns: int = 8,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw feature maps as a labelled contact sheet; white is zero, each has its own scale.

    Parameters
    ----------
    maps : array_like, shape (maps, rows, columns)
    names : sequence of str, optional
        One for each map. Default: their numbers.
    columns : int, default 8
        Maps in a row.
    figure : matplotlib Figure or SubFigure, optional
        Where to draw; it needs as many axes as there are maps. Default: a new one.

    Returns
    -------
    matplotlib Figure or SubFigure
        With one axes for each map, in ``figure.axes``.

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
    if figure is None:
        size = (max(3.0, 1.6 * across), max(2.0, height * down))
        figure = Figure(figsize=size, layout="constrained")
    for place, (plane, label) in enumerate(zip(planes, labels, strict=True)):
        draw_map(plane, title=label, ax=figure.add_subplot(down, across, place + 1))
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
    return field.plot(image, element=(row, column), ax=ax)


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
    save_figure(field.plot(image, element=element).figure, path)


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
