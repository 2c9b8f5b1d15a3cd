"""Lag products: the sums from which a kernel can be learnt.

``T[c, d] = sum over i, j of y[i, j] * x[i + c, j + d]`` is the gradient of a correlation with
respect to its kernel, and, with y = x, the autocorrelation that fills the Gram matrix of all
patches. Sums are kept in float64, tile by tile, so that a tile's pixels are fetched once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.lags import panels, spectra
from kernfit.correlate.lags.parts import Load, Pair, PanelParts, Parts, SpectralParts
from kernfit.correlate.lags.tile import SPARE, LagTile, Room
from kernfit.correlate.threads import for_strips, thread_count


def lag_products(
    y: Array, x: Array, rows: int, columns: tuple[int, int], *, threads: int | None = 1
) -> Array:
    """Return ``T[c, d - first] = sum of y[i, j] * x[i + c, j + d]``, x being 0 outside itself.

    Parameters
    ----------
    y : ndarray, shape (H, W)
        Real and finite.
    x : ndarray, shape (H + rows - 1 or more, any)
        Real and finite.
    rows : int
        Lags c run from 0 to ``rows - 1``.
    columns : (first, last)
        Lags d run from `first` to `last`, both included; `first` may be negative.
    threads : int, optional
        Tiles are shared out; the result does not depend on how many. None: all cores.

    Returns
    -------
    ndarray of float64, shape (rows, last - first + 1)
    """
    found: Array = lag_products_of_all(y[np.newaxis], x, rows, columns, threads=threads)[0]
    return found


def lag_products_of_all(
    ys: Array, x: Array, rows: int, columns: tuple[int, int], *, threads: int | None = 1
) -> Array:
    """Return the lag products of several planes with one, shape (planes, rows, lags).

    Parameters
    ----------
    ys : ndarray, shape (planes, H, W)
    x, rows, columns, threads
        See `lag_products`.
    """
    first, last = columns

    def load(at: tuple[slice, slice], room: Room) -> LagTile:
        down, across = at
        start, stop = across.start + first, across.stop + last
        begin, end = max(start, 0), min(stop, x.shape[1])
        part = x[down.start : down.stop + rows - 1, begin : max(begin, end)]
        own = ys[:, *at]
        seen, others = room.arrays((1, len(part), stop - start + SPARE), own.shape)
        seen[0, :, : begin - start] = 0.0
        seen[0, :, begin - start : begin - start + part.shape[1]] = part
        seen[0, :, begin - start + part.shape[1] :] = 0.0
        others[:] = own
        return LagTile(seen, others, None, np.zeros(0))

    size, lags = ys.shape[1:], (rows, last - first + 1)
    found: Array = lag_sums(load, size, lags, [0] * len(ys), 1, threads=threads)[0][:, 0]
    return found


def lag_sums(
    load: Load,
    size: tuple[int, ...],
    lags: Pair,
    firsts: Sequence[int],
    seens: int,
    *,
    threads: int | None,
    besides: Sequence[Callable[[], object]] = (),
) -> tuple[Array, Array]:
    """Return ``T[m, p, c, d] = sum of own[m][i, j] * seen[p][i + c, j + d]`` over all tiles.

    Parameters
    ----------
    load : callable
        Gives the tile at (rows, columns) of the outputs, in memory that it takes from a `Room`. It
        is called from several threads.
    size : (H, W)
        Of the outputs.
    lags : (rows, span)
        Lags c run from 0 to ``rows - 1``, lags d from 0 to ``span - 1``.
    firsts : sequence of int
        For each own plane the lag d from which on it is wanted.
    seens : int
        How many planes are met.
    threads : int or None
    besides : sequence of callable
        Small tasks that are done meanwhile, by threads that find no more tiles.

    Returns
    -------
    lags : ndarray of float64, shape (owns, seens, rows, span)
    aside : ndarray
        The sums of what tiles gave besides.
    """
    transform = spectral_size(size, lags, firsts, seens)
    tall = 0 if transform is None else _rows_through(transform, size, lags, firsts, seens)
    parts: list[Parts] = []
    if transform is not None:
        tiles = _tiles(spectra.tile_of(transform, lags), (0, tall), size[1])
        parts.append(SpectralParts(transform, load, tiles, lags, firsts, seens))
    if tall < size[0]:
        tiles = _tiles(panels.tile_of((size[0] - tall, size[1])), (tall, size[0]), size[1])
        parts.append(PanelParts(load, tiles, lags, firsts, seens))
    tasks = [*(task for each in parts for task in each.tasks), *besides]

    def work(begin: int, end: int) -> None:
        for task in tasks[begin:end]:
            task()

    workers = thread_count(threads)
    for_strips(work, len(tasks), workers, each=len(tasks))
    total, *others = (each.total(workers) for each in parts)
    for other in others:
        total += other
    return total, sum((aside for each in parts for aside in each.asides), start=np.zeros(()))


def _tiles(most: Pair, rows: Pair, width: int) -> list[tuple[slice, slice]]:
    """Return tiles of so many rows and columns at most that cover some rows."""
    (top, bottom), (high, wide) = rows, most
    return [
        (slice(i, min(i + high, bottom)), slice(j, min(j + wide, width)))
        for i in range(top, bottom, high)
        for j in range(0, width, wide)
    ]


def _rows_through(
    transform: Pair, size: tuple[int, ...], lags: Pair, firsts: Sequence[int], seens: int
) -> int:
    """Return how many rows go through transforms: a few that are left over cost less in panels."""
    high, wide = spectra.tile_of(transform, lags)
    rest = size[0] % high
    if rest in (0, size[0]):
        return size[0]
    tiles = -(-size[1] // wide)
    spectral = spectra.cost(transform, len(firsts), seens, tiles)
    alone = panels.cost(lags[0], [lags[1] - first for first in firsts], seens, (rest, size[1]))
    return size[0] if spectral < alone else size[0] - rest


def spectral_size(
    size: tuple[int, ...], lags: tuple[int, int], firsts: Sequence[int], seens: int
) -> tuple[int, int] | None:
    """Return the size of the transforms if they cost less than panels, else None."""
    height, width = size
    spectral, transform = spectra.cheapest_transform(lags, len(firsts), seens, (height, width))
    direct = panels.cost(lags[0], [lags[1] - first for first in firsts], seens, size)
    return transform if spectral < direct else None
