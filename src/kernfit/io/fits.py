"""FITS, the format of astronomers, through astropy: one image of a file, and its header.

The format: FITS standard 4.0. Rows stay in the order in which they are stored.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.files import size_of_file
from kernfit.io.image_file import ImageFile, PathLike, check_memory, image_file, numbered
from kernfit.io.metadata import Metadata
from kernfit.packages import need

SUFFIXES = (".fits", ".fit", ".fts")
# file.fits[1], file.fits[SCI], file.fits[SCI,2], as other programs of astronomers have it.
PART = re.compile(r"(?P<file>.*\.(?:fits|fit|fts))\[(?P<part>[^\[\]]+)\]", re.IGNORECASE)


def split_part(path: PathLike) -> tuple[Path, int | str | tuple[str, int] | None]:
    """Return a file and the part of it that is named in brackets, or None for the first image."""
    found = PART.fullmatch(str(path))
    if found is None or Path(path).exists():
        return Path(path), None
    words = [word.strip() for word in found["part"].split(",")]
    if len(words) == 2 and words[1].isdecimal():
        return Path(found["file"]), (words[0], int(words[1]))
    word = found["part"].strip()
    return Path(found["file"]), int(word) if word.isdecimal() else word


def is_fits(path: PathLike) -> bool:
    """Say whether a path names a FITS file, or a part of one."""
    return split_part(path)[0].suffix.lower() in SUFFIXES


def number_of(path: PathLike, units: Any, part: int | str | tuple[str, int] | None) -> int:
    """Return which unit of an open file holds the image that is asked for.

    Raises
    ------
    RefusedFile
        If there is none. All images of the file are listed.
    """
    images = [n for n, unit in enumerate(units) if unit.is_image and len(unit.shape) >= 2]
    if not images:
        raise RefusedFile(f"{path} must hold an image, it has none: name another file")
    if part is None:
        return images[0]
    try:
        number = int(units.index_of(part))
    except (KeyError, IndexError):
        number = -1
    if number not in images:
        listed = ", ".join(f"[{n}] {units[n].name}".rstrip() for n in images)
        raise RefusedFile(f"{path} is no image of that file, which has {listed}: choose one")
    return number


def read_fits(path: PathLike, max_bytes: int) -> ImageFile:
    """Read one image of a FITS file: the first, or the one named in brackets.

    Raises
    ------
    RefusedFile
        If it is missing, damaged, too large, has no such image, or astropy is not there.
    """
    file, part = split_part(path)
    size_of_file(file)
    fits = need("astropy.io.fits", "fits")
    from warnings import catch_warnings, simplefilter

    with catch_warnings():
        simplefilter("ignore")
        try:
            with fits.open(file, memmap=False) as units:
                number = number_of(path, units, part)
                unit = units[number]
                shape = [n for n in unit.shape[:-2] if n != 1] + list(unit.shape[-2:])
                if len(shape) > 3:
                    raise RefusedFile(
                        f"{path} must hold an image of rows and columns, or channels of them, got "
                        f"shape {tuple(unit.shape)}: save such a part of it"
                    )
                # Scaling makes floating numbers of what takes fewer bytes in the file.
                check_memory(path, int(np.prod(shape)) * 8, max_bytes)
                planes: Array = np.asarray(unit.data).reshape(shape)
                header = unit.header.copy()
                images = sum(u.is_image and len(u.shape) >= 2 for u in units)
        except RefusedFile:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise RefusedFile(
                f"{path} is a damaged or unusual FITS file ({reason}): write or copy it again"
            ) from error
    notes: tuple[str, ...] = ()
    if images > 1:
        notes = (f"Image {number} of {images} in the file is read; {file.name}[N] names another.",)
    count = 1 if planes.ndim == 2 else len(planes)
    samples = planes if planes.ndim == 2 else np.moveaxis(planes, 0, -1)
    found = image_file(samples, numbered(count), format="FITS", notes=notes)
    from dataclasses import replace

    return replace(found, metadata=Metadata(header=header))


def write_fits(target: Path, planes: Array, metadata: Metadata) -> None:
    """Write planes (H, W) or (C, H, W) with the header of the file that they come from."""
    from warnings import catch_warnings, simplefilter

    fits = need("astropy.io.fits", "fits")
    header = None
    if metadata.header is not None:
        header = metadata.header.copy()
        # They say how the old numbers were stored.
        for word in ("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM"):
            header.remove(word, ignore_missing=True, remove_all=True)
    with catch_warnings():
        simplefilter("ignore")
        unit = fits.PrimaryHDU(np.ascontiguousarray(planes), header)
        unit.header.add_history("Filtered by kernfit")
        unit.writeto(target, overwrite=True, output_verify="silentfix")
