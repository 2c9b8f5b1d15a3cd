"""Where tiles of an image must be cut so that their results, put together, are the whole's."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from kernfit.arrays import as_pair_of_ints
from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import ending_at, graph_of
from kernfit.graph.extent import Extent, union
from kernfit.graph.field import AXES, fields_of
from kernfit.graph.graph import LayerGraph, Pair
from kernfit.graph.halo import AxisPlan, clean_elements, plan_axis
from kernfit.graph.memory import peak_bytes

USUAL_MEMORY = 2**30


@dataclass(frozen=True)
class Strip:
    """One tile's place along one axis.

    Attributes
    ----------
    start, stop : int
        What is read from the image.
    first, last : int
        The outputs that are kept, half-open, numbered as in the whole result.
    skip : int
        Outputs of the tile in front of those.
    """

    start: int
    stop: int
    first: int
    last: int
    skip: int


@dataclass(frozen=True)
class TilePlan:
    """How to run a model over an image tile by tile.

    Attributes
    ----------
    shape : (rows, columns)
        Of the image, padding included.
    padded : (rows, columns)
        What is added behind the image so that the model takes it.
    result : (rows, columns)
        Of the result; if the image was extended, of the part that stands for the image.
    halo : ((top, bottom), (left, right))
        Pixels that a tile borrows from its neighbours, at most.
    grid : (rows, columns)
        Tiles begin at multiples of it.
    rows, columns : tuple of Strip
        Every pair of them is a tile.
    stride : (rows, columns)
        Pixels for each element of the result.
    layer : str
        The node that it gives.
    bytes_needed : int or None
        An estimate of what the model needs for the largest tile, None if channels are unknown.

    Examples
    --------
    >>> from kernfit import LayerSpec, tile_plan
    >>> plan = tile_plan([LayerSpec(5, padding=2)], (100, 60), tile=40)
    >>> plan.count, plan.tile, plan.halo
    (6, (40, 38), ((2, 2), (2, 2)))
    >>> plan.rows[1]
    Strip(start=34, stop=74, first=36, last=72, skip=2)
    """

    shape: Pair
    padded: Pair
    result: Pair
    halo: tuple[Pair, Pair]
    grid: Pair
    rows: tuple[Strip, ...]
    columns: tuple[Strip, ...]
    stride: tuple[Fraction, Fraction]
    layer: str
    bytes_needed: int | None = None

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.rows) * len(self.columns)

    @property
    def tile(self) -> Pair:
        """Rows and columns of the largest tile, halo included."""
        rows = max(strip.stop - strip.start for strip in self.rows)
        return rows, max(strip.stop - strip.start for strip in self.columns)

    @property
    def bioimageio_halo(self) -> Pair:
        """What a bioimage.io description puts into `halo` of the output's y and x axes.

        Output elements to cut off at both ends of a tile that is put anywhere on the grid, so
        that what is left equals the whole; a multiple of the grid's output elements.
        """
        found = []
        for axis in (0, 1):
            step = self.grid[axis]
            pixels = -(-max(self.halo[axis]) // step) * step
            found.append(int(pixels / self.stride[axis]))
        return found[0], found[1]

    def tiles(self) -> list[tuple[Strip, Strip]]:
        """Return all tiles, row after row."""
        return [(row, column) for row in self.rows for column in self.columns]

    def __str__(self) -> str:
        """Say the plan in a few lines."""
        (top, bottom), (left, right) = self.halo
        lines = [
            f"{self.count} tiles of at most {self.tile[0]}x{self.tile[1]} pixels",
            f"halo: {top} above, {bottom} below, {left} left, {right} right",
            f"tiles begin at multiples of {self.grid[0]} rows and {self.grid[1]} columns",
            f"image {self.shape[0]}x{self.shape[1]}, result {self.result[0]}x{self.result[1]}",
        ]
        if any(self.padded):
            lines.append(f"padded by {self.padded[0]} rows and {self.padded[1]} columns")
        if self.bytes_needed:
            lines.append(f"about {self.bytes_needed / 2**20:.0f} MiB for a tile")
        return "\n".join(lines)


def tile_plan(
    model: Any,
    shape: Pair,
    *,
    tile: int | Pair | None = None,
    memory: int | None = None,
    pad: bool = False,
    layer: str | None = None,
    pointwise: Collection[str] = (),
) -> TilePlan:
    """Return tiles whose results, put together, equal the model's result on the whole image.

    Parameters
    ----------
    model : model, path or layers
        As `receptive_field` takes it.
    shape : (rows, columns)
        Of the image.
    tile : int or (rows, columns), optional
        Largest tile, halo included, in pixels. It is exceeded only where the halo alone, and one
        step of the grid, are larger.
    memory : int, optional
        Bytes that the model may need for one tile, instead of `tile`. Default: 1 GiB.
    pad : bool, default False
        Allow the image to be extended behind its last row and column where the model takes only
        multiples of some number.
    layer : str, optional
        The node to give. Default: the model's (first) output.
    pointwise : collection of str
        As in `receptive_field`.

    Returns
    -------
    TilePlan

    Raises
    ------
    InvalidInput
        If the model cannot be tiled exactly, or does not take an image of this size; it names
        the node.

    Examples
    --------
    >>> from kernfit import LayerSpec
    >>> plan = tile_plan([LayerSpec(5, padding=2), LayerSpec(2, stride=2)], (1000, 600), tile=256)
    >>> print(plan)
    12 tiles of at most 256x256 pixels
    halo: 2 above, 2 below, 2 left, 2 right
    tiles begin at multiples of 2 rows and 2 columns
    image 1000x600, result 500x300
    """
    lengths = as_pair_of_ints(shape, "shape", least=1)
    graph = graph_of(ending_at(model, layer, pointwise), shape=lengths, pointwise=pointwise)
    target = graph.find(layer)
    fitting = [_fitting(graph, target, axis, lengths[axis], pad) for axis in (0, 1)]
    graph.shape = fitting[0].length, fitting[1].length
    field = fields_of(graph)[target]
    extents = []
    for axis in field.axes:
        assert axis.extent is not None  # plan_axis has refused anything else
        extents.append(axis.extent)
    if tile is not None and memory is not None:
        raise InvalidInput("tile and memory must not both be given: give one of them")
    if tile is None:
        sizes = _tile_for(graph, target, fitting, extents, memory or USUAL_MEMORY)
    else:
        sizes = as_pair_of_ints(tile, "tile", least=1)
    # Of an extended image, only what stands for the image itself is kept.
    result = [
        min(plan.lengths[target], math.ceil(n / extent.stride))
        if plan.length > n
        else plan.lengths[target]
        for plan, extent, n in zip(fitting, extents, lengths, strict=True)
    ]
    rows, columns = (_strips(fitting[a], extents[a], sizes[a], result[a]) for a in (0, 1))
    largest = (
        max(strip.stop - strip.start for strip in rows),
        max(strip.stop - strip.start for strip in columns),
    )
    return TilePlan(
        shape=(fitting[0].length, fitting[1].length),
        padded=(fitting[0].length - lengths[0], fitting[1].length - lengths[1]),
        result=(result[0], result[1]),
        halo=(_halo(extents[0]), _halo(extents[1])),
        grid=(fitting[0].grid, fitting[1].grid),
        rows=rows,
        columns=columns,
        stride=(extents[0].stride, extents[1].stride),
        layer=target,
        bytes_needed=peak_bytes(graph, target, largest),
    )


def _fitting(graph: LayerGraph, target: str, axis: int, length: int, pad: bool) -> AxisPlan:
    """Return the plan for the least length from the image's on that the model takes."""
    try:
        return plan_axis(graph, target, axis, length)
    except InvalidInput as refusal:
        if not pad or "does not take an image" not in str(refusal):
            raise
        first = refusal
    for more in range(1, 4097):
        try:
            return plan_axis(graph, target, axis, length + more)
        except InvalidInput:
            continue
    raise first


