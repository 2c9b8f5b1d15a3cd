"""Curves of few numbers: gamma, levels, contrast, sigmoid, and sRGB to light and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.stage import Stage
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput

_STEP = 1e-5  # of numerical derivatives


def _power(v: Array, gamma: Any) -> Any:
    made: Array = np.where(v > 0, np.maximum(v, 1e-12) ** gamma, 0.0)
    return made


def _levels(v: Array, black: Any, white: Any, gamma: Any) -> Any:
    return _power((v - black) / (white - black), gamma)


def _faded(v: Array, gamma: Any, low: Any, high: Any) -> Any:
    made: Array = low + (high - low) * _power(v, gamma)
    return made


def _contrast(v: Array, slope: Any, pivot: Any) -> Any:
    made: Array = pivot + slope * (v - pivot)
    return made


def _sigmoid(v: Array, strength: Any, middle: Any) -> Any:
    """Return the scaled logistic curve of ImageMagick's -sigmoidal-contrast."""

    def logistic(u: Any) -> Any:
        return 1.0 / (1.0 + np.exp(-strength * (u - middle)))

    low, high = logistic(0.0), logistic(1.0)
    made: Array = (logistic(v) - low) / (high - low)
    return made


def _unsigmoid(v: Array, strength: Any, middle: Any) -> Any:
    low = 1.0 / (1.0 + np.exp(strength * middle))
    high = 1.0 / (1.0 + np.exp(-strength * (1.0 - middle)))
    inside = np.clip(low + v * (high - low), 1e-9, 1 - 1e-9)
    made: Array = middle - np.log(1.0 / inside - 1.0) / strength
    return made


def _wave(v: Array, size: Any) -> Any:
    made: Array = v - size * np.sin(2 * np.pi * v)
    return made


def _decoded(v: Array) -> Any:
    """Return light from sRGB levels (IEC 61966-2-1); below black the slope goes on."""
    return np.where(v <= 0.04045, v / 12.92, ((np.maximum(v, 0.0) + 0.055) / 1.055) ** 2.4)


def _encoded(v: Array) -> Any:
    return np.where(v <= 0.0031308, v * 12.92, 1.055 * np.maximum(v, 1e-12) ** (1 / 2.4) - 0.055)


@dataclass(frozen=True)
class _Form:
    function: Callable[..., Array]
    names: tuple[str, ...]
    rest: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]


FORMS: dict[str, _Form] = {
    "gamma": _Form(_power, ("gamma",), (1.0,), (0.02,), (50.0,)),
    "levels": _Form(
        _levels, ("black", "white", "gamma"), (0.0, 1.0, 1.0), (-0.9, 0.05, 0.05), (0.9, 3.0, 20.0)
    ),
    "faded": _Form(
        _faded, ("gamma", "low", "high"), (1.0, 0.0, 1.0), (0.05, -2.0, -2.0), (20.0, 3.0, 3.0)
    ),
    "contrast": _Form(_contrast, ("slope", "pivot"), (1.0, 0.5), (-20.0, -50.0), (20.0, 50.0)),
    "sigmoid": _Form(_sigmoid, ("strength", "middle"), (3.0, 0.5), (0.05, -0.5), (40.0, 1.5)),
    "inverse sigmoid": _Form(
        _unsigmoid, ("strength", "middle"), (3.0, 0.5), (0.05, -0.5), (40.0, 1.5)
    ),
    "s-curve": _Form(_wave, ("size",), (0.0,), (-0.15,), (0.15,)),
    "to light": _Form(_decoded, (), (), (), ()),
    "from light": _Form(_encoded, (), (), (), ()),
}
_INVERSE = {
    "to light": "from light",
    "from light": "to light",
    "sigmoid": "inverse sigmoid",
    "inverse sigmoid": "sigmoid",
}


