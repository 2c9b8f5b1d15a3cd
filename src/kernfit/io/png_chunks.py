"""What a PNG file holds besides its pixels, chunk by chunk (https://www.w3.org/TR/png-3/)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from kernfit.io.metadata import KEYWORDS, Metadata

XMP = "XML:com.adobe.xmp"
COLOURS = (b"cICP", b"gAMA", b"cHRM", b"sRGB")
LONGEST = 2**24  # bytes of a chunk, or of what it swells to
METRE = {"inch": 0.0254, "cm": 0.01}


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Go through the chunks but for the pixels; the file was found to be whole."""
    file.seek(8)
    while len(start := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", start)
        if kind in (b"IDAT", b"fdAT") or length > LONGEST:
            file.seek(length + 4, 1)
            continue
        content = file.read(length)
        file.seek(4, 1)
        yield kind, content


def read_png_metadata(file: BinaryIO) -> Metadata:
    """Return what a PNG file holds besides its pixels, as it stands there."""
    found: dict[str, Any] = {}
    text, colours = [], []
    for kind, content in chunks(file):
        if kind == b"eXIf":
            found["exif"] = content.removeprefix(b"Exif\0\0")
        elif kind == b"iCCP":
            found["icc"] = _inflated(content.split(b"\0", 1)[1][1:])
        elif kind == b"pHYs" and len(content) == 9:
            across, down, unit = struct.unpack(">IIB", content)
            if across and down:
                scale, name = (0.0254, "inch") if unit == 1 else (1.0, "")
                found["resolution"] = (across * scale, down * scale, name)
        elif kind in COLOURS:
            colours.append((kind, content))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, words = _text(kind, content)
            raw = _raw_profile(words) if keyword.startswith("Raw profile type") else None
            if keyword == XMP:
                found["xmp"] = words.encode()
            elif raw is not None and keyword.endswith(("iptc", "8bim")):
                found["iptc"] = raw
            elif raw is not None and raw.startswith(b"Exif\0\0"):
                found.setdefault("exif", raw[6:])
            else:
                text.append((keyword, words))
    return Metadata(text=tuple(text), chunks=tuple(colours), **found)


def chunks_for(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Return the chunks, to stand before the pixels, that hold metadata."""
    found = []
    if metadata.icc:
        found.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
        found += [(kind, content) for kind, content in metadata.chunks if kind != b"sRGB"]
    else:
        found += metadata.chunks
    if metadata.resolution is not None:
        across, down, unit = metadata.resolution
        scale = METRE.get(unit, 1.0)
        sizes = (min(2**31 - 1, max(1, round(number / scale))) for number in (across, down))
        found.append((b"pHYs", struct.pack(">IIB", *sizes, unit != "")))
    if metadata.exif:
        found.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        found.append((b"iTXt", XMP.encode() + b"\0\0\0\0\0" + metadata.xmp))
    if metadata.iptc:
        digits = metadata.iptc.hex()
        lines = "\n".join(digits[n : n + 72] for n in range(0, len(digits), 72))
        raw = f"\niptc\n{len(metadata.iptc):8}\n{lines}\n".encode()
        found.append((b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(raw)))
    texts = [*metadata.text]
    known = {keyword for keyword, _ in texts}
    texts += [(key, words) for key, words in _from_tags(metadata) if key not in known]
    return found + [_text_chunk(keyword, words) for keyword, words in texts]


def _from_tags(metadata: Metadata) -> list[tuple[str, str]]:
    """Return what TIFF says in tags for which PNG has keywords of its own."""
    values = {code: value for code, _, _, value in metadata.tags}
    return [
        (key, values[code])
        for key, code in KEYWORDS.items()
        if isinstance(values.get(code), str) and values[code]
    ]


def _text_chunk(keyword: str, words: str) -> tuple[bytes, bytes]:
    try:
        key, content = keyword.encode("latin-1"), words.encode("latin-1")
    except UnicodeEncodeError:
        key = keyword.encode("latin-1", "replace")
        return b"iTXt", key[:79] + b"\0\0\0\0\0" + words.encode()
    if len(content) > 1024:
        return b"zTXt", key[:79] + b"\0\0" + zlib.compress(content)
    return b"tEXt", key[:79] + b"\0" + content


def _text(kind: bytes, content: bytes) -> tuple[str, str]:
    """Return keyword and text of one of the three chunks for it."""
    key, _, rest = content.partition(b"\0")
    keyword = key.decode("latin-1")
    if kind == b"tEXt":
        return keyword, rest.decode("latin-1")
    if kind == b"zTXt":
        return keyword, _inflated(rest[1:]).decode("latin-1")
    packed, rest = rest[:1] == b"\1", rest[2:]
    _language, _, rest = rest.partition(b"\0")
    _translated, _, rest = rest.partition(b"\0")
    return keyword, (_inflated(rest) if packed else rest).decode("utf-8", "replace")


def _raw_profile(words: str) -> bytes | None:
    """Return what ImageMagick and exiftool write as text: a name, a length, and hexadecimals."""
    lines = words.strip().split("\n")
    try:
        return bytes.fromhex("".join(lines[2:]))
    except ValueError:
        return None


def _inflated(content: bytes) -> bytes:
    return zlib.decompressobj().decompress(content, LONGEST)
