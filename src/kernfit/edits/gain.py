"""Gain field: the image is made brighter or darker from place to place (a vignette)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.stage import Stage
from kernfit.edits.tone import number_in_words
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput

FORMS = ("radial", "polynomial")


@dataclass(frozen=True)
class GainField(Stage):
    """Each pixel is multiplied by a factor that depends on its place in the picture.

    It stretches with the picture.

    Attributes
    ----------
    values : tuple of float
        "radial": ``1 + sum of values[n] * r ** (2 n + 2)``, r being 0 in the middle of the picture
        and 1 in its corners. "polynomial": ``1 + sum of values[n] * P_a(v) * P_b(u)`` with Legendre
        polynomials of row and column, which run from -1 to 1, a + b from 1 to the degree.
    form : str
    """

    kind: ClassVar[str] = "gain field"

    values: tuple[float, ...]
    form: str = "radial"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.form not in FORMS or not self.values or not np.isfinite(self.values).all():
            raise InvalidInput(
                f"a gain field must have finite values and be {' or '.join(FORMS)}, "
                f"got {len(self.values)} of form {self.form!r}"
            )
        if self.form == "polynomial" and len(self.values) not in (2, 5, 9, 14, 20, 27):
            raise InvalidInput(f"a polynomial must be complete, got {len(self.values)} terms")

    @property
    def numbers(self) -> Array:
        """The values."""
        return np.array(self.values, dtype=np.float64)

    def moved(self, numbers: Array, errors: Array | None = None) -> Self:
        """Return the field with other values."""
        told = () if errors is None else tuple(float(e) for e in errors)
        return type(self)(tuple(float(n) for n in numbers), self.form, errors=told)

    def _terms(self, where: Where) -> Array:
        rows, columns = where.size
        v = (2 * where.rows - (rows - 1)) / max(1, rows)
        u = (2 * where.columns - (columns - 1)) / max(1, columns)
        if self.form == "radial":
            square = (v**2 * rows**2 + u**2 * columns**2) / (rows**2 + columns**2)
            return np.stack([square ** (n + 1) for n in range(len(self.values))])
        degree = {2: 1, 5: 2, 9: 3, 14: 4, 20: 5, 27: 6}[len(self.values)]
        legendre = np.polynomial.legendre.legval
        powers = np.eye(degree + 1)
        return np.stack(
            [
                legendre(v, powers[a]) * legendre(u, powers[total - a])
                for total in range(1, degree + 1)
                for a in range(total + 1)
            ]
        )

    def field(self, where: Where) -> Array:
        """Return the factor of each pixel."""
        return 1.0 + np.tensordot(self.numbers, self._terms(where), axes=1)

    def apply(self, image: Array, where: Where) -> Array:
        """Return the image times the field."""
        return image * self.field(where)

    def columns(self, image: Array, where: Where) -> Array:
        """Return the derivatives by the values: the image times each term."""
        terms = self._terms(where)
        return np.stack([image * term for term in terms])

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return small changes of the image, times the field."""
        return planes * self.field(where)

    def words(self, white: float = 255.0) -> str:
        """Return how bright the corners are."""
        if self.form == "radial":
            corner = 1.0 + sum(self.values)
            errors = self.errors or (None,) * len(self.values)
            told = ", ".join(
                f"{number_in_words(v, e)} r^{2 * n + 2}"
                for n, (v, e) in enumerate(zip(self.values, errors, strict=True))
            )
            return f"a vignette: the corners times {corner:.4f} (1 plus {told})"
        edge = Where(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), (2, 2))
        made = ", ".join(f"{g:.3f}" for g in self.field(edge))
        return f"a gain field: the quarters times {made}"

    def record(self) -> dict[str, Any]:
        """Return values and form."""
        return {"values": list(self.values), "form": self.form}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the field of a record."""
        return cls(tuple(float(v) for v in record["values"]), str(record["form"]))
