"""A kernel that varies, in words: sentences, text, a record."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.display import taps_as_text
from kernfit.learning.varying.kernel_field import KernelField
from kernfit.report.varying import VaryingAnswer


def spelt_degree(field: KernelField) -> str:
    """Return in words how kernel and background vary."""

    def words(degree: int) -> str:
        if degree < 1:
            return "the same everywhere"
        return f"varying over the image to degree {degree}"

    if field.background_degree < 0:
        return f"{words(field.degree)}, without a background"
    return f"{words(field.degree)}; the background {words(field.background_degree)}"


def in_sentences(fit: VaryingAnswer) -> list[str]:
    """Return what it is, how sure, and whether to believe it, in this order."""
    rows, columns = fit.field.shape
    height, width = fit.field.size
    errors = fit.stderr_at((height - 1) / 2, (width - 1) / 2)
    sentences = [f"A {rows}x{columns} kernel, {spelt_degree(fit.field)}."]
    if fit.status.code == "misfit":
        return [
            str(fit.status),
            f"The nearest kernel is {rows}x{columns}, {spelt_degree(fit.field)}; how far off its "
            "weights are cannot be said.",
        ]
    if np.isnan(errors).any():
        sentences.append("How sure each weight, or tap, is cannot be said.")
    else:
        corners = ((row, column) for row in (0, height - 1) for column in (0, width - 1))
        corner = max(float(fit.stderr_at(*place).max()) for place in corners)
        sentences.append(
            f"Each weight, or tap, is known to ± {errors.max():.1g} or better in the middle, "
            f"± {corner:.1g} in the corners (one standard error; more than twice that is rare)."
        )
    return [*sentences, str(fit.status)]


def as_text(fit: VaryingAnswer) -> str:
    """Return a fit as lines of text."""
    rows, columns = fit.field.shape
    height, width = fit.field.size
    centre = (height - 1) / 2, (width - 1) / 2
    return "\n".join(
        (
            f"VaryingFit: {rows}x{columns} kernel, {spelt_degree(fit.field)}. {fit.status}",
            " in the middle of the image:",
            taps_as_text(fit.at(*centre).taps, fit.stderr_at(*centre)),
            f" residual {fit.residual_rms:.4g} (floor {fit.residual_floor:.3g}), "
            f"{fit.used} pixels used",
        )
    )


def as_record(fit: VaryingAnswer) -> dict[str, Any]:
    """Return a fit as plain numbers, lists and strings; NaN becomes None."""
    return {
        "field": fit.field.to_dict(),
        "residual_rms": fit.residual_rms,
        "residual_floor": fit.residual_floor,
        "r2": fit.r2 if np.isfinite(fit.r2) else None,
        "used": fit.used,
        "left_out": dict(fit.left_out),
        "status": {
            "code": fit.status.code,
            "sentence": fit.status.sentence,
            "remedy": fit.status.remedy,
            "kind": fit.status.kind,
        },
        "held_out": [
            {"degree": degree, "background": background, "residual_rms": rms}
            for (degree, background), rms in fit.held_out.items()
        ],
    }
