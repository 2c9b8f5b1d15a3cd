"""Interpolation kernels: how much a pixel counts at a distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array


@dataclass(frozen=True)
class Filter:
    """An interpolation kernel, the same along both axes.

    Attributes
    ----------
    name : str
        ``nearest``, ``box``, ``area``, ``bilinear``, ``cubic``, ``lanczos``, ``hamming``,
        ``gaussian`` or ``spline``.
    numbers : tuple of float
        Of ``cubic`` the B and C of Mitchell and Netravali, C being minus the constant that others
        call a; of ``lanczos`` its lobes; of ``gaussian`` its sigma in pixels of the coarser grid.
    """

    name: str
    numbers: tuple[float, ...] = ()

    @property
    def radius(self) -> float:
        """The distance from which on all weights are zero."""
        if self.name == "lanczos":
            return self.numbers[0]
        if self.name == "gaussian":
            return 4 * self.numbers[0]
        return {"nearest": 0.5, "box": 0.5, "area": 1.0, "bilinear": 1.0, "hamming": 1.0}.get(
            self.name, 2.0
        )

    def __call__(self, distance: Array) -> Array:
        """Return the weights of pixels at these distances."""
        return np.asarray(_FORMULAS[self.name](np.abs(distance), *self.numbers))

    def __str__(self) -> str:
        if self.name == "cubic":
            b, c = self.numbers
            known = _CUBICS.get((round(b, 4), round(c, 4)))
            if known is not None:
                return known
            return f"bicubic (a = {-c:.3g})" if b == 0 else f"cubic (B = {b:.3g}, C = {c:.3g})"
        if self.name == "lanczos":
            return f"Lanczos {self.numbers[0]:.0f}"
        if self.name == "spline":
            return "cubic spline"
        if self.name == "gaussian":
            return f"Gaussian (sigma {self.numbers[0]:.3g})"
        return self.name


def _nearest(distance: Array) -> Array:
    return (distance < 0.5).astype(float)


def _bilinear(distance: Array) -> Array:
    return np.asarray(np.maximum(1 - distance, 0.0))


def _cubic(distance: Array, b: float, c: float) -> Array:
    """Mitchell and Netravali, Reconstruction filters in computer graphics, 1988, equation 8."""
    near = (12 - 9 * b - 6 * c) * distance**3 + (-18 + 12 * b + 6 * c) * distance**2 + (6 - 2 * b)
    far = (
        (-b - 6 * c) * distance**3
        + (6 * b + 30 * c) * distance**2
        + (-12 * b - 48 * c) * distance
        + (8 * b + 24 * c)
    )
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0)) / 6


def _lanczos(distance: Array, lobes: float) -> Array:
    return np.where(distance < lobes, np.sinc(distance) * np.sinc(distance / lobes), 0.0)


def _hamming(distance: Array) -> Array:
    """Pillow's: a sinc under Hamming's window."""
    window = 0.54 + 0.46 * np.cos(np.pi * distance)
    return np.where(distance < 1, np.sinc(distance) * window, 0.0)


def _gaussian(distance: Array, sigma: float) -> Array:
    return np.where(distance < 4 * sigma, np.exp(-0.5 * (distance / sigma) ** 2), 0.0)


def _spline(distance: Array) -> Array:
    return _cubic(distance, 1.0, 0.0)


_FORMULAS: dict[str, Callable[..., Array]] = {
    "nearest": _nearest,
    "box": _nearest,
    "area": _bilinear,
    "bilinear": _bilinear,
    "cubic": _cubic,
    "lanczos": _lanczos,
    "hamming": _hamming,
    "gaussian": _gaussian,
    "spline": _spline,
}

_CUBICS = {
    (0.0, 0.5): "bicubic (a = -0.5)",
    (0.0, 0.75): "bicubic (a = -0.75)",
    (0.0, 0.6): "bicubic (a = -0.6)",
    (0.0, 1.0): "bicubic (a = -1)",
    (0.3333, 0.3333): "Mitchell",
    (0.3782, 0.3109): "Robidoux",
    (1.0, 0.0): "cubic B-spline",
    (0.0, 0.0): "Hermite",
}

NEAREST = Filter("nearest")
BOX = Filter("box")
AREA = Filter("area")
BILINEAR = Filter("bilinear")
HAMMING = Filter("hamming")
CATMULL_ROM = Filter("cubic", (0.0, 0.5))
SPLINE = Filter("spline")
