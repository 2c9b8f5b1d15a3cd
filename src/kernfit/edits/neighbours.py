"""Kernels: each pixel becomes a weighted sum of its neighbours, the same in all channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import correlate2d
from kernfit.edits.stage import Stage
from kernfit.edits.tone import number_in_words
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel

TIES = ("", "point-symmetric", "isotropic")


def shifted(image: Array, up: int, left: int, down: int, right: int) -> Array:
    """Return the image with its border repeated, so that shifts can be cut out of it."""
    pad = [(0, 0)] * (image.ndim - 2) + [(up, down), (left, right)]
    return np.pad(image, pad, mode="edge")


def labels_of(shape: tuple[int, int], tie: str) -> Array:
    """Return which taps are one number, shape of the kernel; numbers are counted from 0."""
    rows, columns = shape
    if not tie:
        return np.arange(rows * columns).reshape(shape)
    v, u = np.mgrid[:rows, :columns]
    v, u = 2 * v - (rows - 1), 2 * u - (columns - 1)
    if tie == "isotropic":
        a, b = np.maximum(abs(v), abs(u)), np.minimum(abs(v), abs(u))
        key = a * 4096 + b
    else:
        key = np.maximum(v * 4096 + u, -v * 4096 - u)
    return np.unique(key, return_inverse=True)[1].reshape(shape)


@dataclass(frozen=True)
class Neighbours(Stage):
    """A kernel, correlated with each channel; the picture's border is repeated beyond it.

    Attributes
    ----------
    kernel : Kernel
        Of one channel; its bias is in units of white.
    tie : {"", "point-symmetric", "isotropic"}
        Which taps are one number: none, those opposite each other, or all at the same distances.
    unit : bool
        Whether the taps sum to 1 and there is no bias, as where a stage beside it scales.
    """

    kind: ClassVar[str] = "kernel"
    pointwise: ClassVar[bool] = False

    kernel: Kernel
    tie: str = ""
    unit: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        if self.kernel.weight.shape[:2] != (1, 1) or self.tie not in TIES:
            raise InvalidInput(
                "a kernel stage must have a kernel of one channel and one of the ties "
                f"{', '.join(map(repr, TIES))}, got {self.kernel.weight.shape} and {self.tie!r}"
            )

    @classmethod
    def at_rest(cls, shape: tuple[int, int], tie: str = "", *, unit: bool = False) -> Self:
        """Return the kernel that changes nothing."""
        taps = np.zeros(shape)
        taps[(shape[0] - 1) // 2, (shape[1] - 1) // 2] = 1.0
        return cls(Kernel(taps), tie, unit)

    def widened(self, shape: tuple[int, int]) -> Self:
        """Return the same kernel with a larger or smaller support around its anchor."""
        taps, (row, column) = self.kernel.taps.astype(np.float64), self.kernel.anchor
        made = np.zeros(shape)
        middle = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
        for i in range(shape[0]):
            for j in range(shape[1]):
                a, b = i - middle[0] + row, j - middle[1] + column
                if 0 <= a < taps.shape[0] and 0 <= b < taps.shape[1]:
                    made[i, j] = taps[a, b]
        if self.unit and made.sum():
            made[middle] += 1.0 - made.sum()
        return type(self)(Kernel(made, self.kernel.bias), self.tie, self.unit)

    @cached_property
    def _labels(self) -> Array:
        return labels_of(self.kernel.shape, self.tie)

    @cached_property
    def _firsts(self) -> Array:
        """The first tap of each number, in flat order."""
        return np.unique(self._labels, return_index=True)[1]

    @cached_property
    def _fixed(self) -> int:
        """The number that follows from the others where the sum is 1: the anchor's."""
        return int(self._labels[self.kernel.anchor])

    @property
    def numbers(self) -> Array:
        """The taps that are free, in the order of their first place; then the bias."""
        values = self.kernel.taps.ravel()[self._firsts].astype(np.float64)
        if self.unit:
            return np.delete(values, self._fixed)
        return np.append(values, float(self.kernel.bias[0]))

    def moved(self, numbers: Array, errors: Array | None = None) -> Self:
        """Return the kernel with other taps."""
        numbers = np.asarray(numbers, dtype=np.float64)
        labels = self._labels
        counts = np.bincount(labels.ravel())
        if self.unit:
            values = np.insert(numbers, self._fixed, 0.0)
            values[self._fixed] = (1.0 - float(counts @ values)) / counts[self._fixed]
            bias = 0.0
        else:
            values, bias = numbers[:-1], float(numbers[-1])
        told = () if errors is None else tuple(float(e) for e in errors)
        kernel = Kernel(values[labels], bias, anchor=self.kernel.anchor, name=self.kernel.name)
        return type(self)(kernel, self.tie, self.unit, errors=told)

    @property
    def cost(self) -> float:
        """Half the free numbers, since neighbouring taps are alike."""
        return 2.0 + 0.5 * len(self.numbers)

    @property
    def reach(self) -> tuple[int, int]:
        """How far the taps reach."""
        (rows, columns), (row, column) = self.kernel.shape, self.kernel.anchor
        return max(row, rows - 1 - row), max(column, columns - 1 - column)

    def _correlated(self, planes: Array, bias: bool) -> Array:
        kernel = self.kernel if bias else Kernel(self.kernel.weight, anchor=self.kernel.anchor)
        flat = np.ascontiguousarray(planes, dtype=np.float64).reshape(-1, *planes.shape[-2:])
        made: Array = correlate2d(flat, kernel, mode="same", boundary="edge")
        return made.reshape(planes.shape)

    def apply(self, image: Array, where: Where) -> Array:
        """Return the correlated image."""
        return self._correlated(image, bias=True)

    def patches(self, image: Array, rows: Array, columns: Array) -> Array:
        """Return the derivatives by the numbers at some pixels, shape (P, C, N)."""
        (kh, kw), (row, column) = self.kernel.shape, self.kernel.anchor
        padded = shifted(image, row, column, kh - 1 - row, kw - 1 - column)
        labels = self._labels
        made = np.zeros((len(self._firsts), len(image), len(rows)))
        for a in range(kh):
            for b in range(kw):
                made[labels[a, b]] += padded[:, rows + a, columns + b]
        if self.unit:
            counts = np.bincount(labels.ravel()).astype(np.float64)
            own = made[self._fixed] / counts[self._fixed]
            made -= counts[:, None, None] * own
            return np.delete(made, self._fixed, axis=0)
        return np.concatenate([made, np.ones((1, *made.shape[1:]))])

    def columns(self, image: Array, where: Where) -> Array:
        """Return the derivatives by the numbers: sums of shifted images."""
        rows, columns = (grid.ravel() for grid in np.indices(image.shape[1:]))
        made = self.patches(image, rows, columns)
        return made.reshape(len(made), *image.shape)

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return small changes of the image, correlated."""
        return self._correlated(planes, bias=False)

    def words(self, white: float = 255.0) -> str:
        """Return the kernel's name, or its size and what its taps sum to."""
        rows, columns = self.kernel.shape
        total = float(self.kernel.weight.sum())
        bias = float(self.kernel.bias[0]) * white
        name = self.kernel.name or f"a {rows}x{columns} kernel"
        told = [f"taps {self.kernel.weight.min():.4f} to {self.kernel.weight.max():.4f}"]
        told.append(f"sum {total:.4f}")
        if self.errors:
            told.append(f"each ± {max(self.errors[: len(self._firsts)]):.1g} or better")
        if abs(bias) > 0.005:
            told.append(f"plus {bias:.2f} grey levels")
        return f"{name} ({', '.join(told)})"

    def record(self) -> dict[str, Any]:
        """Return the kernel as its own file holds it, and what its taps were tied by."""
        return {"kernel": self.kernel.to_dict(), "tie": self.tie, "unit": self.unit}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the stage of a record."""
        return cls(Kernel.from_dict(record["kernel"]), str(record["tie"]), bool(record["unit"]))


@dataclass(frozen=True)
class Gaussian(Stage):
    """The image is mixed with its Gaussian blur: ``(1 - amount) * image + amount * blurred``.

    A blur has the amount 1, sharpening by a mask ("unsharp mask") a negative one.

    Attributes
    ----------
    sigma : float
        Of the Gaussian, in pixels.
    amount : float, default 1
    blurs : bool, default True
        Whether the amount is 1 for sure.
    cut : float, default 4
        How many sigmas away the Gaussian is cut off.
    """

    kind: ClassVar[str] = "gaussian"
    pointwise: ClassVar[bool] = False

    sigma: float
    amount: float = 1.0
    blurs: bool = False
    cut: float = 4.0

    def __post_init__(self) -> None:
        """Check the values."""
        if not (0 < self.sigma <= 200 and np.isfinite(self.amount) and 0.5 <= self.cut <= 8):
            raise InvalidInput(
                f"a Gaussian must have a sigma up to 200, a finite amount and a cut from 0.5 to 8, "
                f"got {self.sigma}, {self.amount} and {self.cut}"
            )

    @property
    def numbers(self) -> Array:
        """Sigma, and the amount if it is free."""
        return np.array([self.sigma] if self.blurs else [self.sigma, self.amount])

    def moved(self, numbers: Array, errors: Array | None = None) -> Self:
        """Return the stage with other numbers."""
        sigma = float(np.clip(numbers[0], 0.15, 60.0))
        amount = self.amount if self.blurs else float(numbers[1])
        told = () if errors is None else tuple(float(e) for e in errors)
        return type(self)(sigma, amount, self.blurs, self.cut, errors=told)

    @property
    def cost(self) -> float:
        """A name and its numbers."""
        return 1.0 + len(self.numbers)

    @property
    def radius(self) -> int:
        """How many pixels away the Gaussian is cut off."""
        return max(1, int(np.ceil(self.cut * self.sigma)))

    @property
    def reach(self) -> tuple[int, int]:
        """The same, as rows and columns."""
        return self.radius, self.radius

    def _profile(self, sigma: float) -> Array:
        places = np.arange(-self.radius, self.radius + 1)
        # The Gaussian at the pixels, weighed so that it fades out where it is cut off.
        values = np.exp(-0.5 * (places / sigma) ** 2)
        made: Array = values / values.sum()
        return made

    def taps(self) -> Array:
        """Return the kernel's taps."""
        profile = self._profile(self.sigma)
        made = self.amount * np.outer(profile, profile)
        made[self.radius, self.radius] += 1.0 - self.amount
        return made

    def _blurred(self, planes: Array, first: Array, second: Array) -> Array:
        flat = np.ascontiguousarray(planes, dtype=np.float64).reshape(-1, *planes.shape[-2:])
        for taps in (first[:, None], second[None, :]):
            flat = correlate2d(flat, taps, mode="same", boundary="edge")
        made: Array = flat.reshape(planes.shape)
        return made

    def apply(self, image: Array, where: Where) -> Array:
        """Return the mixed image."""
        return self.push(image, image, where)

    def columns(self, image: Array, where: Where) -> Array:
        """Return the derivatives by sigma, and by the amount."""
        step = 1e-4 * self.sigma
        ahead, behind, here = (self._profile(self.sigma + s) for s in (step, -step, 0.0))
        slope = (ahead - behind) / (2 * step)
        made = [self.amount * 2 * self._blurred(image, slope, here)]
        made[0] = self.amount * (
            self._blurred(image, slope, here) + self._blurred(image, here, slope)
        )
        if not self.blurs:
            made.append(self._blurred(image, here, here) - image)
        return np.stack(made)

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return small changes of the image, mixed with their blur."""
        profile = self._profile(self.sigma)
        made: Array = (1.0 - self.amount) * planes
        return made + self.amount * self._blurred(planes, profile, profile)

    def words(self, white: float = 255.0) -> str:
        """Return sigma and amount."""
        errors = self.errors or (None,) * len(self.numbers)
        sigma = number_in_words(self.sigma, errors[0])
        if self.blurs:
            return f"a Gaussian blur of sigma {sigma}"
        if self.amount < 0:
            return (
                f"sharpened by {number_in_words(-self.amount, errors[1])} times a Gaussian mask "
                f"of sigma {sigma}"
            )
        return (
            f"mixed to {number_in_words(self.amount, errors[1])} with a Gaussian blur of sigma "
            + (sigma)
        )

    def record(self) -> dict[str, Any]:
        """Return the numbers."""
        return {
            "sigma": self.sigma,
            "amount": self.amount,
            "blurs": self.blurs,
            "cut": self.cut,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the stage of a record."""
        return cls(
            float(record["sigma"]),
            float(record["amount"]),
            bool(record["blurs"]),
            float(record["cut"]),
        )
