"""A large result written a part at a time: it appears when whole, and can be taken up again."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.files import whole_file
from kernfit.heap import give_back
from kernfit.io.locks import Lock
from kernfit.packages import need

KINDS = (".npy", ".tif", ".tiff", ".zarr")
PACKED = 512  # rows and columns of a compressed tile
Shape3 = tuple[int, int, int]


def check_target(path: str | os.PathLike[str], *, compress: bool = False) -> Path:
    """Return the path of a result that can be written a part at a time, or refuse it.

    Raises
    ------
    RefusedFile
        If the suffix is another, the folder is not there, or `path` is a folder itself.
    """
    target = Path(path)
    if target.suffix.lower() not in KINDS:
        raise RefusedFile(f"{path} must end in one of {', '.join(KINDS)}: choose one")
    if compress and target.suffix.lower() not in (".tif", ".tiff"):
        raise RefusedFile(f"{path} must end in .tif to be compressed: Zarr is so by itself")
    if target.is_dir():
        raise RefusedFile(f"{path} is there already, as a folder: remove it or choose a name")
    if not target.absolute().parent.is_dir():
        raise RefusedFile(f"{path} must lie in a folder that exists: make it or choose another")
    return target


class PartWriter:
    """Writes parts of an array that is open for writing; of a Zarr array in any process.

    Parameters
    ----------
    pixels : array-like
        (rows, columns) or (channels, rows, columns), a mapped file or a Zarr array.
    path : path
        Where it lies.
    """

    def __init__(self, pixels: Any, path: Path) -> None:
        self._pixels, self._path = pixels, path
        # Another result of this name may have another shape: nobody shall take up the one before.
        self._job = uuid.uuid4().hex

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return _writer_of_zarr, (os.path.abspath(self._path), self._job)

    def write(self, rows: slice, columns: slice, values: Array) -> None:
        """Write one part (channels, rows, columns)."""
        if values.shape[0] == 1 and len(self._pixels.shape) == 2:
            self._pixels[rows, columns] = values[0]
        else:
            self._pixels[:, rows, columns] = values
        if isinstance(self._pixels, np.memmap):
            # In the file before anybody says so, even if the machine stops.
            self._pixels.flush()
        give_back(self._pixels)


@lru_cache(maxsize=2)
def _writer_of_zarr(path: str, job: str) -> PartWriter:
    return PartWriter(need("zarr", "zarr").open_array(path, mode="r+"), Path(path))


class Result:
    """A file in the making: its pixels beside a journal of the tiles that are in it.

    Both carry the name of the result with a dot in front. They stay there when the work is
    interrupted; once all tiles are written, the pixels take the place of `path`.

    Parameters
    ----------
    path : path-like
        Ends in .npy, .tif, .tiff or .zarr.
    shape : (channels, rows, columns)
    dtype : dtype
    mark : str
        What the result is made from. Work that was begun from anything else is thrown away.
    chunk : (rows, columns)
        Of Zarr.
    compress : bool
        Pack a .tif once it is whole.

    Raises
    ------
    RefusedFile
        If the suffix is another, or the file cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        shape: Shape3,
        dtype: Any,
        mark: str,
        chunk: Any,
        *,
        compress: bool = False,
    ) -> None:
        self.path = check_target(path, compress=compress)
        self._compress = compress
        self._pixels_path = self.path.with_name(f".{self.path.stem}.part{self.path.suffix}")
        self._journal = self.path.with_name(f".{self.path.name}.tiles")
        try:
            self._lock = Lock(self.path.with_name(f".{self.path.name}.lock"), self.path)
        except RefusedFile:
            raise
        except OSError as error:
            raise RefusedFile(
                f"{path} cannot be written ({error.strerror or error}): choose a folder that "
                "exists and has room"
            ) from error
        head = json.dumps({"mark": mark, "shape": shape, "dtype": str(np.dtype(dtype))})
        done = self._done_before(head)
        try:
            pixels = self._open(shape, np.dtype(dtype), chunk, new=done is None)
            self._writer = PartWriter(pixels, self._pixels_path)
            if done is None:
                self._journal.write_text(head + "\n")
        except OSError as error:
            raise RefusedFile(
                f"{path} cannot be written ({error.strerror or error}): choose a folder that "
                "exists and has room"
            ) from error
        self.done = done or set()

    def put(self, number: int, rows: slice, columns: slice, values: Array) -> None:
        """Write one tile (channels, rows, columns), then note it."""
        self._writer.write(rows, columns, values)
        self.note(number)

    def writer(self) -> PartWriter:
        """Return what writes tiles, from any thread, or of Zarr from any process."""
        return self._writer

    def note(self, number: int) -> None:
        """Note that a tile is written."""
        with open(self._journal, "a") as journal:
            journal.write(f"{number}\n")
            journal.flush()
            os.fsync(journal.fileno())

    def finish(self) -> None:
        """Let the result appear under its name."""
        del self._writer
        if self._compress:
            with whole_file(self.path) as temporary:
                _pack(self._pixels_path, temporary)
            self._pixels_path.unlink()
        else:
            self._pixels_path.replace(self.path)
        self._journal.unlink(missing_ok=True)
        self._lock.release()

    def _done_before(self, head: str) -> set[int] | None:
        """Return the tiles of an interrupted run on the same data, or None for a new start."""
        try:
            first, *numbers = self._journal.read_text().split("\n")
        except (OSError, UnicodeDecodeError):
            return None
        if first != head or not self._pixels_path.exists():
            return None
        # A number cut short by the interruption has no line end, so it is the last, empty or not.
        try:
            return {int(number) for number in numbers[:-1]}
        except ValueError:
            return None  # damaged: who knows what else is

    def _open(self, shape: Shape3, dtype: np.dtype[Any], chunk: Any, *, new: bool) -> Any:
        kind, name = self.path.suffix.lower(), self._pixels_path
        planes = shape[1:] if shape[0] == 1 else shape
        if new and name.is_dir():
            shutil.rmtree(name)
        if kind == ".npy":
            mode: Any = "w+" if new else "r+"
            if new:
                return np.lib.format.open_memmap(name, mode, dtype, planes)
            return np.load(name, mmap_mode=mode, allow_pickle=False)
        if kind == ".zarr":
            zarr = need("zarr", "zarr")
            if not new:
                return zarr.open_array(str(name), mode="r+")
            chunks = (shape[0], *chunk)[-len(planes) :]
            return zarr.create_array(str(name), shape=planes, dtype=dtype, chunks=chunks)
        import tifffile

        if new:
            return tifffile.memmap(
                name,
                shape=planes,
                dtype=dtype,
                bigtiff=int(np.prod(planes)) * dtype.itemsize > 2**31,
                photometric="minisblack",
                planarconfig="separate" if len(planes) == 3 else None,
                metadata=None,
            )
        return tifffile.memmap(name, mode="r+")


def _pack(source: Path, target: Path) -> None:
    """Write a TIFF again in compressed tiles, a row of tiles at a time."""
    import tifffile

    pixels = tifffile.memmap(source, mode="r")

    def tiles() -> Iterator[Array]:
        for plane in pixels.reshape(-1, *pixels.shape[-2:]):
            for top in range(0, plane.shape[0], PACKED):
                band = np.array(plane[top : top + PACKED])
                give_back(pixels)
                for left in range(0, plane.shape[1], PACKED):
                    yield band[:, left : left + PACKED]

    tifffile.imwrite(
        target,
        tiles(),
        shape=pixels.shape,
        dtype=pixels.dtype,
        tile=(PACKED, PACKED),
        compression="zlib",
        bigtiff=pixels.nbytes > 2**31,
        photometric="minisblack",
        planarconfig="separate" if pixels.ndim == 3 else None,
        metadata=None,
        maxworkers=1,
    )
