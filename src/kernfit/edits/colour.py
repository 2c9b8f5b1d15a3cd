"""Colours that mix: gains, saturation, a matrix with an offset, grey."""

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

LUMA = {"601": (0.299, 0.587, 0.114), "709": (0.2126, 0.7152, 0.0722), "mean": (1 / 3,) * 3}
FORMS = ("gains", "gains and offsets", "saturation", "matrix", "matrix and offsets")


@dataclass(frozen=True)
class Colour(Stage):
    """Each channel becomes a weighted sum of all channels.

    Attributes
    ----------
    matrix : tuple of tuple of float
        (out, in).
    offset : tuple of float
        (out,), white being 1.
    form : str
        Which numbers are free: "gains" (the diagonal), "gains and offsets", "saturation" (one
        number: ``s * identity + (1 - s) * luma``), "matrix", "matrix and offsets".
    luma : str
        The weights of grey in a saturation: "601", "709" or "mean".
    """

    kind: ClassVar[str] = "colour"

    matrix: tuple[tuple[float, ...], ...]
    offset: tuple[float, ...]
    form: str = "matrix and offsets"
    luma: str = ""

    def __post_init__(self) -> None:
        """Check the values."""
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.ndim != 2 or len(self.offset) != len(matrix):
            raise InvalidInput("a colour stage must have a matrix (out, in) and an offset (out,)")
        if not (np.isfinite(matrix).all() and np.isfinite(self.offset).all()):
            raise InvalidInput("the numbers of a colour stage must be finite")
        if self.form not in FORMS or (self.form == "saturation") != (self.luma in LUMA):
            raise InvalidInput(
                f"form must be one of {', '.join(FORMS)}, a saturation with a luma, "
                f"got {self.form!r} with {self.luma!r}"
            )

    @classmethod
    def of(cls, matrix: Any, offset: Any, form: str, luma: str = "") -> Self:
        """Return the stage of arrays."""
        rows = np.asarray(matrix, dtype=np.float64)
        return cls(
            tuple(tuple(float(v) for v in row) for row in rows),
            tuple(float(v) for v in np.broadcast_to(offset, len(rows))),
            form,
            luma,
        )

    @classmethod
    def at_rest(cls, form: str, channels: int = 3, luma: str = "") -> Self:
        """Return the stage that changes nothing."""
        return cls.of(np.eye(channels), 0.0, form, luma)

    @property
    def numbers(self) -> Array:
        """The free numbers: those of the matrix row by row, then the offsets."""
        matrix, offset = np.array(self.matrix), np.array(self.offset)
        if self.form == "saturation":
            weights = np.array(LUMA[self.luma])
            return np.array([(matrix[0, 0] - weights[0]) / (1 - weights[0])])
        if self.form.startswith("gains"):
            matrix = np.diagonal(matrix)
        parts = [matrix.ravel()] + ([offset] if self.form.endswith("offsets") else [])
        return np.concatenate(parts).astype(np.float64)

    def moved(self, numbers: Array, errors: Array | None = None) -> Self:
        """Return the stage with other numbers."""
        numbers = np.asarray(numbers, dtype=np.float64)
        outputs, inputs = np.shape(self.matrix)
        offset = np.array(self.offset)
        if self.form == "saturation":
            s = float(numbers[0])
            matrix = s * np.eye(3) + (1 - s) * np.outer(np.ones(3), LUMA[self.luma])
        elif self.form.startswith("gains"):
            matrix = np.diag(numbers[:outputs])
        else:
            matrix = numbers[: outputs * inputs].reshape(outputs, inputs)
        if self.form.endswith("offsets"):
            offset = numbers[-outputs:]
        made = self.of(matrix, offset, self.form, self.luma)
        told = () if errors is None else tuple(float(e) for e in errors)
        return type(self)(made.matrix, made.offset, made.form, made.luma, errors=told)

    def _inputs(self, image: Array) -> Array:
        inputs = len(self.matrix[0])
        if len(image) == 1 and inputs > 1:  # a grey picture, as one of equal channels
            return np.repeat(image, inputs, axis=0)
        if len(image) != inputs:
            raise InvalidInput(
                f"the image must have {inputs} channels, got {len(image)}: this edit mixes colours"
            )
        return image

    def apply(self, image: Array, where: Where) -> Array:
        """Return the mixed channels."""
        source = self._inputs(image)
        offset = np.array(self.offset).reshape(-1, *[1] * (source.ndim - 1))
        made: Array = np.tensordot(np.array(self.matrix), source, axes=1) + offset
        return made

    def columns(self, image: Array, where: Where) -> Array:
        """Return the derivatives by the numbers."""
        source = self._inputs(image)
        outputs, inputs = np.shape(self.matrix)
        count = len(self.numbers)
        made = np.zeros((count, outputs, *source.shape[1:]))
        if self.form == "saturation":
            made[0] = source - np.tensordot(np.array(LUMA[self.luma]), source, axes=1)
            return made
        if self.form.startswith("gains"):
            for c in range(outputs):
                made[c, c] = source[c]
        else:
            for n in range(outputs * inputs):
                made[n, n // inputs] = source[n % inputs]
        if self.form.endswith("offsets"):
            for c in range(outputs):
                made[count - outputs + c, c] = 1.0
        return made

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return small changes of the image, mixed."""
        inputs = len(self.matrix[0])
        if planes.shape[1] == 1 and inputs > 1:
            planes = np.repeat(planes, inputs, axis=1)
        made: Array = np.moveaxis(np.tensordot(np.array(self.matrix), planes, axes=(1, 1)), 0, 1)
        return made

    def inverse(self) -> Stage | None:
        """Return the matrix back, None if colours are lost."""
        matrix = np.array(self.matrix)
        if matrix.shape[0] != matrix.shape[1] or np.linalg.cond(matrix) > 1e6:
            return None
        back = np.linalg.inv(matrix)
        return self.of(back, -back @ np.array(self.offset), "matrix and offsets")

    def words(self, white: float = 255.0) -> str:
        """Return gains, the saturation or the matrix."""
        errors: list[float | None] = [*self.errors] or [None] * len(self.numbers)
        offsets = [number_in_words(o, None, white) for o in self.offset]
        if self.form.endswith("offsets"):
            told = errors[-len(self.offset) :]
            offsets = [number_in_words(o, e, white) for o, e in zip(self.offset, told, strict=True)]
        plus = f", plus {', '.join(offsets)}" if np.any(self.offset) else ""
        if self.form == "saturation":
            return f"saturation {number_in_words(float(self.numbers[0]), errors[0])}"
        values = [number_in_words(float(n), e) for n, e in zip(self.numbers, errors, strict=True)]
        outputs, inputs = np.shape(self.matrix)
        if self.form.startswith("gains"):
            return f"gains {', '.join(values[:outputs])}{plus}"
        rows = [", ".join(values[o * inputs : (o + 1) * inputs]) for o in range(outputs)]
        if outputs == 1:
            return f"grey from {rows[0]} of the channels{plus}"
        return f"a colour matrix: {'; '.join(rows)}{plus}"

    def record(self) -> dict[str, Any]:
        """Return the numbers and the form."""
        return {
            "matrix": [list(row) for row in self.matrix],
            "offset": list(self.offset),
            "form": self.form,
            "luma": self.luma,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the stage of a record."""
        return cls(
            tuple(tuple(float(v) for v in row) for row in record["matrix"]),
            tuple(float(v) for v in record["offset"]),
            str(record["form"]),
            str(record["luma"]),
        )
