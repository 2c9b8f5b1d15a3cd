"""Kernels that noise hides: what a penalty on their taps would make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kernfit.errors import InvalidInput
from kernfit.learning.answers.fit import Fit
from kernfit.learning.certainty.share import LITTLE_KNOWN, known_share

_MOST_TAPS = 400  # of larger kernels, penalties take long to choose
_WORTH_IT = 0.5  # the errors must fall to this share of what they were


def with_penalty_tried(fit: Fit, penalised: Callable[[str], Fit]) -> Fit:
    """Return a fit that is hardly known with the penalty that would help, if one does.

    Parameters
    ----------
    fit : Fit
    penalised : callable
        Fits the same shape with "smooth" or "ridge" as strong as held-out blocks like it best.

    Returns
    -------
    Fit
        The same taps; the remedy and its advice name the penalty.
    """
    share, _ = known_share(fit.covariance, fit.kernel.weight)
    hidden = fit.status.code == "undetermined" and share > LITTLE_KNOWN
    if not hidden or fit.kernel.weight.size > _MOST_TAPS:
        return fit
    best, least = "", _WORTH_IT * share
    for penalty in ("smooth", "ridge"):
        try:
            other = penalised(penalty)
        except InvalidInput:  # too few blocks to hold one out
            return fit
        now, _ = known_share(other.covariance, other.kernel.weight)
        if now < least:
            best, least = penalty, now
    if not best:
        return fit
    rows, columns = fit.kernel.shape
    remedy = (
        f"Ask for {'smooth' if best == 'smooth' else 'small'} taps: {best}='auto', or --{best} "
        f"auto, with shape {rows}x{columns}; the errors are then {least:.0%} of the kernel, "
        "besides what the penalty shifts. Or use more or larger images."
    )
    advice = {"shape": (rows, columns), best: "auto"}
    return replace(fit, status=replace(fit.status, remedy=remedy, advice=advice))
