"""The separable method: a kernel of low rank as a few passes along rows and columns.

The singular value decomposition writes the taps as a sum of products ``u[a] * v[b]``; each term
costs ``kh + kw`` multiply-adds an output in place of ``kh * kw``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.direct.steps import ONE, Pair, correlate_steps
from kernfit.correlate.dtypes import safe_integers

_LARGE = 1 << 17  # taps, beyond which all singular values take too much time and memory
_MOST_TERMS = 32  # of such a kernel
_ROWS = 64  # of its taps looked at together


@dataclass(frozen=True, slots=True, eq=False)
class Separable:
    """Valid correlation of a tile as a sum of separable terms."""

    taps: Array
    terms: tuple[tuple[Array, Array], ...]  # each a column of taps and a row of taps
    stride: Pair = ONE
    dilation: Pair = ONE

    def __call__(self, source: Array, sums: Array) -> None:
        """Write the correlation of `source` into `sums`."""
        for n, (column, row) in enumerate(self.terms):
            across = np.empty((source.shape[0], sums.shape[1]), sums.dtype)
            correlate_steps(source, row, across, (1, self.stride[1]), (1, self.dilation[1]))
            total = np.empty_like(sums) if n else sums
            correlate_steps(across, column, total, (self.stride[0], 1), (self.dilation[0], 1))
            if n:
                sums += total
        # One cheap look; it errs on the side of a closer one.
        if sums.dtype.kind != "i" and not np.isfinite(sums.sum()):
            self._repair(source, sums)

    def _repair(self, source: Array, sums: Array) -> None:
        """Give the outputs that are not finite the very NaN or infinity that the taps give.

        Their windows are the right ones already, but the terms of a sum may disagree in sign.
        """
        spoilt = ~np.isfinite(sums)
        if spoilt.any():
            direct = np.empty(sums.shape, sums.dtype)
            correlate_steps(source, self.taps, direct, self.stride, self.dilation)
            sums[spoilt] = direct[spoilt]


def terms_of(taps: Array, dtype: np.dtype[Any]) -> tuple[tuple[Array, Array], ...]:
    """Return the terms, in `dtype`, whose sum is `taps` to within the rounding of `dtype`.

    Parameters
    ----------
    taps : ndarray, shape (kh, kw)
        Finite.
    dtype : numpy.dtype
        Of the sums. For integers there is one exact term, or none; nor are there any for large
        kernels of a rank beyond 32, which no other method finds slow.

    Returns
    -------
    tuple of (column, row)
        Arrays of shape (kh, 1) and (1, kw).
    """
    if dtype.kind == "i":
        return _exact_term(taps, dtype)
    wide = taps.astype(np.complex128 if dtype.kind == "c" else np.float64, copy=False)
    basis = None
    if wide.size > _LARGE:
        basis = _basis(wide, float(np.finfo(dtype).eps))
        if basis is None:
            return ()
        wide = basis.conj().T @ wide
    columns, values, rows = np.linalg.svd(wide, full_matrices=False)
    if basis is not None:
        columns = basis @ columns
    # A singular value below the rounding of the taps themselves is not there: it is noise.
    rank = max(int((values > values[0] * np.finfo(dtype).eps).sum()), 1)
    terms = []
    for n in range(rank):
        # The rows sum to 1 in magnitude, so that the first pass cannot overflow.
        size = float(abs(rows[n]).sum())
        column = columns[:, n : n + 1] * (values[n] * size)
        terms.append((column.astype(dtype), (rows[n : n + 1] / size).astype(dtype)))
    return tuple(terms)


def _basis(taps: Array, eps: float) -> Array | None:
    """Return orthonormal columns whose sums all columns of taps are, or None if they are too many.

    What random sums of the columns span (N. Halko et al., SIAM Review 53, 2011, section 4.1).
    """
    sums = np.random.default_rng(0).standard_normal((taps.shape[1], _MOST_TERMS + 8))
    basis: Array = np.linalg.qr(taps @ sums)[0]
    products = basis.conj().T @ taps
    rest = size = 0.0
    for first in range(0, len(taps), _ROWS):
        part = taps[first : first + _ROWS]
        found = basis[first : first + _ROWS] @ products
        rest, size = rest + np.square(abs(part - found)).sum(), size + np.square(abs(part)).sum()
    # The products above are rounded several times.
    return basis if rest <= (10 * eps) ** 2 * size else None


def _exact_term(taps: Array, dtype: np.dtype[Any]) -> tuple[tuple[Array, Array], ...]:
    """Return integers u, v with ``u[a] * v[b] == taps[a, b]``, or nothing if there are none."""
    wide = safe_integers(taps)
    first = np.flatnonzero((taps != 0).any(axis=1))[:1].sum()
    pivot = taps[first].astype(wide)
    row = pivot // (gcd(*pivot.tolist()) or 1)
    at = np.flatnonzero(row != 0)[:1].sum()
    column = taps[:, at].astype(wide) // (row[at] or 1)
    for n, line in enumerate(taps):
        if (line.astype(wide) != column[n] * row).any():
            return ()
    return ((column.astype(dtype)[:, None], row.astype(dtype)[None, :]),)
