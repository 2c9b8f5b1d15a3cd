"""What a picture file holds besides its pixels, in a form that other formats can hold too."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from kernfit.io import exif
from kernfit.io.profile import profile_of

IN_ONE_SEGMENT = 65533  # bytes of a JPEG segment, less its length

# Keywords of PNG's texts, and the tags for the same in EXIF and TIFF.
IPTC = 33723  # the tag, of which Photoshop's resources hold a copy
KEYWORDS = {"Description": 270, "Software": 305, "Author": 315, "Copyright": 33432}


@dataclass(frozen=True)
class JpegCoding:
    """How coarsely a JPEG was written: its tables, and how far its colours were halved."""

    tables: tuple[tuple[int, ...], ...]
    subsampling: int
    progressive: bool


@dataclass(frozen=True, eq=False)
class Metadata:
    """What a file holds besides its pixels.

    Attributes
    ----------
    exif : bytes
        A block in TIFF's structure, with an orientation of 1, since pixels are turned when they
        are read.
    icc, xmp : bytes
        Colour profile, and a packet of XMP.
    iptc : bytes
        Photoshop's resources, in which IPTC's captions lie.
    resolution : (across, down, unit) or None
        Pixels for each "inch", "cm", or of no unit (""), which gives the shape of a pixel alone.
    text : tuple of (keyword, text)
        PNG's texts, and the comments of JPEG and GIF under "Comment".
    chunks : tuple of (kind, bytes)
        PNG's own account of its colours: gAMA, cHRM, sRGB, cICP.
    tags : tuple of (code, type, count, value)
        TIFF's tags that are about the picture, not about how the file is laid out.
    jpeg : JpegCoding or None
    header : object or None
        The header of a FITS file.
    """

    exif: bytes = b""
    icc: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    resolution: tuple[float, float, str] | None = None
    text: tuple[tuple[str, str], ...] = ()
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    tags: tuple[tuple[int, int, int, Any], ...] = ()
    jpeg: JpegCoding | None = None
    header: Any = None

    def for_picture(self, rows: int, columns: int, colours: int) -> Metadata:
        """Return what still holds for a picture of that size and so many colours."""
        found = self
        if self.exif:
            found = replace(found, exif=exif.upright(self.exif, (rows, columns))[0])
        if not self._suits(colours):
            found = replace(found, icc=b"")
        return found

    def moved(self, top: int, left: int) -> Metadata:
        """Return what holds for a picture that begins so many rows and columns further on."""
        if self.header is None or (top, left) == (0, 0):
            return self
        header = self.header.copy()
        for word, shift in (("CRPIX1", left), ("CRPIX2", top)):
            if word in header:
                header[word] -= shift
        return replace(self, header=header)

    def _suits(self, colours: int) -> bool:
        profile = profile_of(self.icc) if self.icc else None
        return profile is None or {"GRAY": 1, "RGB": 3, "CMYK": 4}.get(profile.space) == colours

    def _described(self) -> bool:
        """Say whether there is a description, where TIFF would put other texts."""
        if any(key == "Description" for key, _ in self.text):
            return True
        return bool(self.exif) and KEYWORDS["Description"] in exif.from_blob(self.exif)[1]

    def left_out(self, kind: str, colours: int) -> tuple[str, ...]:
        """Return in words what a format cannot hold, of a picture of so many colours."""
        lost = []
        profile = profile_of(self.icc) if self.icc else None
        if profile is not None and not self._suits(colours):
            lost.append(f"the colour profile {profile.name!r}, which is for {profile.space}")
        elif self.icc and kind not in ("PNG", "JPEG", "TIFF"):
            lost.append("the colour profile")
        holds = {
            "EXIF": ("exif", ("PNG", "JPEG", "TIFF")),
            "XMP": ("xmp", ("PNG", "JPEG", "TIFF")),
            "IPTC": ("iptc", ("PNG", "JPEG", "TIFF")),
            "the resolution": ("resolution", ("PNG", "JPEG", "TIFF", "BMP")),
            "its texts": ("text", ("PNG", "JPEG", "TIFF")),
            "the FITS header": ("header", ("FITS",)),
        }
        lost += [
            words
            for words, (name, kinds) in holds.items()
            if getattr(self, name) and kind not in kinds
        ]
        if kind == "JPEG":
            for words, content, more in (("EXIF", self.exif, 6), ("XMP", self.xmp, 29)):
                if len(content) + more > IN_ONE_SEGMENT:
                    lost.append(f"{words}, which is longer than JPEG allows")
        if kind == "TIFF" and self._described():
            lost += [f"the text {key!r}" for key, _ in self.text if key not in KEYWORDS]
        if kind != "PNG" and self.chunks and not self.icc:
            lost.append("PNG's gamma and primaries")
        if self.tags and kind != "TIFF":
            said = {*exif.IN_FIRST, IPTC}  # as EXIF and IPTC, which are held or named above
            numbers = [str(code) for code, *_ in self.tags if code not in said]
            if numbers:
                lost.append(f"TIFF's tags {', '.join(numbers)}")
        return tuple(lost)


NOTHING = Metadata()


def upright_xmp(packet: bytes) -> bytes:
    """Return a packet of XMP that says of its picture that it stands upright."""
    return re.sub(rb'(tiff:Orientation(?:\s*=\s*["\']|>))\d', rb"\g<1>1", packet)
