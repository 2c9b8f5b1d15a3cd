"""Lag products summed one by one, in panels of 4 by 4 lags or of 3 by 3."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernfit.arrays import Array
from kernfit.compiled import njit
from kernfit.correlate.lags.tile import LagTile

# A panel of products keeps 4 x 4 sums in vector registers and reads 4 + 4 vectors for its 16
# multiply-adds: half a load each, which is what a core can fetch in the time. Panels of 3 x 3 fit
# other numbers of lags better.
_PANELS = (4, 3)
# Rows and columns of a tile, of narrow images more rows: both images' stay in the second-level
# cache.
TILE = (32, 2048)
# Nanoseconds for a multiply-add; only its ratio to the cost in `spectra` matters.
_COST = 0.042


def cost(rows: int, spans: Sequence[int], seen: int, size: tuple[int, ...]) -> float:
    """Return about how many nanoseconds an image takes; see `spectra.cheapest_transform`."""
    lags = sum(min(_sums(rows, span, panel) for panel in _PANELS) for span in spans) * seen
    return _COST * lags * size[0] * size[1]


def tile_of(size: tuple[int, int]) -> tuple[int, int]:
    """Return how many rows and columns of outputs are summed up together."""
    columns = min(size[1], TILE[1])
    return max(TILE[0], TILE[0] * TILE[1] // columns), columns


def panel_products(tile: LagTile, rows: int, span: int, firsts: Sequence[int]) -> Array:
    """Return ``T[m, p, c, d] = sum of own[m][i, j] * seen[p][i + c, j + d]``.

    Parameters
    ----------
    tile : LagTile
    rows, span : int
        How many lags there are.
    firsts : sequence of int
        For each own plane the lag d from which on it is wanted; the others are left 0.

    Returns
    -------
    ndarray of float64, shape (own planes, seen planes, rows, span)
    """
    total = np.zeros((len(firsts), len(tile.seen), rows, span))
    nothing = np.zeros(tile.width)
    for m, first in enumerate(firsts):
        own, column = tile.own(m)
        panel = 4 if _sums(rows, span - first, 4) <= _sums(rows, span - first, 3) else 3
        for p, seen in enumerate(tile.seen):
            found = np.zeros((_round_up(rows, panel), _round_up(span - first, panel)))
            add = _add_by_4 if panel == 4 else _add_by_3
            add(own, column, tile.height, nothing, seen, first, found)
            total[m, p, :, first:] = found[:rows, : span - first]
    return total


def _round_up(lags: int, panel: int) -> int:
    return -(-lags // panel) * panel


def _sums(rows: int, span: int, panel: int) -> int:
    return _round_up(rows, panel) * _round_up(span, panel)


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _add_by_4(
    ys: Array, column: int, height: int, nothing: Array, xs: Array, first: int, total: Array
) -> None:
    """Add the lag products of a tile, from the lag `first` on, panel by panel.

    Only re-association and contraction are allowed to the compiler: NaN and infinity would stay
    what they are.
    """
    rows, columns = total.shape
    n = len(nothing)
    end = column + n
    for u in range(len(xs)):
        for c in range(0, rows, 4):
            # x row u meets y row u - c.
            r = u - c
            if not 0 <= r < height + 3:
                continue
            y0 = ys[r, column:end] if r < height else nothing
            y1 = ys[r - 1, column:end] if 1 <= r < height + 1 else nothing
            y2 = ys[r - 2, column:end] if 2 <= r < height + 2 else nothing
            y3 = ys[r - 3, column:end] if r >= 3 else nothing
            for d in range(0, columns, 4):
                at = first + d
                x0 = xs[u, at : at + n]
                x1 = xs[u, at + 1 : at + 1 + n]
                x2 = xs[u, at + 2 : at + 2 + n]
                x3 = xs[u, at + 3 : at + 3 + n]
                s00 = s01 = s02 = s03 = 0.0
                s10 = s11 = s12 = s13 = 0.0
                s20 = s21 = s22 = s23 = 0.0
                s30 = s31 = s32 = s33 = 0.0
                for j in range(n):
                    p0, p1, p2, p3 = y0[j], y1[j], y2[j], y3[j]
                    q0, q1, q2, q3 = x0[j], x1[j], x2[j], x3[j]
                    s00 += p0 * q0
                    s01 += p0 * q1
                    s02 += p0 * q2
                    s03 += p0 * q3
                    s10 += p1 * q0
                    s11 += p1 * q1
                    s12 += p1 * q2
                    s13 += p1 * q3
                    s20 += p2 * q0
                    s21 += p2 * q1
                    s22 += p2 * q2
                    s23 += p2 * q3
                    s30 += p3 * q0
                    s31 += p3 * q1
                    s32 += p3 * q2
                    s33 += p3 * q3
                row = total[c]
                row[d] += s00
                row[d + 1] += s01
                row[d + 2] += s02
                row[d + 3] += s03
                row = total[c + 1]
                row[d] += s10
                row[d + 1] += s11
                row[d + 2] += s12
                row[d + 3] += s13
                row = total[c + 2]
                row[d] += s20
                row[d + 1] += s21
                row[d + 2] += s22
                row[d + 3] += s23
                row = total[c + 3]
                row[d] += s30
                row[d + 1] += s31
                row[d + 2] += s32
                row[d + 3] += s33


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _add_by_3(
    ys: Array, column: int, height: int, nothing: Array, xs: Array, first: int, total: Array
) -> None:
    """Do what `_add_by_4` does, in panels of 3 by 3."""
    rows, columns = total.shape
    n = len(nothing)
    end = column + n
    for u in range(len(xs)):
        for c in range(0, rows, 3):
            r = u - c
            if not 0 <= r < height + 2:
                continue
            y0 = ys[r, column:end] if r < height else nothing
            y1 = ys[r - 1, column:end] if 1 <= r < height + 1 else nothing
            y2 = ys[r - 2, column:end] if r >= 2 else nothing
            for d in range(0, columns, 3):
                at = first + d
                x0 = xs[u, at : at + n]
                x1 = xs[u, at + 1 : at + 1 + n]
                x2 = xs[u, at + 2 : at + 2 + n]
                s00 = s01 = s02 = 0.0
                s10 = s11 = s12 = 0.0
                s20 = s21 = s22 = 0.0
                for j in range(n):
                    p0, p1, p2 = y0[j], y1[j], y2[j]
                    q0, q1, q2 = x0[j], x1[j], x2[j]
                    s00 += p0 * q0
                    s01 += p0 * q1
                    s02 += p0 * q2
                    s10 += p1 * q0
                    s11 += p1 * q1
                    s12 += p1 * q2
                    s20 += p2 * q0
                    s21 += p2 * q1
                    s22 += p2 * q2
                row = total[c]
                row[d] += s00
                row[d + 1] += s01
                row[d + 2] += s02
                row = total[c + 1]
                row[d] += s10
                row[d + 1] += s11
                row[d + 2] += s12
                row = total[c + 2]
                row[d] += s20
                row[d + 1] += s21
                row[d + 2] += s22
