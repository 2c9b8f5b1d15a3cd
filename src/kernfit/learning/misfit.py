"""What kind of misfit a residual shows: its structure tells more than its size or R^2."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.residual import Strip
from kernfit.learning.statistics import Statistics

# Shares and correlations above which a structure is said to be there. They come from photographs
# run through some thirty programs of known kind; `tests/learning/test_misfit.py` has them.
_TONE = 0.12
_PILED_UP = 0.03
_DRIFT = 0.7
_OTHER_KERNELS = 0.7
_HEAVY_TAILS = 20.0
_FAR_OFF = 0.1
_CORRELATED = 0.05
_WITH_DETAIL = 0.05


@dataclass(frozen=True)
class Structure:
    """What the residual image looks like.

    Attributes
    ----------
    tone : float
        Share of its variance that a cubic in the predicted level explains.
    piled_up : float
        Share of the after image at its own lowest or highest level, whichever is more.
    level : float
        That level.
    drift : float
        Root mean square of its mean over each block, relative to its own.
    local : float
        Share of its variance that would be explained if each block had a kernel of its own.
    kurtosis : float
        3 for Gaussian noise, 1.8 for rounding, more for outliers.
    far : float
        Share of the pixels farther off than 6 times its typical size.
    neighbours : float
        Correlation between neighbouring pixels: of rows or columns, whichever is more.
    detail : float
        Correlation of its size with the local contrast of the before image.
    """

    tone: float
    piled_up: float
    level: float
    drift: float
    local: float
    kurtosis: float
    far: float
    neighbours: float
    detail: float


def structure(
    strips: Iterable[Strip],
    blocks: Sequence[Statistics],
    weights: Array,
    anchor: tuple[int, int],
) -> Structure:
    """Measure the structure of a residual.

    Parameters
    ----------
    strips : iterable of Strip
        The residual image.
    blocks : sequence of Statistics
        Of parts of the image.
    weights : ndarray, shape (P, out)
        The answer.
    anchor : (row, column)
        Where in a patch the output pixel sits.

    Returns
    -------
    Structure
    """
    products, levels, contrasts, errors = [], [], [], []
    for strip in strips:
        error, used = strip.error, strip.used
        beside = used[:, 1:] & used[:, :-1]
        below = used[1:] & used[:-1]
        products.append(
            (
                np.sum((error[:, 1:] * error[:, :-1])[beside]),
                np.count_nonzero(beside),
                np.sum((error[1:] * error[:-1])[below]),
                np.count_nonzero(below),
                np.sum(error**2),
                np.count_nonzero(used),
            )
        )
        rows, columns = np.nonzero(used)
        # Of very large images every so many pixels tell enough of the distribution.
        thin = slice(None, None, max(1, rows.size // 20_000))
        at = rows[thin], columns[thin]
        errors.append(error[at])
        levels.append(strip.after[at])
        contrasts.append(_contrast(strip.seen[0], anchor, error.shape)[at])
    error, level = np.concatenate(errors), np.concatenate(levels).astype(float)
    size, contrast = np.abs(error), np.concatenate(contrasts)
    variance = float(np.mean(error**2)) or 1.0
    sums = np.sum(products, axis=0)
    power = (sums[4] / max(1, sums[5])) or 1.0
    typical = 1.4826 * float(np.median(size)) or np.sqrt(variance)
    lowest, highest = level == level.min(), level == level.max()
    piled_up = highest if highest.mean() >= lowest.mean() else lowest
    return Structure(
        tone=_tone(error, level - error),
        piled_up=float(piled_up.mean()),
        level=float(level[piled_up][0]),
        drift=_drift(blocks, weights),
        local=_local(blocks, weights),
        kurtosis=float(np.mean(error**4)) / variance**2,
        far=float(np.mean(size > 6 * typical)),
        neighbours=max(abs(sums[0]) / max(1, sums[1]), abs(sums[2]) / max(1, sums[3])) / power,
        detail=_correlation(size, contrast),
    )


@dataclass(frozen=True)
class Misfit:
    """Why no kernel explains a pair.

    Attributes
    ----------
    kind : str
        "clipped", "tone curve", "coarse levels", "varies over the field", "outliers" or
        "non-linear".
    sentence : str
        How that shows; begins in lower case and ends without a full stop.
    remedy : str
        What to do; a sentence.
    """

    kind: str
    sentence: str
    remedy: str


def kind_of_misfit(found: Structure) -> Misfit | None:
    """Return the kind of misfit that a residual's structure shows; None if it looks like noise.

    Parameters
    ----------
    found : Structure

    Returns
    -------
    Misfit or None
    """
    if found.drift > _DRIFT:
        return Misfit(
            "varies over the field",
            "the residual drifts over the field: a background or a vignette was added",
            "Learn parts of the image apart, or take the background off first.",
        )
    if found.tone > _TONE and found.piled_up > _PILED_UP:
        return Misfit(
            "clipped",
            f"{found.piled_up:.1%} of the after image lie at its extreme level {found.level:g}, "
            "where it looks clipped",
            f"Give {found.level:g} as one of the clip levels.",
        )
    if found.tone > _TONE:
        return Misfit(
            "tone curve",
            "the residual follows the brightness: a tone curve such as gamma",
            "Take the curve off the after image first.",
        )
    if found.kurtosis < 2.3 and found.piled_up > _PILED_UP:
        return Misfit(
            "coarse levels",
            "the after image has few levels: it was posterised",
            "Use an after image that has all its levels.",
        )
    if found.local > _OTHER_KERNELS:
        return Misfit(
            "varies over the field",
            "parts of the image have different kernels",
            "Learn parts of the image apart.",
        )
    if (
        found.kurtosis > _HEAVY_TAILS
        and found.far < _FAR_OFF
        and (found.detail < _WITH_DETAIL or (found.neighbours > 0.9 and found.detail < 0.3))
    ):
        return Misfit(
            "outliers",
            f"{found.far:.2%} of the pixels are far off while the rest agree",
            "Leave them out: learn with robust=True (--robust), or give a mask.",
        )
    with_detail = abs(found.detail) > _WITH_DETAIL and found.neighbours > _CORRELATED
    if with_detail or found.kurtosis > _HEAVY_TAILS:
        return Misfit(
            "non-linear",
            "the residual follows the detail of the image, as a non-linear program, a lossy file "
            "or a larger kernel leaves it",
            "The kernel shown is only the nearest.",
        )
    return None


def _contrast(plane: Array, anchor: tuple[int, int], shape: tuple[int, ...]) -> Array:
    """Return the length of the slope of the before image at each output pixel."""
    rows, columns = np.gradient(plane) if min(plane.shape) > 1 else (plane * 0, plane * 0)
    inside = tuple(slice(at, at + count) for at, count in zip(anchor, shape, strict=True))
    length: Array = np.hypot(rows, columns)[inside]
    return length


def _tone(error: Array, predicted: Array) -> float:
    """Return the share of the residual's variance that a cubic in the prediction explains."""
    spread = predicted.std()
    if spread == 0 or not error.any():
        return 0.0
    powers = np.vander((predicted - predicted.mean()) / spread, 4)
    rest = error - powers @ np.linalg.lstsq(powers, error, rcond=None)[0]
    return float(1 - np.sum(rest**2) / np.sum(error**2))


