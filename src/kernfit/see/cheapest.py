"""The shape of tiles for which least is computed within the memory given."""

from __future__ import annotations

import math

from kernfit.errors import InvalidInput
from kernfit.graph.graph import Pair
from kernfit.graph.memory import peak_bytes
from kernfit.graph.tiling import Cutter, overhead, strips_for
from kernfit.see.fitting import Fitting


def cheapest(fit: Fitting, cutters: tuple[Cutter, ...], memory: int) -> Pair:
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
    by_pixel = whole / math.prod(fit.shape)
    rows, columns = cutters
    tried = []
    for across in rows.counts():
        high = rows.length(across)
        if high < min(rows.least, rows.plan.length):
            break
        # As many columns as memory leaves beside so many rows.
        wide = min(int(memory / by_pixel / high), columns.plan.length)
        if wide >= min(columns.least, columns.plan.length):
            along = strips_for(columns, wide)
            tried.append((overhead(cutters, (across, along)), across * along, high, wide))
    for _, _, high, wide in sorted(tried)[:64]:
        needed = peak_bytes(fit.graph, fit.target, (high, wide))
        if needed is not None and needed <= memory:
            return high, wide
    least = min(rows.least, rows.plan.length), min(columns.least, columns.plan.length)
    needed = peak_bytes(fit.graph, fit.target, least)
    if needed is not None and needed <= memory:
        return least
    raise InvalidInput(
        f"memory must hold a tile of {least[0]}x{least[1]} pixels, about {needed} bytes, "
        f"got {memory}: give more"
    )


def halved(cutters: tuple[Cutter, ...], times: float) -> Pair | None:
    """Return a tile with which each pixel is computed half as often, None if less than twice."""
    if times < 2:
        return None
    rows, columns = cutters
    size = max(rows.least, columns.least)
    most = max(rows.plan.length, columns.plan.length)
    while size < most:
        sizes = min(size, rows.plan.length), min(size, columns.plan.length)
        counts = strips_for(rows, sizes[0]), strips_for(columns, sizes[1])
        if overhead(cutters, counts) <= times / 2:
            return sizes
        size += max(rows.plan.grid, size // 16)
    return rows.plan.length, columns.plan.length
