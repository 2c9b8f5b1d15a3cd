"""TIFF through tifffile, and through Pillow where tifffile would need one more package.

The format: TIFF revision 6.0, Adobe Systems, 1992.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.io.image_file import (
    CMYK,
    RGB,
    ImageFile,
    PathLike,
    check_memory,
    decoding,
    image_file,
    numbered,
    turn_notes,
)
from kernfit.io.metadata import Metadata
from kernfit.io.pillow import read_16_bit_colours, read_pillow
from kernfit.io.silence import silent_libtiff, silent_tifffile
from kernfit.io.tiff_tags import add_directories, extra_for

# Values of the tags, TIFF 6.0 section 8 and its supplements.
WHITE_IS_ZERO, BLACK_IS_ZERO, IS_RGB, IS_PALETTE, IS_CMYK = 0, 1, 2, 3, 5
ASSOCIATED, UNASSOCIATED = 1, 2  # two kinds of alpha
PLAIN = 1  # of the kinds of compression
JPEG = 7
# What Pillow's libtiff reads and tifffile alone does not: CCITT, LZW, JPEG.
FOR_PILLOW = (2, 3, 4, 5, JPEG)
FLOAT_PREDICTOR = 3
ORIENTATION = 274
INVERTED = "White is zero in the file: grey is turned around."


def read_tiff(path: PathLike, file: BinaryIO, max_bytes: int) -> ImageFile:
    """Read the first page of a TIFF file.

    Parameters
    ----------
    path : path-like
        For the errors.
    file : binary file
        Open for reading.
    max_bytes : int
        The most memory, in bytes, that the pixels may take.

    Returns
    -------
    ImageFile
        Grey, RGB, CMYK or any number of channels, of 1 to 64 bits, integer or floating.

    Raises
    ------
    RefusedFile
        If the file is damaged, cut short or too large, or its pixels are complex, in a colour
        space that is not read, or compressed in a way that needs another package.
    """
    from tifffile import TiffFile

    file.seek(0)
    with decoding(path, "TIFF"), silent_tifffile(), TiffFile(file) as tiff:
        page: Any = tiff.pages[0]
        pages = max(len(tiff.pages), (tiff.imagej_metadata or {}).get("images", 1))
        notes: tuple[str, ...] = ()
        if pages > 1:
            notes = (f"Only the first of {pages} pages is read.",)
        _check(path, page, max_bytes)
        if int(page.compression) == JPEG:
            notes += ("JPEG is lossy: the values are near the original ones, not equal.",)
        if _is_for_pillow(page):
            return _by_pillow(path, page, file, max_bytes, notes)
        _check_whole(path, page, file)
        try:
            samples = page.asarray(maxworkers=1)
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            raise RefusedFile(
                f"{path} is compressed in a way that needs the package imagecodecs: install it, "
                "or save the image uncompressed"
            ) from error
        if page.axes == "SYX":
            samples = np.moveaxis(samples, 0, -1)
        size = (page.imagelength, page.imagewidth)
        if samples.shape not in (size, (*size, page.samplesperpixel)):
            raise RefusedFile(f"{path} is a damaged TIFF file: write or copy it again")
        return _image(path, page, samples, notes)


def write_tiff(target: Path, planes: Array, *, alpha: bool, cmyk: bool, metadata: Metadata) -> None:
    """Write planes (H, W) or (C, H, W) of any real dtype, uncompressed, as every program reads it.

    Parameters
    ----------
    target : path
        The file.
    planes : ndarray
        The channels; if `alpha`, the last is the opacity.
    alpha, cmyk : bool
        What the channels mean; three that are not CMYK are red, green and blue.
    metadata : Metadata
        What else the file shall hold.
    """
    from tifffile import imwrite

    count = 1 if planes.ndim == 2 else len(planes)
    colours = count - alpha
    photometric = "separated" if cmyk else "rgb" if colours == 3 else "minisblack"
    known = 4 if cmyk else 3 if colours == 3 else 1
    extra = [0] * (colours - known) + [UNASSOCIATED] * alpha
    samples = planes if planes.ndim == 2 else np.moveaxis(planes, 0, -1)
    more = extra_for(metadata)
    with silent_tifffile():
        imwrite(
            target,
            np.ascontiguousarray(samples),
            photometric=photometric,
            planarconfig=None if count == 1 else "contig",
            extrasamples=extra or None,
            metadata=None,
            **({"software": "kernfit"} | more.options),
        )
    add_directories(target, more)


def _check(path: PathLike, page: Any, max_bytes: int) -> None:
    """Refuse what cannot be read, from the tags alone."""
    shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
    if page.imagedepth != 1 or min(shape) < 1:
        raise RefusedFile(f"{path} must hold flat images, got a volume or nothing: save one plane")
    dtype = page.dtype
    if dtype is None or dtype.kind not in "biuf":
        raise RefusedFile(
            f"{path} has pixels of {page.bitspersample} bits and kind {page.sampleformat}, which "
            "are not read: save it with 8 or 16-bit integers or 32-bit floating numbers"
        )
    check_memory(path, math.prod(shape) * dtype.itemsize, max_bytes)


def _is_for_pillow(page: Any) -> bool:
    """Tell whether Pillow is needed, and gives the pixels in their own dtype."""
    needed = int(page.compression) in FOR_PILLOW or page.predictor == FLOAT_PREDICTOR
    return needed and page.dtype in (np.bool_, np.uint8, np.uint16, np.float32)


def _by_pillow(
    path: PathLike, page: Any, file: BinaryIO, max_bytes: int, notes: tuple[str, ...]
) -> ImageFile:
    """Read through Pillow, and say what it does on its own: turn, invert, leave channels out."""
    notes += turn_notes(_orientation(page))
    if page.photometric == WHITE_IS_ZERO:
        notes += (INVERTED,)
    deep = page.bitspersample == 16 and page.samplesperpixel > 1
    with silent_libtiff():
        read = read_16_bit_colours if deep else read_pillow
        image = read(path, file, "TIFF", max_bytes, notes)
    left = page.samplesperpixel - len(image.channels) - (image.alpha is not None)
    if left > 0 and page.photometric != IS_PALETTE:
        note = f"Besides {', '.join(image.channels)}, {left} more channels are left out."
        image = replace(image, notes=(*image.notes, note))
    return image


def _check_whole(path: PathLike, page: Any, file: BinaryIO) -> None:
    """Refuse a file that ends before its pixels do, as missing ones would read as zeros."""
    end = file.seek(0, 2)
    counts = page.databytecounts
    if any(start + count > end for start, count in zip(page.dataoffsets, counts, strict=True)):
        raise RefusedFile(f"{path} is cut short: write or copy the TIFF file again")
    pixels = page.imagelength * page.imagewidth * page.samplesperpixel
    if page.compression == PLAIN and sum(counts) * 8 < pixels * page.bitspersample:
        raise RefusedFile(f"{path} is cut short: write or copy the TIFF file again")


def _image(path: PathLike, page: Any, samples: Array, notes: tuple[str, ...]) -> ImageFile:
    """Say what the samples mean: which are colours, which is alpha."""
    photometric, count = int(page.photometric), int(page.samplesperpixel)
    channels: tuple[str, ...]
    highest = None
    if samples.dtype.kind in "bu" and page.bitspersample not in (8, 16, 32, 64):
        highest = 2**page.bitspersample - 1
    if photometric == WHITE_IS_ZERO and samples.dtype.kind in "bu":
        samples = ~samples if highest is None or samples.dtype.kind == "b" else highest - samples
        notes = (*notes, INVERTED)
    if samples.dtype.kind == "b":
        samples, highest = samples.astype(np.uint8) * 255, None
        notes = (*notes, "1-bit pixels are turned to 0 and 255.")
    if photometric == IS_PALETTE and count == 1:
        samples, highest, count = _palette(page, samples), None, 3
        notes = (*notes, "The palette is expanded to red, green and blue.")
        channels = RGB
    elif photometric == IS_RGB and count >= 3:
        channels = RGB
    elif photometric == IS_CMYK and count >= 4:
        channels = CMYK
        notes = (*notes, "CMYK is kept as four channels; the highest level is full ink.")
    elif photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO):
        channels = numbered(1)
    else:
        raise RefusedFile(
            f"{path} has colours of kind {page.photometric!r}, which are not read: convert it to "
            "grey, RGB or CMYK"
        )
    alpha = None
    extra = [int(kind) for kind in page.extrasamples][: count - len(channels)]
    place = next((i for i, kind in enumerate(extra) if kind in (ASSOCIATED, UNASSOCIATED)), None)
    if place is not None:
        alpha = samples[..., len(channels) + place]
        samples = np.delete(samples, len(channels) + place, axis=-1)
        count -= 1
        if extra[place] == ASSOCIATED:
            notes = (*notes, "The colours are as stored: already multiplied by alpha.")
    if count > len(channels):
        named = channels if len(channels) > 1 else ()
        channels = named + numbered(count)[len(named) :]
    return image_file(
        samples,
        channels,
        format="TIFF",
        alpha=alpha,
        notes=notes,
        orientation=_orientation(page),
        highest=highest,
    )


def _orientation(page: Any) -> int:
    value = page.tags.valueof(ORIENTATION, default=1)
    return int(value) if isinstance(value, int) else 1


def _palette(page: Any, samples: Array) -> Array:
    """Look each pixel up in the 16-bit colour table; 8 bits where these say everything."""
    table = np.asarray(page.colormap)
    if not (table % 257).any() or not (table % 256).any():
        table = (table >> 8).astype(np.uint8)
    return np.moveaxis(table[:, samples], 0, -1)