def _halo(extent: Extent) -> Pair:
    """Return how far the windows of whole periods of outputs reach beyond their own pixels.

    What tiles keep begins and ends with a period, as the grid is made of whole ones.
    """
    span = union(extent.spans)
    if span is None:
        return 0, 0
    return max(0, -span[0]), max(0, span[1] + 1 - extent.inputs)


def _strips(plan: AxisPlan, extent: Extent, size: int, total: int) -> tuple[Strip, ...]:
    """Cut one axis so that no tile is longer than `size`, if that is possible at all."""
    if plan.length <= size:
        return (Strip(0, plan.length, 0, total, 0),)
    steps = max(1, (size - sum(_halo(extent))) // plan.grid)
    while True:
        strips = _cut(plan, extent, steps * plan.grid, total)
        # Rounding to the grid may make a tile longer than asked for.
        if steps == 1 or max(strip.stop - strip.start for strip in strips) <= size:
            return strips
        steps -= 1


def _cut(plan: AxisPlan, extent: Extent, core: int, total: int) -> tuple[Strip, ...]:
    """Cut one axis into strips that stand for `core` pixels each."""
    outputs = int(core / extent.stride)
    known: dict[tuple[int, ...], Pair] = {}
    strips = []
    for first in range(0, total, outputs):
        last = min(first + outputs, total)
        start, stop = _window(plan, extent, first, last)
        # Strips far from both ends are alike: what was found for one holds for all.
        origin = int(first * extent.stride)
        far = extent.size + core
        ends = min(start, far), min(plan.length - stop, far)
        where = (start - origin, stop - origin, last - first, *ends)
        if where not in known:
            start, stop = _widened(plan, start, stop, first, last, extent)
            known[where] = start - origin, stop - origin
        start, stop = origin + known[where][0], origin + known[where][1]
        strips.append(Strip(start, stop, first, last, first - int(start / extent.stride)))
    return tuple(strips)


def _window(plan: AxisPlan, extent: Extent, first: int, last: int) -> Pair:
    """Return what the windows of some outputs cover, with both ends put on the grid."""
    period = len(extent.spans)
    ends = {*range(first, min(first + period, last)), *range(max(first, last - period), last)}
    span = union(extent.span(element) for element in ends)
    low, high = span or (int(first * extent.stride), int(first * extent.stride))
    start = max(0, low) // plan.grid * plan.grid
    return min(start, _last_start(plan)), _stop(plan, high + 1, start)


def _widened(plan: AxisPlan, start: int, stop: int, first: int, last: int, extent: Extent) -> Pair:
    """Return the least tile around this one whose outputs are the whole's, proved one by one."""
    while True:
        clean = clean_elements(plan, start, stop)
        skip = first - int(start / extent.stride)
        if clean is not None:
            kept = clean[plan.output][skip : skip + last - first]
            if len(kept) == last - first and kept.all():
                return start, stop
        if start == 0 and stop == plan.length:
            raise InvalidInput(
                f"no tile along {AXES[plan.axis]} equals the whole image at output {first}: run "
                "the model on the whole image"
            )
        start = max(0, start - plan.grid)
        stop = _stop(plan, stop + plan.grid, start)


def _stop(plan: AxisPlan, least: int, start: int) -> int:
    """Return the least end from `least` on that is congruent to the image's length.

    So every operation divides a tile with the remainder that the whole image leaves.
    """
    least = max(least, start + 1)
    return min(plan.length, least + (plan.length - least) % plan.grid)


def _last_start(plan: AxisPlan) -> int:
    return (plan.length - 1) // plan.grid * plan.grid


def _tile_for(
    graph: LayerGraph, target: str, plans: list[AxisPlan], extents: list[Extent], memory: int
) -> Pair:
    """Return the largest square tile that fits into so many bytes."""
    most = max(plan.length for plan in plans)
    if (whole := peak_bytes(graph, target, (plans[0].length, plans[1].length))) is None:
        raise InvalidInput(
            "tile must be given, as the layers do not say how many channels they have"
        )
    if whole <= memory:
        return most, most
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        sizes = min(middle, plans[0].length), min(middle, plans[1].length)
        needed = peak_bytes(graph, target, sizes)
        low, high = (middle, high) if needed is not None and needed <= memory else (low, middle)
    least = max(
        sum(_halo(extent)) + 2 * plan.grid for plan, extent in zip(plans, extents, strict=True)
    )
    if low < min(least, most):
        raise InvalidInput(
            f"memory must hold a tile of {least}x{least} pixels, about "
            f"{peak_bytes(graph, target, (least, least))} bytes, got {memory}: give more"
        )
    return low, low