def _drift(blocks: Sequence[Statistics], weights: Array) -> float:
    """Return the size of the blocks' mean residuals relative to the residual's."""
    counts = np.array([block.count for block in blocks], float)
    means = np.array([(block.cross[-1] - block.gram[-1] @ weights) for block in blocks])
    means /= counts[:, np.newaxis]
    squared = sum(block.squared_error(weights).sum() for block in blocks) / weights.shape[1]
    total = np.sum(counts[:, np.newaxis] * means**2) / weights.shape[1]
    return float(np.sqrt(total / squared)) if squared > 0 else 0.0


def _local(blocks: Sequence[Statistics], weights: Array) -> float:
    """Return the share of the squared error that goes if each block has its own kernel.

    What even pure noise would lose, because each block fits some of it, is taken off.
    """
    squared = float(sum(block.squared_error(weights).sum() for block in blocks))
    gain = 0.0
    for block in blocks:
        # A trace of stiffness keeps flat blocks solvable; it can only lower the gain.
        scale = np.sqrt(np.diagonal(block.gram))
        scale = np.where(scale > 0, scale, 1)
        stiff = block.gram / np.outer(scale, scale) + 1e-9 * np.eye(len(scale))
        pull = (block.cross - block.gram @ weights) / scale[:, np.newaxis]
        gain += float(np.sum(pull * np.linalg.solve(stiff, pull)))
    count = sum(block.count for block in blocks)
    by_chance = (len(blocks) - 1) * len(weights) / count
    return max(0.0, gain / squared - by_chance) if squared > 0 and len(blocks) > 1 else 0.0


def _correlation(first: Array, second: Array) -> float:
    first, second = first - first.mean(), second - second.mean()
    scale = np.sqrt(np.sum(first**2) * np.sum(second**2))
    return float(np.sum(first * second) / scale) if scale > 0 else 0.0
