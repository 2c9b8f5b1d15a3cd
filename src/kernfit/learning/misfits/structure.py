"""What is left in a residual: its distribution, and tests of what explains it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kernfit.arrays import Array
from kernfit.learning.misfits import features
from kernfit.learning.misfits.ranks import takes_levels
from kernfit.learning.misfits.retouched import Retouched
from kernfit.learning.pairs.noise import scale_by_level
from kernfit.learning.pairs.residual import ResidualStrip

# Pixels whose patches are looked at one by one, and of which the distribution is taken.
_PATCHES, _PIXELS = 20_000, 200_000
_PATCH_NUMBERS = 4_000_000  # in all patches together, unless that were too few of them
_TOGETHER = 1000
_HALVINGS = 6  # into 64 parts of the field, which are taken to be independent
# But none is smaller than so many sigmas of a blur that would make neighbours of noise so much
# alike; a residual that is more so than this is not blurred noise.
_APART, _MOST_ALIKE = 3.0, 0.973
_FAR = 6.0  # standard deviations
# Clipping shifts the mean within so many standard deviations from its level; such pixels are left
# out, but no more than this share.
_MARGIN, _MOST_NEAR = 4.0, 0.25
_DOUBT, _LITTLE = 1e-3, 0.01
_ALL_BUT = 0.9999


@dataclass(frozen=True)
class Finding:
    """What some functions of the before image explain of a residual.

    Attributes
    ----------
    share : float
        Of its variance, less what chance explains.
    chance : float
        Probability that noise would do as well: Hotelling's test on the sums over 64 parts of the
        field (H. Hotelling, The generalization of Student's ratio, 1931). It holds for noise that
        depends on the image in size, and for noise correlated over less than a part.
    """

    share: float
    chance: float


@dataclass(frozen=True)
class Structure:
    """What the residual image looks like.

    Attributes
    ----------
    tone, detail, drift, gain, blur, motion : Finding
        What explains it: the predicted level; local detail, by ranks and thresholds; the place;
        the place times the level, the detail, and the slope.
    piled_up : float
        Share of the after image at its own lowest or highest level, whichever is more.
    level : float
        That level.
    kurtosis : float
        Of the residual in standard deviations of the noise at each level: 3 for Gaussian noise, 1.8
        for rounding, more for outliers.
    far : float
        Share of the pixels farther off than 6 such standard deviations.
    neighbours : float
        Correlation between neighbouring pixels: of rows or columns, whichever is more.
    rough : Finding
        Correlation of its size, in standard deviations of the noise at each level, with the
        roughness of the before image.
    reach : float
        What all but one in ten thousand stay within.
    step : int
        How far apart nearly all of the after image's levels are at least; 0 where they are not
        whole numbers.
    ranked : bool
        Whether the after image is made of levels of the before image, as a median makes it.
    retouched : Retouched or None
        A part of the image that the kernel of the rest does not explain, if that was looked for.
    """

    tone: Finding
    detail: Finding
    drift: Finding
    gain: Finding
    blur: Finding
    motion: Finding
    piled_up: float
    level: float
    kurtosis: float
    far: float
    neighbours: float
    rough: Finding
    reach: float
    step: int
    ranked: bool = False
    retouched: Retouched | None = None

    @property
    def doubtful(self) -> bool:
        """Whether any of the findings is more than chance and more than next to nothing."""
        found = (self.tone, self.detail, self.drift, self.gain, self.blur, self.motion, self.rough)
        return any(each.chance < _DOUBT and each.share > _LITTLE for each in found)


def structure(
    strips: Iterable[ResidualStrip],
    anchor: tuple[int, int],
    clip: tuple[float, float],
) -> Structure:
    """Measure the structure of a residual.

    Parameters
    ----------
    strips : iterable of ResidualStrip
        The residual image.
    anchor : (row, column)
        Where in a patch the output pixel sits.
    clip : (low, high)
        Levels at which the after image saturates.

    Returns
    -------
    Structure
    """
    strips = [strip for strip in strips if strip.used.any()]
    shape = max(strip.rows.stop for strip in strips), max(strip.columns.stop for strip in strips)
    chosen = sum(int(np.count_nonzero(strip.used)) for strip in strips)
    taps = _taps(strips[0])
    patches = min(_PATCHES, max(5 * taps, _PATCH_NUMBERS // taps))
    generator = np.random.default_rng(0)
    products, levels, errors, places = [], [], [], []
    for strip in strips:
        products.append(_products(strip))
        used = np.flatnonzero(strip.used)
        at = np.unravel_index(_some(used, _PIXELS / chosen, generator), strip.used.shape)
        errors.append(strip.error[at])
        levels.append(strip.after[at])
        some = _some(used, patches / chosen, generator)
        places.append(np.unravel_index(some, strip.used.shape))
    error, level = np.concatenate(errors), np.concatenate(levels)
    sums = np.sum(products, axis=0)
    power = (sums[4] / max(1, sums[5])) or 1.0
    # Near a clip level only the pixels whose noise went one way are left.
    joined = _sample(strips, places, anchor, shape, taps)
    room = np.minimum(joined.predicted - clip[0], clip[1] - joined.predicted)
    room = np.minimum(room, np.finfo(float).max)
    inside = room >= min(_MARGIN * np.sqrt(power), float(np.quantile(room, _MOST_NEAR)))
    if not inside.all():
        joined = _Sample(*(part[inside] for part in joined))
    step, level = _step(level), level.astype(float)
    # Photon noise is larger where it is brighter, so each pixel is measured by its like.
    scale = scale_by_level(error, level - error)(level - error)
    typical = 1.4826 * float(np.median(np.abs(error))) or np.sqrt(power)
    size = np.abs(error) / np.maximum(scale, typical)
    square = size**2
    lowest, highest = level == level.min(), level == level.max()
    piled_up = highest if highest.mean() >= lowest.mean() else lowest
    neighbours = max(abs(sums[0]) / max(1, sums[1]), abs(sums[2]) / max(1, sums[3])) / power
    single = all(len(strip.seen) == 1 for strip in strips)
    findings = _findings(joined, _halvings(neighbours, shape))
    return Structure(
        tone=findings["tone"],
        detail=findings["detail"],
        drift=findings["drift"],
        gain=findings["gain"],
        blur=findings["blur"],
        motion=findings["motion"],
        rough=findings["rough"],
        piled_up=float(piled_up.mean()),
        level=float(level[piled_up][0]),
        kurtosis=float(np.mean(square**2) / (np.mean(square) ** 2 or 1.0)),
        far=float(np.mean(size > _FAR)),
        neighbours=neighbours,
        reach=float(np.quantile(np.abs(error), _ALL_BUT)),
        step=step,
        ranked=single
        and takes_levels(joined.windows, joined.predicted + joined.error, joined.predicted),
    )


class _Sample(NamedTuple):
    """Some outputs: what they are, what they see, and where they lie."""

    error: Array
    predicted: Array
    patches: Array  # (n, P), a 1 closing each
    windows: Array  # (n, 7, 7)
    rows: Array  # from -1 to 1
    columns: Array


def _findings(sample: _Sample, halvings: int) -> dict[str, Finding]:
    """Test everything that is no kernel."""
    windows = sample.windows
    field = features.drift(sample.rows, sample.columns)
    fine, coarse = features.details(windows)
    functions = {
        "tone": features.tone(sample.predicted),
        "detail": features.detail(windows, fine, coarse),
        "drift": field,
        "gain": features.times(field, (sample.predicted - sample.predicted.mean())[:, np.newaxis]),
        "blur": features.times(field, np.column_stack([fine, coarse])),
        "motion": features.times(field[:, :2], features.slopes(windows)),
    }
    parts = _parts(sample.rows, sample.columns, halvings)
    left = _rest(sample.patches, np.column_stack([sample.error, *functions.values()]))
    error, ends = left[:, 0], np.cumsum([1, *(values.shape[1] for values in functions.values())])
    found = {
        name: _tested(error, left[:, begin:end], parts)
        for name, begin, end in zip(functions, ends, ends[1:], strict=False)
    }
    # Does the size of the residual follow the roughness?
    scale = scale_by_level(sample.error, sample.predicted)(sample.predicted)
    size = np.minimum(np.abs(sample.error) / np.where(scale > 0, scale, 1), 10)
    rough = np.log1p(windows[:, 2:5, 2:5].std(axis=(1, 2)))[:, np.newaxis]
    found["rough"] = _tested(size - size.mean(), rough - rough.mean(), parts)
    return found


def _rest(patches: Array, values: Array) -> Array:
    """Take off of values what a kernel explains."""
    from scipy.linalg import cho_solve

    # Some at a time, for patches take longer to fetch than to work with.
    parts = [slice(at, at + _TOGETHER) for at in range(0, len(values), _TOGETHER)]
    gram, cross = np.zeros((patches.shape[1],) * 2), np.zeros((patches.shape[1], values.shape[1]))
    for part in parts:
        gram += patches[part].T @ patches[part]
        cross += patches[part].T @ values[part]
    # A trace of stiffness keeps undetermined patches solvable.
    gram[np.diag_indices_from(gram)] += 1e-9 * gram.diagonal().max()
    weights = cho_solve((np.linalg.cholesky(gram), True), cross)
    for part in parts:
        values[part] -= patches[part] @ weights
    return values


def _tested(error: Array, values: Array, parts: Array) -> Finding:
    """Say what functions explain of a residual, kernels being taken off both."""
    spread = np.sqrt(np.mean(values**2, axis=0))
    values = values[:, spread > 1e-9 * spread.max(initial=1e-300)]
    total = float(error @ error)
    if total == 0 or values.shape[1] == 0:
        return Finding(0.0, 1.0)
    values = values / np.sqrt(np.mean(values**2, axis=0))
    powers, axes = np.linalg.eigh(values.T @ values / len(values))
    seen = powers > 1e-6 * powers[-1]
    values = values @ (axes[:, seen] / np.sqrt(powers[seen]))
    number = values.shape[1]
    pull = values.T @ error
    share = float(pull @ pull) / (len(values) * total) - number / len(values)
    # Sums over the parts of the field are independent: do they agree in their direction?
    pulls = values * error[:, np.newaxis]
    sums = np.column_stack([np.bincount(parts, weights=each) for each in pulls.T])
    sums = sums[np.bincount(parts, minlength=len(sums)) > 0]
    freedom = len(sums) - number
    if freedom < 1:
        return Finding(max(0.0, share), 1.0)
    from scipy.special import fdtrc

    spread = np.cov(sums.T).reshape(number, number) * len(sums)
    spread[np.diag_indices(number)] += 1e-12 * np.trace(spread)
    squared = float(pull @ np.linalg.solve(spread, pull))
    ratio = squared * freedom / (number * (len(sums) - 1))
    return Finding(max(0.0, share), float(fdtrc(number, freedom, ratio)))


def _products(strip: ResidualStrip) -> tuple[float, ...]:
    """Return sums of products of neighbours and of squares, each with its count."""
    error, used = strip.error, strip.used  # the residual is 0 where it does not count
    return (
        float(np.einsum("ij,ij->", error[:, 1:], error[:, :-1])),
        float(np.count_nonzero(used[:, 1:] & used[:, :-1])),
        float(np.einsum("ij,ij->", error[1:], error[:-1])),
        float(np.count_nonzero(used[1:] & used[:-1])),
        float(np.einsum("ij,ij->", error, error)),
        float(np.count_nonzero(used)),
    )


def _some(places: Array, share: float, generator: np.random.Generator) -> Array:
    """Return a share of the places, chosen at random, so that no pattern meets its like."""
    return places if share >= 1 else places[generator.random(len(places)) < share]


def _sample(
    strips: list[ResidualStrip],
    places: list[tuple[Array, ...]],
    anchor: tuple[int, int],
    shape: tuple[int, int],
    taps: int,
) -> _Sample:
    """Return what is to be known of places, (rows, columns) in each strip."""
    count, side = sum(len(rows) for rows, _ in places), 2 * features.REACH + 1
    patches, windows = np.ones((count, taps)), np.empty((count, side, side))
    error, predicted, down, across = np.empty((4, count))
    begin = 0
    for strip, at in zip(strips, places, strict=True):
        part = slice(begin, begin + len(at[0]))
        begin = part.stop
        error[part] = strip.error[at]
        predicted[part] = strip.after[at] - error[part]
        kernel = [s - e + 1 for s, e in zip(strip.seen.shape[1:], strip.error.shape, strict=True)]
        seen = sliding_window_view(strip.seen, kernel, axis=(1, 2))[:, at[0], at[1]]
        patches[part, :-1] = seen.swapaxes(0, 1).reshape(-1, taps - 1)
        plane = strip.seen[0] if len(strip.seen) == 1 else strip.seen.mean(axis=0)
        around = np.pad(plane, features.REACH, mode="edge")
        middle = at[0] + anchor[0], at[1] + anchor[1]
        windows[part] = sliding_window_view(around, (side, side))[middle]
        down[part], across[part] = (
            2 * (place + 0.5) / length - 1
            for place, length in zip(
                (at[0] + strip.rows.start, at[1] + strip.columns.start), shape, strict=True
            )
        )
    # Counted from their mean, patches on a pedestal are as good as others.
    patches[:, :-1] -= patches[:, :-1].mean()
    return _Sample(error, predicted, patches, windows, down, across)


def _taps(strip: ResidualStrip) -> int:
    kernel = [s - e + 1 for s, e in zip(strip.seen.shape[1:], strip.error.shape, strict=True)]
    return int(len(strip.seen) * kernel[0] * kernel[1] + 1)


def _halvings(neighbours: float, shape: tuple[int, int]) -> int:
    """Return how often a field may be halved so that parts still are independent.

    Noise blurred by sigma is alike in neighbours by ``exp(-1 / (4 sigma^2))``.
    """
    sigma = 0.5 / np.sqrt(-np.log(np.clip(neighbours, 1e-3, _MOST_ALIKE)))
    most = shape[0] * shape[1] / max(1.0, _APART * sigma) ** 2
    return int(np.clip(np.log2(max(1.0, most)), 0, _HALVINGS))


def _parts(rows: Array, columns: Array, halvings: int) -> Array:
    """Cut the places into parts of equally many, as compact as may be; return each one's number.

    The field, or what of it counts, is halved again and again across its longer side.
    """
    parts = [np.arange(len(rows))]
    for _ in range(halvings):
        halves = []
        for part in parts:
            longer = rows[part] if np.ptp(rows[part]) >= np.ptp(columns[part]) else columns[part]
            far = longer > np.median(longer)
            halves += [half for half in (part[~far], part[far]) if half.size]
        parts = halves
    number = np.empty(len(rows), int)
    for n, part in enumerate(parts):
        number[part] = n
    return number


def _step(levels: Array) -> int:
    """Return how far apart most whole levels are at least; 0 if they are not whole numbers."""
    if levels.dtype.kind not in "iu":
        return 0
    apart = np.diff(np.unique(levels).astype(np.int64))
    return int(np.quantile(apart, 0.1)) if apart.size else 0
