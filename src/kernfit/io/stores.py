"""Files whose images are read a part at a time: Zarr, NPY, TIFF and FITS as arrays with slices."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.files import size_of_file
from kernfit.heap import give_back
from kernfit.io.fits import number_of, split_part
from kernfit.io.tiff_parts import TiffParts
from kernfit.packages import need

CHANNELS_LAST = 4  # so few samples at the end of a shape are taken for channels


def is_zarr(path: Path) -> bool:
    """Say whether a path is, or looks like, a Zarr array or group."""
    marks = ("zarr.json", ".zarray", ".zgroup")
    return path.suffix.lower() == ".zarr" or any((path / mark).exists() for mark in marks)


def zarr_array(path: Path) -> Any:
    """Open a Zarr array, or the first level of an OME-Zarr image (version 0.4 or 0.5).

    Raises
    ------
    RefusedFile
        If it is neither.
    """
    zarr = need("zarr", "zarr")
    try:
        found = zarr.open(str(path), mode="r")
        if hasattr(found, "shape"):
            return found
        attributes = found.attrs.get("ome", found.attrs)
        return found[attributes["multiscales"][0]["datasets"][0]["path"]]
    # What is missing or damaged makes it raise nearly anything.
    except Exception as error:
        raise RefusedFile(
            f"{path} is not a readable Zarr array or OME-Zarr image: check the name"
        ) from error


def npy_array(path: Path) -> tuple[Any, bool] | None:
    """Map an NPY file; also say whether its channels come last. None: to be read as a whole."""
    size_of_file(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise RefusedFile(f"{path} is not a readable NPY file: write it again") from error
    if array.dtype.kind == "b":
        return None
    last = array.ndim == 3 and array.shape[2] <= CHANNELS_LAST < array.shape[0]
    return _Mapped(array), last


def tiff_array(path: Path) -> tuple[Any, bool] | None:
    """Open a TIFF that is one plain image; also say whether its channels come last.

    None stands for a file that is to be read as a whole, by the usual reader: those whose pixels
    need more than to be unpacked and copied, or whose codec is not at hand.
    """
    import tifffile

    size_of_file(path)
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages[0]
            plain = len(tiff.pages) == 1 and page.axes in ("YX", "YXS", "SYX")
            upright = page.tags.valueof(274, default=1) == 1
            opaque = not any(int(kind) for kind in page.extrasamples)
            # JPEG keeps colours as YCbCr and gives RGB.
            kinds = (1, 2, 6) if int(page.compression) == 7 else (1, 2)
            known = page.bitspersample in (8, 16, 32, 64) and int(page.photometric) in kinds
            if not (plain and upright and opaque and known):
                return None
            last = page.axes == "YXS"
            mapped = page.is_memmappable
        if mapped:
            return _Mapped(tifffile.memmap(path, mode="r")), last
        return TiffParts(path), last
    # The usual reader says what is wrong with it.
    except Exception:
        return None


def fits_array(path: Path) -> Any:
    """Open the first image of a FITS file, rows in the order in which they are stored.

    Raises
    ------
    RefusedFile
        If it has none, or is damaged.
    """
    path, part = split_part(path)
    size_of_file(path)
    fits = need("astropy.io.fits", "fits")
    try:
        with fits.open(path) as units:
            number = number_of(path, units, part)

        def open_file() -> tuple[Any, Callable[[], None]]:
            # Read, not mapped: astropy keeps what it maps.
            units = fits.open(path, memmap=False, lazy_load_hdus=True)
            return units[number].section, units.close

        return _OpenedInParts(open_file)
    except RefusedFile:
        raise
    except Exception as error:
        raise RefusedFile(f"{path} is not a FITS file with an image: check the name") from error


class _Mapped:
    """A mapped file whose pages are given back after each read, so that they do not add up."""

    def __init__(self, array: Any) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, index: Any) -> Array:
        part = np.array(self._array[index])
        give_back(self._array)
        return part


class _OpenedInParts:
    """A file that each thread opens for itself, since all parts are read through one position.

    Parameters
    ----------
    open_file : callable
        Returns an array-like and what closes it.
    """

    def __init__(self, open_file: Callable[[], tuple[Any, Callable[[], None]]]) -> None:
        self._open, self._mine = open_file, threading.local()
        array = self._array()
        self.shape = tuple(array.shape)
        self.chunks = getattr(array, "chunks", None)
        # Of a FITS file only the numbers tell the dtype: scaling (BZERO, BSCALE) changes it.
        self.dtype = np.asarray(array[tuple(slice(0, 1) for _ in self.shape)]).dtype

    def _array(self) -> Any:
        if not hasattr(self._mine, "opened"):
            self._mine.opened = _Opened(*self._open())
        return self._mine.opened.array

    def __getitem__(self, index: Any) -> Array:
        part: Array = np.asarray(self._array()[index])
        return part


class _Opened:
    """An open file, closed once nobody needs it."""

    def __init__(self, array: Any, close: Callable[[], None]) -> None:
        self.array = array
        weakref.finalize(self, close)
