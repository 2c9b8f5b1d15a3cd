"""Where tiles of an image must be cut so that their results, put together, are the whole's."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import dimensions_of, given
from kernfit.graph.field import fields_of
from kernfit.graph.graph import Pair, Sizes, as_sizes, axis_names
from kernfit.graph.halo import AxisPlan
from kernfit.graph.memory import peak_bytes
from kernfit.graph.tiling import Cutter, Strip
from kernfit.see.cheapest import cheapest, halved
from kernfit.see.fitting import Fitting, by, check_tile, fitted

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
    planes : tuple of Strip
        Of a volume, along its first axis. All that has numbers for rows and columns has one more
        for planes in 3-D, and in 1-D, where there are no rows, one less.

    See Also
    --------
    tile_plan : Makes one.
    run_tiled : Runs a model by it.

    Examples
    --------
    >>> from kernfit import LayerSpec, tile_plan
    >>> plan = tile_plan([LayerSpec(5, padding=2)], (100, 60), tile=40)
    >>> plan.count, plan.tile, plan.halo
    (6, (40, 40), ((2, 2), (2, 2)))
    >>> plan.rows[1]
    Strip(start=34, stop=74, first=36, last=72, skip=2)
    """

    shape: Sizes
    padded: Sizes
    result: Sizes
    halo: tuple[Pair, ...]
    grid: Sizes
    rows: tuple[Strip, ...]
    columns: tuple[Strip, ...]
    stride: tuple[Fraction, ...]
    layer: str
    bytes_needed: int | None = None
    halved_by: Sizes | None = None
    halved_bytes: int | None = None
    planes: tuple[Strip, ...] = ()

    @property
    def strips(self) -> tuple[tuple[Strip, ...], ...]:
        """Of each axis: rows and columns; of 1-D only columns, of 3-D planes before them."""
        return tuple(strips for strips in (self.planes, self.rows, self.columns) if strips)

    @property
    def times(self) -> float:
        """How often each pixel of the image is computed, on average."""
        read = [sum(strip.length for strip in strips) for strips in self.strips]
        return math.prod(read) / math.prod(self.shape)

    @property
    def count(self) -> int:
        """Number of tiles."""
        return math.prod(map(len, self.strips))

    @property
    def tile(self) -> Sizes:
        """Rows and columns of the largest tile, halo included."""
        return tuple(max(strip.length for strip in strips) for strips in self.strips)

    @property
    def bioimageio_halo(self) -> Sizes:
        """What a bioimage.io description puts into `halo` of the output's y and x axes.

        Output elements to cut off at both ends of a tile that is put anywhere on the grid, so
        that what is left equals the whole; a multiple of the grid's output elements.
        """
        found = []
        for axis in range(len(self.grid)):
            step = self.grid[axis]
            pixels = -(-max(self.halo[axis]) // step) * step
            found.append(int(pixels / self.stride[axis]))
        return tuple(found)

    def tiles(self) -> list[tuple[Strip, ...]]:
        """Return all tiles, row after row."""
        return list(product(*self.strips))

    def __str__(self) -> str:
        """Say the plan in a few lines."""
        if len(self.shape) == 2:
            (top, bottom), (left, right) = self.halo
            halo = f"{top} above, {bottom} below, {left} left, {right} right"
        else:
            halo = ", ".join(
                f"{before} before and {after} after along {name}"
                for (before, after), name in zip(self.halo, self._names, strict=True)
            )
        lines = [
            f"{self.count} tiles of at most {by(self.tile)} pixels",
            f"halo: {halo}",
            f"tiles begin at multiples of {self._each(self.grid)}",
            f"image {by(self.shape)}, result {by(self.result)}",
        ]
        if any(self.padded):
            lines.append(f"padded by {self._each(self.padded)}")
        if self.count > 1:
            often = f"{self.times:.2g} times"
            often = "once" if often == "1 times" else often
            lines.append(f"each pixel is computed {often}{self._better()}")
        if self.bytes_needed:
            lines.append(f"about {self.bytes_needed / 2**20:.0f} MiB for a tile")
        return "\n".join(lines)

    @property
    def _names(self) -> tuple[str, ...]:
        return axis_names(len(self.shape))

    def _each(self, numbers: Sizes) -> str:
        said = [f"{n} {name}" for n, name in zip(numbers, self._names, strict=True)]
        return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)

    def _better(self) -> str:
        if self.halved_by is None:
            return ""
        needs = f", about {self.halved_bytes / 2**20:.0f} MiB," if self.halved_bytes else ""
        return f"; tiles of {by(self.halved_by)}{needs} would halve that"


def tile_plan(
    model: Any,
    shape: int | Sizes,
    *,
    tile: int | Sizes | None = None,
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

    See Also
    --------
    run_tiled : Runs it.

    Examples
    --------
    >>> from kernfit import LayerSpec
    >>> plan = tile_plan([LayerSpec(5, padding=2), LayerSpec(2, stride=2)], (1000, 600), tile=256)
    >>> print(plan)
    12 tiles of at most 256x256 pixels
    halo: 2 above, 2 below, 2 left, 2 right
    tiles begin at multiples of 2 rows and 2 columns
    image 1000x600, result 500x300
    each pixel is computed once
    """
    model = given(model, example_inputs)
    lengths = as_sizes(shape, "shape", dimensions_of(model))
    if tile is not None and memory is not None:
        raise InvalidInput("tile and memory must not both be given: give one of them")
    fit = fitted(model, lengths, pad=pad, layer=layer, pointwise=pointwise)
    cutters = tuple(_cutter(fit, axis, n) for axis, n in zip(fit.axes, lengths, strict=True))
    sizes = (
        cheapest(fit, cutters, memory or USUAL_MEMORY)
        if tile is None
        else as_sizes(tile, "tile", len(lengths))
    )
    strips = [cutter.cut(size) for cutter, size in zip(cutters, sizes, strict=True)]
    plan = TilePlan(
        shape=fit.shape,
        padded=tuple(more - n for more, n in zip(fit.shape, lengths, strict=True)),
        result=tuple(cutter.total for cutter in cutters),
        halo=tuple(cutter.halo for cutter in cutters),
        grid=tuple(axis.grid for axis in fit.axes),
        rows=strips[-2] if len(strips) > 1 else (),
        columns=strips[-1],
        stride=tuple(cutter.extent.stride for cutter in cutters),
        layer=fit.target,
        planes=strips[0] if len(strips) > 2 else (),
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
