"""PGM, PPM and PBM, which keep their own highest level (https://netpbm.sourceforge.net/doc/)."""

import re
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.io.image_file import GREY, RGB, ImageFile, PathLike, check_memory, decoding, image_file

# A number of the header with the white space and comments before it.
NUMBER = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*(\d{1,9})")
LONGEST_HEADER = 2**16


def read_pnm(path: PathLike, file: BinaryIO, max_bytes: int) -> ImageFile:
    """Read the first image of a PBM, PGM or PPM file, binary or plain text.

    Pillow would spread other highest levels than 255 or cut them to 8 bits; here they stay.

    Raises
    ------
    RefusedFile
        If the file is damaged, cut short or too large.
    """
    file.seek(0)
    head = file.read(LONGEST_HEADER)
    variant, place = head[1:2], 2
    numbers = []
    for _ in range(2 if variant in b"14" else 3):
        match = NUMBER.match(head, place)
        if match is None:
            raise RefusedFile(f"{path} is a damaged PNM file (no size): write or copy it again")
        numbers.append(int(match[1]))
        place = match.end()
    columns, rows, highest = [*numbers, 1][:3]
    if min(numbers) < 1 or highest > 65535:
        raise RefusedFile(
            f"{path} must have sizes of 1 or more and levels up to 65535, got {numbers}: "
            "write it again"
        )
    count = 3 if variant in b"36" else 1
    dtype = np.dtype(np.uint8 if highest < 256 else ">u2")
    check_memory(path, rows * columns * count * dtype.itemsize, max_bytes)
    size = file.seek(0, 2)
    file.seek(place + (variant in b"456"))  # one white space goes before binary samples
    row_bytes = {b"4": -(-columns // 8), b"1": columns}.get(
        variant, columns * count * (dtype.itemsize if variant in b"56" else 2)
    )
    # A plain sample takes a digit and a space, but for the last, which may have no space.
    if file.tell() + rows * row_bytes - (variant in b"123") > size:
        raise RefusedFile(f"{path} is cut short: write or copy the PNM file again")
    with decoding(path, "PNM"):
        samples = _samples(file, variant, rows, columns, count, dtype)
        if samples.max() > highest:
            raise ValueError(f"a sample above the highest level, {highest}")
    notes: tuple[str, ...] = ()
    if variant in b"14":
        samples, highest = (1 - samples) * np.uint8(255), 255
        notes = ("1-bit pixels are turned to 0 (black) and 255.",)
    return image_file(
        samples, RGB if count == 3 else GREY, format="PNM", notes=notes, highest=highest
    )


def write_pnm(target: Path, samples: Array) -> None:
    """Write uint8 or uint16 samples, (H, W) as PGM or (H, W, 3) as PPM, binary."""
    rows, columns = samples.shape[:2]
    variant, highest = (5 if samples.ndim == 2 else 6), np.iinfo(samples.dtype).max
    with open(target, "wb") as file:
        file.write(f"P{variant}\n{columns} {rows}\n{highest}\n".encode())
        file.write(samples.astype(samples.dtype.newbyteorder(">")).tobytes())


def _samples(
    file: BinaryIO, variant: bytes, rows: int, columns: int, count: int, dtype: np.dtype[np.generic]
) -> Array:
    """Return the samples, (H, W) or (H, W, 3), of the file from where it stands."""
    shape = (rows, columns) if count == 1 else (rows, columns, count)
    total = rows * columns * count
    if variant == b"4":
        packed = np.frombuffer(file.read(rows * -(-columns // 8)), np.uint8).reshape(rows, -1)
        return np.unpackbits(packed, axis=1, count=columns)
    if variant in b"56":
        return np.frombuffer(file.read(total * dtype.itemsize), dtype).reshape(shape)
    text = re.sub(rb"#[^\r\n]*", b"", file.read())
    if variant == b"1":  # digits need no space between them
        digits = np.frombuffer(text, np.uint8)
        digits = digits[(digits == ord("0")) | (digits == ord("1"))] - ord("0")
    else:
        digits = np.fromstring(text, np.int64, sep=" ")
        if digits.min() < 0 or digits.max() > 65535:
            raise ValueError("a sample beyond 16 bits")
    return digits[:total].astype(dtype.newbyteorder("=")).reshape(shape)
