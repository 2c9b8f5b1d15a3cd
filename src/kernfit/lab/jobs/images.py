"""Files become arrays on the shelf: all channels, and the same in grey."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.io.image_file import ImageFile
from kernfit.io.images import read_image
from kernfit.lab.telling import Say

# Rec. 601, as most programs turn colours to grey.
LUMA = (0.299, 0.587, 0.114)


def decode(say: Say, *, path: Path, pixels: Path, grey: Path, max_bytes: int) -> dict[str, Any]:
    """Read an image file and put its pixels, and the same in grey, into files.

    Parameters
    ----------
    say : callable
        Not needed.
    path : Path
        What was uploaded.
    pixels, grey : Path
        To write, .npy.
    max_bytes : int
        The most memory that the pixels may take.

    Returns
    -------
    dict
        What the page shows.

    Raises
    ------
    RefusedFile
        If it is not an image that is read, or too large.
    """
    image = read_image(path, max_bytes=max_bytes)
    if image.pixels.dtype.kind not in "iuf":
        raise RefusedFile(f"{path} must hold real numbers, got {image.pixels.dtype}: convert it")
    return _store(image.pixels, image, pixels, grey)


def built_in(say: Say, *, folder: Path) -> dict[str, tuple[dict[str, Any], tuple[Path, ...]]]:
    """Write the images that are always there; by id, what the page shows and the files."""
    from kernfit import lesson

    portrait, description = lesson.photograph()
    images = {
        "numbers": ("the lesson's 0 to 8", lesson.INPUT),
        "bar": ("the lesson's black bar", lesson.black_bar()),
        "scene": ("a generated scene", lesson.scene()),
        "portrait": (description, np.asarray(portrait)),
        "stripes": ("stripes from top to bottom", stripes()),
    }
    found: dict[str, tuple[dict[str, Any], tuple[Path, ...]]] = {}
    for id, (name, array) in images.items():
        pixels = folder / f"{id}.npy"
        levels = (0, 255) if array.dtype == np.uint8 else None
        image = ImageFile(array, ("grey",), None, levels, (), "made here")
        found[id] = {"name": name, **_store(array, image, pixels, pixels)}, (pixels,)
    return found


def stripes() -> Array:
    """Return an image that does not change from top to bottom, so that rows cannot be told."""
    levels = np.random.default_rng(4).integers(40, 216, 32).astype(np.uint8)
    picture: Array = np.tile(np.repeat(levels, 4), (96, 1))
    return picture


def as_grey(pixels: Array) -> Array:
    """Return one plane in the dtype of the pixels, whole levels where these are whole."""
    if pixels.ndim == 2:
        return pixels
    weights = LUMA if len(pixels) == 3 else (1 / len(pixels),) * len(pixels)
    wide = np.float32 if pixels.dtype.itemsize <= 2 else np.float64
    sums: Array = sum(
        (plane.astype(wide) * wide(w) for plane, w in zip(pixels, weights, strict=True)),
        np.zeros(pixels.shape[1:], wide),
    )
    return (np.rint(sums) if pixels.dtype.kind in "iu" else sums).astype(pixels.dtype)


def _store(array: Array, image: ImageFile, pixels: Path, grey: Path) -> dict[str, Any]:
    np.save(pixels, array)
    plane = as_grey(array)
    if grey != pixels:
        np.save(grey, plane)
    finite = plane[np.isfinite(plane)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return {
        "rows": plane.shape[0],
        "columns": plane.shape[1],
        "channels": list(image.channels),
        "dtype": str(array.dtype),
        "levels": image.levels,
        "low": low,
        "high": high,
        "notes": list(image.notes),
        "format": image.format,
    }
