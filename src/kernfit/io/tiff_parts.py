"""A TIFF read a part at a time: only the tiles or strips that a part touches are decoded."""

from __future__ import annotations

import itertools
import os
from collections import OrderedDict
from threading import Lock
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.io.silence import silent_tifffile

CACHE = 2**27  # bytes of decoded tiles and strips that are kept, as neighbours touch them again


class TiffParts:
    """The first page of a TIFF file, as an array of which slices are read.

    Parameters
    ----------
    path : path-like

    Attributes
    ----------
    shape, dtype
        Of the page.
    chunks : tuple of int
        Of a tile or strip, with the page's axes: rows and columns, with samples behind or in front.

    Raises
    ------
    RefusedFile
        If it is damaged, or its codec is not at hand.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        from tifffile import TiffFile

        self._path = path
        with silent_tifffile(), TiffFile(path) as tiff:
            page: Any = tiff.pages[0]
            self._page = page
            self.shape, self.dtype = tuple(page.shape), np.dtype(page.dtype)
            # What decoding needs from the file is read while it is open.
            self._tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
            self._offsets, self._counts = page.dataoffsets, page.databytecounts
            self._decode = page.decode
        self._kept: OrderedDict[int, Array] = OrderedDict()
        self._lock = Lock()
        self._segment(0)

    def __getitem__(self, key: Any) -> Array:
        """Return a part, given by one slice for each axis, with step 1."""
        keys = key if isinstance(key, tuple) else (key,)
        keys += (slice(None),) * (len(self.shape) - len(keys))
        ranges = [range(*k.indices(n)) for k, n in zip(keys, self.shape, strict=True)]
        part: Array = np.empty([len(r) for r in ranges], self.dtype)
        if part.size == 0:
            return part
        chunks = self.chunks
        counts = [-(-n // size) for n, size in zip(self.shape, chunks, strict=True)]
        touched = [
            range(r[0] // size, r[-1] // size + 1) for r, size in zip(ranges, chunks, strict=True)
        ]
        for place in itertools.product(*touched):
            number = int(np.ravel_multi_index(place, counts))
            values = self._segment(number)
            from_, into = [], []
            for axis, (index, size, wanted) in enumerate(zip(place, chunks, ranges, strict=True)):
                begin = index * size
                first, last = max(begin, wanted[0]), min(begin + size, wanted[-1] + 1)
                last = min(last, begin + values.shape[axis])
                from_.append(slice(first - begin, last - begin))
                into.append(slice(first - wanted[0], last - wanted[0]))
            part[tuple(into)] = values[tuple(from_)]
        return part

    @property
    def chunks(self) -> tuple[int, ...]:
        """Rows and columns of a tile or strip, with the page's axes."""
        page = self._page
        size = (page.tilelength, page.tilewidth)
        if not page.is_tiled:
            size = (min(page.rowsperstrip, page.imagelength), page.imagewidth)
        return {"YX": size, "YXS": (*size, page.samplesperpixel), "SYX": (1, *size)}[page.axes]

    def _segment(self, number: int) -> Array:
        """Return a decoded tile or strip with the page's axes."""
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
        page = self._page
        try:
            with open(self._path, "rb") as file, silent_tifffile():
                file.seek(self._offsets[number])
                data = file.read(self._counts[number])
                found, _, shape = self._decode(data or None, number, **self._tables)
        # Codecs answer damage with any kind of error.
        except Exception as error:
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise RefusedFile(
                f"{self._path} is damaged at tile or strip {number} ({reason}): copy it again"
            ) from error
        if found is None:  # an empty one stands for no data
            found = np.full(shape, page.nodata, self.dtype)
        values: Array = found.reshape(found.shape[1:])  # depth is 1
        if page.axes != "YXS":
            values = values[..., 0]
        if page.axes == "SYX":
            values = values[np.newaxis]
        with self._lock:
            self._kept[number] = values
            while len(self._kept) > 1 and sum(v.nbytes for v in self._kept.values()) > CACHE:
                self._kept.popitem(last=False)
        return values
