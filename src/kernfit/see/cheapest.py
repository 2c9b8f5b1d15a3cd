"""The shape of tiles for which least is computed within the memory given."""

from __future__ import annotations

import math
from collections.abc import Iterator

from kernfit.errors import InvalidInput
from kernfit.graph.graph import Sizes
from kernfit.graph.memory import peak_bytes
from kernfit.graph.tiling import Cutter, overhead, strips_for
from kernfit.see.fitting import Fitting, by


def cheapest(fit: Fitting, cutters: tuple[Cutter, ...], memory: int) -> Sizes:
    """Return the largest rows and columns of a tile that fit into memory and cost least.

    Each cut is read from both sides, so few cuts are wanted, and those across the shorter axis:
    all pairs of numbers of strips are compared.

    Raises
    ------
    InvalidInput
        If it is not known what a tile needs, or memory holds no tile.
    """
    whole = peak_bytes(fit.graph, fit.target, fit.shape)
    if whole is None:
        raise InvalidInput(
            "tile must be given, as the layers do not say how many channels they have"
        )
    if whole <= memory:
        return fit.shape
    room = memory * math.prod(fit.shape) / whole  # pixels of a tile, about
    for tile in sorted(_tiles(cutters, room), key=lambda found: found[0])[:64]:
        needed = peak_bytes(fit.graph, fit.target, tile[1])
        if needed is not None and needed <= memory:
            return tile[1]
    least = tuple(min(cutter.least, cutter.plan.length) for cutter in cutters)
    needed = peak_bytes(fit.graph, fit.target, least)
    if needed is not None and needed <= memory:
        return least
    raise InvalidInput(
        f"memory must hold a tile of {by(least)} pixels, about {needed} bytes, "
        f"got {memory}: give more"
    )


def _tiles(cutters: tuple[Cutter, ...], room: float) -> Iterator[tuple[tuple[float, int], Sizes]]:
    """Return tiles of at most so many pixels, each with its cost: all numbers of strips."""
    first, rest = cutters[0], cutters[1:]
    for count in first.counts() if rest else range(1):
        long = first.length(count) if rest else min(int(room), first.plan.length)
        if long < min(first.least, first.plan.length):
            break
        if not rest:
            count = strips_for(first, long)
        # As much along the other axes as is left beside that.
        below = _tiles(rest, room / long) if rest else iter([((1.0, 1), ())])
        for (cost, tiles), sizes in below:
            yield (cost * first.work(count) / first.plan.length, tiles * count), (long, *sizes)


def halved(cutters: tuple[Cutter, ...], times: float) -> Sizes | None:
    """Return a tile with which each pixel is computed half as often, None if less than twice."""
    if times < 2:
        return None
    size = max(cutter.least for cutter in cutters)
    while size < max(cutter.plan.length for cutter in cutters):
        sizes = tuple(min(size, cutter.plan.length) for cutter in cutters)
        counts = tuple(strips_for(cutter, n) for cutter, n in zip(cutters, sizes, strict=True))
        if overhead(cutters, counts) <= times / 2:
            return sizes
        size += max(cutters[0].plan.grid, size // 16)
    return tuple(cutter.plan.length for cutter in cutters)
