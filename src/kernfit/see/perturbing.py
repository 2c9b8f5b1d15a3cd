"""How much each pixel counts for an element, by changing pixels of a running model."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import graph_of, runner_for
from kernfit.graph.field import ReceptiveField
from kernfit.graph.graph import Pair
from kernfit.graph.tiling import Strip
from kernfit.see.planning import tile_plan

STEP = 0.02  # of pixels whose standard deviation is 1: well above float32's rounding
BLOCKS = 32  # along each axis of the window, unless a grain is given


def perturbed(
    model: Any,
    layer: str | None,
    field: ReceptiveField,
    shape: Pair,
    element: Pair | None,
    images: int,
    seed: int,
    grain: int | None,
) -> Array:
    """Return the root mean square gradient of an element, by pixel.

    A block of pixels is moved up and down by random signs: the mean square of the element's
    answer is the sum of the squared gradients over the block. Only the tile around the element
    is run, where the model has exact ones.

    Parameters
    ----------
    model : any model that can be run
    layer : str or None
    field : ReceptiveField
        Of that layer.
    shape : (rows, columns)
        Of the images.
    element : (row, column) or None
        None: the middle one.
    images : int
        Random ones, over which is averaged.
    seed : int
    grain : int or None
        Rows and columns of a block; None: as many as make 32 x 32 blocks of the window.

    Returns
    -------
    ndarray, shape (rows, columns)

    Raises
    ------
    InvalidInput
        If the model cannot be run, or the layer has no such element.
    """
    runner, _ = runner_for(model, layer)
    graph = graph_of(model, shape=shape)
    channels = graph.nodes[graph.image].channels or 1
    rng = np.random.default_rng(seed)
    whole = runner(np.zeros((channels, *shape), np.float32)).shape[1:]
    row, column = element or (whole[0] // 2, whole[1] // 2)
    if not (0 <= row < whole[0] and 0 <= column < whole[1]):
        raise InvalidInput(f"element must lie within the map of {whole}, got {element}")
    rows, columns = _tile_of(model, layer, shape, (row, column), whole)
    place = row - rows.first + rows.skip, column - columns.first + columns.skip
    size = rows.stop - rows.start, columns.stop - columns.start
    window = _within(field, (row, column), (rows, columns))
    edges = [_cuts(begin, end, grain) for begin, end in window]
    total = np.zeros(shape)
    for _ in range(images):
        image = rng.standard_normal((channels, *size)).astype(np.float32)
        for top, bottom in edges[0]:
            for left, right in edges[1]:
                signs = rng.choice([-STEP, STEP], (channels, bottom - top, right - left))
                answers = []
                for way in (1, -1):
                    moved = image.copy()
                    moved[:, top:bottom, left:right] += way * signs
                    answers.append(runner(moved)[:, place[0], place[1]].astype(np.float64))
                energy = np.sum(((answers[0] - answers[1]) / (2 * STEP)) ** 2)
                at = slice(rows.start + top, rows.start + bottom)
                total[at, columns.start + left : columns.start + right] += energy / (
                    (bottom - top) * (right - left)
                )
    found: Array = np.sqrt(total / images)
    return found


def _tile_of(
    model: Any, layer: str | None, shape: Pair, element: Pair, whole: Pair
) -> tuple[Strip, Strip]:
    """Return the least tile that gives an element as the whole image does."""
    try:
        plan = tile_plan(model, shape, tile=1, layer=layer)
    except InvalidInput:  # it needs all of the image
        return Strip(0, shape[0], 0, whole[0], 0), Strip(0, shape[1], 0, whole[1], 0)
    row, column = (
        next(strip for strip in strips if strip.first <= number < strip.last)
        for strips, number in zip((plan.rows, plan.columns), element, strict=True)
    )
    return row, column


def _within(
    field: ReceptiveField, element: Pair, tile: tuple[Strip, Strip]
) -> list[tuple[int, int]]:
    """Return the element's window within a tile; all of it where borders repeat pixels."""
    found = []
    for axis, number, strip in zip(field.axes, element, tile, strict=True):
        length = strip.stop - strip.start
        span = None if axis.extent is None else axis.extent.span(number)
        first, last = (0, length - 1) if span is None else (n - strip.start for n in span)
        # A border that repeats pixels reads inside what the window has outside.
        out = max(0, -first) + max(0, last - length + 1)
        found.append((max(0, first - out), min(length, last + 1 + out)))
    return found


def _cuts(begin: int, end: int, grain: int | None) -> list[tuple[int, int]]:
    step = grain or max(1, -(-(end - begin) // BLOCKS))
    return [(at, min(at + step, end)) for at in range(begin, end, step)]
