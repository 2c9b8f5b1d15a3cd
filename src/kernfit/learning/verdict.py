"""Whether to believe an answer: the status of a fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kernfit.learning.constraints import Imposed
from kernfit.learning.descent import Descent
from kernfit.learning.least_squares import Solution
from kernfit.learning.misfit import Structure, kind_of_misfit
from kernfit.learning.statistics import Statistics
from kernfit.learning.undetermined import describe_undetermined

# If less of the after image's variance is explained, the images hardly belong together.
_UNRELATED = 0.25
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
        Of a misfit: "clipped", "tone curve", "coarse levels", "varies over the field",
        "outliers", "non-linear", "unrelated" or "imposed"; else empty.
    """

    code: str
    sentence: str
    remedy: str = ""
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.sentence}. {self.remedy}" if self.remedy else f"{self.sentence}."


def judge(
    solution: Solution,
    statistics: Statistics,
    rms: float,
    path: Descent | None,
    *,
    exact: bool,
    found: Structure | None,
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
    exact : bool
        Whether the rounded prediction gives every pixel.
    found : Structure or None
        Of the residual, if it is more than rounding.
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
            f"There are {statistics.count} pixels for {len(solution.weights)} weights, so nothing "
            "is left to check the answer by",
            "Use larger images, or ask for a smaller shape.",
        )
    if len(solution.undetermined):
        words = describe_undetermined(
            solution.undetermined[:, :-1], statistics.inputs, statistics.shape
        )
        return Status(
            "undetermined",
            f"Not every tap is determined: {words}. The answer of smallest norm is shown",
            "Add an image that does, or ask for a smaller shape.",
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
    if exact:
        return Status("good", "Every pixel lies within half a level of what the kernel gives")
    if found is None:
        return Status("good", "The kernel explains the after image")
    misfit = kind_of_misfit(found)
    if misfit is None and r2 < _UNRELATED:
        return Status(
            "misfit",
            f"The before image explains only {max(r2, 0):.1%} of the after image",
            "Are these a pair? Look for a rotation, a mirror, another size, or another file.",
            "unrelated",
        )
    if misfit is None:
        alike = ", alike in neighbouring pixels" if found.neighbours > _ALIKE else ""
        return Status(
            "good",
            f"The kernel explains the after image, up to noise of {rms:.3g} grey levels{alike}",
        )
    return Status(
        "misfit",
        f"Not a kernel alone: {misfit.sentence}",
        misfit.remedy,
        misfit.kind,
    )


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
