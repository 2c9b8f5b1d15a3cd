"""PNG: what Pillow leaves out, which is checking the data and 16-bit colours.

The format: https://www.w3.org/TR/png-3/
"""

import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.io.image_file import ImageFile, PathLike, check_memory
from kernfit.io.pillow import read_16_bit_colours, read_pillow

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Deflate cannot shrink data more than this (https://zlib.net/zlib_tech.html).
MOST_DEFLATE = 1032
# Samples of a pixel for each colour type, and the colour type for a number of samples.
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
ONE_BLOCK = 2**22  # bytes read or compressed at a time


class Header(NamedTuple):
    """What the first chunk of a PNG file says."""

    columns: int
    rows: int
    depth: int
    colour_type: int


def read_png(path: PathLike, file: BinaryIO, max_bytes: int) -> ImageFile:
    """Read a PNG file of any kind: 1 to 16 bits, grey, colour, palette, alpha, interlaced.

    Raises
    ------
    RefusedFile
        If the file is damaged (each chunk has a checksum), cut short, or too large.
    """
    header = _checked(path, file, max_bytes)
    if header.depth == 16 and header.colour_type != 0:
        return read_16_bit_colours(path, file, "PNG", max_bytes)
    notes: tuple[str, ...] = ()
    if header.depth in (2, 4) and header.colour_type == 0:
        notes = (f"{header.depth}-bit grey is spread to 0 to 255.",)
    return read_pillow(path, file, "PNG", max_bytes, notes)


def write_png_16(target: Path, samples: Array) -> None:
    """Write uint16 samples, (H, W) or (H, W, C) with C from 1 to 4, as a PNG file."""
    rows, columns = samples.shape[:2]
    count = 1 if samples.ndim == 2 else samples.shape[2]
    header = struct.pack(">IIBBBBB", columns, rows, 16, COLOUR_TYPES[count], 0, 0, 0)
    squeeze = zlib.compressobj(6)
    step = max(1, ONE_BLOCK // (columns * count * 2))
    with open(target, "wb") as file:
        file.write(SIGNATURE)
        _write_chunk(file, b"IHDR", header)
        for top in range(0, rows, step):
            block = samples[top : top + step].astype(">u2").reshape(-1, columns * count)
            content = block.view(np.uint8)
            # Filter 1, "Sub": each byte less the same byte of the pixel to the left.
            filtered = np.empty((len(content), 1 + content.shape[1]), np.uint8)
            filtered[:, 0] = 1
            filtered[:, 1 : 1 + 2 * count] = content[:, : 2 * count]
            filtered[:, 1 + 2 * count :] = content[:, 2 * count :] - content[:, : -2 * count]
            _write_chunk(file, b"IDAT", squeeze.compress(filtered.data))
        _write_chunk(file, b"IDAT", squeeze.flush())
        _write_chunk(file, b"IEND", b"")


def _write_chunk(file: BinaryIO, kind: bytes, content: bytes) -> None:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    file.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum))


def _checked(path: PathLike, file: BinaryIO, max_bytes: int) -> Header:
    """Return the header of a file whose chunks are all whole.

    Pillow does not look at the checksums of the pixels, so that damage would become a picture.
    """
    file.seek(len(SIGNATURE))
    header, packed = None, 0
    while True:
        start = file.read(8)
        if len(start) < 8:
            raise RefusedFile(f"{path} is cut short: write or copy the PNG file again")
        length, kind = struct.unpack(">I4s", start)
        checksum, left, first = zlib.crc32(kind), length, b""
        while left > 0:
            block = file.read(min(left, ONE_BLOCK))
            if not block:
                raise RefusedFile(f"{path} is cut short: write or copy the PNG file again")
            first = first or block
            checksum = zlib.crc32(block, checksum)
            left -= len(block)
        if file.read(4) != struct.pack(">I", checksum):
            raise RefusedFile(
                f"{path} is damaged (wrong checksum in {kind!r}): write or copy the PNG file again"
            )
        if header is None:
            if kind != b"IHDR" or length != 13:
                raise RefusedFile(f"{path} is damaged (no header): write or copy it again")
            header = Header(*struct.unpack(">IIBB", first[:10]))
            _check_header(path, header, max_bytes)
        packed += length if kind == b"IDAT" else 0
        if kind == b"IEND":
            break
    bits = header.columns * header.depth * SAMPLES[header.colour_type]
    needed = header.rows * (1 + -(-bits // 8))
    if needed > packed * MOST_DEFLATE:
        raise RefusedFile(
            f"{path} is cut short: {header.columns} x {header.rows} pixels cannot fit in "
            f"{packed} bytes: write or copy the PNG file again"
        )
    return header


def _check_header(path: PathLike, header: Header, max_bytes: int) -> None:
    if header.colour_type not in SAMPLES or header.depth not in (1, 2, 4, 8, 16):
        raise RefusedFile(
            f"{path} is damaged (colour type {header.colour_type}, {header.depth} bits): write "
            "or copy the PNG file again"
        )
    size = header.columns * header.rows * SAMPLES[header.colour_type]
    check_memory(path, size * max(1, header.depth // 8), max_bytes)
