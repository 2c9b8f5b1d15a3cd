"""A free curve: a cubic spline of the level, one for all channels or one each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.stage import Stage
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput

# Penalty on bends of the curve, so small that it only decides where no pixel speaks.
_STIFF = 3e-7


@dataclass(frozen=True)
class Curve(Stage):
    """A smooth curve of the level.

    Uniform cubic B-splines (C. de Boor, A Practical Guide to Splines, 1978) from black to white;
    beyond both it goes on straight.

    Attributes
    ----------
    values : tuple of tuple of float
        Coefficients of the splines, intervals + 3 of them; once, or for each channel.
    shown : (low, high)
        Levels that the picture it was learnt from shows; beyond them the curve is extrapolated.
    """

    kind: ClassVar[str] = "curve"

    values: tuple[tuple[float, ...], ...]
    shown: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Check the values."""
        lengths = {len(own) for own in self.values}
        if len(lengths) != 1 or min(lengths) < 4:
            raise InvalidInput("a curve must have at least 4 values, equally many a channel")
        if not np.isfinite(np.array(self.values)).all():
            raise InvalidInput("the values of a curve must be finite, got NaN or infinity")

    @classmethod
    def at_rest(cls, intervals: int, channels: int = 1) -> Self:
        """Return the curve that changes nothing."""
        straight = tuple((n - 1) / intervals for n in range(intervals + 3))
        return cls((straight,) * channels)

    @classmethod
    def like(cls, function: Any, intervals: int, channels: int) -> Self:
        """Return the spline nearest to a function of levels (N,) to (channels, N)."""
        rest = cls.at_rest(intervals)
        levels = np.linspace(0, 1, 8 * intervals + 1)
        basis = rest.columns(levels[None], None)[:, 0].T
        wanted = np.broadcast_to(function(levels), (channels, len(levels)))
        found = np.linalg.lstsq(basis, wanted.T, rcond=None)[0].T
        return cls(tuple(tuple(float(v) for v in own) for own in found))

    @property
    def intervals(self) -> int:
        """How many pieces the curve has."""
        return len(self.values[0]) - 3

    @property
    def numbers(self) -> Array:
        """The coefficients, channel after channel."""
        return np.array(self.values, dtype=np.float64).ravel()

    def moved(self, numbers: Array, errors: Array | None = None) -> Self:
        """Return the curve with other coefficients."""
        values = np.asarray(numbers, dtype=np.float64).reshape(len(self.values), -1)
        told = () if errors is None else tuple(float(e) for e in errors)
        return type(self)(
            tuple(tuple(float(n) for n in own) for own in values), self.shown, errors=told
        )

    def _pieces(self, image: Array) -> tuple[Array, Array]:
        """Return the first of four coefficients at each level, and their weights (4, ...)."""
        m = self.intervals
        inside = np.clip(image, 0.0, 1.0) * m
        first = np.minimum(inside.astype(np.intp), m - 1)
        t = inside - first
        beyond = (image - np.clip(image, 0.0, 1.0)) * m  # straight on, by the slope at the end
        weights = np.stack(
            [
                (1 - t) ** 3 / 6 - beyond * (1 - t) ** 2 / 2,
                (3 * t**3 - 6 * t**2 + 4) / 6 + beyond * (1.5 * t**2 - 2 * t),
                (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6 + beyond * (-1.5 * t**2 + t + 0.5),
                t**3 / 6 + beyond * t**2 / 2,
            ]
        )
        return first, weights

    def _slopes(self, image: Array) -> tuple[Array, Array]:
        m = self.intervals
        inside = np.clip(image, 0.0, 1.0) * m
        first = np.minimum(inside.astype(np.intp), m - 1)
        t = inside - first
        weights = np.stack(
            [-((1 - t) ** 2) / 2, 1.5 * t**2 - 2 * t, -1.5 * t**2 + t + 0.5, t**2 / 2]
        )
        return first, weights * m

    def _sum(self, first: Array, weights: Array) -> Array:
        values = np.array(self.values, dtype=np.float64)
        if len(values) == 1:
            made: Array = sum(values[0][first + n] * weights[n] for n in range(4))
            return made
        shape = (len(values), *first.shape[1:])
        first = np.broadcast_to(first, shape)
        weights = np.broadcast_to(weights, (4, *shape))
        return np.stack(
            [
                sum(own[first[c] + n] * weights[n, c] for n in range(4))
                for c, own in enumerate(values)
            ]
        )

    def apply(self, image: Array, where: Where) -> Array:
        """Return the image through the curve."""
        return self._sum(*self._pieces(image))

    def columns(self, image: Array, where: Where | None) -> Array:
        """Return the derivatives by the coefficients: the splines themselves."""
        first, weights = self._pieces(image)
        count, channels = self.intervals + 3, len(self.values)
        if channels > 1:
            shape = (channels, *image.shape[1:])
            first = np.broadcast_to(first, shape)
            weights = np.broadcast_to(weights, (4, *shape))
        made = np.zeros((channels, count, first.size // len(first) * len(first)))
        flat = first.reshape(len(first), -1)
        each = flat.shape[1]
        made = np.zeros((channels, count, len(first), each))
        places = np.arange(each)
        for n in range(4):
            own = weights[n].reshape(len(first), -1)
            for c in range(len(first)):
                made[c if channels > 1 else 0, flat[c] + n, c, places] = own[c]
        return made.reshape(channels * count, *first.shape)

    def slope(self, image: Array) -> Array:
        """Return the derivative of the curve at each level."""
        return self._sum(*self._slopes(image))

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return small changes of the image behind the curve."""
        return planes * self.slope(image)

    def stiffness(self) -> Array | None:
        """Return a small penalty on bends."""
        count = self.intervals + 3
        bends = np.diff(np.eye(count), 2, axis=0) * self.intervals**2
        own = _STIFF * bends.T @ bends / count
        return np.kron(np.eye(len(self.values)), own)

    @property
    def ease(self) -> Array:
        """The straight curve."""
        return type(self).at_rest(self.intervals, len(self.values)).numbers

    def seen(self, image: Array) -> Self:
        """Return the curve that knows which levels a picture has shown it."""
        low, high = float(image.min()), float(image.max())
        return type(self)(self.values, (low, high), errors=self.errors)

    def inverse(self) -> Stage | None:
        """Return the curve back, of four times as many pieces; None if it goes both up and down."""
        levels = np.linspace(0.0, 1.0, 4001)
        made = self.apply(np.broadcast_to(levels, (len(self.values), len(levels))), None)  # type: ignore[arg-type]
        steps = np.diff(made, axis=1)
        if not ((steps > 0).all(axis=1) | (steps < 0).all(axis=1)).all():
            return None
        order = [own if own[-1] > own[0] else own[::-1] for own in made]

        def back(asked: Array) -> Array:
            return np.stack(
                [
                    np.interp(asked, up, levels if own[-1] > own[0] else levels[::-1])
                    for up, own in zip(order, made, strict=True)
                ]
            )

        return type(self).like(back, min(256, 4 * self.intervals), len(self.values))

    def words(self, white: float = 255.0) -> str:
        """Return where some levels go."""
        asked = [0.0, 0.25, 0.5, 0.75, 1.0]
        image = np.broadcast_to(asked, (len(self.values), len(asked)))
        made = self.apply(image, None) * white  # type: ignore[arg-type]
        told = [
            ", ".join(f"{a * white:.0f} → {v:.1f}" for a, v in zip(asked, own, strict=True))
            for own in made
        ]
        low, high = (level * white for level in self.shown)
        only = ""
        if low > 0.01 * white or high < 0.99 * white:
            only = f" (levels from {low:.0f} to {high:.0f} were seen, the rest is extrapolated)"
        if len(told) == 1:
            return f"a curve: {told[0]}{only}"
        return "a curve a channel: " + "; ".join(told) + only

    def record(self) -> dict[str, Any]:
        """Return the coefficients, and the levels that were seen."""
        return {"values": [list(own) for own in self.values], "shown": list(self.shown)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the curve of a record."""
        low, high = record.get("shown", (0.0, 1.0))
        values = tuple(tuple(float(n) for n in own) for own in record["values"])
        return cls(values, (float(low), float(high)))
