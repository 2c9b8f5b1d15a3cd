"""Detail: sharpening that leaves small detail alone, as an unsharp mask with a threshold does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from scipy import ndimage

from kernfit.arrays import Array
from kernfit.edits.stage import Stage
from kernfit.edits.tone import number_in_words
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput

MASKS = ("gaussian", "three boxes")
SHAPES = ("hard", "soft")


@dataclass(frozen=True)
class Detail(Stage):
    """``image + amount * shrunk(image - blurred)``: detail under the threshold stays as it is.

    Attributes
    ----------
    sigma : float
        Of the blur, in pixels.
    amount : float
    threshold : float
        White being 1.
    shape : {"hard", "soft"}
        Whether detail above the threshold counts whole, or only by what it is above it.
    mask : {"gaussian", "three boxes"}
        The blur: a Gaussian, or Pillow's three box blurs with rounding to whole levels of 8 bits.
    """

    kind: ClassVar[str] = "detail"
    pointwise: ClassVar[bool] = False

    sigma: float
    amount: float
    threshold: float
    shape: str = "hard"
    mask: str = "gaussian"

    def __post_init__(self) -> None:
        """Check the values."""
        if not (0.1 <= self.sigma <= 100 and 0 <= self.threshold <= 1):
            raise InvalidInput(
                "sigma must be from 0.1 to 100 and threshold from 0 to 1, got "
                f"{self.sigma} and {self.threshold}"
            )
        if not np.isfinite(self.amount) or self.shape not in SHAPES or self.mask not in MASKS:
            raise InvalidInput(
                f"detail must have a finite amount, a shape of {', '.join(SHAPES)} and a mask of "
                f"{', '.join(MASKS)}, got {self.amount}, {self.shape!r} and {self.mask!r}"
            )

    @property
    def numbers(self) -> Array:
        """The amount; sigma and threshold decide which pixels, and are found by search."""
        return np.array([self.amount])

    def moved(self, numbers: Array, errors: Array | None = None) -> Self:
        """Return the stage with another amount."""
        told = () if errors is None else (float(errors[0]),)
        return replace(self, amount=float(numbers[0]), errors=told)

    @property
    def cost(self) -> float:
        """Three numbers and a choice."""
        return 4.5

    @property
    def reach(self) -> tuple[int, int]:
        """How far the blur reaches."""
        far = int(4 * self.sigma + 0.5) + 3
        return far, far

    def detail(self, image: Array) -> Array:
        """Return the image less its blur."""
        return np.asarray(image - blurred(image, self.sigma, self.mask))

    def apply(self, image: Array, where: Where) -> Array:
        """Return the sharpened image."""
        return np.asarray(image + self.amount * self._shrunk(self.detail(image)))

    def columns(self, image: Array, where: Where) -> Array:
        """Return the derivative by the amount."""
        return self._shrunk(self.detail(image))[np.newaxis]

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return small changes of the image, sharpened where the image is."""
        loud = np.abs(self.detail(image)) > self.threshold
        smooth = blurred(planes, self.sigma, "gaussian")
        return np.asarray(planes + self.amount * loud * (planes - smooth))

    def _shrunk(self, detail: Array) -> Array:
        size = np.abs(detail)
        if self.shape == "soft":
            return np.asarray(np.sign(detail) * np.maximum(size - self.threshold, 0.0))
        return np.where(size > self.threshold + 1e-9, detail, 0.0)

    def words(self, white: float = 255.0) -> str:
        """Return the numbers."""
        error = self.errors[0] if self.errors else None
        mask = "Pillow's blur" if self.mask == "three boxes" else "a Gaussian"
        above = ", counted from there" if self.shape == "soft" else ""
        return (
            f"sharpened by {number_in_words(self.amount, error)} times a mask of {mask} of sigma "
            f"{self.sigma:.3g}, where it is above {self.threshold * white:.3g} levels{above}"
        )

    def record(self) -> dict[str, Any]:
        """Return the numbers."""
        return {
            "sigma": self.sigma,
            "amount": self.amount,
            "threshold": self.threshold,
            "shape": self.shape,
            "mask": self.mask,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the stage of a record."""
        sigma, amount, threshold = (float(record[w]) for w in ("sigma", "amount", "threshold"))
        return cls(sigma, amount, threshold, str(record["shape"]), str(record["mask"]))


def blurred(planes: Array, sigma: float, mask: str) -> Array:
    """Return images (..., rows, columns) blurred, their border going on."""
    if mask == "gaussian":
        for axis in (-2, -1):
            planes = ndimage.gaussian_filter1d(planes, sigma, axis=axis, mode="nearest")
        return planes
    levels = np.floor(planes * 255 + 0.5)
    for axis in (-1, -2):
        for _ in range(3):
            levels = _boxed(levels, box_radius(sigma), axis)
    return levels / 255


def box_radius(sigma: float, passes: int = 3) -> float:
    """Return the radius of the box that gives a Gaussian's variance after some passes.

    P. Gwosdek et al., Theoretical foundations of Gaussian convolution by extended box filtering,
    2011: whole pixels, and a part of the next one on either side.
    """
    variance = sigma * sigma / passes
    whole = np.floor((np.sqrt(12 * variance + 1) - 1) / 2)
    part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    return float(whole + part / (6 * (variance - (whole + 1) ** 2)))


def _boxed(levels: Array, radius: float, axis: int) -> Array:
    """Return levels blurred by one box, in the whole numbers of 24 bits that Pillow counts with."""
    whole, one = int(radius), 1 << 24
    inner = int(np.float32(one) / (np.float32(radius) * np.float32(2) + np.float32(1)))
    taps = np.full(2 * whole + 3, float(inner))
    taps[[0, -1]] = (one - (2 * whole + 1) * inner) // 2
    made = ndimage.correlate1d(levels, taps, axis=axis, mode="nearest")
    return np.asarray(np.floor((made + one // 2) / one))
