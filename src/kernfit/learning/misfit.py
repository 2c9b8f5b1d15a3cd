"""What kind of misfit a residual shows: its structure tells more than its size or R^2."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kernfit.arrays import Array
from kernfit.learning.noise import scale_by_level
from kernfit.learning.residual import ResidualStrip
from kernfit.learning.statistics import Statistics

# Shares and correlations above which a structure is said to be there. They come from photographs
# run through some thirty programs of known kind; `tests/learning/test_misfit.py` has them.
_TONE = 0.12
_PILED_UP = 0.03
_DRIFT = 0.7
_OTHER_KERNELS = 0.7
_HEAVY_TAILS = 20.0
_FAR_OFF = 0.1
_NON_LINEAR = 0.08
_WITH_DETAIL = 0.15
# Pixels whose patches are looked at one by one.
_PATCHES = 20_000


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
        Correlation of its size, in standard deviations of the noise at each level, with the
        roughness of the before image.
    step : int
        How far apart nearly all of the after image's levels are at least; 0 where they are not
        whole numbers.
    non_linear : float
        Share of its variance that non-linear functions of the local detail explain: of how far
        a pixel stands out from its neighbours, and of how rough they are.
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
    step: int
    non_linear: float


def structure(
    strips: Iterable[ResidualStrip],
    blocks: Sequence[Statistics],
    weights: Array,
    anchor: tuple[int, int],
) -> Structure:
    """Measure the structure of a residual.

    Parameters
    ----------
    strips : iterable of ResidualStrip
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
    strips = [strip for strip in strips if strip.used.any()]
    chosen = sum(int(np.count_nonzero(strip.used)) for strip in strips)
    products, levels, errors, patches = [], [], [], []
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
        # Of large images every so many pixels tell enough of the distribution.
        thin = slice(None, None, max(1, chosen // (10 * _PATCHES)))
        at = rows[thin], columns[thin]
        errors.append(error[at])
        levels.append(strip.after[at])
        thin = slice(None, None, max(1, chosen // _PATCHES))
        at = rows[thin], columns[thin]
        patches.append(
            (error[at], strip.after[at] - error[at], *_patches(strip.seen, anchor, error.shape, at))
        )
    error, level = np.concatenate(errors), np.concatenate(levels)
    samples = [np.concatenate(part) for part in zip(*patches, strict=True)]
    step = _step(level)
    level, size = level.astype(float), np.abs(error)
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
        step=step,
        detail=_detail(samples[0], samples[1], samples[3][:, 1]),
        non_linear=_non_linear(samples[0], samples[2], samples[3]),
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
            "Let kernel and background vary: learn_varying, or --varying auto.",
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
    if found.step > 1:
        return Misfit(
            "coarse levels",
            f"the after image's levels are {found.step} or more apart: it was posterised",
            "Use an after image that has all its levels.",
        )
    if found.local > _OTHER_KERNELS:
        return Misfit(
            "varies over the field",
            "parts of the image have different kernels",
            "Let the kernel vary over the image: learn_varying, or --varying auto.",
        )
    if found.kurtosis > _HEAVY_TAILS and found.far < _FAR_OFF and found.non_linear < _NON_LINEAR:
        return Misfit(
            "outliers",
            f"{found.far:.2%} of the pixels are far off while the rest agree",
            "Leave them out: learn with robust=True (--robust), or give a mask.",
        )
    uneven = max(found.non_linear / _NON_LINEAR, found.detail / _WITH_DETAIL) > 1
    if uneven or found.kurtosis > _HEAVY_TAILS:
        return Misfit(
            "non-linear",
            "the residual follows the detail of the image, as a non-linear program, a lossy file "
            "or a larger kernel leaves it",
            "The kernel shown is only the nearest.",
        )
    return None


def _patches(
    seen: Array, anchor: tuple[int, int], shape: tuple[int, ...], at: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Return the chosen outputs' patches, a 1 closing each, and their local detail.

    The detail has two columns: how far the pixel under the anchor stands out from the mean of its
    3x3 neighbourhood, and the standard deviation of that.
    """
    kernel = tuple(side - count + 1 for side, count in zip(seen.shape[1:], shape, strict=True))
    windows = sliding_window_view(seen, kernel, axis=(1, 2))[:, at[0], at[1]]
    flat = windows.transpose(1, 0, 2, 3).reshape(at[0].size, -1)
    near = sliding_window_view(np.pad(seen[0], 1, mode="edge"), (3, 3))
    near = near[at[0] + anchor[0], at[1] + anchor[1]].reshape(at[0].size, 9)
    detail = np.stack([near[:, 4] - near.mean(axis=1), near.std(axis=1)], axis=1)
    return np.column_stack([flat, np.ones(len(flat))]), detail


def _non_linear(error: Array, patches: Array, detail: Array) -> float:
    """Return the share of the residual that non-linear functions of the detail explain.

    What of them a kernel could do as well is taken off first.
    """
    scale = detail[:, 0].std()
    if scale == 0 or not error.any() or len(error) < 4 * patches.shape[1]:
        return 0.0
    out, rough = detail[:, 0] / scale, detail[:, 1] / scale
    shapes = (out * np.abs(out), out**3, out**2, np.tanh(out), np.tanh(4 * out), np.abs(out))
    terms = np.column_stack([*shapes, out * rough, rough])
    both = np.column_stack([terms, error])
    gram = patches.T @ patches
    # A trace of stiffness keeps undetermined patches solvable.
    gram[np.diag_indices_from(gram)] += 1e-9 * gram.diagonal().max()
    both -= patches @ np.linalg.solve(gram, patches.T @ both)
    terms, rest = both[:, :-1], both[:, -1]
    left = rest - terms @ np.linalg.lstsq(terms, rest, rcond=1e-8)[0]
    total = float(np.sum(rest**2))
    return float(1 - np.sum(left**2) / total) if total > 0 else 0.0


def _detail(error: Array, predicted: Array, rough: Array) -> float:
    """Return how much larger the residual is where the before image is rough, as a correlation."""
    scale = scale_by_level(error, predicted)(predicted)
    size = np.minimum(np.abs(error) / np.where(scale > 0, scale, 1), 10)
    size, rough = size - size.mean(), np.log1p(rough) - np.log1p(rough).mean()
    power = np.sqrt(np.sum(size**2) * np.sum(rough**2))
    return float(np.sum(size * rough) / power) if power > 0 else 0.0


def _step(levels: Array) -> int:
    """Return how far apart most whole levels are at least; 0 if they are not whole numbers."""
    if levels.dtype.kind not in "iu":
        return 0
    apart = np.diff(np.unique(levels).astype(np.int64))
    return int(np.quantile(apart, 0.1)) if apart.size else 0


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
    counts = np.array([block.sums.weight for block in blocks])
    means = np.array([block.pull(weights)[-1] for block in blocks])
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
        gram = block.sums.gram
        scale = np.sqrt(np.diagonal(gram))
        scale = np.where(scale > 0, scale, 1)
        stiff = gram / np.outer(scale, scale) + 1e-9 * np.eye(len(scale))
        pull = block.pull(weights) / scale[:, np.newaxis]
        gain += float(np.sum(pull * np.linalg.solve(stiff, pull)))
    count = sum(block.count for block in blocks)
    by_chance = (len(blocks) - 1) * len(weights) / count
    return max(0.0, gain / squared - by_chance) if squared > 0 and len(blocks) > 1 else 0.0
