"""Images of any size, read a part at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.hashing import digest
from kernfit.heap import give_back
from kernfit.io.fits import is_fits, split_part
from kernfit.io.images import read_image
from kernfit.io.stores import fits_array, is_zarr, npy_array, tiff_array, zarr_array


class Pixels:
    """An image as (channels, rows, columns), of which only the parts asked for are in memory.

    Parameters
    ----------
    source : array-like
        (rows, columns) or (channels, rows, columns), with ``shape``, ``dtype`` and slices. Axes
        of length 1 before these do not count.
    mark : str
        Tells this image from others.
    last : bool
        The channels are the last axis instead.

    Attributes
    ----------
    shape : (channels, rows, columns)
    dtype : numpy.dtype
    chunk : (rows, columns)
        In what parts the source is stored; (1, columns) where it is read row by row.
    """

    def __init__(self, source: Any, mark: str, *, last: bool = False) -> None:
        shape = tuple(int(n) for n in source.shape)
        extra = max(0, len(shape) - 3)
        if len(shape) < 2 or 0 in shape or any(n != 1 for n in shape[:extra]):
            raise InvalidInput(
                f"image must have shape (rows, columns) or (channels, rows, columns), got {shape}"
            )
        if np.dtype(source.dtype).kind not in "biuf":
            raise InvalidInput(f"image must hold real numbers, got dtype {source.dtype}")
        self._source, self._last, self.mark = source, last, mark
        self._extra = (0,) * extra
        self.dtype = np.dtype(source.dtype).newbyteorder("=")
        shape = shape[extra:]
        chunks = tuple(getattr(source, "chunks", None) or ())[extra:]
        if len(shape) == 2:
            shape = (1, *shape)
        elif last:
            shape = (shape[2], *shape[:2])
            chunks = chunks[:2]
        self.shape: tuple[int, int, int] = (shape[0], shape[1], shape[2])
        self.channels, self.rows, self.columns = self.shape
        plain = len(chunks) > 1 and all(isinstance(side, int) for side in chunks)
        self.chunk = (chunks[-2], chunks[-1]) if plain else (1, self.columns)

    def read(self, rows: Array, columns: Array) -> Array:
        """Return some rows and columns, given by number, as (channels, rows, columns).

        Parameters
        ----------
        rows, columns : ndarray of int
            Numbers within the image, in any order, near each other.
        """
        top, left = int(rows.min()), int(columns.min())
        block = self.box((top, int(rows.max()) + 1), (left, int(columns.max()) + 1))
        taken: Array = block[:, rows - top][:, :, columns - left]
        return taken

    def box(self, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
        """Return the pixels from one row and column up to another, as (channels, rows, columns)."""
        part = slice(*rows), slice(*columns)
        if len(self._source.shape) == 2:
            block = np.asarray(self._source[part])[np.newaxis]
        elif self._last:
            block = np.moveaxis(np.asarray(self._source[part]), -1, 0)
        else:
            block = np.asarray(self._source[(*self._extra, slice(None), *part)])
        return block if block.dtype == self.dtype else block.astype(self.dtype)

    def __getitem__(self, index: tuple[slice, slice, slice]) -> Array:
        """Return a part, given by slices of channels, rows and columns."""
        channels, rows, columns = index
        part = self.box(rows.indices(self.rows)[:2], columns.indices(self.columns)[:2])
        return part[channels]

    def __len__(self) -> int:
        return self.channels

    @property
    def size(self) -> int:
        """Number of pixels in all channels."""
        return self.channels * self.rows * self.columns

    @property
    def nbytes(self) -> int:
        """How much memory the whole would take."""
        return self.size * int(self.dtype.itemsize)

    def release(self) -> None:
        """Give memory back that reading has taken."""
        give_back(self._source)


def open_pixels(image: Any) -> Pixels:
    """Return an image that is in memory, in a Zarr array, or in a file.

    Parameters
    ----------
    image : array-like or path
        A NumPy or Zarr array; or the path of a file: Zarr (an array, or an OME-Zarr image, whose
        first level is taken), .npy, .tif and .fits are read a part at a time, others as a whole.

    Raises
    ------
    InvalidInput
        If it has not two or three axes.
    RefusedFile
        If the file cannot be read.
    """
    if not isinstance(image, (str, os.PathLike)):
        if not all(hasattr(image, name) for name in ("shape", "dtype", "__getitem__")):
            image = np.asarray(image)
        return Pixels(image, _mark_of_array(image))
    path = Path(image)
    file = split_part(path)[0]
    mark = f"{path.name} {_mark_of_file(file)}" if file.exists() else ""
    kind = path.suffix.lower()
    if is_zarr(path):
        return Pixels(zarr_array(path), mark)
    found = None
    if kind == ".npy":
        found = npy_array(path)
    elif kind in (".tif", ".tiff"):
        found = tiff_array(path)
    elif is_fits(path):
        found = fits_array(path), False
    if found is None:
        return Pixels(read_image(path).pixels, mark)
    array, last = found
    return Pixels(array, mark, last=last)


def _mark_of_file(path: Path) -> str:
    status = os.stat(path)
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"


def _mark_of_array(array: Any) -> str:
    """Return what tells an array from others: shape, dtype and some of its rows."""
    if len(array.shape) < 2:
        return ""  # no image, as is said further on
    step = max(1, array.shape[-2] // 64)
    some = [np.ascontiguousarray(array[..., row, :]) for row in range(0, array.shape[-2], step)]
    kind = str((tuple(array.shape), str(array.dtype)))
    return digest(kind.encode(), *(row.tobytes() for row in some))
