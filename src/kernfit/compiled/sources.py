"""Which sources compiled code was made of."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

import llvmlite
import numba

_PACKAGE = Path(__file__).parents[1]
_IMPORTS = re.compile(rb"^\s*(?:from|import) kernfit\.([\w.]+)", re.MULTILINE)


@cache
def source_stamp(path: Path) -> str:
    """Return a digest of a source file, of all that it imports from kernfit, and of the compiler.

    Parts of one function's code come from other files: functions that are compiled into it, code
    that is emitted, numbers. Numba's own stamp is the function's file alone, so that after an
    upgrade old code would go on running.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    str
        Hexadecimal digits.

    Raises
    ------
    OSError
        If there is no such file, as in an application packed into one.
    """
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for each in sorted(_reached(path)):
        digest.update(_read(each)[0])
    return digest.hexdigest()


def _reached(path: Path) -> set[Path]:
    """Return the file and all files of the package that it needs, directly or not."""
    found: set[Path] = set()
    open_ends = {path}
    while open_ends:
        found |= open_ends
        open_ends = {each for end in open_ends for each in _read(end)[1]} - found
    return found


@cache
def _read(path: Path) -> tuple[bytes, frozenset[Path]]:
    """Return the digest of a source, and the files of the package that it imports."""
    source = path.read_bytes()
    modules = {found.decode().replace(".", "/") for found in _IMPORTS.findall(source)}
    files = (_PACKAGE / f"{module}{end}" for module in modules for end in (".py", "/__init__.py"))
    return hashlib.sha256(source).digest(), frozenset(file for file in files if file.exists())
