"""The ways in which programs make kernels with a parameter: a table of families."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernfit.arrays import Array
from kernfit.learning.naming import profiles

Shape = Callable[..., Array]


@dataclass(frozen=True, eq=False)
class Form:
    """One way in which programs make a kernel.

    Attributes
    ----------
    family : str
    text : str
        With a place for each parameter.
    shape : callable
        Taps from rows (a column), columns (a row) and the parameters.
    starts : dict of str to sequence
        For each parameter the values from which to search.
    tails : bool
        Whether it goes on beyond any support. Then a factor is fitted too, because what programs
        and supports cut off is unknown.
    whole : bool
        Whether whole numbers as parameters make it as simple as a kernel with a name.
    """

    family: str
    text: str
    shape: Shape
    starts: dict[str, Sequence[float]]
    tails: bool = False
    whole: bool = False


_SIGMAS = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6)
_SIDES = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0, 11.0, 13.0, 15.0)
_PLACES = (-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5)
_ANGLES = tuple(range(-75, 91, 15))


def _round(profile: Shape) -> Shape:
    return lambda rows, columns, size: profile(rows, size) * profile(columns, size)


def _oblong(profile: Shape) -> Shape:
    return lambda rows, columns, high, wide: profile(rows, high) * profile(columns, wide)


def _sharpened(profile: Shape) -> Shape:
    def taps(rows: Array, columns: Array, amount: float, sigma: float) -> Array:
        one = profiles.between(rows, 0) * profiles.between(columns, 0)
        sharper: Array = one + amount * (one - _round(profile)(rows, columns, sigma))
        return sharper

    return taps


def _without_mean(rows: Array, columns: Array, sigma: float) -> Array:
    taps = profiles.laplacian_of_gaussian(rows, columns, sigma)
    flat: Array = taps - taps.mean()
    return flat


def _gaussians() -> list[Form]:
    """Return the ways to make a Gaussian, and the sharpening that takes one away."""
    forms = []
    for profile, how in (
        (profiles.sampled, ""),
        (profiles.boxes, ", made of three boxes as Pillow does"),
        (profiles.integrated, ", integrated over each pixel"),
    ):
        forms += [
            Form(
                "gaussian",
                f"a Gaussian blur of sigma {{sigma}} pixels{how}",
                _round(profile),
                {"sigma": _SIGMAS},
                tails=True,
            ),
            Form(
                "gaussian",
                f"a Gaussian blur of sigma {{rows}} pixels down and {{columns}} across{how}",
                _oblong(profile),
                {"rows": _SIGMAS, "columns": _SIGMAS},
                tails=True,
            ),
            Form(
                "unsharp",
                f"an unsharp mask of amount {{amount}} and sigma {{sigma}} pixels{how}",
                _sharpened(profile),
                {"amount": (0.3, 0.6, 1.2, 2.5, 5.0), "sigma": _SIGMAS},
                tails=True,
            ),
        ]
    return forms


FORMS = (
    Form(
        "box",
        "a box blur {width} pixels wide",
        lambda rows, columns, size: (rows == 0) * profiles.width(columns, size),
        {"width": _SIDES},
        whole=True,
    ),
    Form(
        "box",
        "a box blur {height} pixels high",
        lambda rows, columns, size: profiles.width(rows, size) * (columns == 0),
        {"height": _SIDES},
        whole=True,
    ),
    Form(
        "box",
        "a box blur of {side} x {side} pixels",
        _round(profiles.width),
        {"side": _SIDES},
        whole=True,
    ),
    Form(
        "box",
        "a box blur of {height} rows x {width} columns",
        _oblong(profiles.width),
        {"height": _SIDES, "width": _SIDES},
        whole=True,
    ),
    Form(
        "shift",
        "the picture moved by {down}",
        lambda rows, columns, down: profiles.between(rows, -down) * (columns == 0),
        {"down": _PLACES},
    ),
    Form(
        "shift",
        "the picture moved by {right}",
        lambda rows, columns, right: (rows == 0) * profiles.between(columns, -right),
        {"right": _PLACES},
    ),
    Form(
        "shift",
        "the picture moved by {down} and {right}",
        lambda rows, columns, down, right: (
            profiles.between(rows, -down) * profiles.between(columns, -right)
        ),
        {"down": _PLACES, "right": _PLACES},
    ),
    *_gaussians(),
    Form(
        "gaussian",
        "a Gaussian blur of sigma {long} and {short} pixels, the longer axis turned by {angle}"
        " degrees counter-clockwise",
        profiles.tilted,
        {"long": (1.0, 2.0, 4.0), "short": (0.5, 0.8, 1.2, 2.0), "angle": _ANGLES},
        tails=True,
    ),
    Form("disk", "a disk blur of radius {radius} pixels", profiles.disk, {"radius": _SIGMAS}),
    Form(
        "motion",
        "a motion blur {length} pixels long at {angle} degrees counter-clockwise",
        profiles.motion,
        {"length": _SIDES, "angle": _ANGLES},
    ),
    Form(
        "laplacian of gaussian",
        "the Laplacian of a Gaussian of sigma {sigma} pixels",
        profiles.laplacian_of_gaussian,
        {"sigma": _SIGMAS},
        tails=True,
    ),
    Form(
        "laplacian of gaussian",
        "the Laplacian of a Gaussian of sigma {sigma} pixels, less its mean",
        _without_mean,
        {"sigma": _SIGMAS},
        tails=True,
    ),
)
