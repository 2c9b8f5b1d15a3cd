"""Reading what a file holds besides its pixels, whatever its kind, and saying what was found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, BinaryIO

from kernfit.io import exif
from kernfit.io.image_file import ImageFile
from kernfit.io.metadata import Metadata, upright_xmp
from kernfit.io.profile import profile_of


def with_metadata(image: ImageFile, file: BinaryIO, page: int = 0) -> ImageFile:
    """Return an image with what its file holds besides the pixels.

    Parameters
    ----------
    image : ImageFile
    file : binary file
        Open for reading.
    page : int
        Of a TIFF file.
    """
    try:
        found, notes = _upright(_read(image.format, file, page))
    # Metadata is written by thousands of programs, and damage to it is no damage to the pixels.
    except Exception as error:
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        return replace(image, notes=(*image.notes, f"Its metadata is damaged ({reason})."))
    profile = profile_of(found.icc) if found.icc else None
    if profile is not None and not profile.is_srgb:
        notes += (f"The levels are those of the colour profile {profile.name!r}, not of sRGB.",)
    return replace(image, metadata=found, notes=(*image.notes, *notes))


def _read(kind: str, file: BinaryIO, page: int) -> Metadata:
    if kind == "JPEG":
        from kernfit.io.jpeg import read_jpeg_metadata

        return read_jpeg_metadata(file)
    if kind == "PNG":
        from kernfit.io.png_chunks import read_png_metadata

        return read_png_metadata(file)
    if kind == "TIFF":
        from tifffile import TiffFile

        from kernfit.io.silence import silent_tifffile
        from kernfit.io.tiff_tags import read_tiff_metadata

        file.seek(0)
        with silent_tifffile(), TiffFile(file) as tiff:
            return read_tiff_metadata(file, tiff.pages[page])
    if kind in ("GIF", "BMP", "WebP"):
        from kernfit.io.pillow import open_pillow

        return _from_pillow(open_pillow(kind, file).info)
    return Metadata()


def _from_pillow(info: dict[str | tuple[int, int], Any]) -> Metadata:
    comment = info.get("comment", b"")
    text = (("Comment", comment.decode("utf-8", "replace")),) if comment else ()
    dpi = info.get("dpi")
    return Metadata(
        exif=bytes(info.get("exif", b"")).removeprefix(b"Exif\0\0"),
        icc=bytes(info.get("icc_profile", b"") or b""),
        xmp=bytes(info.get("xmp", b"")),
        text=text,
        resolution=(float(dpi[0]), float(dpi[1]), "inch") if dpi and min(dpi) > 0 else None,
    )


def _upright(found: Metadata) -> tuple[Metadata, tuple[str, ...]]:
    """Return metadata for pixels that were turned, and what had to be left out."""
    notes: tuple[str, ...] = ()
    if found.exif:
        try:
            block, preview = exif.upright(found.exif)
            found = replace(found, exif=block)
            if preview:
                notes = ("The preview in its EXIF, which shows the old picture, is left out.",)
        except (ValueError, IndexError, OverflowError):
            found = replace(found, exif=b"")
            notes = ("Its EXIF is damaged and left out.",)
    if found.exif and found.resolution is None:
        found = replace(found, resolution=exif.resolution_of(found.exif))
    if found.xmp:
        found = replace(found, xmp=upright_xmp(found.xmp))
    return found, notes
