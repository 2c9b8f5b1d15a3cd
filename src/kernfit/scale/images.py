"""Large images: read block by block, each block once as long as its neighbours are in work."""

from __future__ import annotations

import os
import threading
import uuid
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.io.pixels import Pixels, open_pixels

Pair = tuple[int, int]

# Rows and columns that are read at once, about, where the file's chunks are smaller.
_BLOCK = 512
# Memory that work on whole images takes, in terms of theirs.
_WHOLE = 6


class LargeImage:
    """An image of any size in a file or an array, with the blocks last read kept in memory.

    It can be sent to other processes, which open the file by its name, if it was made from one.

    Parameters
    ----------
    image : path or array-like
        As `open_pixels` takes it.
    room : int
        Bytes for the blocks that are kept.
    """

    def __init__(self, image: Any, room: int) -> None:
        self._given, self._room = image, room
        # A worker that outlives this job shall not keep blocks of a file that is written anew.
        self._job = uuid.uuid4().hex
        self.pixels: Pixels = open_pixels(image)
        self.shape, self.dtype, self.mark = self.pixels.shape, self.pixels.dtype, self.pixels.mark
        self.block = block_of(self.pixels)
        self._kept: OrderedDict[Pair, Array] = OrderedDict()
        self._under_way: dict[Pair, threading.Event] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return opened, (os.path.abspath(self._given), self._room, self._job)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: tuple[slice, slice, slice]) -> Array:
        """Return a part, given by slices of channels, rows and columns."""
        channels, rows, columns = index
        first, last, step = rows.indices(self.shape[1])
        if step == 1 and self.pixels.chunk[0] == 1:
            return self.pixels[index]
        if step == 1:
            # The next part may lie in the same chunks.
            return self.box((first, last), columns.indices(self.shape[2])[:2])[channels]
        # Every so many-th row: what lies between is not held together.
        bands = [
            self.pixels[channels, slice(top, min(top + step * self.block[0], last)), columns][
                :, ::step, :: columns.step
            ]
            for top in range(first, last, step * self.block[0])
        ]
        return np.concatenate(bands, axis=1)

    @property
    def size(self) -> int:
        """Number of pixels in all channels."""
        return self.pixels.size

    def keep(self, room: int) -> None:
        """Change how many bytes of blocks are kept."""
        self._room = room

    def forget(self) -> None:
        """Let all blocks go."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def box(self, rows: Pair, columns: Pair) -> Array:
        """Return the pixels from one row and column up to another, (channels, rows, columns)."""
        height, width = self.block
        places = [
            (down, across)
            for down in range(rows[0] // height, -(-rows[1] // height))
            for across in range(columns[0] // width, -(-columns[1] // width))
        ]
        out = np.empty((self.shape[0], rows[1] - rows[0], columns[1] - columns[0]), self.dtype)
        for down, across in places:
            block = self._block((down, across))
            top, left = down * height, across * width
            r0, r1 = max(rows[0], top), min(rows[1], top + block.shape[1])
            c0, c1 = max(columns[0], left), min(columns[1], left + block.shape[2])
            out[:, r0 - rows[0] : r1 - rows[0], c0 - columns[0] : c1 - columns[0]] = block[
                :, r0 - top : r1 - top, c0 - left : c1 - left
            ]
        return out

    def _block(self, place: Pair) -> Array:
        """Return one block, from memory, or read by the first that asks."""
        while True:
            with self._lock:
                if place in self._kept:
                    self._kept.move_to_end(place)
                    return self._kept[place]
                event = self._under_way.get(place)
                if event is None:
                    self._under_way[place] = mine = threading.Event()
                    break
            event.wait()
        try:
            (height, width), (_, rows, columns) = self.block, self.shape
            top, left = place[0] * height, place[1] * width
            block = self.pixels.box(
                (top, min(top + height, rows)), (left, min(left + width, columns))
            )
            with self._lock:
                self._kept[place] = block
                self._bytes += block.nbytes
                while self._bytes > self._room and len(self._kept) > 1:
                    self._bytes -= self._kept.popitem(last=False)[1].nbytes
        finally:
            with self._lock:
                del self._under_way[place]
            mine.set()
        return block


@lru_cache(maxsize=4)
def opened(path: str, room: int, job: str) -> LargeImage:
    """Return the image of a file; a process that is asked again in a job has it open already."""
    return LargeImage(Path(path), room)


def block_of(pixels: Pixels) -> Pair:
    """Return the rows and columns that are read at once: whole chunks of the file."""
    high, wide = pixels.chunk
    wide = min(wide * max(1, _BLOCK // wide), pixels.columns)
    rows = max(1, min(_BLOCK, 4 * _BLOCK**2 // wide))
    high = min(high * max(1, rows // high), pixels.rows)
    return high, wide


def fits_into(memory: int, *images: Any) -> bool:
    """Say whether images are small enough to be worked on as a whole, with what that takes."""
    return sum(open_pixels(image).nbytes for image in images) * _WHOLE <= memory
