"""Tables of colours as .cube files, which photo and video editors read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.look import LARGEST, Look
from kernfit.errors import RefusedFile
from kernfit.files import size_of_file, whole_file

_MOST_BYTES = 256 << 20


def cube_text(table: Array, title: str = "") -> str:
    """Return a table (red, green, blue, 3) as the text of a .cube file.

    Red changes fastest (Adobe Systems, Cube LUT specification 1.0, 2013).

    Examples
    --------
    >>> axis = np.array([0.0, 1.0])
    >>> table = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    >>> print(cube_text(table).splitlines()[2])
    1 0 0
    """
    head = [f'TITLE "{title.replace(chr(34), "").splitlines()[0]}"'] if title.strip() else []
    rows = table.transpose(2, 1, 0, 3).reshape(-1, 3)
    lines = [" ".join(f"{level + 0.0:.9g}" for level in row) for row in rows]
    return "\n".join([*head, f"LUT_3D_SIZE {len(table)}", *lines]) + "\n"


def write_cube(look: Look, path: str | os.PathLike[str], *, title: str = "") -> None:
    """Write a look to a .cube file, which appears when it is whole.

    Raises
    ------
    RefusedFile
        If the path does not end in .cube or cannot be written.
    """
    if Path(path).suffix.lower() != ".cube":
        raise RefusedFile(f"{path} must end in .cube to be a table of colours: rename it")
    with whole_file(path) as temporary:
        temporary.write_text(cube_text(look.table, title), encoding="utf-8", newline="\n")


def read_cube(path: str | os.PathLike[str], *, between: str = "tetrahedral") -> Look:
    """Read a look from a .cube file with a three-dimensional table on the range 0 to 1.

    Raises
    ------
    RefusedFile
        If the file does not hold one.
    """
    if size_of_file(path) > _MOST_BYTES:
        raise RefusedFile(f"{path} must have at most 256 MiB to be a table of colours")
    size, rows = 0, []
    try:
        for line in Path(path).read_text(encoding="utf-8-sig").splitlines():
            words = line.split("#")[0].split()
            if not words or words[0] == "TITLE":
                continue
            if words[0] == "LUT_3D_SIZE":
                size = int(words[1])
                if not 2 <= size <= LARGEST:
                    raise ValueError(f"{size} nodes along a side, not 2 to {LARGEST}")
            elif words[0] in ("DOMAIN_MIN", "DOMAIN_MAX"):
                if {float(word) for word in words[1:]} != {float(words[0] == "DOMAIN_MAX")}:
                    raise ValueError("a range other than 0 to 1")
            elif words[0][0].isalpha():
                raise ValueError(f"the keyword {words[0][:40]!r}")
            else:
                rows.append([float(word) for word in words])
        table = np.array(rows, float)
        if size == 0 or table.shape != (size**3, 3) or not np.isfinite(table).all():
            raise ValueError(f"{len(rows)} rows for {size} nodes along a side")
    except (ValueError, IndexError) as error:
        raise RefusedFile(f"{path} must hold a table of colours, got {error}") from error
    return Look(table.reshape(size, size, size, 3).transpose(2, 1, 0, 3), between)
