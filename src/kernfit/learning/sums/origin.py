"""Sums about an origin: what a pair says about a kernel, without losing it in a pedestal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array

# Of each channel so many pixels at least tell its usual level.
_SAMPLES = 4096


@dataclass(frozen=True, eq=False)
class Sums:
    """Gram matrix, cross sums and energy of images from which a level was taken first.

    With a large pedestal on an image, the part of the sums that tells one tap from another would
    drown in their rounding. Counted from a level near the image's own, nothing is lost; and
    moving to another level is an exact linear change, for the last row of the Gram matrix holds
    the sums of the patches themselves.

    Attributes
    ----------
    gram : ndarray, shape (P, P)
        Sum of ``p p^T``, p being the patch less `before`, closed by a 1.
    cross : ndarray, shape (P, out)
        Sum of ``p (y - after)``.
    energy : ndarray, shape (out,)
        Sum of ``(y - after)^2``.
    before : ndarray, shape (in,)
        The level taken from each channel of the before image.
    after : ndarray, shape (out,)
        The level taken from each channel of the after image.
    """

    gram: Array
    cross: Array
    energy: Array
    before: Array
    after: Array

    @property
    def levels(self) -> Array:
        """The level taken from what is under each tap, shape (P - 1,)."""
        return np.repeat(self.before, (len(self.gram) - 1) // len(self.before))

    @property
    def weight(self) -> float:
        """The number of pixels in the sums, or the sum of their weights."""
        return float(self.gram[-1, -1])

    @property
    def variance(self) -> Array:
        """Sum of ``(y - mean of y)^2``, shape (out,)."""
        rest: Array = self.energy - self.cross[-1] ** 2 / self.weight
        return np.maximum(rest, 0.0)

    def about(self, before: Array, after: Array) -> Sums:
        """Return the same sums, counted from other levels."""
        if np.array_equal(before, self.before) and np.array_equal(after, self.after):
            return self
        step = np.repeat(before - self.before, (len(self.gram) - 1) // len(before))
        rise = after - self.after
        total, sums = self.gram[-1, -1], self.gram[:-1, -1] - self.gram[-1, -1] * step
        gram = np.empty_like(self.gram)
        # (p - d)(p - d)^T = p p^T - p d^T - d (p - d)^T
        gram[:-1, :-1] = (
            self.gram[:-1, :-1] - np.outer(self.gram[:-1, -1], step) - np.outer(step, sums)
        )
        gram[:-1, -1] = gram[-1, :-1] = sums
        gram[-1, -1] = total
        cross = self.cross - np.outer(self.gram[:, -1], rise)
        cross[:-1] -= np.outer(step, cross[-1])
        energy = self.energy - rise * (self.cross[-1] + cross[-1])
        return Sums(gram, cross, energy, np.array(before, float), np.array(after, float))

    def combined(self, other: Sums, sign: int) -> Sums:
        """Return these sums plus or minus others, counted from the levels of these."""
        other = other.about(self.before, self.after)
        return Sums(
            self.gram + sign * other.gram,
            self.cross + sign * other.cross,
            self.energy + sign * other.energy,
            self.before,
            self.after,
        )

    def local(self, weights: Array) -> Array:
        """Return weights (P, out) of the plain images as those of the images less their levels."""
        moved = weights.astype(np.float64)
        moved[-1] += self.levels @ weights[:-1] - self.after
        return moved

    @property
    def to_plain(self) -> Array:
        """What takes a change of weights about the levels to that of the plain images, (P, P)."""
        matrix = np.eye(len(self.gram))
        matrix[-1, :-1] = -self.levels
        return matrix


def usual_level(plane: Array) -> float:
    """Return a level that many pixels of a plane are near to: the median of some of them.

    It is the value of a pixel, so that sums over whole levels stay whole.
    """
    step = max(1, int(np.sqrt(plane.size / _SAMPLES)))
    some = plane[::step, ::step]
    some = some[np.isfinite(some)]
    middle = (some.size - 1) // 2
    return float(np.partition(some, middle)[middle]) if some.size else 0.0