@dataclass(frozen=True)
class Tone(Stage):
    """A curve with a name, the same for all channels or each with numbers of its own.

    Attributes
    ----------
    form : str
        "gamma": ``v ** gamma``. "levels": ``((v - black) / (white - black)) ** gamma``. "faded":
        ``low + (high - low) * v ** gamma``. "contrast": ``pivot + slope * (v - pivot)``. "sigmoid":
        ImageMagick's -sigmoidal-contrast, and its inverse. "s-curve": ``v - size * sin(2 pi v)``.
        "to light", "from light": sRGB (IEC 61966-2-1), no numbers.
    values : tuple of tuple of float
        The numbers; once for all channels, or a tuple for each.
    """

    kind: ClassVar[str] = "tone"

    form: str
    values: tuple[tuple[float, ...], ...] = ((),)

    def __post_init__(self) -> None:
        """Check the values."""
        if self.form not in FORMS:
            raise InvalidInput(f"form must be one of {', '.join(FORMS)}, got {self.form!r}")
        names = FORMS[self.form].names
        if not self.values or any(len(own) != len(names) for own in self.values):
            raise InvalidInput(f"a {self.form} curve must have {len(names)} numbers for a channel")
        if not np.isfinite(np.array(self.values)).all():
            raise InvalidInput("the numbers of a curve must be finite, got NaN or infinity")

    @classmethod
    def at_rest(cls, form: str, channels: int = 1) -> Self:
        """Return a curve that does nothing, or little."""
        return cls(form, (FORMS[form].rest,) * channels)

    @property
    def numbers(self) -> Array:
        """The numbers, channel after channel."""
        return np.array(self.values, dtype=np.float64).ravel()

    def moved(self, numbers: Array, errors: Array | None = None) -> Self:
        """Return the curve with other numbers, kept where the form makes sense."""
        form = FORMS[self.form]
        values = np.asarray(numbers, dtype=np.float64).reshape(len(self.values), -1)
        if form.names:
            values = np.clip(values, form.lows, form.highs)
        told = () if errors is None else tuple(float(e) for e in errors)
        return type(self)(
            self.form, tuple(tuple(float(n) for n in own) for own in values), errors=told
        )

    def _given(self, values: Array, axes: int) -> list[Array]:
        """Return the numbers as arrays that broadcast against an image (C, ...)."""
        return [values[:, n].reshape(-1, *[1] * axes) for n in range(values.shape[1])]

    def _of(self, image: Array, values: Array) -> Array:
        return FORMS[self.form].function(image, *self._given(values, image.ndim - 1))

    def apply(self, image: Array, where: Where) -> Array:
        """Return the image through the curve."""
        return self._of(image, np.array(self.values, dtype=np.float64))

    def columns(self, image: Array, where: Where) -> Array:
        """Return the derivatives by the numbers."""
        values = np.array(self.values, dtype=np.float64)
        made = []
        for c in range(len(values)):
            for n in range(values.shape[1]):
                ahead, behind = values.copy(), values.copy()
                ahead[c, n] += _STEP
                behind[c, n] -= _STEP
                made.append((self._of(image, ahead) - self._of(image, behind)) / (2 * _STEP))
        return np.stack(made) if made else np.empty((0, *self.apply(image, where).shape))

    def slope(self, image: Array) -> Array:
        """Return the derivative of the curve at each level."""
        values = np.array(self.values, dtype=np.float64)
        made: Array = (self._of(image + _STEP, values) - self._of(image - _STEP, values)) / (
            2 * _STEP
        )
        return made

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return small changes of the image behind the curve."""
        return planes * self.slope(image)

    def inverse(self) -> Stage | None:
        """Return the curve back."""
        if self.form in _INVERSE:
            return type(self)(_INVERSE[self.form], self.values)
        if self.form == "gamma":
            return type(self)("gamma", tuple((1.0 / g,) for (g,) in self.values))
        if self.form == "contrast" and all(slope for slope, _ in self.values):
            return type(self)("contrast", tuple((1.0 / s, p) for s, p in self.values))
        if self.form == "levels":
            return type(self)("faded", tuple((1.0 / g, b, w) for b, w, g in self.values))
        if self.form == "faded" and all(low != high for _, low, high in self.values):
            return type(self)("levels", tuple((lo, hi, 1.0 / g) for g, lo, hi in self.values))
        return None

    def words(self, white: float = 255.0) -> str:
        """Return the curve's name and numbers."""
        if self.form == "to light":
            return "in linear light (sRGB)"
        if self.form == "from light":
            return "back from linear light (sRGB)"
        names = FORMS[self.form].names
        count = len(names)
        told = []
        for c, own in enumerate(self.values):
            errors = self.errors[c * count : (c + 1) * count] or (None,) * count
            parts = []
            for name, number, error in zip(names, own, errors, strict=True):
                unit = white if name in ("black", "white", "low", "high", "pivot") else 1.0
                label = "" if name == self.form else f"{name} "
                parts.append(label + number_in_words(number, error, unit))
            told.append(", ".join(parts))
        return (
            f"{self.form} {told[0]}"
            if len(told) == 1
            else (f"{self.form} a channel: " + "; ".join(told))
        )

    def record(self) -> dict[str, Any]:
        """Return form and numbers."""
        return {"form": self.form, "values": [list(own) for own in self.values]}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the curve of a record."""
        return cls(
            str(record["form"]), tuple(tuple(float(n) for n in own) for own in record["values"])
        )


def number_in_words(number: float, error: float | None, unit: float = 1.0) -> str:
    """Return a number with its error, to as many digits as mean something."""
    value = number * unit
    if error is None or not np.isfinite(error):
        return f"{value:.4g}"
    spread = error * unit
    if spread <= 0:
        return f"{value:.6g}"
    places = int(min(8, max(0, 1 - np.floor(np.log10(spread)))))
    return f"{round(value, places) + 0.0:.{places}f} ± {spread:.{places}f}"
