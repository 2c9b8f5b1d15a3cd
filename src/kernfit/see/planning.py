"""Where tiles of an image must be cut so that their results, put together, are the whole's."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from kernfit.arrays import as_pair_of_ints
from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import given
from kernfit.graph.field import fields_of
from kernfit.graph.graph import Pair
from kernfit.graph.halo import AxisPlan
from kernfit.graph.memory import peak_bytes
from kernfit.graph.tiling import Cutter, Strip
from kernfit.see.cheapest import cheapest, halved
from kernfit.see.fitting import Fitting, check_tile, fitted

USUAL_MEMORY = 2**30


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
    halved_by : (rows, columns) or None
        A tile with which each pixel would be computed half as often; None if it is computed less
        than twice.
    halved_bytes : int or None
        What that would need.

    Examples
    --------
    >>> from kernfit import LayerSpec, tile_plan
    >>> plan = tile_plan([LayerSpec(5, padding=2)], (100, 60), tile=40)
    >>> plan.count, plan.tile, plan.halo
    (6, (40, 40), ((2, 2), (2, 2)))
    >>> plan.rows[1]
    Strip(start=36, stop=76, first=38, last=74, skip=2)
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
    halved_by: Pair | None = None
    halved_bytes: int | None = None

    @property
    def times(self) -> float:
        """How often each pixel of the image is computed, on average."""
        read = [sum(strip.length for strip in strips) for strips in (self.rows, self.columns)]
        return math.prod(read) / math.prod(self.shape)

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
        if self.count > 1:
            lines.append(f"each pixel is computed {self.times:.2g} times{self._better()}")
        if self.bytes_needed:
            lines.append(f"about {self.bytes_needed / 2**20:.0f} MiB for a tile")
        return "\n".join(lines)

    def _better(self) -> str:
        if self.halved_by is None:
            return ""
        needs = f", about {self.halved_bytes / 2**20:.0f} MiB," if self.halved_bytes else ""
        return f"; tiles of {self.halved_by[0]}x{self.halved_by[1]}{needs} would halve that"


def tile_plan(
    model: Any,
    shape: Pair,
    *,
    tile: int | Pair | None = None,
    memory: int | None = None,
    pad: bool = False,
    layer: str | None = None,
    pointwise: Collection[str] = (),
    example_inputs: Mapping[str, Any] | None = None,
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
    example_inputs : mapping, optional
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
    each pixel is computed 1 times
    """
    lengths = as_pair_of_ints(shape, "shape", least=1)
    if tile is not None and memory is not None:
        raise InvalidInput("tile and memory must not both be given: give one of them")
    model = given(model, example_inputs)
    fit = fitted(model, lengths, pad=pad, layer=layer, pointwise=pointwise)
    cutters = tuple(_cutter(fit, axis, n) for axis, n in zip(fit.axes, lengths, strict=True))
    sizes = (
        cheapest(fit, cutters, memory or USUAL_MEMORY)
        if tile is None
        else as_pair_of_ints(tile, "tile", least=1)
    )
    rows, columns = (cutter.cut(size) for cutter, size in zip(cutters, sizes, strict=True))
    plan = TilePlan(
        shape=fit.shape,
        padded=(fit.shape[0] - lengths[0], fit.shape[1] - lengths[1]),
        result=(cutters[0].total, cutters[1].total),
        halo=(cutters[0].halo, cutters[1].halo),
        grid=(fit.axes[0].grid, fit.axes[1].grid),
        rows=rows,
        columns=columns,
        stride=(cutters[0].extent.stride, cutters[1].extent.stride),
        layer=fit.target,
    )
    if plan.count > 1:
        check_tile(fit, model, plan.tile, layer, pointwise)
    better = halved(cutters, plan.times)
    return replace(
        plan,
        bytes_needed=peak_bytes(fit.graph, fit.target, plan.tile),
        halved_by=better,
        halved_bytes=None if better is None else peak_bytes(fit.graph, fit.target, better),
    )


def _cutter(fit: Fitting, axis: AxisPlan, length: int) -> Cutter:
    extent = fields_of(fit.graph)[fit.target].axes[axis.axis].extent
    assert extent is not None  # plan_axis has refused anything else
    total = axis.lengths[fit.target]
    # Of an extended image, only what stands for the image itself is kept.
    if axis.length > length:
        total = min(total, math.ceil(length / extent.stride))
    return Cutter(axis, extent, total)
