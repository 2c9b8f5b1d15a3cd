"""Layouts: how large the parts of a job are, and in which order they go, for a given memory."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from kernfit.errors import InvalidInput

Pair = tuple[int, int]

# Python, NumPy, compiled code and the libraries of file formats.
BASE = 230 * 10**6
_SIDE = 2048  # of a tile, in pixels, where the file's chunks allow
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True)
class Layout:
    """Tiles of the output and the memory that goes with them.

    Attributes
    ----------
    tile : (rows, columns)
        Outputs of a tile.
    stripe : int
        So many tiles side by side are worked through row by row, so that what they read of
        their neighbours is still in memory.
    room : int
        Bytes for what was read.
    """

    tile: Pair
    stripe: int
    room: int

    def order(self, down: int, across: int) -> list[Pair]:
        """Return the places of a grid of tiles in the order of work."""
        return [
            (row, column)
            for left in range(0, across, self.stripe)
            for row in range(down)
            for column in range(left, min(left + self.stripe, across))
        ]


def layout_for(
    size: Pair, block: Pair, *, pixel: float, work: float, memory: int, workers: int
) -> Layout:
    """Return the layout with the largest tiles, up to about 2048x2048, that the memory allows.

    Parameters
    ----------
    size : (rows, columns)
        Of the output.
    block : (rows, columns)
        What is read at once.
    pixel : float
        Bytes of a pixel in all images that are read.
    work : float
        Bytes in use for each output of a tile in work.
    memory : int
        Bytes in all.
    workers : int
        Tiles in work at a time, in this process.

    Raises
    ------
    InvalidInput
        If there is too little memory for the smallest tiles.
    """
    high, wide = block
    tall = high * max(1, min(_SIDE, max(high, _SIDE**2 // max(wide, _SIDE))) // high)
    broad = wide * max(1, _SIDE // wide)
    while True:
        tile = min(tall, size[0]), min(broad, size[1])
        busy = workers * tile[0] * tile[1] * work
        room = memory - BASE - busy
        # A row of tiles touches a block above and one below, and one on each side.
        column = (tile[0] + 2 * high) * tile[1] * pixel
        across = -(-size[1] // tile[1])
        beside = 2 * (tile[0] + 2 * high) * wide * pixel if across > 1 else 0
        stripe = int((room - beside) // column) if room > 0 else 0
        if stripe >= 1:
            return Layout(tile, min(stripe, across), int(min(room, across * column + beside)))
        if tall > high and (tall >= broad or broad == wide):
            tall = high * max(1, tall // high // 2)
        elif broad > wide:
            broad = wide * max(1, broad // wide // 2)
        else:
            least = BASE + busy + column + beside
            raise InvalidInput(
                f"memory must be at least {as_text(least)} for chunks of {high}x{wide} pixels on "
                f"{workers} threads, got {as_text(memory)}: give more memory or fewer threads, or "
                "store the image in smaller chunks"
            )


def as_bytes(text: str | int, name: str = "memory") -> int:
    """Return "1GB", "500 MB", "2GiB" or a number as bytes.

    Raises
    ------
    InvalidInput
        If it is none of these.

    Examples
    --------
    >>> as_bytes("1.5GB"), as_bytes("1 KiB"), as_bytes(7)
    (1500000000, 1024, 7)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?\s*", str(text), re.IGNORECASE)
    if not found or float(found.group(1)) == 0:
        raise InvalidInput(f"{name} must be a size such as 1GB or 500MB, got {text!r}")
    number, unit, binary = found.groups()
    scale = _UNITS[unit.upper()]
    if binary:
        scale = 1 << 10 * list(_UNITS).index(unit.upper())
    return int(float(number) * scale)


def as_text(count: float) -> str:
    """Return bytes for people: 1.5 GB.

    Examples
    --------
    >>> as_text(1_530_000_000), as_text(999)
    ('1.53 GB', '999 B')
    """
    for unit, scale in reversed(_UNITS.items()):
        if count >= scale:
            return f"{count / scale:.3g} {unit}B" if unit else f"{count:.0f} B"
    return "0 B"


def usual_memory() -> int:
    """Return half of what this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
