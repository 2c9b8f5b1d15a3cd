"""Whether channels are treated differently: gains, a matrix, kernels that mix them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.sums.least_squares import centred
from kernfit.learning.sums.statistics import Statistics

# A simpler way counts as good as a richer one up to this share of the squared residual.
_AS_GOOD = 0.05
_STAND_IN = 0.01
_ROUNDS = 30  # in which factors are sought in turn
_STILL = 1e-7
_STIFF = 1e-10
# Offsets are told if one of them differs from the others by more than this share of white.
_OFFSET = 0.004


@dataclass(frozen=True)
class Treatment:
    """How channels are treated differently.

    Attributes
    ----------
    words : str
        Part of a sentence.
    mixed : bool
        Whether a channel goes into another.
    squared : float
        What it leaves, per pixel and degree of freedom.
    alike : float
        What one kernel for all channels leaves.
    weights, one : ndarray, shape (P, channels)
        Its weights, and those of one kernel for all channels, as sums have them.
    """

    words: str
    mixed: bool
    squared: float
    alike: float
    weights: Array
    one: Array

    @property
    def share(self) -> float:
        """Of the squared residual of one kernel, what this explains."""
        return 1 - self.squared / self.alike if self.alike > 0 else 0.0


def treatment(statistics: Statistics, floor: float) -> Treatment:
    """Return the simplest way of treating channels that explains as much as any.

    Offsets, gains, a kernel for each channel, a colour matrix with one kernel and kernels that mix
    all channels are compared. All follow from the sums over channels that are mixed.

    Parameters
    ----------
    statistics : Statistics
        With as many outputs as inputs.
    floor : float
        Root mean square of what rounding leaves.

    Returns
    -------
    Treatment
    """
    sums, count = statistics.sums, statistics.inputs
    gram, cross = centred(sums)
    scale = np.trace(gram) / len(gram)
    gram = gram + _STIFF * scale * np.eye(len(gram))
    taps = len(gram) // count
    problem = _Problem(
        gram.reshape(count, taps, count, taps), cross.reshape(count, taps, count), sums.variance
    )
    before = (sums.gram[:-1, -1] / sums.weight + sums.levels).reshape(count, taps)
    after = sums.cross[-1] / sums.weight + sums.after
    pixels = statistics.count * count

    def per_pixel(squared: float, weights: int) -> float:
        return max(squared, 0.0) / max(1, pixels - weights)

    common_error, same = problem.alike(before, after, sums.weight)
    alike = per_pixel(common_error, taps + 1)
    one = np.tile(problem.kernel(np.eye(count))[np.newaxis, np.newaxis], (count, count, 1))
    own = np.eye(count)[:, :, np.newaxis]
    full = np.linalg.solve(gram, cross).T.reshape(count, count, taps)
    gains, kernel = problem.factors(own[:, :, 0], one[0, 0])
    matrix, common = problem.factors(None, _first_axis(full))
    single = np.stack(
        [np.linalg.solve(gram_of, right) for gram_of, right in problem.apart()], axis=0
    )
    tried = [
        (one * own, taps + count, False),
        (gains[:, :, np.newaxis] * kernel, taps + 2 * count - 1, False),
        (single[:, np.newaxis] * own, count * taps + count, False),
        (matrix[:, :, np.newaxis] * common, count * count + taps + count - 1, True),
        (full, count * count * taps + count, True),
    ]
    left = [per_pixel(problem.squared(weight), size) for weight, size, _ in tried]
    least = max(min(left) * (1 + _AS_GOOD), (1.1 * floor) ** 2)
    # A kernel that reaches farther than the sums leaves something that other channels stand in for.
    spare = (0.0, 0.0, _STAND_IN * alike, _STAND_IN * alike, 0.0)
    which = next(n for n, squared in enumerate(left) if squared <= least + spare[n])
    weight, _, mixed = tried[which]
    bias = after - np.einsum("oit,it->o", weight, before)
    white = float(np.abs(after).max()) or 1.0
    words = (
        f"offsets {_levels(bias, white)}",
        f"gains {', '.join(f'{gain:.2f}' for gain in _gains(gains))}{_offsets(bias, white)}",
        "each has a kernel of its own",
        f"they are mixed by a colour matrix ({_rows(matrix * common.sum())})",
        "they are mixed, each pair of them by a kernel of its own",
    )[which]
    level = np.full(count, after.mean() - same @ before.mean(axis=0))
    return Treatment(
        words,
        mixed,
        left[which],
        alike,
        np.vstack([weight.reshape(count, -1).T, bias]),
        np.vstack([(same * own).reshape(count, -1).T, level]),
    )


@dataclass(frozen=True)
class _Problem:
    """Centred sums by channel: (in, taps, in, taps), (in, taps, out) and (out,)."""

    gram: Array
    cross: Array
    energy: Array

    def squared(self, weight: Array) -> float:
        """Return the squared error of weights (out, in, taps)."""
        made = np.einsum("oit,itju,oju->", weight, self.gram, weight, optimize=True)
        return float(self.energy.sum() - 2 * np.einsum("oit,ito->", weight, self.cross) + made)

    def apart(self) -> list[tuple[Array, Array]]:
        """Return each channel's own Gram matrix and cross sums."""
        return [(self.gram[n, :, n], self.cross[n, :, n]) for n in range(len(self.energy))]

    def alike(self, before: Array, after: Array, count: float) -> tuple[float, Array]:
        """Return squared error and taps of one kernel with one constant for all channels."""
        apart, off = before - before.mean(axis=0), after - after.mean()
        gram = sum(gram for gram, _ in self.apart()) + count * apart.T @ apart
        right = sum(right for _, right in self.apart()) + count * apart.T @ off
        energy = float(self.energy.sum() + count * off @ off)
        found: Array = np.linalg.solve(gram, right)
        return energy - float(right @ found), found

    def kernel(self, matrix: Array) -> Array:
        """Return the best kernel that all channels share, mixed as a matrix (out, in) says."""
        gram = np.einsum("oi,oj,itju->tu", matrix, matrix, self.gram, optimize=True)
        found: Array = np.linalg.solve(gram, np.einsum("oi,ito->t", matrix, self.cross))
        return found

    def factors(self, allowed: Array | None, kernel: Array) -> tuple[Array, Array]:
        """Return a matrix (out, in), 0 where that is not allowed, and a kernel, in turns."""
        count = len(self.energy)
        allowed = np.ones((count, count)) if allowed is None else allowed
        matrix, last = np.zeros((count, count)), np.inf
        for _ in range(_ROUNDS):
            gram = np.einsum("itju,t,u->ij", self.gram, kernel, kernel, optimize=True)
            right = np.einsum("ito,t->io", self.cross, kernel)
            for n in range(count):
                own = np.flatnonzero(allowed[n])
                matrix[n, own] = np.linalg.solve(gram[np.ix_(own, own)], right[own, n])
            kernel = self.kernel(matrix)
            now = self.squared(matrix[:, :, np.newaxis] * kernel)
            if now > last * (1 - _STILL):
                break
            last = now
        return matrix, kernel


def _first_axis(weight: Array) -> Array:
    """Return the kernel that all kernels (out, in, taps) have most in common."""
    axis: Array = np.linalg.svd(weight.reshape(-1, weight.shape[-1]), full_matrices=False)[2][0]
    return axis


def _gains(matrix: Array) -> Array:
    """Return the gains of channels, the middle one 1."""
    gains = np.diagonal(matrix)
    middle = np.sort(gains)[len(gains) // 2]
    found: Array = gains / middle if middle else gains
    return found


def _offsets(bias: Array, white: float) -> str:
    return f", offsets {_levels(bias, white)}" if np.ptp(bias) > _OFFSET * white else ""


def _levels(values: Array, white: float) -> str:
    """Return levels to a thousandth of white or so."""
    places = max(0, 3 - int(np.floor(np.log10(max(white, 1e-300))))) if white < 1e4 else 0
    return ", ".join(f"{round(float(value), places) + 0.0:g}" for value in values)


def _rows(matrix: Array) -> str:
    return " / ".join(" ".join(f"{value:.2f}" for value in row) for row in matrix + 0.0)
