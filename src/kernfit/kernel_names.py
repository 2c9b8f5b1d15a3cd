"""Kernels as people name them: sobel_x, blur, gaussian:2, motion:9,30."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np

from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel
from kernfit.kernel_families import box, disk, gaussian, laplacian_of_gaussian, motion
from kernfit.named_kernels import UnknownKernel, catalogue


class Family(NamedTuple):
    """Kernels that differ by numbers.

    Attributes
    ----------
    make : callable
        From numbers to a kernel.
    least, most : int
        How many numbers it takes.
    form : str
        How it is written, with usual numbers.
    summary : str
        What it does, and what the numbers mean.
    """

    make: Callable[..., Kernel]
    least: int
    most: int
    form: str
    summary: str


def unsharp(sigma: float, amount: float = 1.0) -> Kernel:
    """Return what adds to an image what a Gaussian blur takes from it.

    Parameters
    ----------
    sigma : float
        Standard deviation of the blur in pixels, above 0.
    amount : float, default 1
        How much of what the blur takes is added.

    Returns
    -------
    Kernel
        ``(1 + amount)`` times the image less ``amount`` times its blur; its taps sum to 1.

    Raises
    ------
    InvalidInput
        If `sigma` is not above 0, or `amount` is not finite.

    Examples
    --------
    >>> unsharp(0.5, 2).taps.sum().round(12)
    np.float64(1.0)
    """
    if not np.isfinite(amount):
        raise InvalidInput(f"amount must be a number, got {amount}")
    blur = gaussian(sigma)
    taps = -amount * blur.taps
    taps[blur.anchor] += 1 + amount
    return Kernel(taps, name=f"unsharp {sigma:g}, {amount:g}")


def _box(rows: float, columns: float | None = None) -> Kernel:
    sizes = [rows, rows if columns is None else columns]
    if any(size != int(size) for size in sizes):
        raise InvalidInput(f"box must have whole numbers of pixels, got {sizes}")
    return box([int(size) for size in sizes])


FAMILIES = {
    "gaussian": Family(
        gaussian, 1, 1, "gaussian:2", "Gaussian blur: standard deviation in pixels."
    ),
    "box": Family(_box, 1, 2, "box:7", "Mean of so many rows and columns; box:3,7 for 3 and 7."),
    "disk": Family(disk, 1, 1, "disk:3", "Blur of a lens out of focus: radius in pixels."),
    "motion": Family(
        motion, 1, 2, "motion:9,30", "Blur of a moving camera: length, and degrees from the row up."
    ),
    "unsharp": Family(
        unsharp, 1, 2, "unsharp:2,1.5", "Sharpening: standard deviation, and amount."
    ),
    "log": Family(
        laplacian_of_gaussian, 1, 1, "log:1.4", "Laplacian of a Gaussian: standard deviation."
    ),
}


def kernel_named(text: str) -> Kernel:
    """Return the kernel that a name means.

    Parameters
    ----------
    text : str
        A name of the catalogue in any case, with spaces or hyphens for underscores, without the
        program's name in front where that is clear; or a family with its numbers.

    Returns
    -------
    Kernel

    Raises
    ------
    UnknownKernel
        If no kernel has that name, or several could be meant.
    InvalidInput
        If a family's numbers are none, or too few, too many or out of range.

    Examples
    --------
    >>> kernel_named("Sobel-X").name, kernel_named("blur").name
    ('sobel_x', 'pillow_blur')
    >>> kernel_named("box:1,4")
    Kernel([[0.25, 0.25, 0.25, 0.25]], name='box 1x4')
    """
    name, colon, numbers = text.strip().partition(":")
    key = re.sub(r"[\s-]+", "_", name.strip().lower())
    if colon:
        return _of_family(text, key, numbers)
    if key in catalogue:
        return catalogue[key]
    alike = [known for known in catalogue if known.endswith(f"_{key}")]
    alike = alike or [known for known in catalogue if known.startswith(f"{key}_")]
    if len(alike) == 1:
        return catalogue[alike[0]]
    if key in FAMILIES:
        raise UnknownKernel(
            f"{text} must come with its numbers, such as {FAMILIES[key].form}"
            + (f"; or one of {', '.join(alike)}" if alike else "")
        )
    if alike:
        raise UnknownKernel(f"{text!r} can mean {' or '.join(alike)}: give one of these")
    near = get_close_matches(key, [*catalogue, *FAMILIES], n=4, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "'kernfit kernels' lists all names"
    raise UnknownKernel(f"there is no file and no kernel called {text!r}: {hint}")


def _of_family(text: str, key: str, numbers: str) -> Kernel:
    if key not in FAMILIES:
        forms = ", ".join(family.form for family in FAMILIES.values())
        raise UnknownKernel(f"a kernel with numbers must be one such as {forms}, got {text!r}")
    family = FAMILIES[key]
    try:
        values = [float(word) for word in re.split(r"[,x]", numbers)]
    except ValueError:
        values = []
    if not family.least <= len(values) <= family.most:
        wanted = " or ".join(str(n) for n in range(family.least, family.most + 1))
        raise InvalidInput(
            f"{key} must have {wanted} number{'s' * (family.most > 1)}, such as {family.form}, "
            f"got {text!r}"
        )
    return family.make(*values)
