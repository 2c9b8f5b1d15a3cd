"""Lag products: the sums from which a kernel can be learnt.

``T[c, d] = sum over i, j of y[i, j] * x[i + c, j + d]`` is the gradient of a correlation with
respect to its kernel, and, with y = x, the autocorrelation that fills the Gram matrix of all
patches. Sums are kept in float64, tile by tile, so that a tile's pixels are fetched once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import lag_panels, lag_spectra
from kernfit.correlate.lag_tile import SPARE, LagTile, Room
from kernfit.correlate.threads import for_strips, thread_count

# The tiles are summed up in parts, the same however many threads there are: so many at most, each
# of so many tiles at least, their spectra of so many bytes.
_MOST_PARTS, _LEAST_TILES, _SPECTRA_BYTES = 16, 6, 32 << 20
# To wake a thread takes longer than to sum up so many bytes.
_ALONE_BYTES = 4 << 20


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
    load: Callable[[tuple[slice, slice], Room], LagTile],
    size: tuple[int, ...],
    lags: tuple[int, int],
    firsts: Sequence[int],
    seens: int,
    *,
    threads: int | None,
    besides: Sequence[Callable[[], None]] = (),
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
    height, width = size
    transform = spectral_size(size, lags, firsts, seens)
    if transform is None:
        most = lag_panels.tile_of((height, width))
    else:
        most = lag_spectra.tile_of(transform, lags)
    grid = [
        (slice(top, min(top + most[0], height)), slice(left, min(left + most[1], width)))
        for top in range(0, height, most[0])
        for left in range(0, width, most[1])
    ]
    owns = len(firsts)
    parts: Array
    if transform is None:
        together, count = 1, min(4 * _MOST_PARTS, len(grid))
        parts = np.empty((count, owns, seens, *lags))
    else:
        together = 2  # of which two go through one transform
        room_for = _SPECTRA_BYTES // lag_spectra.spectra_bytes(transform, owns, seens)
        count = max(1, min(_MOST_PARTS, len(grid) // _LEAST_TILES, room_for))
        parts = lag_spectra.room_for_spectra(transform, owns, seens, count)
    rounds = -(-len(grid) // together)
    edges = [together * (rounds * n // count) for n in range(count + 1)]
    asides: list[list[Array]] = [[] for _ in range(count)]

    free: list[tuple[Room, lag_spectra.Scratch | None]] = []  # memory that a part has done with

    def add_part(n: int) -> None:
        try:
            room, scratch = free.pop()
        except IndexError:
            room = Room()
            scratch = None if transform is None else lag_spectra.Scratch(transform, seens)
        parts[n] = 0.0  # here, since one thread alone would take long over all
        tiles = _told((load(at, room) for at in grid[edges[n] : edges[n + 1]]), asides[n])
        if scratch is not None:
            lag_spectra.add_spectra(tiles, scratch, parts[n])
        else:
            for tile in tiles:
                parts[n] += lag_panels.panel_products(tile, *lags, firsts)
        free.append((room, scratch))

    def work(begin: int, end: int) -> None:
        for n in range(begin, end):
            if n < count:
                add_part(n)
            else:
                besides[n - count]()

    workers = thread_count(threads)
    jobs = count + len(besides)
    for_strips(work, jobs, workers, each=jobs)
    if transform is None:
        total = parts.sum(axis=0)
    else:
        total = lag_spectra.lags_of(_sum_of_parts(parts, workers), transform, lags)
    return total, sum(each for kept in asides for each in kept)


def _sum_of_parts(parts: Array, threads: int) -> Array:
    """Return the sum over the first axis, each number's in the same order as from one thread."""
    by_place = parts.reshape(len(parts), -1, *parts.shape[-2:])
    total: Array = np.empty(by_place.shape[1:])

    def work(begin: int, end: int) -> None:
        by_place[:, begin:end].sum(axis=0, out=total[begin:end])

    for_strips(work, len(total), threads if parts.nbytes > _ALONE_BYTES else 1)
    return total.reshape(parts.shape[1:])


def _told(tiles: Iterable[LagTile], asides: list[Array]) -> Iterator[LagTile]:
    """Give tiles on, but keep what they tell besides."""
    for tile in tiles:
        asides.append(tile.aside)
        yield tile


def spectral_size(
    size: tuple[int, ...], lags: tuple[int, int], firsts: Sequence[int], seens: int
) -> tuple[int, int] | None:
    """Return the size of the transforms if they cost less than panels, else None."""
    height, width = size
    spectral, transform = lag_spectra.cheapest_transform(lags, len(firsts), seens, (height, width))
    direct = lag_panels.cost(lags[0], [lags[1] - first for first in firsts], seens, size)
    return transform if spectral < direct else None
