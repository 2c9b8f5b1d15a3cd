"""Figures of feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from kernfit.arrays import as_image
from kernfit.errors import InvalidInput
from kernfit.plots import draw_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


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

    See Also
    --------
    feature_maps : What is drawn.

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
