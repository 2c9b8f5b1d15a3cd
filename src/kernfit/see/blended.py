"""Tiles of models that cannot be tiled exactly: overlapped, blended, and the error measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from kernfit.arrays import Array, one_of
from kernfit.errors import InvalidInput
from kernfit.frameworks.runner import Runner
from kernfit.graph.graph import LayerGraph, Sizes
from kernfit.graph.rules import Resize, Whole

BLENDS = ("gaussian", "constant")
SPREAD = 1 / 8  # standard deviation of the weights, in tiles, as MONAI has it


@dataclass(frozen=True)
class Blend:
    """How tiles overlap.

    Parameters
    ----------
    tile : tuple of int
        Pixels along each axis.
    overlap : float
        Of a tile's length, from 0 to less than 1.
    blend : {"gaussian", "constant"}
        What counts where tiles overlap: the middle of a tile more, or all alike.
    grid : tuple of int
        Tiles begin at its multiples.

    Raises
    ------
    InvalidInput
        If one of them is out of its range.
    """

    tile: Sizes
    overlap: float
    blend: str
    grid: Sizes

    def __post_init__(self) -> None:
        one_of(self.blend, BLENDS, "blend")
        if not 0 <= self.overlap < 1:
            raise InvalidInput(f"overlap must be from 0 to less than 1, got {self.overlap}")

    def starts(self, axis: int, length: int) -> list[int]:
        """Return where tiles begin; the last one ends with the image."""
        tile, grid = self.tile[axis], self.grid[axis]
        if length <= tile:
            return [0]
        step = max(grid, int(tile * (1 - self.overlap)) // grid * grid)
        last = (length - tile) // grid * grid
        return sorted({*range(0, last, step), last})

    def weights(self, lengths: Sizes) -> Array:
        """Return how much each element of a tile's result counts."""
        found = np.ones(lengths)
        if self.blend == "gaussian":
            for axis, n in enumerate(lengths):
                places = (np.arange(n) - (n - 1) / 2) / max(n * SPREAD, 1)
                along = np.maximum(np.exp(-(places**2) / 2), 1e-3)
                found *= along.reshape([-1 if a == axis else 1 for a in range(len(lengths))])
        return found


def run_blended(runner: Runner, source: Any, how: Blend) -> Array:
    """Run a model over overlapping tiles and return the weighted means of what they give.

    Parameters
    ----------
    runner : Runner
    source : Pixels or Volume
        With ``shape``, channels first, and ``read``, which takes places along each axis.
    how : Blend

    Raises
    ------
    InvalidInput
        If results of tiles are not a whole fraction or a multiple of the tiles.
    """
    total: Array | None = None
    for places in _tiles(how, source.shape[1:]):
        image = source.read(*places).astype(np.float32)
        given = np.asarray(runner(image))
        scale = [out / n for out, n in zip(given.shape[1:], image.shape[1:], strict=True)]
        first = [int(p[0]) * s for p, s in zip(places, scale, strict=True)]
        if any(not at.is_integer() for at in first):
            raise InvalidInput(
                f"results of tiles must begin at whole elements, got a tile of {image.shape[1:]} "
                f"that gives {given.shape[1:]}: choose a tile that the model's strides divide"
            )
        if total is None:
            lengths = [math.ceil(n * s) for n, s in zip(source.shape[1:], scale, strict=True)]
            total = np.zeros((len(given), *lengths))
            counted = np.zeros(lengths)
        kept = tuple(
            slice(int(at), int(at) + n) for at, n in zip(first, given.shape[1:], strict=True)
        )
        weights = how.weights(given.shape[1:])
        total[(slice(None), *kept)] += given * weights
        counted[kept] += weights
    assert total is not None  # an image has at least one tile
    result: Array = (total / np.maximum(counted, 1e-12)).astype(np.float32)
    return result


def _tiles(how: Blend, lengths: Sizes) -> Iterator[list[Array]]:
    starts = [how.starts(axis, n) for axis, n in enumerate(lengths)]
    for corner in product(*starts):
        yield [
            np.arange(start, n if start == own[-1] else start + tile)
            for start, tile, n, own in zip(corner, how.tile, lengths, starts, strict=True)
        ]


def blend_for(graph: LayerGraph, target: str, tile: Sizes, overlap: float, blend: str) -> Blend:
    """Return how tiles of a model overlap, put on the grid of its strides."""
    grid = tuple(_grid(graph, target, axis) for axis in range(graph.dimensions))
    fitting = tuple(max(n // step, 1) * step for n, step in zip(tile, grid, strict=True))
    return Blend(fitting, overlap, blend, grid)


def _grid(graph: LayerGraph, target: str, axis: int) -> int:
    """Return the pixels whose multiples are whole steps of every stride."""
    grid = 1
    strides: dict[str, Fraction | None] = {graph.image: Fraction(1)}
    for node in graph.upto(target)[1:]:
        rule = node.rules[axis]
        known = [strides[name] for name in node.inputs]
        before = next((stride for stride in known if stride is not None), None)
        if before is None or isinstance(rule, Whole):
            # What is one number for all of an image has no step.
            keeps = isinstance(rule, Whole) and rule.outputs is None
            strides[node.name] = before if keeps else None
            continue
        step = 1 / rule.scale if isinstance(rule, Resize) else Fraction(*rule.period[::-1])
        strides[node.name] = before * step
        grid = math.lcm(grid, (before * step.numerator).numerator)
    return grid


@dataclass(frozen=True)
class TilingError:
    """How far blended tiles are from the whole image, on a part of it.

    Attributes
    ----------
    part : tuple of int
        Pixels along each axis of what was compared.
    largest : float
        Largest difference, in the result's unit.
    rms : float
        Root mean square difference.
    spread : float
        Standard deviation of the whole's result, to compare with.
    """

    part: Sizes
    largest: float
    rms: float
    spread: float

    def __str__(self) -> str:
        """Say it in a line."""
        share = f", {self.rms / self.spread:.2%} of its spread" if self.spread > 0 else ""
        return (
            f"on {'x'.join(map(str, self.part))} pixels, tiles differ from the whole by "
            f"{self.rms:.3g} (rms){share}, at most by {self.largest:.3g}"
        )


def measured_error(runner: Runner, part: Any, how: Blend) -> TilingError:
    """Run a model on a part of an image as a whole and in tiles, and compare."""
    lengths = part.shape[1:]
    whole = np.asarray(runner(part.read(*map(np.arange, lengths)).astype(np.float32)))
    tiled = run_blended(runner, part, how)
    apart = tiled[tuple(slice(n) for n in whole.shape)] - whole
    return TilingError(
        tuple(lengths),
        float(np.abs(apart).max()),
        float(np.sqrt(np.mean(apart.astype(np.float64) ** 2))),
        float(whole.std()),
    )
