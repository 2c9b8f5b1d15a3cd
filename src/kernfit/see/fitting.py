"""Which image size a model takes, and what it gives for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import ending_at, graph_of
from kernfit.graph.field import fields_of
from kernfit.graph.graph import LayerGraph, Sizes
from kernfit.graph.halo import AxisPlan, grid_of, lengths_for, plan_axis
from kernfit.graph.refusals import NeedsWhole, UnfitSize

SEARCHED = 4096  # how much longer an image may be made


def by(lengths: Sizes) -> str:
    """Return lengths as text, such as 256x256."""
    return "x".join(map(str, lengths))


@dataclass(frozen=True)
class Fitting:
    """A model read for an image of a size that it takes.

    Attributes
    ----------
    graph : LayerGraph
    target : str
        The node that is wanted.
    axes : tuple of AxisPlan
    """

    graph: LayerGraph
    target: str
    axes: tuple[AxisPlan, ...]

    @property
    def shape(self) -> Sizes:
        """Of the image."""
        return tuple(plan.length for plan in self.axes)


def fitted(
    model: Any, shape: Sizes, *, pad: bool, layer: str | None, pointwise: Collection[str]
) -> Fitting:
    """Read a model for an image, extended where that is needed and allowed.

    Raises
    ------
    UnfitSize
        If the model does not take an image of this size; it says which size fits.
    """
    model = ending_at(model, layer, pointwise)
    try:
        return _at(model, shape, layer, pointwise)
    except UnfitSize as refusal:
        larger = _larger(model, shape, layer, pointwise)
        if larger is None:
            raise
        if pad:
            return larger
        grids = [f"{axis.grid} {axis.along}" for axis in larger.axes if axis.grid > 1]
        more = f", as do multiples of {' and '.join(grids)}" if grids else ""
        raise UnfitSize(
            f"{refusal}: {by(larger.shape)} fits{more}: pad='edge' adds what is missing"
        ) from refusal


def check_tile(fit: Fitting, model: Any, tile: Sizes, layer: str | None, names: Any) -> None:
    """Refuse a model that does something else to a tile than to the image.

    A size that is fixed in it, of a pooling or an up-sampling, makes other windows of a tile.

    Raises
    ------
    NeedsWhole
        If it does; it names the node.
    """
    small = graph_of(ending_at(model, layer, names), shape=tile, pointwise=names)
    for node in fit.graph.upto(fit.target):
        there = small.nodes.get(node.name)
        if there is None or there.rules != node.rules:
            raise NeedsWhole(
                f"tiles of the model would not equal the whole: node {node.name!r} ({node.op}) "
                f"does something else to a tile of {by(tile)} than to the image, as a "
                "size in it is fixed: run it on the whole image, or choose a layer before it"
            )


def _at(model: Any, shape: Sizes, layer: str | None, pointwise: Collection[str]) -> Fitting:
    graph = graph_of(model, shape=shape, pointwise=pointwise)
    target = graph.find(layer)
    graph.shape = shape
    axes = tuple(plan_axis(graph, target, axis, length) for axis, length in enumerate(shape))
    return Fitting(graph, target, axes)


def _larger(
    model: Any, shape: Sizes, layer: str | None, pointwise: Collection[str]
) -> Fitting | None:
    """Return the model read for the least larger size found that it takes, or None."""
    for found in _sizes(model, shape, layer, pointwise):
        try:
            return _at(model, found, layer, pointwise)
        except NeedsWhole:
            raise
        except InvalidInput:
            continue
    return None


def _sizes(
    model: Any, shape: Sizes, layer: str | None, pointwise: Collection[str]
) -> Sequence[Sizes]:
    """Return larger sizes that may fit, the likeliest first.

    What the model's own lengths say, where it can be read at all; else whole steps of all its
    strides, read from the size that its reader chooses, or from one with many divisors.
    """
    for reading in (shape, None, (960,) * len(shape)):
        try:
            graph = graph_of(model, shape=reading, pointwise=pointwise)
            target = graph.find(layer)
            fields_of(graph)
        except UnfitSize:
            continue
        searched = [_length(graph, target, axis, n) for axis, n in enumerate(shape)]
        grids = [grid_of(graph, target, axis) for axis in range(len(shape))]
        found = [tuple(-(-n // grid) * grid for n, grid in zip(shape, grids, strict=True))]
        lengths = tuple(n for n in searched if n is not None)
        if len(lengths) == len(shape):
            found.insert(0, lengths)
        return [size for size in found if size != shape]
    return []


def _length(graph: LayerGraph, target: str, axis: int, length: int) -> int | None:
    """Return the least length from the image's on at which all paths meet."""
    nodes = graph.upto(target)
    for more in range(SEARCHED):
        if not isinstance(lengths_for(nodes, axis, length + more), str):
            return length + more
    return None
