"""Image files in and out: which decoder reads a file, which encoder writes it."""

import re
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import as_image
from kernfit.errors import InvalidInput, RefusedFile
from kernfit.files import size_of_file, whole_file
from kernfit.io.fits import is_fits, read_fits
from kernfit.io.image_file import GREY, RGB, ImageFile, PathLike, image_file, numbered
from kernfit.io.metadata import Metadata
from kernfit.io.npy import read_npy, write_npy
from kernfit.io.writing import check_fit, encode, kind_to_write

__all__ = ["ImageFile", "read_image", "write_image"]

# The first bytes of each kind of file that is read.
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\x93NUMPY": "NPY",
    b"GIF8": "GIF",
    b"BM": "BMP",
}


def read_image(path: PathLike, *, max_bytes: int = 4 * 2**30) -> ImageFile:
    """Read an image file: PNG, JPEG, TIFF, NPY, GIF, BMP, WebP, PGM, PPM or FITS.

    The content, not the suffix, says which it is, but for FITS. Of a file with several pages the
    first is read; of a FITS file the first image, or that of ``file.fits[1]``, ``file.fits[SCI]``.

    Parameters
    ----------
    path : path-like
        The file. Nothing in it is ever evaluated or unpickled.
    max_bytes : int, default 4 GiB
        The most memory, in bytes, that the pixels may take; this is checked before any is
        decoded. While a file is decoded, up to 3.5 times as much is in use.

    Returns
    -------
    ImageFile
        Pixels in the file's own unit and dtype, alpha kept apart, orientation applied, and notes
        on what was converted.

    Raises
    ------
    RefusedFile
        If the file is missing, empty, a folder, damaged, cut short, of a kind that is not read,
        or if its pixels need more than `max_bytes`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "ramp.png"
    >>> write_image(path, np.array([[0, 50, 100]], dtype=np.uint8))
    >>> image = read_image(path)
    >>> image.pixels
    array([[  0,  50, 100]], dtype=uint8)
    >>> image.channels, image.levels
    (('grey',), (0, 255))
    """
    if is_fits(path):
        return read_fits(path, max_bytes)
    size_of_file(path)
    with open(path, "rb") as file:
        kind = _kind(file.read(16))
        if kind == "NPY":
            return _read_npy_image(path, max_bytes)
        if kind:
            from kernfit.io.carrying import with_metadata

            return with_metadata(_read(path, file, kind, max_bytes), file)
    raise RefusedFile(
        f"{path} must be an image (PNG, JPEG, TIFF, NPY, FITS, GIF, BMP, WebP, PGM or PPM), its "
        "content is of another kind: convert it to PNG or TIFF"
    )


def _read(path: PathLike, file: BinaryIO, kind: str, max_bytes: int) -> ImageFile:
    """Call the decoder of a kind of file."""
    if kind == "PNG":
        from kernfit.io.png import read_png

        return read_png(path, file, max_bytes)
    if kind == "TIFF":
        from kernfit.io.tiff import read_tiff

        return read_tiff(path, file, max_bytes)
    if kind == "PNM":
        from kernfit.io.pnm import read_pnm

        return read_pnm(path, file, max_bytes)
    from kernfit.io.pillow import read_pillow

    return read_pillow(path, file, kind, max_bytes)


def write_image(
    path: PathLike,
    pixels: ArrayLike,
    *,
    alpha: ArrayLike | None = None,
    channels: Sequence[str] | None = None,
    quality: int | None = None,
    metadata: Metadata | None = None,
) -> None:
    """Write an image file; the suffix says its kind. The dtype is never changed.

    Parameters
    ----------
    path : path-like
        Ends in .png (8 or 16 bits), .tif, .tiff, .npy or .fits (any dtype), .jpg, .jpeg or .bmp
        (8 bits), .pgm or .ppm (8 or 16 bits). An existing file is replaced once the new one is
        whole.
    pixels : array_like
        (H, W) or (C, H, W), real numbers.
    alpha : array_like, optional
        Opacity (H, W) of the same dtype.
    channels : sequence of str, optional
        The channels' names, as `ImageFile.channels` has them. Default: grey for one, red, green
        and blue for three. Needed only to say that four channels are CMYK.
    quality : int, optional
        Of JPEG, from 1 to 100. Default: as coarse as the file was that `metadata` comes from, or
        95 with all colours in full resolution.
    metadata : Metadata, optional
        What else the file shall hold, as `ImageFile.metadata` has it. What the format cannot hold
        is left out; `Metadata.left_out` says what that is.

    Raises
    ------
    InvalidInput
        If `pixels`, `alpha`, `channels` or `quality` do not fit the description.
    RefusedFile
        If the suffix is another, the file cannot be written, or its format cannot hold the
        dtype, the channels or the alpha.
    """
    planes = as_image(pixels, "pixels")
    if planes.ndim == 3 and len(planes) == 1:
        planes = planes[0]
    if planes.ndim > 3 or planes.size == 0 or planes.dtype.kind not in "biuf":
        raise InvalidInput(
            "pixels must be real numbers of shape (rows, columns) or (channels, rows, columns), "
            f"got {planes.dtype} of shape {planes.shape}"
        )
    count = 1 if planes.ndim == 2 else len(planes)
    names = tuple(channels or ({1: GREY, 3: RGB}.get(count) or numbered(count)))
    if len(names) != count:
        raise InvalidInput(f"channels must name {count} channels, got {len(names)} names")
    if quality is not None and not 1 <= quality <= 100:
        raise InvalidInput(f"quality must be from 1 to 100, got {quality}")
    kind = kind_to_write(path)
    if alpha is not None:
        opacity = as_image(alpha, "alpha")
        if opacity.shape != planes.shape[-2:] or opacity.dtype != planes.dtype:
            raise InvalidInput(
                f"alpha must be {planes.dtype} of shape {planes.shape[-2:]} like the pixels, "
                f"got {opacity.dtype} of shape {opacity.shape}"
            )
        planes = np.concatenate([np.atleast_3d(planes.T).T, opacity[np.newaxis]])
    check_fit(path, kind, planes.dtype, names, alpha is not None)
    if kind == "NPY":
        write_npy(path, planes)
        return
    with whole_file(path) as target:
        encode(target, kind, planes, names, alpha is not None, quality, metadata or Metadata())


def _kind(start: bytes) -> str:
    """Return which kind of file begins with these bytes, or nothing."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    if re.match(rb"P[1-6][\s#]", start):
        return "PNM"
    return next((kind for mark, kind in SIGNATURES.items() if start.startswith(mark)), "")


def _read_npy_image(path: PathLike, max_bytes: int) -> ImageFile:
    """Read an array as an image: (rows, columns), or with the channels first or last."""
    array = read_npy(path, max_bytes=max_bytes)
    notes: tuple[str, ...] = ()
    if array.ndim not in (2, 3) or array.size == 0:
        raise RefusedFile(
            f"{path} must hold an image of shape (rows, columns) or (channels, rows, columns), "
            f"got shape {array.shape}: save such a part of it"
        )
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
        notes = ("True and False are turned to 255 and 0.",)
    # Ours has the channels first, scikit-image's and Pillow's last: a few are channels.
    last = array.ndim == 3 and array.shape[2] <= 4 < array.shape[0]
    if last:
        notes = (*notes, "The last axis is taken for the channels.")
    samples = array if last or array.ndim == 2 else np.moveaxis(array, 0, -1)
    count = 1 if array.ndim == 2 else samples.shape[2]
    channels = RGB if count == 3 else numbered(count)
    return image_file(samples, channels, format="NPY", notes=notes)
