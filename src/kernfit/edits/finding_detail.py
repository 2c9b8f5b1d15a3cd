"""Find sharpening with a threshold: what is added, as a function of the detail that was there."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.detail import Detail, blurred
from kernfit.edits.stage import Stage, Task

_SIGMAS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
_FEWEST = 2000  # pixels
_MOST = 60_000  # levels that are asked
_CLEARLY = 0.8  # of the squares that no threshold leaves


class DetailFamily:
    """Proposes sharpening with a threshold behind a chain."""

    name = "detail"
    last_resort = True

    def grow(self, task: Task) -> Iterable[tuple[Stage, ...]]:
        """Return the chain with the best such stage at its end, if a threshold is seen."""
        if any(isinstance(stage, Detail) for stage in task.chain):
            return
        image = task.reaching(len(task.chain))
        found = find_detail(image, task.after, task.used) if image.shape == task.after.shape else ()
        if found:
            yield task.with_stage(len(task.chain), *found)


def find_detail(before: Array, after: Array, used: Array) -> tuple[Detail, ...]:
    """Find sharpening with a threshold.

    Parameters
    ----------
    before, after : ndarray
        (channels, rows, columns), white being 1.
    used : ndarray of bool
        (rows, columns): which pixels count.

    Returns
    -------
    tuple of Detail
        One, or none where no threshold is seen.
    """
    if used.sum() < _FEWEST:
        return ()
    added = (after - before)[:, used].ravel()
    # Pixels that were cut off at black or white say nothing.
    clean = ((after > 0) & (after < 1))[:, used].ravel()
    asked = np.flatnonzero(clean)[:: max(1, int(clean.sum()) // _MOST)]
    added = added[asked]

    def attempt(sigma: float, mask: str) -> tuple[float, Detail, float]:
        detail = (before - blurred(before, sigma, mask))[:, used].ravel()[asked]
        return _best_threshold(detail, added, sigma, mask)

    tried = [attempt(sigma, "gaussian") for sigma in _SIGMAS]
    rough = min(tried, key=lambda found: found[0])[1].sigma
    for step in (1.19, 1.09, 1.045, 1.02, 1.01):
        tried += [attempt(rough * factor, "gaussian") for factor in (step, 1 / step)]
        rough = min(tried, key=lambda found: found[0])[1].sigma
    # Pillow's radius is a number that somebody typed.
    for radius in {round(rough, 1), round(2 * rough) / 2, round(rough * 10 + 1) / 10}:
        if radius >= 0.2:
            tried.append(attempt(radius, "three boxes"))
    left, stage, without = min(tried, key=lambda found: found[0])
    seen = stage.threshold > 0.7 / 255 and left < _CLEARLY * without
    return (stage,) if seen else ()


def _best_threshold(
    detail: Array, added: Array, sigma: float, mask: str
) -> tuple[float, Detail, float]:
    """Return the squares left, the stage, and the squares that no threshold leaves."""
    size = np.abs(detail)
    order = np.argsort(size, kind="stable")
    size, push = size[order], (added * np.sign(detail))[order]

    def behind(values: Array) -> Array:
        return np.cumsum(values[::-1])[::-1]

    count = np.arange(len(size), 0, -1, dtype=float)
    squares, cross = behind(size * size), behind(size * push)
    total = float(push @ push)
    gained = cross**2 / np.maximum(squares, 1e-12)
    first = int(np.argmax(gained))
    hard = size[first - 1] / 2 + size[first] / 2 if first else 0.0
    amount = cross[first] / max(squares[first], 1e-12)
    best = total - gained[first], Detail(sigma, float(amount), float(hard), "hard", mask)
    # Soft: sums of (size - threshold) follow from those of size.
    plain, pushes = behind(size), behind(push)
    softly = squares - 2 * size * plain + size**2 * count
    along = cross - size * pushes
    soft_gain = np.where(softly > 1e-6 * squares[0], along**2 / np.maximum(softly, 1e-12), 0.0)
    soft = int(np.argmax(soft_gain))
    if soft_gain[soft] > 1.02 * gained[first]:
        amount = along[soft] / max(softly[soft], 1e-12)
        best = (
            total - soft_gain[soft],
            Detail(sigma, float(amount), float(size[soft]), "soft", mask),
        )
    return float(best[0]), best[1], float(total - gained[0])
