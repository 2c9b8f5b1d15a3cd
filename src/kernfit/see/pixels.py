"""Images of any size, read a part at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput, RefusedFile
from kernfit.files import size_of_file
from kernfit.heap import give_back
from kernfit.interop.packages import need
from kernfit.interop.runner import digest
from kernfit.io.images import read_image

CHANNELS_LAST = 4  # so few samples at the end of a shape are taken for channels


class Pixels:
    """An image as (channels, rows, columns), of which only the parts asked for are in memory.

    Parameters
    ----------
    source : array-like
        (rows, columns) or (channels, rows, columns), with ``shape``, ``dtype`` and slices.
    mark : str
        Tells this image from others.
    last : bool
        The channels are the last axis instead.
    """

    def __init__(self, source: Any, mark: str, *, last: bool = False) -> None:
        if len(source.shape) not in (2, 3) or 0 in source.shape:
            raise InvalidInput(
                "image must have shape (rows, columns) or (channels, rows, columns), got "
                f"{tuple(source.shape)}"
            )
        if np.dtype(source.dtype).kind not in "biuf":
            raise InvalidInput(f"image must hold real numbers, got dtype {source.dtype}")
        self._source, self._last, self.mark = source, last, mark
        shape = tuple(int(n) for n in source.shape)
        if len(shape) == 2:
            shape = (1, *shape)
        elif last:
            shape = (shape[2], *shape[:2])
        self.channels, self.rows, self.columns = shape

    def read(self, rows: Array, columns: Array) -> Array:
        """Return some rows and columns, given by number, as (channels, rows, columns).

        Parameters
        ----------
        rows, columns : ndarray of int
            Numbers within the image, in any order, near each other.
        """
        top, left = int(rows.min()), int(columns.min())
        part = slice(top, int(rows.max()) + 1), slice(left, int(columns.max()) + 1)
        if len(self._source.shape) == 2:
            block = np.asarray(self._source[part])[np.newaxis]
        elif self._last:
            block = np.moveaxis(np.asarray(self._source[part]), -1, 0)
        else:
            block = np.asarray(self._source[(slice(None), *part)])
        taken: Array = block[:, rows - top][:, :, columns - left]
        return taken

    def release(self) -> None:
        """Give memory back that reading has taken."""
        give_back(self._source)


def open_pixels(image: Any) -> Pixels:
    """Return an image that is in memory, in a Zarr array, or in a file.

    Parameters
    ----------
    image : array-like or path
        A NumPy or Zarr array, or the path of a .zarr, .npy or .tif file, which are read a part
        at a time, or of any other image file.

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
    if path.suffix.lower() == ".zarr":
        return Pixels(_zarr(path), _mark_of_file(path))
    size_of_file(path)
    if path.suffix.lower() == ".npy":
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise RefusedFile(f"{path} is not a readable NPY file: write it again") from error
        last = array.ndim == 3 and array.shape[2] <= CHANNELS_LAST < array.shape[0]
        return Pixels(array, _mark_of_file(path), last=last)
    if path.suffix.lower() in (".tif", ".tiff"):
        mapped = _mapped_tiff(path)
        if mapped is not None:
            return Pixels(mapped[0], _mark_of_file(path), last=mapped[1])
    return Pixels(read_image(path).pixels, _mark_of_file(path))


def _zarr(path: Path) -> Any:
    zarr = need("zarr", "zarr")
    try:
        return zarr.open_array(str(path), mode="r")
    # What is missing or damaged makes it raise nearly anything.
    except Exception as error:
        raise RefusedFile(f"{path} is not a readable Zarr array: check the name") from error


def _mapped_tiff(path: Path) -> tuple[Any, bool] | None:
    """Return an uncompressed TIFF as a mapped array, and whether its channels come last."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages[0]
            plain = len(tiff.pages) == 1 and page.axes in ("YX", "YXS", "SYX")
            upright = page.tags.valueof(274, default=1) == 1
            if not (plain and upright and page.is_memmappable and int(page.photometric) in (1, 2)):
                return None
            last = page.axes == "YXS"
        return tifffile.memmap(path, mode="r"), last
    # The usual reader says what is wrong with it.
    except Exception:
        return None


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
