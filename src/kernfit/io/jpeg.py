"""What a JPEG file holds besides its pixels, segment by segment.

The formats: ITU T.81, annex B; JFIF 1.02; CIPA DC-008; ICC.1:2022, annex B.4; XMP part 3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from kernfit.io.metadata import IN_ONE_SEGMENT, JpegCoding, Metadata

APP0, APP1, APP2, APP13, COMMENT, SCAN = 0xE0, 0xE1, 0xE2, 0xED, 0xFE, 0xDA
# The frames that say how often each colour is sampled; 2, 6, 10 and 14 are progressive.
FRAMES = {0xC0 + n for n in (0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15)}
TABLES = 0xDB
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
ICC, PHOTOSHOP = b"ICC_PROFILE\0", b"Photoshop 3.0\0"
ICC_PART = IN_ONE_SEGMENT - len(ICC) - 2
UNITS = {0: "", 1: "inch", 2: "cm"}
# Pillow's names for how far colours are halved.
SUBSAMPLING = {(1, 1): 0, (2, 1): 1, (2, 2): 2}
# Where Annex A's zigzag has each coefficient, row by row.
ZIGZAG = sorted(
    range(64), key=lambda n: (n // 8 + n % 8, n // 8 if (n // 8 + n % 8) % 2 else n % 8)
)


def segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Go through the segments before the pixels: the marker's second byte, and the content."""
    file.seek(2)
    while True:
        mark = file.read(2)
        while mark[1:] == b"\xff":  # any number of these may stand before a marker
            mark = mark[1:] + file.read(1)
        if len(mark) < 2 or mark[0] != 0xFF or mark[1] == SCAN:
            return
        length = int.from_bytes(file.read(2), "big")
        content = file.read(length - 2) if length > 2 else b""
        yield mark[1], content


def read_jpeg_metadata(file: BinaryIO) -> Metadata:
    """Return what a JPEG file holds besides its pixels, as it stands there."""
    found: dict[str, Any] = {}
    parts: dict[int, bytes] = {}
    text, iptc = [], b""
    tables: dict[int, tuple[int, ...]] = {}
    frame: tuple[int, bytes] | None = None
    for mark, content in segments(file):
        if mark == APP0 and content[:5] == b"JFIF\0" and len(content) >= 12:
            unit, across, down = struct.unpack_from(">BHH", content, 7)
            if unit in UNITS and across and down and (unit, across, down) != (0, 1, 1):
                found["resolution"] = (float(across), float(down), UNITS[unit])
        elif mark == APP1 and content.startswith(EXIF):
            found.setdefault("exif", content[len(EXIF) :])
        elif mark == APP1 and content.startswith(XMP):
            found.setdefault("xmp", content[len(XMP) :])
        elif mark == APP2 and content.startswith(ICC) and len(content) > 14:
            parts[content[12]] = content[14:]
        elif mark == APP13 and content.startswith(PHOTOSHOP):
            iptc += content[len(PHOTOSHOP) :]
        elif mark == COMMENT:
            text.append(("Comment", _decoded(content)))
        elif mark == TABLES:
            tables |= _tables(content)
        elif mark in FRAMES:
            frame = mark, content
    found["icc"] = b"".join(parts[number] for number in sorted(parts))
    found["jpeg"] = _coding(tables, frame)
    return Metadata(text=tuple(text), iptc=iptc, **found)


def add_segments(target: Path, metadata: Metadata) -> None:
    """Put what metadata holds into a JPEG file that was just written."""
    content = target.read_bytes()
    at = 2
    start = content[:2]
    if content[2:4] == b"\xff\xe0":  # JFIF comes first
        at = 4 + int.from_bytes(content[4:6], "big")
        head = bytearray(content[2:at])
        if metadata.resolution is not None:
            across, down, unit = metadata.resolution
            code = next(code for code, name in UNITS.items() if name == unit)
            sizes = (min(65535, max(1, round(number))) for number in (across, down))
            struct.pack_into(">BHH", head, 11, code, *sizes)
        start += bytes(head)
    blocks = []
    if metadata.exif and len(metadata.exif) + len(EXIF) <= IN_ONE_SEGMENT:
        blocks.append((APP1, EXIF + metadata.exif))
    if metadata.xmp and len(metadata.xmp) + len(XMP) <= IN_ONE_SEGMENT:
        blocks.append((APP1, XMP + metadata.xmp))
    icc = [
        metadata.icc[place : place + ICC_PART] for place in range(0, len(metadata.icc), ICC_PART)
    ]
    blocks += [(APP2, ICC + bytes([n, len(icc)]) + part) for n, part in enumerate(icc, 1)]
    most = IN_ONE_SEGMENT - len(PHOTOSHOP)
    blocks += [
        (APP13, PHOTOSHOP + metadata.iptc[place : place + most])
        for place in range(0, len(metadata.iptc), most)
    ]
    for keyword, text in metadata.text:
        words = text if keyword == "Comment" else f"{keyword}: {text}"
        blocks.append((COMMENT, words.encode()[:IN_ONE_SEGMENT]))
    middle = b"".join(
        struct.pack(">BBH", 0xFF, mark, len(block) + 2) + block for mark, block in blocks
    )
    target.write_bytes(start + middle + content[at:])


def coding_options(coding: JpegCoding | None, colours: int) -> dict[str, Any]:
    """Return Pillow's options that write as coarsely as another file was; none if unknown."""
    if coding is None:
        return {}
    tables = coding.tables if colours > 1 else coding.tables[:1]
    if colours > 1 and len(tables) == 1:  # a grey picture has one table; colours are no finer
        tables *= 2
    return {
        "qtables": [list(table) for table in tables],
        "subsampling": coding.subsampling,
        "progressive": coding.progressive,
    }


def _coding(
    tables: dict[int, tuple[int, ...]], frame: tuple[int, bytes] | None
) -> JpegCoding | None:
    """Return how a file was written, as far as Pillow can write so too."""
    if frame is None or not tables or max(tables) > 3:
        return None
    mark, content = frame
    if len(content) < 6 or len(content) < 6 + 3 * content[5]:
        return None
    parts = [content[6 + 3 * n : 9 + 3 * n] for n in range(content[5])]
    used: list[int] = []
    for part in parts:
        if part[2] not in used:
            used.append(part[2])
    if any(number not in tables for number in used):
        return None
    factors = [(part[1] >> 4, part[1] & 15) for part in parts]
    subsampling: int | None = 0
    if len(parts) == 3:
        others = set(factors[1:])
        subsampling = SUBSAMPLING.get(factors[0]) if others == {(1, 1)} else None
    if subsampling is None:
        return None
    return JpegCoding(tuple(tables[n] for n in used), subsampling, mark in (0xC2, 0xC6))


def _tables(content: bytes) -> dict[int, tuple[int, ...]]:
    """Return the tables of a segment, row by row; those of 16 bits are not of Pillow's kind."""
    found, at = {}, 0
    while at + 65 <= len(content):
        wide, number = content[at] >> 4, content[at] & 15
        if wide:
            at += 129
            continue
        values = content[at + 1 : at + 65]
        table = [0] * 64
        for value, place in zip(values, ZIGZAG, strict=True):
            table[place] = value
        found[number] = tuple(table)
        at += 65
    return found


def _decoded(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.rstrip("\0")
