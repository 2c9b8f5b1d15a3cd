"""Sums over outputs that are chosen or weighted one by one: from their patches, written out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.threads import for_strips, thread_count
from kernfit.learning.sums.footprint import seen_by

# Bytes of patches written out at a time: a share of the caches.
_CHUNK_BYTES = 2 << 20
# The chunks are summed up in so many parts at most, however many threads there are.
_MOST_PARTS = 16
# Where more than this share of the outputs is chosen, all are written out: rows of an image are
# copied faster than pixels here and there.
_FEW = 0.4
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
    size, wide = len(x) * kh * kw + 1, len(x) * kh * kw + 1 + len(y)
    count = max(1, min(_MOST_PARTS, height, np.count_nonzero(outputs) // _columns(wide)))
    parts = np.zeros((count, wide, wide))

    def add(part: Array, top: int, bottom: int) -> None:
        chosen = outputs[top:bottom]
        heavy = None if weight is None else np.sqrt(weight[top:bottom])
        planes = _less(x[:, top : bottom + kh - 1], before)
        targets = _less(y[:, top:bottom], after)
        few = np.count_nonzero(chosen) <= _FEW * chosen.size
        if not few and not chosen.all():
            # The others take part with weight 0, and must be finite for that.
            heavy = chosen.astype(np.float64) if heavy is None else np.where(chosen, heavy, 0.0)
            planes[:, ~seen_by(chosen, shape)] = 0.0
            if len(targets):
                targets[:, ~chosen] = 0.0
        if few:
            patches = _here_and_there(planes, targets, chosen, heavy, shape)
        else:
            patches = _row_by_row(planes, targets, heavy, shape)
        for rows in patches:
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


def _less(planes: Array, levels: Array) -> Array:
    """Return planes in float64 from which a level was taken."""
    less = planes.astype(np.float64)
    less -= levels[:, np.newaxis, np.newaxis]
    return less


def _here_and_there(
    planes: Array, targets: Array, chosen: Array, heavy: Array | None, shape: tuple[int, int]
) -> Iterator[Array]:
    """Give the chosen patches, one a column, a chunk at a time; the next one overwrites it."""
    kw, width = shape[1], chosen.shape[1]
    steps = np.add.outer(np.arange(shape[0]) * (width + kw - 1), np.arange(kw)).ravel()
    flat, aims = (
        each.reshape(len(each), each.shape[1] * each.shape[2]) for each in (planes, targets)
    )
    size = len(planes) * len(steps) + 1
    room = np.empty((size + len(targets), _columns(size + len(targets))))
    places = np.flatnonzero(chosen)
    for start in range(0, places.size, room.shape[1]):
        at = places[start : start + room.shape[1]]
        corner = at + at // width * (kw - 1)  # where a patch begins in its plane
        rows = room[:, : at.size]
        for p, plane in enumerate(flat):
            for n, away in enumerate(steps, p * len(steps)):
                rows[n] = plane[corner + away]
        rows[size - 1] = 1
        rows[size:] = aims[:, at]
        if heavy is not None:
            rows *= heavy.ravel()[at]
        yield rows


def _row_by_row(
    planes: Array, targets: Array, heavy: Array | None, shape: tuple[int, int]
) -> Iterator[Array]:
    """Give all patches, one a column, some rows of outputs at a time; as above."""
    height, width = targets.shape[1:]
    taps = shape[0] * shape[1]
    size = len(planes) * taps + 1
    high = min(height, max(1, _columns(size + len(targets)) // width))
    room = np.empty((size + len(targets)) * high * width)
    for top in range(0, height, high):
        count = min(high, height - top)
        rows = room[: (size + len(targets)) * count * width].reshape(-1, count, width)
        for p, plane in enumerate(planes):
            for n, (a, b) in enumerate(np.ndindex(shape), p * taps):
                rows[n] = plane[top + a : top + a + count, b : b + width]
        rows[size - 1] = 1
        rows[size:] = targets[:, top : top + count]
        if heavy is not None:
            rows *= heavy[top : top + count]
        yield rows.reshape(len(rows), -1)


def _columns(wide: int) -> int:
    return max(1, _CHUNK_BYTES // (8 * wide))
