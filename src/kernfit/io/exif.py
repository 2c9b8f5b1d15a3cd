"""EXIF: directories of tags in the structure of a TIFF file, read, packed and changed in place.

The formats: TIFF 6.0, section 2; CIPA DC-008 (EXIF 2.32), section 4.6.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Bytes of a value of each type.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
ASCII, SHORT, LONG, RATIONAL = 2, 3, 4, 5
ACROSS, DOWN, UNIT = 282, 283, 296  # of the resolution
UNITS = {1: "", 2: "inch", 3: "cm"}
ORIENTATION, EXIF_IFD, GPS_IFD, INTEROP_IFD = 274, 34665, 34853, 40965
PIXELS_ACROSS, PIXELS_DOWN = 40962, 40963
DIRECTORIES = (EXIF_IFD, GPS_IFD, INTEROP_IFD)
# What EXIF has in its first directory, of the tags of TIFF.
IN_FIRST = {
    *(269, 270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 316, 33432, 18246, 18249),
    *range(40091, 40096),
}
MOST = 4096  # entries of a directory; more is damage

Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Entry:
    """One tag: its type, how many values, their bytes, and where these lie (0: unknown)."""

    type: int
    number: int
    value: bytes
    place: int = 0


Directory = dict[int, "Entry | Directory"]


def byte_order(start: bytes) -> str:
    """Return "<" or ">" from the first bytes of a classic TIFF structure.

    Raises
    ------
    ValueError
        If they are others.
    """
    orders = {b"II*\0": "<", b"MM\0*": ">"}
    if start[:4] not in orders:
        raise ValueError("no TIFF structure")
    return orders[start[:4]]


def read_directory(read: Read, order: str, offset: int, depth: int = 0) -> tuple[Directory, int]:
    """Return a directory with those below it, and where the pointer to the next one lies.

    Parameters
    ----------
    read : callable
        Gives so many bytes from an offset, or fewer where there are no more.
    order : str
        "<" or ">".
    offset : int
        Of the directory.

    Raises
    ------
    ValueError
        If it is damaged. Single entries that point nowhere are left out.
    """
    head = read(offset, 2)
    if len(head) < 2 or depth > 3:
        raise ValueError("a directory that points nowhere")
    (number,) = struct.unpack(order + "H", head)
    body = read(offset + 2, 12 * number)
    if number > MOST or len(body) < 12 * number:
        raise ValueError("a directory that is cut short")
    found: Directory = {}
    for n in range(number):
        code, kind, count = struct.unpack_from(order + "HHI", body, 12 * n)
        size = SIZES.get(kind, 0) * count
        if kind not in SIZES or size > 2**26:
            continue
        place = offset + 2 + 12 * n + 8
        if size > 4:
            (place,) = struct.unpack_from(order + "I", body, 12 * n + 8)
        value = read(place, size)
        if len(value) < size:
            continue
        if code in DIRECTORIES and kind in (LONG, 13) and count == 1:
            try:
                found[code] = read_directory(
                    read, order, struct.unpack(order + "I", value)[0], depth + 1
                )[0]
            except ValueError:
                continue
        else:
            found[code] = Entry(kind, count, value, place)
    return found, offset + 2 + 12 * number


def pack_directory(entries: Mapping[int, Entry | Directory], order: str, start: int) -> bytes:
    """Return a directory and those below it as they stand in a file from an offset on."""
    # Some of EXIF's own directories are found by their offset alone.
    packed = b""
    values = start + 2 + 12 * len(entries) + 4
    head = struct.pack(order + "H", len(entries))
    for code, entry in sorted(entries.items()):
        if isinstance(entry, dict):
            packed += b"\0" * (len(packed) % 2)
            place = values + len(packed)
            packed += pack_directory(entry, order, place)
            head += struct.pack(order + "HHII", code, LONG, 1, place)
        elif len(entry.value) <= 4:
            head += struct.pack(order + "HHI", code, entry.type, entry.number)
            head += entry.value.ljust(4, b"\0")
        else:
            packed += b"\0" * (len(packed) % 2)
            head += struct.pack(
                order + "HHII", code, entry.type, entry.number, values + len(packed)
            )
            packed += entry.value
    return head + struct.pack(order + "I", 0) + packed


def from_blob(blob: bytes) -> tuple[str, Directory]:
    """Return the byte order and the first directory of an EXIF block.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    order = byte_order(blob)
    (offset,) = struct.unpack_from(order + "I", blob, 4)
    return order, read_directory(lambda at, size: blob[at : at + size], order, offset)[0]


def to_blob(entries: Mapping[int, Entry | Directory], order: str = "<") -> bytes:
    """Return an EXIF block that holds a directory."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "I", 8) + pack_directory(entries, order, 8)


def upright(blob: bytes, size: tuple[int, int] | None = None) -> tuple[bytes, bool]:
    """Return an EXIF block for a picture that is turned the right way up and has another content.

    All else stays where it is, since makers' notes hold offsets of their own.

    Parameters
    ----------
    blob : bytes
        From the byte order on.
    size : (rows, columns), optional
        Of the picture, for the tags that say so.

    Returns
    -------
    blob : bytes
        With an orientation of 1, the new size, and without the preview, which shows the old
        picture.
    preview : bool
        Whether there was one.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    order = byte_order(blob)
    changed = bytearray(blob)
    (offset,) = struct.unpack_from(order + "I", blob, 4)
    found, pointer = read_directory(lambda at, n: blob[at : at + n], order, offset)
    preview = blob[pointer : pointer + 4] not in (b"\0\0\0\0", b"")
    if preview:
        changed[pointer : pointer + 4] = b"\0\0\0\0"
    below = found.get(EXIF_IFD)
    wanted = [(found, {ORIENTATION: 1})]
    if size is not None and isinstance(below, dict):
        wanted.append((below, {PIXELS_DOWN: size[0], PIXELS_ACROSS: size[1]}))
    for directory, values in wanted:
        for code, value in values.items():
            entry = directory.get(code)
            if isinstance(entry, Entry) and entry.type in (SHORT, LONG) and entry.number == 1:
                format = order + ("H" if entry.type == SHORT else "I")
                fits = value < 2 ** (8 * SIZES[entry.type])
                struct.pack_into(format, changed, entry.place, value if fits else 0)
    return bytes(changed), preview


def resolution_of(blob: bytes) -> tuple[float, float, str] | None:
    """Return the resolution that an EXIF block tells, as `Metadata` has it."""
    order, found = from_blob(blob)
    sizes = []
    for code in (ACROSS, DOWN):
        entry = found.get(code)
        if not isinstance(entry, Entry) or entry.type != RATIONAL or entry.number != 1:
            return None
        over, under = struct.unpack(order + "II", entry.value)
        sizes.append(over / under if under else 0.0)
    entry = found.get(UNIT)
    unit = 2
    if isinstance(entry, Entry) and entry.type == SHORT:
        (unit,) = struct.unpack(order + "H", entry.value)
    # 72 to the inch is what cameras write that know of no resolution.
    if unit not in UNITS or min(sizes) <= 0 or (unit == 2 and sizes == [72, 72]):
        return None
    return sizes[0], sizes[1], UNITS[unit]
