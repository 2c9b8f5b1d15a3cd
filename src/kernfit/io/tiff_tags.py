"""What a TIFF file holds besides its pixels: tags of its own, EXIF below them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from kernfit.io import exif
from kernfit.io.metadata import IPTC, KEYWORDS, Metadata

RESOLUTION, ICC, XMP, PHOTOSHOP = (282, 283, 296), 34675, 700, 34377
DESCRIPTION, SOFTWARE = 270, 305
# Tags about how the pixels are laid out, which each file has its own of.
LAYOUT = {
    *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281),
    *(284, 288, 289, 290, 291, 292, 293, 297, 301, 317, 320, 321, 322, 323, 324, 325, 326, 327),
    *(328, 330, 332, 333, 334, 336, 337, 338, 339, 340, 341, 342, 343, 344, 345, 346, 347, 400),
    *(512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 559, 32997, 32998),
    *(50838, 50839),  # ImageJ's, which are written anew
}
TIEPOINT = 33922  # of GeoTIFF: which pixel lies at which place on earth


def read_tiff_metadata(file: BinaryIO, page: Any) -> Metadata:
    """Return what a page of a TIFF file, as tifffile opens it, holds besides its pixels."""
    found: dict[str, Any] = {}
    tags = []
    for tag in page.tags:
        if tag.code in LAYOUT or tag.code in RESOLUTION or tag.code in exif.DIRECTORIES:
            continue
        if tag.code in (ICC, XMP, PHOTOSHOP):
            name = {ICC: "icc", XMP: "xmp", PHOTOSHOP: "iptc"}[tag.code]
            found[name] = bytes(tag.value)
        else:
            tags.append((int(tag.code), int(tag.dtype), int(tag.count), tag.value))
        if tag.code == IPTC:
            found.setdefault("iptc", _resource(tag.value, page.parent.byteorder))
    across, down = (page.tags.valueof(code) for code in RESOLUTION[:2])
    unit = exif.UNITS.get(int(page.tags.valueof(RESOLUTION[2], default=2)))
    if unit is not None and isinstance(across, tuple) and isinstance(down, tuple):
        sizes = tuple(n / d if d else 0.0 for n, d in (across, down))
        if min(sizes) > 0 and not (unit == "" and sizes == (1, 1)):
            found["resolution"] = (*sizes, unit)
    return Metadata(tags=tuple(tags), exif=_exif(file, page), **found)


def _exif(file: BinaryIO, page: Any) -> bytes:
    """Return EXIF's part of a page as a block of its own; nothing if there is none."""
    file.seek(0)
    start = file.read(4)
    try:
        order = exif.byte_order(start)
    except ValueError:  # a BigTIFF
        return b""

    def read(at: int, size: int) -> bytes:
        file.seek(at)
        return file.read(size)

    found, _ = exif.read_directory(read, order, page.offset)
    kept = {
        code: entry
        for code, entry in found.items()
        if code in exif.IN_FIRST or isinstance(entry, dict)
    }
    # A resolution alone is said elsewhere, and so is the program that wrote the pixels.
    return exif.to_blob(kept, order) if kept.keys() - {*RESOLUTION, SOFTWARE} else b""


@dataclass
class Extra:
    """What is to be written into a TIFF file besides its pixels, for tifffile's imwrite."""

    options: dict[str, Any] = field(default_factory=dict)
    directories: dict[int, exif.Directory] = field(default_factory=dict)
    order: str = "<"


def extra_for(metadata: Metadata) -> Extra:
    """Return how tifffile writes metadata."""
    extra = Extra()
    values: dict[int, tuple[int, int, Any]] = {}
    if metadata.exif:
        extra.order, entries = exif.from_blob(metadata.exif)
        for code, entry in entries.items():
            if isinstance(entry, dict):
                extra.directories[code] = entry
            elif code not in LAYOUT and code not in RESOLUTION:
                values[code] = (entry.type, entry.number, entry.value)
    for keyword, text in metadata.text:
        if keyword in KEYWORDS and KEYWORDS[keyword] not in values:
            content = text.encode() + b"\0"
            values[KEYWORDS[keyword]] = (exif.ASCII, len(content), content)
    others = [f"{key}: {text}" for key, text in metadata.text if key not in KEYWORDS]
    if others and DESCRIPTION not in values:
        content = "\n".join(others).encode() + b"\0"
        values[DESCRIPTION] = (exif.ASCII, len(content), content)
    for code, kind, count, value in metadata.tags:
        values[code] = (kind, count, value)
    if metadata.xmp:
        values[XMP] = (1, len(metadata.xmp), metadata.xmp)
    if metadata.iptc and IPTC not in values:
        values[PHOTOSHOP] = (7, len(metadata.iptc), metadata.iptc)
    options: dict[str, Any] = {"byteorder": extra.order}
    if metadata.icc:
        options["iccprofile"] = metadata.icc
    if metadata.resolution is not None:
        across, down, unit = metadata.resolution
        code = next(code for code, name in exif.UNITS.items() if name == unit)
        options |= {"resolution": (across, down), "resolutionunit": code}
    for code, name in ((DESCRIPTION, "description"), (SOFTWARE, "software")):
        if code in values:
            text = values.pop(code)[2]
            content = text.encode() if isinstance(text, str) else bytes(text)
            options[name] = content.rstrip(b"\0")
    tags = [
        (code, kind, count, _ready(value), True) for code, (kind, count, value) in values.items()
    ]
    # tifffile writes no pointers: the number before is free, and is made theirs later.
    tags.append((exif.ORIENTATION, exif.SHORT, 1, 1, True))
    tags += [(code - 1, exif.LONG, 1, 0, True) for code in extra.directories]
    options["extratags"] = tags
    extra.options = options
    return extra


def _resource(value: Any, order: str) -> bytes:
    """Return IPTC's captions as one of Photoshop's resources, as other formats have them."""
    if isinstance(value, int):
        value = (value,)
    content = value if isinstance(value, bytes) else struct.pack(f"{order}{len(value)}I", *value)
    head = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(content))
    return head + content + b"\0" * (len(content) % 2)


def _ready(value: Any) -> Any:
    return value.encode() + b"\0" if isinstance(value, str) else value


def add_directories(target: Path, extra: Extra) -> None:
    """Put EXIF's directories behind a TIFF file that was just written with places for them."""
    if not extra.directories:
        return
    with open(target, "r+b") as file:
        if exif.byte_order(file.read(4)) != extra.order:
            raise ValueError("another order of bytes")
        (first,) = struct.unpack(extra.order + "I", file.read(4))
        file.seek(first)
        (number,) = struct.unpack(extra.order + "H", file.read(2))
        codes = [
            struct.unpack_from(extra.order + "H", entry)[0]
            for entry in (file.read(12) for _ in range(number))
        ]
        for code, directory in extra.directories.items():
            end = file.seek(0, 2)
            end += file.write(b"\0" * (end % 2))
            file.write(exif.pack_directory(directory, extra.order, end))
            file.seek(first + 2 + 12 * codes.index(code - 1))
            file.write(struct.pack(extra.order + "HHII", code, exif.LONG, 1, end))
