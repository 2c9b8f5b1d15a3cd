"""NPY, NumPy's own format: the header is read and checked before any memory is taken."""

import math
import os
import warnings
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.files import size_of_file, whole_file


def read_npy(path: str | os.PathLike[str], *, max_bytes: int) -> Array:
    """Read an array of numbers from an NPY file.

    Parameters
    ----------
    path : path-like
        The file. Nothing in it is ever unpickled.
    max_bytes : int
        The most memory, in bytes, that the array may take.

    Returns
    -------
    ndarray
        Booleans, integers or floating numbers, in the machine's byte order, C-contiguous.

    Raises
    ------
    RefusedFile
        If the file is missing, empty or not NPY, holds objects, records, text or complex numbers,
        is shorter than its header says, or needs more than `max_bytes`.
    """
    size = size_of_file(path)
    with open(path, "rb") as file:
        shape, fortran_order, dtype = _header(file, path)
        if dtype.kind not in "biuf":
            raise RefusedFile(
                f"{path} must hold integers or real floating numbers, got dtype {dtype}: save it "
                "as such, for example numpy.save(name, array.astype(numpy.float64))"
            )
        needed = math.prod(shape) * dtype.itemsize
        if needed > max_bytes:
            raise RefusedFile(
                f"{path} needs {needed} bytes of memory, the limit is {max_bytes}: cut it into "
                "smaller parts or raise max_bytes"
            )
        if needed > size - file.tell():
            raise RefusedFile(
                f"{path} is cut short: its header announces {needed} bytes of numbers, "
                f"{size - file.tell()} are there: write or copy the file again"
            )
        numbers = np.fromfile(file, dtype=dtype, count=math.prod(shape))
    if numbers.size != math.prod(shape):
        raise RefusedFile(f"{path} is cut short: write or copy the file again")
    if not dtype.isnative:
        numbers = numbers.astype(dtype.newbyteorder("="))
    array: Array = numbers.reshape(shape, order="F" if fortran_order else "C")
    return np.ascontiguousarray(array) if shape else array


def write_npy(path: str | os.PathLike[str], array: Array) -> None:
    """Write `array` to an NPY file, which appears only when it is whole.

    Raises
    ------
    RefusedFile
        If the file cannot be written.
    """
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)


def _header(
    file: BinaryIO, path: str | os.PathLike[str]
) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Return (shape, fortran_order, dtype) and leave the file at its first number."""
    try:
        # NumPy reads the header as a Python literal of at most 10,000 characters: no code runs.
        # It warns of files that Python 2 wrote, which read just as well.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            version = npy_format.read_magic(file)
            if version == (1, 0):
                shape, order, dtype = npy_format.read_array_header_1_0(file)
            elif version == (2, 0):
                shape, order, dtype = npy_format.read_array_header_2_0(file)
            else:  # 3.0 differs only by the names of records, which are refused anyhow
                raise ValueError(f"version {version} is not 1.0 or 2.0")
        if not all(type(length) is int and length >= 0 for length in shape):
            raise ValueError("a negative length")
    # Nonsense makes NumPy's reading raise nearly anything, from TokenError to MemoryError.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RefusedFile(
            f"{path} is not a readable NPY file ({reason[:200]}): write it with numpy.save"
        ) from error
    return shape, order, dtype
