"""Sums over outputs that are chosen or weighted one by one: from their patches, written out."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.threads import for_strips, thread_count

# Bytes of patches written out at a time: a share of the caches.
_CHUNK_BYTES = 2 << 20
# The chunks are summed up in so many parts at most, however many threads there are.
_MOST_PARTS = 16
# Pixels of an image that are looked at together.
_BAND = 1 << 17


def patch_products(
    x: Array,
    y: Array,
    shape: tuple[int, int],
    outputs: Array,
    weight: Array | None = None,
    *,
    levels: tuple[Array, Array] | None = None,
    threads: int | None = 1,
) -> tuple[Array, Array, Array]:
    """Return ``sum of p p^T``, ``sum of p y`` and ``sum of y^2`` over chosen outputs.

    It costs about half the square of the number of taps, in multiply-adds for each output.

    Parameters
    ----------
    x : ndarray, shape (in, H + kh - 1, W + kw - 1)
    y : ndarray, shape (out, H, W)
        There may be none.
    shape : (kh, kw)
        Size of a patch p; a 1 closes each.
    outputs : ndarray of bool, shape (H, W)
        The outputs to sum over. Others need not be finite.
    weight : ndarray, shape (H, W), optional
        How much each of them counts, not negative. Default 1.
    levels : (before, after), optional
        Taken from each plane of `x` and of `y`. Default 0.
    threads : int or None
        The result does not depend on how many.

    Returns
    -------
    gram : ndarray of float64, shape (P, P), P = in * kh * kw + 1
    cross : ndarray of float64, shape (P, out)
    energy : ndarray of float64, shape (out,)
    """
    kh, kw = shape
    before, after = (np.zeros(len(x)), np.zeros(len(y))) if levels is None else levels
    height, width = outputs.shape
    steps = np.add.outer(np.arange(kh) * (width + kw - 1), np.arange(kw)).ravel()
    size, wide = len(x) * kh * kw + 1, len(x) * kh * kw + 1 + len(y)
    step = max(1, _CHUNK_BYTES // (8 * wide))
    count = max(1, min(_MOST_PARTS, height, np.count_nonzero(outputs) // step))
    parts = np.zeros((count, wide, wide))

    def add(part: Array, top: int, bottom: int) -> None:
        planes = [plane[top : bottom + kh - 1].ravel() for plane in x]
        targets = [plane[top:bottom].ravel() for plane in y]
        heavy = None if weight is None else np.sqrt(weight[top:bottom].ravel())
        chosen = np.flatnonzero(outputs[top:bottom])
        for start in range(0, chosen.size, step):
            at = chosen[start : start + step]
            corner = at + at // width * (kw - 1)  # where a patch begins in x
            rows = np.empty((wide, at.size))
            for p, (plane, level) in enumerate(zip(planes, before, strict=True)):
                for n, away in enumerate(steps, p * len(steps)):
                    np.subtract(plane[corner + away], level, out=rows[n])
            rows[size - 1] = 1
            for n, (plane, level) in enumerate(zip(targets, after, strict=True), size):
                np.subtract(plane[at], level, out=rows[n])
            if heavy is not None:
                rows *= heavy[at]
            part += rows @ rows.T

    def work(begin: int, end: int) -> None:
        for n in range(begin, end):
            first, last = height * n // count, height * (n + 1) // count
            band = max(1, _BAND // width)
            for top in range(first, last, band):
                add(parts[n], top, min(top + band, last))

    for_strips(work, count, thread_count(threads))
    total = parts.sum(axis=0)
    return total[:size, :size], total[:size, size:], np.diagonal(total)[size:].copy()
