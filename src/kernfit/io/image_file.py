"""What an image file gave: pixels in their own unit, and a plain account of what was converted."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from warnings import catch_warnings, simplefilter

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.io.metadata import NOTHING, Metadata

PathLike = str | os.PathLike[str]

GREY = ("grey",)
RGB = ("red", "green", "blue")
CMYK = ("cyan", "magenta", "yellow", "black")

# What each value of the EXIF and TIFF tag Orientation asks for (TIFF 6.0, page 36).
TURNS = {
    2: "mirrored left to right",
    3: "rotated by 180 degrees",
    4: "mirrored top to bottom",
    5: "mirrored about the diagonal",
    6: "rotated by 90 degrees clockwise",
    7: "mirrored about the other diagonal",
    8: "rotated by 90 degrees counter-clockwise",
}


@dataclass(frozen=True, eq=False)
class ImageFile:
    """The content of an image file.

    Attributes
    ----------
    pixels : ndarray
        (H, W) for one channel, (C, H, W) for several, row 0 at the top, in the file's own unit
        and dtype: an 8-bit image is uint8 from 0 to 255.
    channels : tuple of str
        The channels' names, for example ("grey",) or ("red", "green", "blue").
    alpha : ndarray or None
        Opacity (H, W) in the dtype of `pixels`, where the file has it: the highest level is
        opaque, 0 transparent.
    levels : pair of int or None
        The lowest and highest level that the file can hold, at which pixels are clipped; None
        for floating numbers.
    notes : tuple of str
        What was converted on reading, in plain sentences.
    format : str
        The kind of file, for example "PNG".
    metadata : Metadata
        What it holds besides the pixels: EXIF, colour profile, resolution, texts.
    """

    pixels: Array
    channels: tuple[str, ...]
    alpha: Array | None
    levels: tuple[int, int] | None
    notes: tuple[str, ...]
    format: str
    metadata: Metadata = NOTHING


def image_file(
    samples: Array,
    channels: tuple[str, ...],
    *,
    format: str,
    alpha: Array | None = None,
    notes: tuple[str, ...] = (),
    orientation: int = 1,
    highest: int | None = None,
) -> ImageFile:
    """Return an `ImageFile` from what a decoder gave.

    Parameters
    ----------
    samples : ndarray
        (H, W) for one channel or (H, W, C), as most files keep them; with an `alpha` of None one
        sample more than `channels` is the alpha.
    channels : tuple of str
        Names of the channels without alpha.
    format, alpha, notes
        As in `ImageFile`.
    orientation : int, default 1
        The EXIF tag; 1 or an unknown value leaves the picture as it is.
    highest : int, optional
        The highest level, if it is not that of the dtype.
    """
    if samples.ndim == 3 and samples.shape[2] == len(channels) + 1:
        samples, alpha = samples[..., :-1], samples[..., -1]
    planes = samples if samples.ndim == 2 else np.moveaxis(samples, 2, 0)
    if planes.ndim == 3 and len(planes) == 1:
        planes = planes[0]
    if alpha is not None:
        notes = (*notes, "Alpha is kept apart from the colours.")
    notes += turn_notes(orientation)
    levels = None
    if planes.dtype.kind in "iu":
        limits = np.iinfo(planes.dtype)
        levels = (int(limits.min), int(limits.max if highest is None else highest))
    return ImageFile(
        pixels=_turned(planes, orientation),
        channels=channels,
        alpha=None if alpha is None else _turned(alpha, orientation),
        levels=levels,
        notes=notes,
        format=format,
    )


def turn_notes(orientation: int) -> tuple[str, ...]:
    """Return what to say of an orientation, nothing if it leaves the picture as it is."""
    if orientation not in TURNS:
        return ()
    return (f"Orientation {orientation} is applied: {TURNS[orientation]}.",)


def numbered(count: int) -> tuple[str, ...]:
    """Return names for channels of which the file says nothing."""
    return GREY if count == 1 else tuple(f"channel_{number}" for number in range(1, count + 1))


def check_memory(path: PathLike, needed: int, max_bytes: int) -> None:
    """Refuse an image before it is decoded if its pixels need more memory than allowed."""
    if needed > max_bytes:
        raise RefusedFile(
            f"{path} needs {needed} bytes of memory for its pixels, the limit is {max_bytes}: "
            "cut the image into smaller ones or raise max_bytes"
        )


@contextmanager
def decoding(path: PathLike, kind: str) -> Iterator[None]:
    """Turn whatever a decoder makes of a damaged file into one clear refusal, without warnings."""
    with catch_warnings():
        simplefilter("ignore")
        try:
            yield
        except RefusedFile:
            raise
        except MemoryError as error:
            raise RefusedFile(
                f"{path} needs more memory than there is: cut the image into smaller ones"
            ) from error
        # Decoders answer damage with nearly any exception, from struct.error to IndexError.
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise RefusedFile(
                f"{path} is a damaged or unusual {kind} file ({reason}): write or copy it again"
            ) from error


def _turned(planes: Array, orientation: int) -> Array:
    """Return the planes the right way up, as one contiguous block of native numbers."""
    match orientation:
        case 2:
            planes = planes[..., ::-1]
        case 3:
            planes = planes[..., ::-1, ::-1]
        case 4:
            planes = planes[..., ::-1, :]
        case 5:
            planes = planes.swapaxes(-1, -2)
        case 6:
            planes = np.rot90(planes, -1, axes=(-2, -1))
        case 7:
            planes = planes[..., ::-1, ::-1].swapaxes(-1, -2)
        case 8:
            planes = np.rot90(planes, 1, axes=(-2, -1))
    # A copy where needed: a decoder's memory is often read-only.
    return np.require(planes, planes.dtype.newbyteorder("="), ["C", "W"])
