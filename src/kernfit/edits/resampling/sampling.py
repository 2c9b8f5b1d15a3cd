"""How pictures are sampled on a grid: the kernel and a program's habits around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from kernfit.arrays import Array
from kernfit.edits.resampling.axis import axis_weights
from kernfit.edits.resampling.filters import CATMULL_ROM, Filter
from kernfit.edits.resampling.grid import Grid
from kernfit.edits.resampling.taking import take_along_axes, take_anywhere

_WHOLE = 1e-6  # pixels: places so near to a pixel's centre are that pixel


@dataclass(frozen=True)
class Sampling:
    """How samples are taken.

    Attributes
    ----------
    kind : Filter
        The interpolation kernel.
    antialias : bool
        Whether it is widened to the output's pixels where these are the coarser ones.
    shorten : bool
        Whether its weights beyond the border are left out and the others made up to 1, instead of
        going on with the border's pixel.
    between : bool
        Whether levels are rounded to whole ones of 8 bits between the axes.
    quantum : float
        If not 0, places are rounded to multiples of it: 1/32 in OpenCV's warps.
    running : bool
        Whether places along an axis are added up from step to step, as Pillow does for the nearest
        pixel: that decides ties.
    """

    kind: Filter = CATMULL_ROM
    antialias: bool = False
    shorten: bool = False
    between: bool = False
    quantum: float = 0.0
    running: bool = False

    def __str__(self) -> str:
        return f"{self.kind}{', antialiased' if self.antialias else ''}"


PLAIN = Sampling()


def sample(planes: Array, grid: Grid, how: Sampling, *, white: float = 255.0) -> Array:
    """Return pictures sampled on a grid; beyond their border, its pixels go on.

    Parameters
    ----------
    planes : ndarray
        (channels, rows, columns), of the grid's source.
    grid : Grid
    how : Sampling
    white : float
        The level of white, where levels are rounded on the way.

    Returns
    -------
    ndarray
        (channels, rows, columns), float64, of the grid's output.
    """
    matrix, start = grid.matrix, grid.start
    straight = np.abs(matrix) > 1e-9
    if straight.sum() != 2 or not straight.any(0).all() or not straight.any(1).all():
        return _anywhere(planes, grid, how)
    if straight[0, 1]:  # rows run along columns: a quarter turn
        turned = Grid(matrix[:, ::-1], grid.shift, grid.source, grid.output[::-1])
        return np.ascontiguousarray(sample(planes, turned, how, white=white).swapaxes(-1, -2))
    steps = np.diagonal(matrix)
    centres = [
        begin + step * np.arange(size)
        for begin, step, size in zip(start, steps, grid.output, strict=True)
    ]
    nearest = how.kind.name == "nearest"
    if nearest and all(np.abs(place - np.rint(place)).max() < _WHOLE for place in centres):
        rows, columns = (
            np.clip(np.rint(place).astype(int), 0, size - 1)
            for place, size in zip(centres, grid.source, strict=True)
        )
        return np.asarray(planes[:, rows[:, np.newaxis], columns], float)
    if how.running:
        centres = [
            np.cumsum(np.r_[begin + 0.5, np.full(size - 1, step)]) - 0.5 - 1e-9
            for begin, step, size in zip(start, steps, grid.output, strict=True)
        ]
    if how.kind.name == "spline":
        return _anywhere(planes, grid, how)
    if how.quantum:
        centres = [np.floor(place / how.quantum + 0.5) * how.quantum for place in centres]
    weights = [
        axis_weights(place, size, step, how.kind, antialias=how.antialias, shorten=how.shorten)
        for place, size, step in zip(centres, grid.source, steps, strict=True)
    ]
    planes = np.asarray(planes, float)
    if how.between:
        return take_along_axes(planes * (255 / white), *weights, top=255.0) * (white / 255)
    return take_along_axes(planes, *weights)


def _anywhere(planes: Array, grid: Grid, how: Sampling) -> Array:
    planes = np.ascontiguousarray(planes, float)
    if how.kind.name == "spline":
        planes = np.stack([ndimage.spline_filter(plane, 3, mode="mirror") for plane in planes])
    return take_anywhere(
        planes, grid.matrix, grid.start, grid.output, how.kind, quantum=how.quantum
    )
