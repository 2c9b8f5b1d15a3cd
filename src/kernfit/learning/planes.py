"""Planes that are no channels of one image: a volume, or a sequence, filtered across its planes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.answers.fit import Fit
from kernfit.learning.answers.verdict import Status
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.residual import residual_strips

# Planes from which on an image may be a volume; fewer are colours.
_LEAST_PLANES = 5
# Share of the residual that the planes before and after explain, and its error, both by parts.
_SHARE, _SURE = 0.05, 5.0
_PARTS, _LEAST_PARTS = 4, 8  # each way of each plane, and of all planes together
_EACH = 8  # pixels of a part for each number that is fitted to it
_PIXELS = 4_000_000


def across_planes(pair: Pair, fit: Fit) -> Fit:
    """Return a fit whose verdict says so if what is left follows the neighbouring planes.

    In each part of each plane the residual is regressed on the levels of the planes beside it, of
    which what the plane itself tells was taken off; that of one half of the pixels predicts the
    other half.

    Parameters
    ----------
    pair : Pair
        In memory.
    fit : Fit
        Of that pair.
    """
    planes = len(pair.before)
    exact = fit.reproduced is not None and fit.reproduced == fit.used
    asked = pair.channels == "alike" and planes >= _LEAST_PLANES and fit.status.code != "misfit"
    if not asked or exact or pair.after.size > _PIXELS:
        return fit
    shares = _shares(pair, fit)
    if len(shares) < _LEAST_PARTS:
        return fit
    mean, error = float(shares.mean()), float(shares.std(ddof=1) / np.sqrt(len(shares)))
    if mean < max(_SHARE, _SURE * error):
        return fit
    status = Status(
        "misfit",
        "Not one kernel for each plane alone: what is left over follows the neighbouring planes "
        f"({mean:.0%} of it), as a filter across the planes of a volume, or noise in the before "
        "image, leaves it",
        "A kernel here is 2-D: learn three planes into the one between them, with "
        "channels='full', or learn images that were filtered one by one.",
        "planes",
    )
    return replace(fit, status=status)


def _shares(pair: Pair, fit: Fit) -> Array:
    """Return, for each part, what share of its residual the planes beside it predict."""
    shape, anchor = fit.kernel.shape, fit.kernel.anchor
    equations = pair.equations(shape, anchor)
    found = []
    weights = fit.kernel.weight, fit.kernel.bias
    for strip in residual_strips(equations, *weights, channels="alike"):
        rows, columns = strip.rows, strip.columns
        own = strip.seen[0]
        beside = [
            equations.x[plane][
                rows.start + anchor[0] : rows.stop + anchor[0],
                columns.start + anchor[1] : columns.stop + anchor[1],
            ].astype(np.float64)
            for plane in (strip.plane - 1, strip.plane + 1)
            if 0 <= plane < len(pair.before)
        ]
        high, wide = strip.error.shape
        under = [own[a : a + high, b : b + wide] for a in range(shape[0]) for b in range(shape[1])]
        if len(under) > 49:
            under = [own[anchor[0] : anchor[0] + high, anchor[1] : anchor[1] + wide]]
        least = _EACH * (len(under) + len(beside) + 1)
        for part in _parts(high, wide, least):
            used = strip.used[part]
            if np.count_nonzero(used) < least / 2:
                continue
            known = np.stack([np.ones(used.sum()), *(each[part][used] for each in under)], axis=1)
            more = np.stack([each[part][used] for each in beside], axis=1)
            error = strip.error[part][used]
            rest = np.column_stack([error, more])
            rest = rest - known @ np.linalg.lstsq(known, rest, rcond=None)[0]
            halves = rest[::2], rest[1::2]
            total = float(rest[:, 0] @ rest[:, 0])
            left = 0.0
            for taught, asked in (halves, halves[::-1]):
                slope = np.linalg.lstsq(taught[:, 1:], taught[:, 0], rcond=None)[0]
                left += float(np.sum((asked[:, 0] - asked[:, 1:] @ slope) ** 2))
            if total > 0:
                found.append(1 - left / total)
    return np.array(found)


def _parts(high: int, wide: int, least: int) -> list[tuple[slice, slice]]:
    """Cut a plane into parts of so many pixels at least."""
    number = max(1, min(_PARTS, int((high * wide / least) ** 0.5)))
    downs, across = (
        [slice(n * side // number, (n + 1) * side // number) for n in range(number)]
        for side in (high, wide)
    )
    return [(rows, columns) for rows in downs for columns in across]
