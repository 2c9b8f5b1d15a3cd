"""The answer of `learn_varying`: a kernel that changes over the image, errors, verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_probability
from kernfit.display import taps_as_text
from kernfit.kernel import Kernel
from kernfit.learning.answers.verdict import Status
from kernfit.learning.varying.errors import FieldErrors
from kernfit.learning.varying.kernel_field import KernelField


@dataclass(frozen=True, eq=False)
class VaryingFit:
    """A kernel that varies over the image, learnt from a pair, and how sure it is.

    Attributes
    ----------
    field : KernelField
        Kernel and background as polynomials in the place.
    errors : FieldErrors
        Of all numbers of the field: its taps term by term, then its background.
    residual_rms : float
        Root mean square of what the field leaves unexplained, in the after image's unit; pixels
        count by their weights, if they have any.
    residual_floor : float
        What rounding to whole levels alone would leave: 1/sqrt(12) for integer images, else 0.
    r2 : float
        Share of the after image's variance that is explained.
    used : int
        Number of pixels of the after image that counted.
    left_out : dict
        How many did not, as "border", "missing", "masked", "clipped" and "outliers".
    status : Status
        The verdict.
    held_out : dict
        Where degrees were chosen: root mean square of the residual in blocks that were held out,
        by (degree, background degree).
    """

    field: KernelField
    errors: FieldErrors
    residual_rms: float
    residual_floor: float
    r2: float
    used: int
    left_out: dict[str, int]
    status: Status
    held_out: dict[tuple[int, int], float]

    @property
    def kernel(self) -> Kernel:
        """The mean kernel over the field."""
        return self.field.kernel

    def at(self, row: float, column: float) -> Kernel:
        """Return the kernel at one pixel of the after image, its background as the bias.

        Raises
        ------
        InvalidInput
            If the pixel lies outside the image.
        """
        return self.field.at(row, column)

    def stderr_at(self, row: float, column: float) -> Array:
        """Return the standard error of each tap at one pixel, in the kernel's shape.

        NaN where the data do not determine the tap.

        Raises
        ------
        InvalidInput
            If the pixel lies outside the image.
        """
        errors: Array = np.sqrt(self.errors.variance(self._pulls_at(row, column)))
        return errors

    def interval_at(
        self, row: float, column: float, probability: float = 0.95
    ) -> tuple[Array, Array]:
        """Return the limits between which each tap at one pixel lies with a given probability.

        Parameters
        ----------
        row, column : float
        probability : float, default 0.95
            Between 0 and 1.

        Returns
        -------
        low, high : ndarray, shape (kh, kw)
            Student's, with the degrees of freedom of `FieldErrors.freedom`.

        Raises
        ------
        InvalidInput
            If `probability` is not between 0 and 1, or the pixel lies outside the image.
        """
        as_probability(probability)
        from scipy.special import stdtrit

        pulls = self._pulls_at(row, column)
        quantile = stdtrit(self.errors.freedom(pulls), (1 + probability) / 2)
        reach = quantile * np.sqrt(self.errors.variance(pulls))
        taps = self.at(row, column).taps
        return taps - reach, taps + reach

    def scale_at(self, row: float, column: float) -> tuple[float, float]:
        """Return the kernel's sum at one pixel, the photometric scale, and its standard error."""
        pulls = self._pulls_at(row, column).sum(axis=(1, 2))
        return float(self.at(row, column).taps.sum()), float(np.sqrt(self.errors.variance(pulls)))

    def predict(self, before: ArrayLike, *, threads: int | None = None) -> Array:
        """Return what the field makes of a before image; see `KernelField.predict`."""
        return self.field.predict(before, threads=threads)

    def difference(
        self, before: ArrayLike, after: ArrayLike, *, threads: int | None = None
    ) -> Array:
        """Return the difference image, after less prediction; see `KernelField.difference`."""
        return self.field.difference(before, after, threads=threads)

    def _pulls_at(self, row: float, column: float) -> Array:
        """Return the roots of the errors of the taps at one pixel, shape (n, kh, kw)."""
        terms = self.field.terms.at(*self.field.check_place(row, column))
        kernels = self.errors.roots[:, : self.field.weights.size]
        pulls: Array = np.tensordot(
            kernels.reshape(-1, *self.field.weights.shape), terms, axes=(1, 0)
        )
        return pulls

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain numbers, lists and strings; NaN becomes None."""
        return {
            "field": self.field.to_dict(),
            "residual_rms": self.residual_rms,
            "residual_floor": self.residual_floor,
            "r2": self.r2 if np.isfinite(self.r2) else None,
            "used": self.used,
            "left_out": dict(self.left_out),
            "status": {
                "code": self.status.code,
                "sentence": self.status.sentence,
                "remedy": self.status.remedy,
                "kind": self.status.kind,
            },
            "held_out": [
                {"degree": degree, "background": background, "residual_rms": rms}
                for (degree, background), rms in self.held_out.items()
            ],
        }

    def __repr__(self) -> str:
        rows, columns = self.field.shape
        height, width = self.field.size
        lines = [
            f"VaryingFit: {rows}x{columns} kernel, {spelt_degree(self.field)}. {self.status}",
            " in the middle of the image:",
        ]
        centre = (height - 1) / 2, (width - 1) / 2
        lines.append(taps_as_text(self.at(*centre).taps, self.stderr_at(*centre)))
        lines.append(
            f" residual {self.residual_rms:.4g} (floor {self.residual_floor:.3g}), "
            f"{self.used} pixels used"
        )
        return "\n".join(lines)


def spelt_degree(field: KernelField) -> str:
    """Return in words how kernel and background vary."""

    def words(degree: int) -> str:
        if degree < 1:
            return "the same everywhere"
        return f"varying over the image to degree {degree}"

    if field.background_degree < 0:
        return f"{words(field.degree)}, without a background"
    return f"{words(field.degree)}; the background {words(field.background_degree)}"
