"""The lesson's own example: an image, its edges, and a pair of photographs to go on with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kernfit.arrays import Array

if TYPE_CHECKING:
    from PIL.Image import Image

# The numbers of the lesson's first figure.
INPUT = np.arange(9).reshape(3, 3)
WINDOW = np.arange(4).reshape(2, 2)
OUTPUT = np.array([[19, 25], [37, 43]])

EDGE_KERNEL = np.array([[1, -1]])
RATE = 3e-2
STEPS = 10


def black_bar() -> Array:
    """Return the lesson's image: 6x8, white (1) with the columns 2 to 5 black (0).

    Returns
    -------
    ndarray of int64, shape (6, 8)

    Examples
    --------
    >>> black_bar()[0]
    array([1, 1, 0, 0, 0, 0, 1, 1])
    """
    image = np.ones((6, 8), dtype=np.int64)
    image[:, 2:6] = 0
    return image


def photograph() -> tuple[Image, str]:
    """Return a photograph that is already on this machine, and what it is.

    Returns
    -------
    image : PIL image
        8-bit grey.
    description : str
        The portrait of Grace Hopper (U.S. Navy, public domain) that Matplotlib carries; where a
        distribution has left it out, a generated scene.
    """
    import matplotlib
    from PIL import Image

    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    if path.is_file():
        with Image.open(path) as image:
            return image.convert("L"), "the portrait of Grace Hopper that comes with Matplotlib"
    return Image.fromarray(scene()), "a generated scene"


def scene(shape: tuple[int, int] = (480, 512)) -> Array:
    """Return a made-up 8-bit scene with edges, slopes and texture in every direction.

    Parameters
    ----------
    shape : (rows, columns)

    Returns
    -------
    ndarray of uint8
        The same one every time.

    See Also
    --------
    star_field : A made-up sky.

    Examples
    --------
    >>> import kernfit
    >>> kernfit.scene((120, 160)).shape
    (120, 160)
    """
    rows, columns = np.indices(shape)
    noise = np.random.default_rng(9)
    level = 90 + 60 * rows / shape[0] + 30 * np.sin(columns / 17.0) * np.cos(rows / 11.0)
    for _ in range(60):
        row, column = noise.integers(0, shape[0]), noise.integers(0, shape[1])
        inside = (rows - row) ** 2 + (columns - column) ** 2 < noise.integers(4, 40) ** 2
        level = np.where(inside, level + noise.integers(-60, 60), level)
    level += noise.normal(0, 4, shape)
    picture: Array = np.clip(np.rint(level), 0, 255).astype(np.uint8)
    return picture


def star_field(
    size: tuple[int, int] = (512, 512), *, stars: int | None = None, seed: int = 0
) -> Array:
    """Return a made-up image of the sky, as a telescope without noise would see it.

    Parameters
    ----------
    size : (rows, columns), default (512, 512)
    stars : int, optional
        How many. Default: one for every 200 pixels.
    seed : int, default 0
        Another one gives another sky.

    Returns
    -------
    ndarray of float64
        Sky of 200 and stars of a standard deviation of 0.8 pixels, many faint and few bright ones
        (ten times the light, a tenth of the stars), in photons.

    See Also
    --------
    scene : A made-up photograph.

    Examples
    --------
    >>> star_field((30, 40)).shape
    (30, 40)
    """
    rng = np.random.default_rng(seed)
    height, width = size
    number = height * width // 200 if stars is None else stars
    sky = np.full(size, 200.0)
    rows, columns = rng.uniform(-6, height + 6, number), rng.uniform(-6, width + 6, number)
    light = np.minimum(300 / rng.uniform(size=number), 3e5)
    for row, column, photons in zip(rows, columns, light, strict=True):
        down = slice(max(0, int(row) - 7), max(0, min(height, int(row) + 8)))
        across = slice(max(0, int(column) - 7), max(0, min(width, int(column) + 8)))
        profile = np.outer(
            np.exp(-((np.arange(down.start, down.stop) - row) ** 2) / (2 * 0.8**2)),
            np.exp(-((np.arange(across.start, across.stop) - column) ** 2) / (2 * 0.8**2)),
        )
        sky[down, across] += photons * profile / (2 * np.pi * 0.8**2)
    return sky
