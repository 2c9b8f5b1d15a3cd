"""Whether to believe an answer: the status of a fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kernfit.arrays import Array
from kernfit.learning.certainty.share import LITTLE_KNOWN, known_share
from kernfit.learning.certainty.undetermined import describe_undetermined
from kernfit.learning.imposed.constraints import Imposed
from kernfit.learning.misfits.clues import Clues
from kernfit.learning.misfits.misfit import kind_of_misfit
from kernfit.learning.misfits.structure import Structure
from kernfit.learning.sums.descent import Descent
from kernfit.learning.sums.least_squares import Solution
from kernfit.learning.sums.statistics import Statistics

# Noise counts as alike in neighbouring pixels above this correlation.
_ALIKE = 0.1
# Descent counts as arrived when its loss exceeds the least possible one by less than this share.
_ARRIVED = 1e-6


@dataclass(frozen=True)
class Status:
    """A verdict: one word for programs, a sentence for people, and what to do about it.

    Attributes
    ----------
    code : str
        "good", "undetermined", "misfit", "unfinished", "diverged", or "unchecked" where only
        statistics are there.
    sentence : str
        What it means here.
    remedy : str
        What to do, empty if nothing needs doing.
    kind : str
        Of a misfit: "colour", "linear light", "swapped", "clipped", "tone curve", "coarse levels",
        "lossy", "moved", "varies over the field", "outliers", "non-linear", "unrelated" or
        "imposed"; else empty.
    advice : Mapping
        Options of `learn` that follow the remedy, ``learn(before, after, **status.advice)``; empty
        if no option does.
    """

    code: str
    sentence: str
    remedy: str = ""
    kind: str = ""
    advice: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.sentence}. {self.remedy}" if self.remedy else f"{self.sentence}."


def judge(
    solution: Solution,
    statistics: Statistics,
    rms: float,
    path: Descent | None,
    *,
    reproduced: bool,
    found: tuple[Structure, Clues] | None,
    floor: float,
    r2: float,
) -> Status:
    """Say whether to believe the answer.

    Parameters
    ----------
    solution : Solution
    statistics : Statistics
    rms : float
        Of the residual.
    path : Descent or None
        If gradient descent was asked for.
    reproduced : bool
        Whether the rounded prediction gives every pixel.
    found : (Structure, Clues) or None
        Of the residual and of the images, if there is more than rounding.
    floor : float
        What rounding alone leaves.
    r2 : float
        Share of the after image's variance that is explained.

    Returns
    -------
    Status
    """
    if path is not None and path.diverged:
        return Status(
            "diverged",
            f"The descent diverged after {len(path.losses) - 1} steps, so its start is shown",
            f"Give a learning rate below {_rounded_down(path.largest_rate)}.",
        )
    if statistics.count <= len(solution.weights) and path is None:
        return Status(
            "undetermined",
            f"There {'is 1 pixel' if statistics.count == 1 else f'are {statistics.count} pixels'} "
            f"for {len(solution.weights)} weights, so nothing is left to check the answer by",
            "Use larger images, or ask for a smaller shape.",
        )
    if len(solution.undetermined):
        gap = describe_undetermined(
            solution.undetermined[:, :-1], statistics.inputs, statistics.shape, statistics.count
        )
        return Status(
            "undetermined",
            f"Not every tap is determined: {gap.words}. The answer of smallest norm is shown",
            gap.remedy,
        )
    if path is not None:
        least = float(statistics.squared_error(solution.weights).sum())
        resolved = _ARRIVED * float(statistics.sums.energy.sum())
        if path.losses[-1] > least * (1 + _ARRIVED) + resolved:
            return Status(
                "unfinished",
                f"The descent has not arrived: its loss is {path.losses[-1]:.4g}, the least "
                f"possible {least:.4g}",
                "Take more steps, or a learning rate nearer to (below) "
                f"{_rounded_down(path.largest_rate)}.",
            )
    if reproduced:
        return Status("good", "Every pixel lies within half a level of what the kernel gives")
    if found is None:
        return Status("good", "The kernel explains the after image")
    misfit = kind_of_misfit(*found, rms=rms, floor=floor, r2=r2)
    if misfit is not None:
        return Status("misfit", misfit.about("a kernel"), misfit.remedy, misfit.kind, misfit.advice)
    if found[1].made is not None:
        return Status(
            "good",
            "The kernel explains the after image, up to rounding between steps: Pillow's "
            f"{found[1].made} makes every pixel of the part that was looked at",
        )
    alike = ", alike in neighbouring pixels" if found[0].neighbours > _ALIKE else ""
    return Status(
        "good",
        f"The kernel explains the after image, up to noise of {rms:.3g} grey levels{alike}",
    )


def with_weak(status: Status, weak: Array, statistics: Statistics) -> Status:
    """Return a good status as one that says which combinations of taps noise hides.

    Parameters
    ----------
    status : Status
    weak : ndarray, shape (directions, in * kh * kw)
        Combinations whose error is larger than the kernel.
    statistics : Statistics
        Of the pair.

    Returns
    -------
    Status
        The same one if there are none, or it is not good anyway.
    """
    if status.code != "good" or len(weak) == 0:
        return status
    gap = describe_undetermined(
        weak, statistics.inputs, statistics.shape, statistics.count, hidden=True
    )
    return Status(
        "undetermined",
        f"{status.sentence}; but the noise hides part of it: {gap.words}",
        gap.remedy,
    )


def with_share(status: Status, covariance: Array, weight: Array) -> Status:
    """Return a good status as one that says how little is known, if the errors are of its size.

    Parameters
    ----------
    status : Status
    covariance : ndarray, shape (out, P, P)
    weight : ndarray, shape (out, in, kh, kw)

    Returns
    -------
    Status
        The same one if the kernel is known well enough, or it is not good anyway.
    """
    share, standing = known_share(covariance, weight)
    if status.code != "good" or not share > LITTLE_KNOWN:
        return status
    taps = f"{standing} of {weight.size} taps stand{'s' * (standing == 1)} out of the noise"
    return Status(
        "undetermined",
        f"{status.sentence}; but the kernel is hardly known: its errors are {share:.0%} of it, and "
        f"{taps}",
        "Use more or larger images, or ask for a smaller shape.",
    )


def advised_of_noise(status: Status, variance: float) -> Status:
    """Return a verdict with the advice to tell of noise in the before image.

    Parameters
    ----------
    status : Status
        Good, or a misfit that may be such noise.
    variance : float
    """
    advice = {"before_variance": float(f"{variance:.3g}")}
    if status.code != "misfit":
        return replace(status, advice=advice)
    remedy = (
        f"If the before image is noisy, give before_variance={variance:.3g}, or --before-variance "
        f"{variance:.3g}; else the kernel shown is only the nearest."
    )
    return replace(status, remedy=remedy, advice=advice)


def _rounded_down(rate: float) -> str:
    """Return a rate to three digits that does not exceed it: one above it would diverge."""
    text = f"{rate:.2e}"
    if float(text) > rate:
        text = f"{rate - 0.5 * 10.0 ** (int(text[-3:]) - 2):.2e}"
    return f"{float(text):g}"


def under(status: Status, imposed: Imposed, without: float | None, rms: float) -> Status:
    """Return a verdict that says what was imposed, and whether the data speak against it.

    Parameters
    ----------
    status : Status
    imposed : Imposed
    without : float or None
        Residual without it, if the data do.
    rms : float
        Residual with it.
    """
    if without is not None and not imposed.penalised:
        return Status(
            "misfit",
            f"The data speak against what was imposed ({imposed.words}): it leaves a residual of "
            f"{rms:.4g}, without it {without:.4g} grey levels would be left",
            "Impose less.",
            "imposed",
        )
    if not imposed.words:  # the best strength of a penalty was none
        return status
    return replace(status, sentence=f"{status.sentence} (imposed: {imposed.words})")
