"""Lag products: the sums from which a kernel can be learnt.

``T[c, d] = sum over i, j of y[i, j] * x[i + c, j + d]`` is the gradient of a correlation with
respect to its kernel, and, with y = x, the autocorrelation that fills the Gram matrix of all
patches. Sums are kept in float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from kernfit.arrays import Array
from kernfit.correlate.compiling import announce_compiling
from kernfit.correlate.lag_spectra import lag_products_by_spectra, pays
from kernfit.correlate.threads import for_strips, thread_count

announce_compiling()

# One panel of products keeps 4 x 4 sums in vector registers and reads 4 + 4 vectors for its 16
# multiply-adds: half a load each, which is what a core can fetch in the time.
_PANEL = 4
# Rows of a strip: enough that the rows - 1 extra ones cost little, few enough to need little memory
# (the sums themselves only touch `rows` rows at a time).
_STRIP_ROWS = 64
# A row is worked through in pieces, so that the pieces of a panel stay in the first-level cache.
_PIECE = 1024


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
        Strips of rows are shared out; the result does not depend on how many. None: all cores.

    Returns
    -------
    ndarray of float64, shape (rows, last - first + 1)
        Each strip is summed on its own and the strips in order.
    """
    height, width = y.shape
    first, last = columns
    span = last - first + 1
    if pays(rows, span, y.shape):
        return lag_products_by_spectra(y, x, rows, columns, threads=threads)
    padded = (_round_up(rows), _round_up(span))
    strip_rows = max(4 * rows, _STRIP_ROWS)

    def strip(start: int) -> Array:
        stop = min(start + strip_rows, height)
        # Zero rows around y stand for the rows of other strips; zero columns around x for what
        # lies outside. With them the inner loops know no edges.
        ys = np.zeros((stop - start + 2 * (padded[0] - 1), width))
        ys[padded[0] - 1 : padded[0] - 1 + stop - start] = y[start:stop]
        xs = np.zeros((stop - start + rows - 1, width + padded[1]))
        left, right = max(first, 0), min(x.shape[1], width + last)
        xs[:, left - first : right - first] = x[start : stop + rows - 1, left:right]
        total = np.zeros(padded)
        _add_strip(ys, xs, padded[0], padded[1], total)
        return total

    starts = range(0, height, strip_rows)
    parts = np.empty((len(starts), *padded))

    def strips(begin: int, end: int) -> None:
        for number in range(begin, end):
            parts[number] = strip(starts[number])

    for_strips(strips, len(starts), thread_count(threads))
    total: Array = parts.sum(axis=0)[:rows, :span]
    return total


def _round_up(lags: int) -> int:
    return -(-lags // _PANEL) * _PANEL


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
def _add_strip(ys: Array, xs: Array, rows: int, columns: int, total: Array) -> None:
    """Add the lag products of one padded strip to `total`, panel by panel.

    Only re-association and contraction are allowed to the compiler: NaN and infinity would stay
    what they are.
    """
    width = ys.shape[1]
    for u in range(xs.shape[0]):
        for begin in range(0, width, _PIECE):
            n = min(_PIECE, width - begin)
            for c in range(0, rows, 4):
                # x row u meets y row u - c; y has rows - 1 rows of zeros on top.
                base = u + rows - 1 - c
                y0 = ys[base, begin : begin + n]
                y1 = ys[base - 1, begin : begin + n]
                y2 = ys[base - 2, begin : begin + n]
                y3 = ys[base - 3, begin : begin + n]
                for d in range(0, columns, 4):
                    at = begin + d
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
